"""Running a FHIRPath Patch: each operation works on the result of the one before, the original stays as it is.

The work is bounded: FHIRPath by steps, the search for places by properties, all of it by time.
Spec: http://hl7.org/fhir/R4/fhirpatch.html#concept
"""

import re
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import (
    Bounds,
    Environment,
    FhirPathError,
    FhirPathSyntaxError,
    Rules,
    compile_fhirpath,
)
from fhirserver.fhirpath.items import Extended
from fhirserver.kernel.outcome import TooCostly
from fhirserver.kernel.resource import Json, Resource
from fhirserver.patch.document import marked, plain
from fhirserver.patch.operations import Operation
from fhirserver.patch.places import MAX_DEPTH, Place, Places, Unappliable, put, type_of
from fhirserver.patch.values import Values, check_absent

MAX_STEPS: Final = 2_000_000
"""Items that all paths of a patch may visit together."""
MAX_VISITS: Final = 5_000_000
"""JSON properties that may be looked at to find the places of a patch."""
MAX_SECONDS: Final = 1.0
"""How long a patch may take, and half as much the path that it ends with: no other request is served meanwhile."""
_SHOWN: Final = re.compile(r"[\w`'.,() /-]{1,200}", re.ASCII)


def apply_operations(operations: Sequence[Operation], resource: Resource, definitions: Definitions) -> Resource:
    """Return the changed resource; raises Unprocessable naming the first operation that fails, TooCostly."""
    if not operations:
        return resource
    patched = _Patched(resource, definitions, MAX_STEPS // len(operations))
    deadline = monotonic() + MAX_SECONDS
    for operation in operations:
        if monotonic() > deadline:
            raise TooCostly(f"The patch takes more than {MAX_SECONDS:g} s.")
        try:
            _APPLY[operation.type](patched, operation)
        except Unappliable as reason:
            raise operation.refuse(str(reason)) from None
    return plain(patched.root)


class _Patched:
    """The resource as it is after some operations."""

    def __init__(self, resource: Resource, definitions: Definitions, steps: int) -> None:
        self.root: Resource = marked(resource)
        self.values = Values(definitions)
        self._definitions = definitions
        self._places = Places(self.root, definitions, self._spend)
        self._environment = Environment(bounds=Bounds(steps=steps, seconds=MAX_SECONDS / 2))
        self._visits = 0

    def add(self, operation: Operation) -> None:
        """``add``: append to a list, or set what is not there."""
        owner = self._only(self._select(operation.path))
        owner_type = self._type_of(owner)
        candidates = self.values.named(owner_type, operation.name)
        element = self.values.build(operation.value, candidates)
        check_absent(owner, element.child, self.values.named(owner_type, element.child.element.name))
        put(owner, element)

    def insert(self, operation: Operation) -> None:
        """``insert``: put into a list at an index."""
        place = self._list(operation.path)
        if operation.index > len(place.lists[0]):
            raise Unappliable(f"`index` must be at most {len(place.lists[0])}, the length of the list")
        place.insert(operation.index, self.values.build(operation.value, [place.child]))

    def delete(self, operation: Operation) -> None:
        """``delete``: remove one element, if there is one."""
        found = self._select(operation.path)
        if found:
            self._place(self._only(found)).remove()

    def replace(self, operation: Operation) -> None:
        """``replace``: put another element in the place of one; that of a choice may be of another type."""
        place = self._place(self._only(self._select(operation.path)))
        candidates = [place.child]
        if place.child.element.is_choice:
            candidates = self.values.named(place.parent_type, place.child.element.name)
        place.replace(self.values.build(operation.value, candidates))

    def move(self, operation: Operation) -> None:
        """``move``: from one index of a list to another."""
        place = self._list(operation.path)
        length = len(place.lists[0])
        for name, index in (("source", operation.source), ("destination", operation.destination)):
            if index >= length:
                raise Unappliable(f"`{name}` must be less than {length}, the length of the list")
        place.move(operation.source, operation.destination)

    def _select(self, path: str) -> list[Resource]:
        """Return the elements that a path selects, each once; a primitive is known by its sibling."""
        try:
            compiled = compile_fhirpath(path, self.root["resourceType"], self._definitions, rules=Rules.STRICT)
            items = compiled.evaluate(self.root, self._environment)
        except FhirPathSyntaxError as error:
            raise Unappliable(f"the path is not FHIRPath at {error.position}") from None
        except FhirPathError as error:
            text = str(error).rstrip(".")
            reason = text if _SHOWN.fullmatch(text) else "it cannot be evaluated"
            raise Unappliable(f"the path: {reason}") from None
        found = {id(element): element for _, value in items for element in [_element(value)]}
        return list(found.values())

    def _only(self, found: Sequence[Resource]) -> Resource:
        if not found:
            raise Unappliable("the path selects no element")
        if len(found) > 1:
            raise Unappliable(f"the path selects {len(found)} elements; one is expected")
        return found[0]

    def _list(self, path: str) -> Place:
        """Return a place in the list that a path selects, all of it."""
        found = self._select(path)
        if not found:
            raise Unappliable("the path selects no element; `add` begins a list")
        place = self._place(found[0])
        if place.index is None:
            raise Unappliable("the path does not select a list")
        if {id(each) for each in place.lists[-1]} != {id(each) for each in found}:
            raise Unappliable("the path does not select the elements of one list, all of them")
        return place

    def _place(self, element: Resource) -> Place:
        if element is self.root:
            raise Unappliable("the path selects the whole resource")
        found = self._places.find(element)
        if found is None:
            raise Unappliable("the path selects a value that is no element of the resource")
        place, depth = found
        if depth > MAX_DEPTH:
            raise Unappliable(f"the element is more than {MAX_DEPTH} levels deep")
        return place

    def _type_of(self, element: Resource) -> str:
        if element is self.root:
            return str(self.root["resourceType"])
        return type_of(element, self._place(element).child.type_name)

    def _spend(self, visits: int) -> None:
        self._visits += visits
        if self._visits > MAX_VISITS:
            raise TooCostly("The patch has too many operations for a resource of this size.")


def _element(value: Json) -> Resource:
    """Return the object by which an item of a path's result is known."""
    element = value.element if isinstance(value, Extended) else value
    if not isinstance(element, dict):
        raise Unappliable("the path selects a computed value, not an element")
    return element


_APPLY: Final[dict[str, Callable[[_Patched, Operation], None]]] = {
    "add": _Patched.add,
    "insert": _Patched.insert,
    "delete": _Patched.delete,
    "replace": _Patched.replace,
    "move": _Patched.move,
}
