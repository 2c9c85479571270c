"""The fields of types, by the FHIR definitions, and of the few types that only GraphQL has.

Backbone elements are named by their path without dots: ``Patient.contact`` is ``PatientContact``.
Spec: http://hl7.org/fhir/R4/graphql.html#fields
"""

from dataclasses import dataclass
from typing import Final

from fhirserver.definitions.elements import Kind
from fhirserver.definitions.registry import Definitions

LIST: Final = "List"
CONNECTION: Final = "Connection"
EDGE: Final = "Edge"
ANY_RESOURCE: Final = "Resource"
QUERY: Final = "Query"
MUTATION: Final = "Mutation"
ROOTS: Final = frozenset({QUERY, MUTATION})


@dataclass(frozen=True, slots=True)
class FieldType:
    """What a field yields."""

    type_name: str
    repeats: bool = False
    is_scalar: bool = False


_CONNECTION: Final = {
    **{name: FieldType("integer", is_scalar=True) for name in ("count", "offset", "pagesize", "pageSize")},
    **{name: FieldType("string", is_scalar=True) for name in ("first", "previous", "next", "last")},
}
_EDGE: Final = {"mode": FieldType("code", is_scalar=True), "score": FieldType("decimal", is_scalar=True)}


@dataclass(frozen=True, slots=True)
class Fields:
    """Looks fields up."""

    definitions: Definitions

    def find(self, type_name: str, name: str) -> FieldType | None:
        """Return the type of a field that holds a part of its object; None: there is no such field."""
        virtual = self._virtual(type_name)
        if virtual is not None:
            return virtual.get(name)
        if name == "resourceType" and self.is_resource(type_name):
            return FieldType("code", is_scalar=True)
        children = self.definitions.children(type_name)
        child = children.get(name)
        if child is not None:
            return FieldType(child.type_name, child.element.repeats, self.is_scalar(child.type_name))
        shadow = children.get(name[1:]) if name.startswith("_") else None
        if shadow is None or not self.is_scalar(shadow.type_name) or shadow.element.is_xml_attribute:
            return None
        return FieldType("Element", shadow.element.repeats)

    def _virtual(self, type_name: str) -> dict[str, FieldType] | None:
        """Return the fields of a connection or an edge."""
        stem = type_name.removesuffix(CONNECTION)
        if stem != type_name and self.definitions.is_resource_type(stem):
            return {**_CONNECTION, "edges": FieldType(stem + EDGE, repeats=True)}
        stem = type_name.removesuffix(EDGE)
        if stem != type_name and self.definitions.is_resource_type(stem):
            return {**_EDGE, "resource": FieldType(stem)}
        return None

    def is_scalar(self, type_name: str) -> bool:
        """Tell whether values of a type have no parts."""
        return self.definitions.type(type_name).kind is Kind.PRIMITIVE

    def is_resource(self, type_name: str) -> bool:
        """Tell whether a type is a resource type."""
        return self.definitions.is_resource_type(type_name)

    def is_a(self, type_name: str, wanted: str) -> bool:
        """Tell whether a fragment on ``wanted`` applies to a type."""
        if schema_name(type_name) == wanted:
            return True
        return self.definitions.has_type(type_name) and self.definitions.is_subtype(type_name, wanted)

    def knows(self, name: str) -> bool:
        """Tell whether a fragment may be on a type of this name."""
        if name in ROOTS or self.definitions.has_type(name) or self._virtual(name) is not None:
            return True
        stems = (name[:end] for end in range(2, len(name)) if name[end].isupper())  # of a backbone element
        return any(self.definitions.has_type(stem) for stem in stems)

    def searched(self, name: str, ending: str) -> str | None:
        """Return the resource type of ``PatientList`` and the like; None when it is not one."""
        stem = name.removesuffix(ending)
        return stem if stem != name and self.is_resource(stem) else None


def schema_name(type_name: str) -> str:
    """Return what a type is called in GraphQL."""
    return "".join(part[0].upper() + part[1:] for part in type_name.split("."))
