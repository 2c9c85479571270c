"""patch, conditional patch, in the formats of one table. Spec: http://hl7.org/fhir/R4/http.html#patch"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final, TypeAlias

from fhirserver.codec.fhir_json import decode_literal, parse_json
from fhirserver.codec.fhir_xml import FhirXml
from fhirserver.codec.json_patch import change_resource, parse_patch, with_identity
from fhirserver.codec.merge_patch import merge_resource, parse_merge_patch
from fhirserver.codec.xml_patch import change_xml_resource, parse_xml_patch
from fhirserver.definitions.registry import Definitions
from fhirserver.interactions.conditions import criteria_beside_subset, version_to_match
from fhirserver.interactions.provenance_header import provenance_of
from fhirserver.interactions.written import respond_written
from fhirserver.kernel.exchange import FHIR_JSON, FhirRequest, FhirResponse
from fhirserver.kernel.outcome import BadStructure, UnsupportedMedia
from fhirserver.kernel.resource import Resource
from fhirserver.patch.apply import apply_operations
from fhirserver.patch.operations import Operation, parse_operations
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Change, Patch

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
XML_PATCH: Final = "application/xml-patch+xml"

ReadPatch: TypeAlias = Callable[[bytes], Change]
"""A body -> the change it asks for; raises FhirError when it is no patch."""


async def patch(request: FhirRequest, repository: Repository) -> FhirResponse:
    """Change parts of an instance."""
    return respond_written(request, await repository.write(patch_of(request), provenance_of(request)))


def patch_of(request: FhirRequest) -> Patch:
    """Read the request as a write; raises UnsupportedMedia unless the body is in one of ``PATCH_FORMATS``."""
    target = request.target
    read = PATCH_FORMATS.get(request.content_type or "")
    if read is None:
        listed = ", ".join(f"`{name}`" for name in PATCH_FORMATS)
        raise UnsupportedMedia(
            f"A patch is read as {listed}.", expression=["http.Content-Type"], headers={"Accept-Patch": ACCEPT_PATCH}
        )
    return Patch(
        resource_type=target.type_name,
        change=read(request.body),
        logical_id=target.logical_id,
        criteria=criteria_beside_subset(request),
        if_match=version_to_match(request.if_match),
        full_url=request.full_url,
    )


def _json_patch(body: bytes) -> Change:
    operations = parse_patch(body)
    return lambda resource, _: change_resource(operations, resource)


def _merge_patch(body: bytes) -> Change:
    merged = parse_merge_patch(body)
    return lambda resource, _: merge_resource(merged, resource)


def _xml_patch(body: bytes) -> Change:
    operations = parse_xml_patch(body)
    return lambda resource, definitions: change_xml_resource(operations, resource, FhirXml(definitions))


def _fhirpath_patch(body: bytes) -> Change:
    parse_json(body)  # refuses duplicate keys and deep nesting
    parameters = decode_literal(body)
    if not isinstance(parameters, dict):
        raise BadStructure("A FHIRPath Patch is a `Parameters` resource.")
    return partial(_apply, parse_operations(parameters))


def _apply(operations: tuple[Operation, ...], resource: Resource, definitions: Definitions) -> Resource:
    return with_identity(apply_operations(operations, resource, definitions), resource)


PATCH_FORMATS: Final[Mapping[str, ReadPatch]] = MappingProxyType(
    {
        JSON_PATCH: _json_patch,
        MERGE_PATCH: _merge_patch,
        XML_PATCH: _xml_patch,
        FHIR_JSON: _fhirpath_patch,
    }
)
"""What reads a patch, by the media type of its body."""
ACCEPT_PATCH: Final = ", ".join(PATCH_FORMATS)
"""The value of the header ``Accept-Patch`` (RFC 5789 §3.1)."""
