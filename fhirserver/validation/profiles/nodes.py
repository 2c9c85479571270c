"""A snapshot as a tree of nodes: elements with their children and their slices.

Ids say where an element stands (``Patient.identifier:INS.system``); where there are none, paths and slice names do.
Spec: http://hl7.org/fhir/R4/elementdefinition.html#id
"""

from dataclasses import dataclass, field
from typing import Any, Final

from fhirserver.kernel.resource import Json, Resource

MAX_ELEMENTS: Final = 20_000
"""Elements of one snapshot; the largest published one has some 1,500."""
_FIXED: Final = "fixed"
_PATTERN: Final = "pattern"


@dataclass(slots=True)
class Node:
    """One element of a profile."""

    definition: Resource
    element_id: str
    name: str
    """The last part of its path: ``value[x]``."""
    slice_name: str | None = None
    children: dict[str, "Node"] = field(default_factory=dict)
    slices: dict[str, "Node"] = field(default_factory=dict)
    """Those of this element; slices of a slice are its own."""

    @property
    def min(self) -> int:
        """How many there must be."""
        least = self.definition.get("min", 0)
        return least if type(least) is int else 0

    @property
    def max(self) -> int | None:
        """How many there may be; None: any number."""
        most = str(self.definition.get("max", "*"))
        return int(most) if most.isdecimal() else None

    @property
    def types(self) -> list[Resource]:
        """The types that are allowed."""
        return objects(self.definition.get("type"))

    @property
    def fixed(self) -> tuple[str, Json] | None:
        """The type and value that it must be equal to."""
        return self._given(_FIXED)

    @property
    def pattern(self) -> tuple[str, Json] | None:
        """The type and value that it must have at least."""
        return self._given(_PATTERN)

    def _given(self, kind: str) -> tuple[str, Json] | None:
        for name, value in self.definition.items():
            if name.startswith(kind) and len(name) > len(kind):
                return name[len(kind) :], value
        return None


class BadSnapshot(ValueError):
    """A snapshot that cannot be read; ``place`` is the id or number of the element."""

    def __init__(self, place: str) -> None:
        """Name the element."""
        super().__init__(place)
        self.place = place


def objects(value: Json) -> list[dict[str, Any]]:
    """Return the objects of what should be an array of such."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def read_tree(elements: Json) -> Node:
    """Return the root of a snapshot's elements; raises BadSnapshot."""
    if not isinstance(elements, list) or not elements or len(elements) > MAX_ELEMENTS:
        raise BadSnapshot("snapshot")
    root: Node | None = None
    for number, element in enumerate(elements):
        parts = _parts(element, number)
        if root is None:
            if len(parts) != 1:
                raise BadSnapshot(".".join(parts))
            root = Node(element, parts[0], parts[0])
        else:
            _put(root, element, parts)
    if root is None:
        raise BadSnapshot("snapshot")
    return root


def _parts(element: Json, number: int) -> list[str]:
    if not isinstance(element, dict) or not isinstance(element.get("path"), str):
        raise BadSnapshot(f"snapshot.element[{number}]")
    named = element.get("id")
    path = element["path"]
    if isinstance(named, str) and named.count(".") == path.count(".") and "/" not in named.partition(":")[0]:
        return named.split(".")
    name = element.get("sliceName")
    return (f"{path}:{name}" if isinstance(name, str) else path).split(".")


def _put(root: Node, element: Resource, parts: list[str]) -> None:
    node = root
    for part in parts[1:-1]:
        name, _, slice_name = part.partition(":")
        inner = node.children.get(name)
        inner = inner if inner is None or not slice_name else _slice(inner, slice_name)
        if inner is None:
            raise BadSnapshot(".".join(parts))
        node = inner
    name, _, slice_name = parts[-1].partition(":")
    made = Node(element, ".".join(parts), name, slice_name or None)
    if not slice_name:
        node.children[name] = made
        return
    sliced = node.children.get(name)
    if sliced is None:  # a choice narrowed without its own element
        sliced = node.children[name] = Node({"path": element["path"], "slicing": {"rules": "open"}}, name, name)
    outer, slash, inner_name = slice_name.rpartition("/")
    parent = _slice(sliced, outer) if slash else sliced
    (parent or sliced).slices[inner_name if parent is not None else slice_name] = made


def _slice(node: Node, name: str) -> Node | None:
    """Find a slice by its name, in which a slash leads to the slices of a slice."""
    found = node.slices.get(name)
    if found is None and "/" in name:
        outer, _, inner = name.rpartition("/")
        parent = _slice(node, outer)
        found = None if parent is None else parent.slices.get(inner)
    return found
