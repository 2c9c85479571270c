"""$validate: what the server has to say of a resource, and whether it would accept it, without a write.

The answer is 200 with an OperationOutcome whatever is found; a request that cannot be understood is refused.
Spec: http://hl7.org/fhir/R4/resource-operation-validate.html
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from fhirserver.codec.fhir_json import Body, encode, parse_resource
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import (
    BadRequest,
    BadStructure,
    FhirError,
    Issue,
    IssueType,
    Severity,
    outcome_of,
)
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.texts import Text, language_of
from fhirserver.kernel.version import Version
from fhirserver.operations.arguments import arguments_of, text_of
from fhirserver.operations.framework import Operation
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Create, Delete, Update
from fhirserver.validation.positions import positioned
from fhirserver.validation.validator import Asked

_PARAMETERS: Final = ("resource", "mode", "profile")
_STRUCTURE: Final = "StructureDefinition"
_VALID: Final = Text("valid", en="The resource is valid.", fr="La ressource est valide.", nl="De resource is geldig.")
_MAY_GO: Final = Text(
    "deletable",
    en="The resource may be deleted.",
    fr="La ressource peut être supprimée.",
    nl="De resource mag worden verwijderd.",
)
_OTHER_ID: Final = Text(
    "id-other",
    en="{path} must be the id of the instance that is to be updated.",
    fr="{path} doit être l'id de l'instance à mettre à jour.",
    nl="{path} moet de id zijn van de instantie die wordt bijgewerkt.",
)


class Mode(StrEnum):
    """http://hl7.org/fhir/R4/valueset-resource-validation-mode.html"""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True)
class _Question:
    """What a call asks."""

    mode: Mode | None
    profiles: tuple[str, ...]
    given: Body | None
    """The resource that came with the call."""
    is_bare: bool
    """Whether it is the whole body, in which places can be told."""


async def validate(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer what there is to say; raises BadRequest, UnknownParameter, and for an instance what a read does."""
    question = _read(request)
    stored = None
    if request.target.level is Level.INSTANCE:
        stored = await repository.read(*request.target.instance)
    elif question.mode in (Mode.UPDATE, Mode.DELETE):
        raise BadRequest(f"The mode `{question.mode}` is about an instance: `[type]/[id]/$validate`.", expression=_MODE)
    if question.mode is Mode.DELETE:
        name, logical_id = request.target.instance
        issues = await _refusals(repository, Delete(resource_type=name, logical_id=logical_id))
        return _answer(request, issues, _MAY_GO)
    issues = await _judge(request, repository, question, stored)
    if question.is_bare and request.resource is None:  # in a Bundle the body is not the text that was sent
        issues = list(positioned(issues, request.body, request.xml))
    return _answer(request, issues, _VALID)


_MODE: Final = ("http.mode",)


def _read(request: FhirRequest) -> _Question:
    body = parse_resource(request.body) if request.is_post and request.body else None
    is_call = body is not None and _is_call(request, body)
    arguments = arguments_of(request if is_call else replace(request, body=b""), _PARAMETERS)
    mode = arguments.text("mode")
    if mode is not None and mode not in set(Mode):
        known = ", ".join(f"`{each}`" for each in Mode)
        raise BadRequest(f"`mode` must be one of {known}.", expression=_MODE)
    given = None if is_call else body
    if (resource := arguments.one("resource")) is not None:
        given = _given(resource, body)
    profiles = tuple(dict.fromkeys(text_of(each) for each in arguments.all("profile")))
    return _Question(None if mode is None else Mode(mode), profiles, given, not is_call)


def _is_call(request: FhirRequest, body: Body) -> bool:
    """Tell the Parameters of a call from Parameters that are to be validated."""
    if body.value.get("resourceType") != "Parameters":
        return False
    parameters = body.value.get("parameter")
    names = [one.get("name") for one in parameters if isinstance(one, dict)] if isinstance(parameters, list) else []
    return request.target.resource_type != "Parameters" or "resource" in names


def _given(parameter: Resource, body: Body | None) -> Body:
    """Return the resource among the parameters, decoded as a body is. Raises BadStructure, BadRequest."""
    if body is None or "resource" not in parameter:
        raise BadRequest("`resource` is a resource: it is posted, not part of a URL.", expression=["http.resource"])
    [resource] = [one["resource"] for one in body.value["parameter"] if one["name"] == "resource"]
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise BadStructure("`resource` must be a resource with a `resourceType`.", expression=["http.resource"])
    return Body(encode(resource), resource)


async def _judge(
    request: FhirRequest, repository: Repository, question: _Question, stored: Version | None
) -> list[Issue]:
    """Validate what was given, else what is stored; a StructureDefinition may be what to validate by."""
    resource_type, profiles, body = request.target.type_name, question.profiles, question.given
    if question.mode is Mode.PROFILE and stored is not None and resource_type == _STRUCTURE and body is not None:
        profiles = (*profiles, _canonical(stored))
        resource_type = body.value["resourceType"]
    elif question.mode is Mode.PROFILE and not profiles:
        raise BadRequest("The mode `profile` needs a `profile` to validate by.", expression=["http.profile"])
    if body is None and stored is not None:
        body = parse_resource(stored.content or b"")
    if body is None:
        raise BadRequest(
            "There is no resource to validate: post one, or name an instance.", expression=["http.resource"]
        )
    issues = await repository.validate(body.value, resource_type, _asked(question.mode, profiles))
    if question.mode in (Mode.CREATE, Mode.UPDATE) and not _errors(issues):
        issues += await _would_write(request, repository, question.mode, body)
    return issues


def _asked(mode: Mode | None, profiles: tuple[str, ...]) -> Asked:
    if mode is Mode.CREATE:
        return Asked(profiles, mode="create")
    return Asked(profiles, mode="update") if mode is Mode.UPDATE else Asked(profiles)


def _canonical(stored: Version) -> str:
    structure = parse_resource(stored.content or b"").value
    url, version = structure["url"], structure.get("version")
    return f"{url}|{version}" if version else str(url)


async def _would_write(request: FhirRequest, repository: Repository, mode: Mode, body: Body) -> list[Issue]:
    name = request.target.type_name
    if mode is Mode.CREATE:
        return await _refusals(repository, Create(resource_type=name, body=body))
    if body.value.get("id") != request.target.logical_id:
        place = f"{name}.id"
        return [Issue.of(IssueType.VALUE, _OTHER_ID.told(path=place), expression=(place,))]
    update = Update(resource_type=name, body=body, logical_id=request.target.logical_id)
    return await _refusals(repository, update)


async def _refusals(repository: Repository, write: Create | Update | Delete) -> list[Issue]:
    try:
        await repository.rehearse(write)
    except FhirError as refusal:
        return list(refusal.issues)
    return []


def _errors(issues: list[Issue]) -> bool:
    return any(issue.severity in (Severity.ERROR, Severity.FATAL) for issue in issues)


def _answer(request: FhirRequest, issues: list[Issue], all_well: Text) -> FhirResponse:
    language = language_of(request.accept_language)
    told = issues or [Issue.of(IssueType.INFORMATIONAL, all_well.told(), Severity.INFORMATION)]
    headers = (("Content-Language", language),)
    return FhirResponse(status=200, content=encode(outcome_of(told, language)), headers=headers)


VALIDATE: Final = Operation(
    name="validate",
    definition="http://hl7.org/fhir/OperationDefinition/Resource-validate",
    levels=frozenset({Level.TYPE, Level.INSTANCE}),
    handler=validate,
)
