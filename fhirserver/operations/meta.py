"""$meta, $meta-add, $meta-delete: profiles, tags and security labels, of one instance or in use in a type or all.

Labels change in place: the version and its time stay, as Meta has it ("can be updated without changing the stated
version of the resource"). A new label decides who may see the resource from that moment on.
Spec: http://hl7.org/fhir/R4/resource-operation-meta.html, resource-operation-meta-add.html,
resource-operation-meta-delete.html
"""

from collections.abc import Callable
from typing import Final

from fhirserver.codec.fhir_json import decode_literal, encode_literal, members_of
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest, UnknownParameter
from fhirserver.kernel.resource import Json, Resource
from fhirserver.kernel.version import Version
from fhirserver.operations.arguments import arguments_of
from fhirserver.operations.framework import Operation
from fhirserver.repository.repository import Repository

_CODED: Final = ("security", "tag")
_LABELS: Final = ("profile", *_CODED)


async def meta(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer the meta of an instance, or the labels in use."""
    arguments_of(request, ())
    if request.target.level is Level.INSTANCE:
        return _respond_version(await repository.read(*request.target.instance))
    labels = await repository.labels(request.target.resource_type)
    found: Resource = {"profile": list(labels.profiles)}
    for name, codings in (("security", labels.security), ("tag", labels.tags)):
        found[name] = [{"system": system, "code": code} if system else {"code": code} for system, code in codings]
    return _respond({name: value for name, value in found.items() if value})


async def meta_add(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Add labels; those that are there already stay as they are."""
    return await _relabel(request, repository, _added)


async def meta_delete(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Delete labels; those that are not there are no error."""
    return await _relabel(request, repository, _deleted)


async def _relabel(
    request: FhirRequest, repository: Repository, change: Callable[[Resource, Resource], Resource]
) -> FhirResponse:
    given = arguments_of(request, ("meta",)).value("meta", "Meta")
    labels = _labels_of(given, is_lenient=request.prefer.is_lenient)
    version = await repository.relabel(*request.target.instance, lambda current: change(current, labels))
    return _respond_version(version)


def _labels_of(given: Json, *, is_lenient: bool) -> Resource:
    """Return the labels of the ``meta`` parameter; raises BadRequest, UnknownParameter for what is no label."""
    if not isinstance(given, dict):
        raise BadRequest("The operation needs a parameter `meta` with a `valueMeta`.", expression=["http.meta"])
    if not given.keys() <= set(_LABELS) and not is_lenient:
        raise UnknownParameter("`meta` takes `profile`, `security` and `tag` alone.", expression=["http.meta"])
    labels = {name: given[name] for name in _LABELS if name in given}
    for name, values in labels.items():
        wanted = str if name == "profile" else dict
        if not isinstance(values, list) or not all(isinstance(value, wanted) for value in values):
            raise BadRequest(f"`meta.{name}` must be an array.", expression=[f"http.meta.{name}"])
    return labels


def _added(current: Resource, labels: Resource) -> Resource:
    changed = dict(current)
    for name, values in labels.items():
        merged = list(current.get(name, ()))
        known = {_identity(value) for value in merged}
        for value in values:
            if _identity(value) not in known:
                known.add(_identity(value))
                merged.append(value)
        changed[name] = merged
    return {name: value for name, value in changed.items() if value != []}


def _deleted(current: Resource, labels: Resource) -> Resource:
    changed = dict(current)
    for name, values in labels.items():
        gone = {_identity(value) for value in values}
        changed[name] = [value for value in current.get(name, ()) if _identity(value) not in gone]
    return {name: value for name, value in changed.items() if value != []}


def _identity(label: Json) -> tuple[str, ...]:
    """A tag or security label is its system and code, a profile its whole URL."""
    return (label,) if isinstance(label, str) else (str(label.get("system", "")), str(label.get("code", "")))


def _respond_version(version: Version) -> FhirResponse:
    raw = members_of(version.content)["meta"] if version.content is not None else b"{}"  # where it may not be read
    return _respond(decode_literal(raw), version.etag, version.last_updated_us)


def _respond(found: Resource, etag: str | None = None, last_modified_us: int | None = None) -> FhirResponse:
    """Answer a Meta, which is no resource; where nothing is in use there is none, as it cannot be empty."""
    answer: Resource = {"resourceType": "Parameters"}
    if found:
        answer["parameter"] = [{"name": "return", "valueMeta": found}]
    return FhirResponse(status=200, content=encode_literal(answer), etag=etag, last_modified_us=last_modified_us)


_DEFINITION: Final = "http://hl7.org/fhir/OperationDefinition/Resource-meta"
META: Final = Operation(name="meta", definition=_DEFINITION, levels=frozenset(Level), handler=meta)
META_ADD: Final = Operation(
    name="meta-add",
    definition=f"{_DEFINITION}-add",
    levels=frozenset({Level.INSTANCE}),
    handler=meta_add,
    affects_state=True,
)
META_DELETE: Final = Operation(
    name="meta-delete",
    definition=f"{_DEFINITION}-delete",
    levels=frozenset({Level.INSTANCE}),
    handler=meta_delete,
    affects_state=True,
)
