"""JSON Merge Patch: a document that looks like the change it makes, in which null removes.

Spec: https://www.rfc-editor.org/rfc/rfc7396
"""

from fhirserver.codec.fhir_json import decode_literal, parse_json
from fhirserver.codec.json_patch import with_identity
from fhirserver.kernel.outcome import BadStructure
from fhirserver.kernel.resource import Json, Resource


def parse_merge_patch(body: bytes) -> Resource:
    """Read a merge patch; raises BadStructure unless it is an object: anything else would replace the resource."""
    parse_json(body)  # refuses duplicate keys and deep nesting
    patch = decode_literal(body)
    if not isinstance(patch, dict):
        raise BadStructure("A JSON Merge Patch of a resource is an object.")
    return patch


def merge(target: Json, patch: Json) -> Json:
    """Return the merged value; both stay as they are, and numbers keep their literals."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def merge_resource(patch: Resource, resource: Resource) -> Resource:
    """Merge a patch into a resource, whose identity it must leave alone; raises BadRequest."""
    return with_identity(merge(resource, patch), resource)
