"""Elements as parts of a Parameters resource: as a value where Parameters can hold the type, else piece by piece.

Spec: http://hl7.org/fhir/R4/fhirpatch.html#anonymous, http://hl7.org/fhir/R4/datatypes.html#open
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from fhirserver.definitions.elements import Kind
from fhirserver.definitions.registry import Child, Definitions
from fhirserver.kernel.resource import Json, Resource

_OPEN: Final = "Parameters.parameter"
_XHTML: Final = "xhtml"


@dataclass(frozen=True, slots=True)
class Node:
    """One element of a resource: ``value``, and for a primitive the ``extras`` beside it."""

    child: Child
    value: Json
    extras: Json = None


@dataclass(frozen=True, slots=True)
class Parts:
    """Writes elements by the definitions."""

    definitions: Definitions

    def part(self, name: str, node: Node) -> Resource:
        """Return an element as a part of this name."""
        type_name = node.child.type_name
        if self.definitions.type(type_name).kind is Kind.RESOURCE:
            return {"name": name, "resource": node.value}
        shown = "string" if type_name == _XHTML else type_name
        key = f"value{shown[0].upper()}{shown[1:]}"
        if key not in self.definitions.children(_OPEN):
            return {"name": name, "part": [self._named(inner) for inner in self.nodes(type_name, node.value)]}
        found = {"name": name, key: node.value, "_" + key: node.extras}
        return {member: value for member, value in found.items() if value is not None}

    def _named(self, node: Node) -> Resource:
        """Name a part as its element; a choice shows its type, where the value itself cannot."""
        part = self.part(node.child.element.name, node)
        return part if "part" not in part else {**part, "name": node.child.json_name}

    def nodes(self, type_name: str, element: Resource) -> Iterator[Node]:
        """Yield the elements in an object, each entry of a list by itself."""
        children = self.definitions.children(type_name)
        for key in element:
            name = key.removeprefix("_")
            if key == "resourceType" or (key != name and name in element):
                continue
            values, extras = element.get(name), element.get("_" + name)
            if not children[name].element.repeats:
                yield Node(children[name], values, extras)
                continue
            for value, extra in zip_longest(values or (), extras or ()):
                yield Node(children[name], value, extra)
