"""Places in a marked document: what a path selects, found by identity, and the changes that can be made there.

Spec: http://hl7.org/fhir/R4/fhirpatch.html#concept
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from fhirserver.definitions.registry import Child, Definitions
from fhirserver.kernel.resource import Json, Resource

MAX_DEPTH: Final = 64
"""Objects in objects a place may be inside of."""
_RESOURCES: Final = frozenset({"Resource", "DomainResource"})


class Unappliable(LookupError):
    """An operation cannot be applied; the message says why, as a part of a sentence."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element to be put somewhere: ``value`` marked, ``extras`` the sibling of a primitive (None: it is complex)."""

    child: Child
    value: Json
    extras: Resource | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an element is: a JSON property of its parent, or one entry of it."""

    parent: Resource
    parent_type: str
    child: Child
    index: int | None

    @property
    def key(self) -> str:
        """The JSON property."""
        return self.child.json_name

    @property
    def lists(self) -> tuple[list[Json], ...]:
        """The list the place is in, and that of its siblings where it holds primitives."""
        found = (self.parent.get(self.key), self.parent.get("_" + self.key))
        return tuple(each for each in found if isinstance(each, list))

    def remove(self) -> None:
        """Take the element away, and its list when that is empty then."""
        if self.index is not None and len(self.lists[0]) > 1:
            for each in self.lists:
                del each[self.index]
            return
        self.parent.pop(self.key, None)
        self.parent.pop("_" + self.key, None)

    def replace(self, element: Element) -> None:
        """Put another element in its place."""
        if self.index is not None:
            for each, value in zip(self.lists, (element.value, element.extras), strict=False):
                each[self.index] = value
            return
        rest = list(self.parent.items())
        self.parent.clear()
        for key, value in rest:
            if key.removeprefix("_") != self.key:
                self.parent[key] = value
            elif not self.parent.keys() & {element.child.json_name}:
                put(self.parent, element)

    def insert(self, index: int, element: Element) -> None:
        """Put an element into the list at ``index``."""
        for each, value in zip(self.lists, (element.value, element.extras), strict=False):
            each.insert(index, value)

    def move(self, source: int, destination: int) -> None:
        """Move an element within the list."""
        for each in self.lists:
            each.insert(destination, each.pop(source))


@dataclass(frozen=True, slots=True)
class _Owner:
    parent: Resource
    parent_type: str
    child: Child


def put(parent: Resource, element: Element) -> None:
    """Add an element to its parent: at the end of a list, or as the only one."""
    key, repeats = element.child.json_name, element.child.element.repeats
    pairs: list[tuple[str, Any]] = [(key, element.value)]
    if element.extras is not None:
        pairs.append(("_" + key, element.extras))
    for name, value in pairs:
        if repeats:
            parent.setdefault(name, []).append(value)
        else:
            parent[name] = value


class Places:
    """Finds objects of a document; remembers where they were, and looks anew where that is not so any more."""

    def __init__(self, root: Resource, definitions: Definitions, spend: Callable[[int], None]) -> None:
        """Look in ``root``; ``spend`` hears of the properties and entries looked at."""
        self._root = root
        self._definitions = definitions
        self._spend = spend
        self._owners: dict[int, _Owner] = {}

    def find(self, wanted: Resource) -> tuple[Place, int] | None:
        """Return where an object is, and how deep; None where it is no element of the document."""
        found = self._recall(wanted)
        if found is None:
            self._survey()
            found = self._recall(wanted)
        return found

    def _recall(self, wanted: Resource) -> tuple[Place, int] | None:
        """Go up from an object to the root by what is known, as long as it is true."""
        innermost: Place | None = None
        depth, value = 0, wanted
        while value is not self._root:
            place = self._owned(value)
            if place is None:
                return None
            innermost = innermost or place
            value, depth = place.parent, depth + 1
        return None if innermost is None else (innermost, depth - 1)

    def _owned(self, value: Resource) -> Place | None:
        owner = self._owners.get(id(value))
        if owner is None:
            return None
        for key in (owner.child.json_name, "_" + owner.child.json_name):
            for index, each in _objects(owner.parent.get(key)):
                self._spend(1)
                if each is value:
                    return Place(owner.parent, owner.parent_type, owner.child, index)
        return None

    def _survey(self) -> None:
        """Learn the owners of all objects."""
        self._owners.clear()
        waiting = [(self._root, type_of(self._root, ""))]
        while waiting:
            parent, parent_type = waiting.pop()
            children = self._definitions.children(parent_type) if self._definitions.has_type(parent_type) else {}
            self._spend(len(parent))
            for key, value in parent.items():
                child = children.get(key.removeprefix("_"))
                if child is not None:
                    owner = _Owner(parent, parent_type, child)
                    for _, inner in _objects(value):
                        self._owners[id(inner)] = owner
                        waiting.append((inner, type_of(inner, child.type_name)))


def _objects(value: Json) -> Iterator[tuple[int | None, Resource]]:
    if isinstance(value, dict):
        yield None, value
    elif isinstance(value, list):
        yield from ((index, each) for index, each in enumerate(value) if isinstance(each, dict))


def type_of(value: Resource, declared: str) -> str:
    """Return the type of an element: a resource says its own."""
    return str(value.get("resourceType")) if declared in _RESOURCES or not declared else declared
