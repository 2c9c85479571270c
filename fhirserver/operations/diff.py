"""$diff: what tells two versions, or two instances of a type, apart, as the FHIRPath Patch from one to the other.

No part of R4: the way other servers have it. Spec of the answer: http://hl7.org/fhir/R4/fhirpatch.html
"""

from typing import Final

from fhirserver.codec.fhir_json import decode_literal, encode_literal
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Level
from fhirserver.kernel.outcome import BadRequest
from fhirserver.kernel.reference import parse_rest_reference
from fhirserver.kernel.version import Version
from fhirserver.operations.arguments import Arguments, arguments_of
from fhirserver.operations.framework import Operation
from fhirserver.patch.diff import difference
from fhirserver.repository.repository import Repository


async def diff(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Answer the patch ``from`` one version ``to`` another; on an instance, from the one before to the current one."""
    arguments = arguments_of(request, ("from", "to"))
    if request.target.level is Level.INSTANCE:
        one, other = await _versions(request, arguments, repository)
    else:
        one, other = [await _named(request, arguments, name, repository) for name in ("from", "to")]
    if one.resource_type != other.resource_type:
        raise BadRequest("`from` and `to` must be of the same resource type.", expression=["http.from", "http.to"])
    first, second = (decode_literal(version.content or b"") for version in (one, other))
    return FhirResponse(status=200, content=encode_literal(difference(first, second, repository.definitions)))


async def _versions(request: FhirRequest, arguments: Arguments, repository: Repository) -> tuple[Version, Version]:
    """Return two versions of an instance. Raises NotFound, Deleted."""
    key = request.target.instance
    to, since = arguments.text("to"), arguments.text("from")
    other = await repository.read(*key) if to is None else await repository.vread(*key, to)
    return await repository.vread(*key, since or str(other.version_id - 1)), other


async def _named(request: FhirRequest, arguments: Arguments, name: str, repository: Repository) -> Version:
    """Return what ``from`` or ``to`` names: ``Type/id``, or ``Type/id/_history/version``. Raises BadRequest."""
    found = parse_rest_reference(arguments.text(name) or "")
    wanted = request.target.resource_type
    if found is None or found.base not in ("", f"{request.base_url}/") or wanted not in (None, found.resource_type):
        example = wanted or "Patient"
        raise BadRequest(
            f"`{name}` must name an instance, as `{example}/1`, or a version, as `{example}/1/_history/2`.",
            expression=[f"http.{name}"],
        )
    if found.version_id is not None:
        return await repository.vread(found.resource_type, found.logical_id, found.version_id)
    return await repository.read(found.resource_type, found.logical_id)


DIFF: Final = Operation(
    name="diff", definition="urn:fhirserver:OperationDefinition:diff", levels=frozenset(Level), handler=diff
)
