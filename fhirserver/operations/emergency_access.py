"""$emergency-access, $declare-relation, $access-ways: records beyond their relations of care; this server's own.

``POST [base]/Patient/[id]/$emergency-access`` with the ``reason`` answers a new access token, good for this patient and
``minutes`` at most; the token it was asked with stays what it is. ``POST [base]/Patient/[id]/$declare-relation`` with
the ``evidence`` answers the CareTeam that declares it, which counts for all tokens. ``GET
[base]/Patient/[id]/$access-ways`` tells who sees the patient which of them is there to be asked for.
Spec: docs/access-policy.md
"""

from typing import Final

from fhirserver.access.declaration import KINDS
from fhirserver.access.emergency import Asked, WaysIn
from fhirserver.codec.fhir_json import encode
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.instant import render_instant
from fhirserver.kernel.outcome import BadRequest, Forbidden
from fhirserver.operations.access_office import AccessOffice, EmergencyToken
from fhirserver.operations.arguments import arguments_of
from fhirserver.operations.framework import Handler, Operation
from fhirserver.repository.repository import Repository

_DEFINITION: Final = "urn:fhirserver:OperationDefinition:"


def emergency_operations(office: AccessOffice) -> tuple[Operation, ...]:
    """Return the operations of one site."""
    return (
        _operation("declare-relation", _declaring(office)),
        _operation("emergency-access", _breaking(office)),
        _operation("access-ways", _telling(office), affects_state=False),
    )


def _operation(name: str, handler: Handler, *, affects_state: bool = True) -> Operation:
    return Operation(
        name=name,
        definition=f"{_DEFINITION}{name}",
        levels=frozenset({Level.INSTANCE}),
        resource_types=frozenset({"Patient"}),
        handler=handler,
        affects_state=affects_state,
    )


def _breaking(office: AccessOffice) -> Handler:
    async def handle(request: FhirRequest, repository: Repository) -> FhirResponse:
        arguments = arguments_of(request, ("reason", "minutes"))
        asked = Asked(_patient(request), arguments.text("reason") or "", _minutes(arguments.text("minutes")))
        begun = await office.break_glass(_caller(repository), asked, repository.trail)
        return FhirResponse(status=200, content=encode(_answer(begun)))

    return handle


def _declaring(office: AccessOffice) -> Handler:
    async def handle(request: FhirRequest, repository: Repository) -> FhirResponse:
        evidence = arguments_of(request, ("evidence",)).text("evidence")
        if evidence is None:
            raise BadRequest(f"`evidence` is missing: one of {', '.join(KINDS)}.", expression=["http.evidence"])
        version = await office.declare(_caller(repository), _patient(request), evidence, repository.trail)
        return FhirResponse(status=200, content=version.content, headers=(("ETag", version.etag),))

    return handle


def _telling(office: AccessOffice) -> Handler:
    async def handle(request: FhirRequest, repository: Repository) -> FhirResponse:
        arguments_of(request, ())
        patient = _patient(request)
        await repository.read("Patient", patient)  # who does not see that there is one is told nothing of it
        ways = await office.ways_in(_caller(repository), patient)
        return FhirResponse(status=200, content=encode(_ways(ways)))

    return handle


def _ways(ways: WaysIn) -> dict[str, object]:
    parameters: list[dict[str, object]] = [
        {"name": "relation", "valueBoolean": ways.is_related},
        {"name": "emergencyAccess", "valueBoolean": ways.minutes is not None},
        {"name": "declareRelation", "valueBoolean": ways.may_declare},
    ]
    if ways.minutes is not None:
        parameters.append({"name": "minutes", "valueInteger": ways.minutes})
        parameters.append({"name": "minReason", "valueInteger": ways.min_reason})
    if ways.may_declare:
        parameters += [{"name": "evidence", "valueCode": kind} for kind in KINDS]
    return {"resourceType": "Parameters", "parameter": parameters}


def _caller(repository: Repository) -> Caller:
    if repository.caller is None:
        raise Forbidden("Nobody has logged in: this is for people, under `--auth smart`.")
    return repository.caller


def _patient(request: FhirRequest) -> str:
    if request.target.logical_id is None:
        raise BadRequest("The operation is invoked on a Patient.")
    return request.target.logical_id


def _minutes(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 4):
        raise BadRequest("`minutes` is a number.", expression=["http.minutes"])
    return int(text)


def _answer(begun: EmergencyToken) -> dict[str, object]:
    opened = begun.opened
    until_us = round(opened.emergency.until_s * 1_000_000)
    parameters = [
        {"name": "access_token", "valueString": begun.token},
        {"name": "token_type", "valueCode": "Bearer"},
        {"name": "until", "valueInstant": render_instant(until_us)},
        {"name": "notice", "valueReference": {"reference": opened.notice}},
        {"name": "review", "valueReference": {"reference": opened.review}},
    ]
    return {"resourceType": "Parameters", "parameter": parameters}
