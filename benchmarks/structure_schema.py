"""A JSON Schema of a resource type, made from the definitions: what the JSON Schema validators are measured with.

Elements, types, cardinalities and the syntax of primitives; nothing of choices given twice, of bindings or invariants.
"""

from typing import Any, Final

from fhirserver.definitions.elements import Kind
from fhirserver.definitions.registry import Definitions

_STRING: Final = {"type": "string", "pattern": r"\S"}
_PRIMITIVES: Final[dict[str, dict[str, Any]]] = {
    "boolean": {"type": "boolean"},
    "decimal": {"type": "number"},
    "integer": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "unsignedInt": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
    "positiveInt": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "id": {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"},
    "date": {"type": "string", "pattern": r"^\d{4}(-\d\d(-\d\d)?)?$"},
    "dateTime": {"type": "string", "pattern": r"^\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+\-]\d\d:\d\d))?)?)?$"},
    "instant": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+\-]\d\d:\d\d)$"},
}


def structure_schema(definitions: Definitions, resource_type: str) -> dict[str, Any]:
    """Return the schema of one resource type with all that it holds; any resource may be contained."""
    schemas: dict[str, dict[str, Any]] = {}
    _add(definitions, resource_type, schemas)
    return {"$ref": f"#/$defs/{resource_type}", "$defs": schemas}


def _add(definitions: Definitions, name: str, schemas: dict[str, dict[str, Any]]) -> None:
    if name in schemas:
        return
    definition = definitions.type(name)
    if definition.kind is Kind.PRIMITIVE:
        schemas[name] = _PRIMITIVES.get(name, _STRING)
        return
    properties: dict[str, Any] = {"resourceType": {"const": name}} if definition.kind is Kind.RESOURCE else {}
    schemas[name] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "required": [one.name for one in definition.elements if one.min and not one.is_choice],
    }
    for child in definitions.children(name).values():
        if child.type_name == "Resource":
            schemas["Resource"] = {"type": "object", "required": ["resourceType"]}
        else:
            _add(definitions, child.type_name, schemas)
        item = {"$ref": f"#/$defs/{child.type_name}"}
        properties[child.json_name] = {"type": "array", "items": item, "minItems": 1} if child.element.repeats else item
        if child.type_name[0].islower():
            properties["_" + child.json_name] = {}
