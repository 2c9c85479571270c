"""The FHIRPath Patch that turns one resource into another of its type, but for what the server assigns.

Lists are aligned by the entries that are the same in both; between those, entries are compared pairwise.
Spec: http://hl7.org/fhir/R4/fhirpatch.html
"""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final, TypeAlias

from fhirserver.codec.fhir_json import encode_literal
from fhirserver.definitions.elements import Kind
from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath.ast import Identifier
from fhirserver.kernel.resource import Json, Resource
from fhirserver.patch.parts import Node, Parts

MAX_ALIGNED: Final = 40_000
"""Pairs of entries to consider; longer lists are compared from their beginning on."""
_ASSIGNED: Final = frozenset({"versionId", "lastUpdated"})

Elements: TypeAlias = dict[str, list[Node]]
"""The elements of an object by name."""


def difference(one: Resource, other: Resource, definitions: Definitions) -> Resource:
    """Return the patch from ``one`` to ``other``, as a Parameters resource; both are of the same type."""
    found = _Difference(definitions)
    name = one["resourceType"]
    found.objects(name, name, _comparable(one), _comparable(other))
    answer: Resource = {"resourceType": "Parameters"}
    if found.operations:
        answer["parameter"] = found.operations
    return answer


def _comparable(resource: Resource) -> Resource:
    """Leave out what a patch cannot change."""
    found = {name: value for name, value in resource.items() if name != "id"}
    if "meta" in found:
        found["meta"] = {name: value for name, value in found["meta"].items() if name not in _ASSIGNED}
    return found


class _Difference:
    def __init__(self, definitions: Definitions) -> None:
        self.operations: list[Resource] = []
        self._definitions = definitions
        self._parts = Parts(definitions)

    def objects(self, path: str, type_name: str, one: Resource, other: Resource) -> None:
        """Tell two objects of one type apart."""
        mine, others = self._elements(type_name, one), self._elements(type_name, other)
        for name in dict.fromkeys((*mine, *others)):
            before, after = mine.get(name, []), others.get(name, [])
            place = f"{path}.{Identifier(name)}"
            if (before or after)[0].child.element.repeats:
                self._lists(path, place, before, after)
            elif not after:
                self._say("delete", place)
            elif not before:
                self._add(path, after[0])
            else:
                self._entries(place, before[0], after[0])

    def _elements(self, type_name: str, element: Resource) -> Elements:
        found: Elements = {}
        for node in self._parts.nodes(type_name, element):
            found.setdefault(node.child.element.name, []).append(node)
        return found

    def _entries(self, place: str, one: Node, other: Node) -> None:
        if _fingerprint(one) == _fingerprint(other):
            return
        if self._are_alike(one, other):
            self.objects(place, _type_of(one), one.value, other.value)
        else:
            self._say("replace", place, self._value(other))

    def _are_alike(self, one: Node, other: Node) -> bool:
        """Tell whether to compare what two elements consist of: they have something in common."""
        if _type_of(one) != _type_of(other) or self._definitions.type(_type_of(one)).kind is Kind.PRIMITIVE:
            return False
        if one.child.type_name == "Meta":  # a part of it is the server's
            return True
        same = (key for key in one.value.keys() & other.value.keys() if key != "resourceType")
        return any(_canonical(one.value[key]) == _canonical(other.value[key]) for key in same)

    def _lists(self, path: str, place: str, before: Sequence[Node], after: Sequence[Node]) -> None:
        cursor, length = 0, len(before)
        for kept, (old, end), (new, last) in _alignment(before, after):
            if kept:
                cursor += end - old
                continue
            pairs = min(end - old, last - new)
            for step in range(pairs):
                self._entries(f"{place}[{cursor}]", before[old + step], after[new + step])
                cursor += 1
            for _ in range(end - old - pairs):
                self._say("delete", f"{place}[{cursor}]")
                length -= 1
            for node in after[new + pairs : last]:
                if cursor == length:
                    self._add(path, node)
                else:
                    self._say("insert", place, self._value(node), {"name": "index", "valueInteger": cursor})
                cursor, length = cursor + 1, length + 1

    def _add(self, path: str, node: Node) -> None:
        if node.value == {}:  # a meta of which nothing can be set
            return
        name = {"name": "name", "valueString": node.child.element.name}
        self._say("add", path, name, self._value(node))

    def _value(self, node: Node) -> Resource:
        return self._parts.part("value", node)

    def _say(self, kind: str, path: str, *parts: Resource) -> None:
        fixed = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
        self.operations.append({"name": "operation", "part": [*fixed, *parts]})


def _type_of(node: Node) -> str:
    value = node.value
    own = value.get("resourceType") if isinstance(value, dict) else None
    return str(own) if own is not None else node.child.type_name


def _alignment(before: Sequence[Node], after: Sequence[Node]) -> list[tuple[bool, tuple[int, int], tuple[int, int]]]:
    """Return the stretches of two lists, in order: whether they are the same, and where they are in each."""
    mine, others = [_fingerprint(node) for node in before], [_fingerprint(node) for node in after]
    start = _common(mine, others)
    end = _common(mine[start:][::-1], others[start:][::-1])
    old, new = len(mine) - end, len(others) - end
    if (old - start) * (new - start) > MAX_ALIGNED:
        middle = [(False, (start, old), (start, new))]
    else:
        matcher = SequenceMatcher(None, mine[start:old], others[start:new], autojunk=False)
        middle = [
            (tag == "equal", (start + i1, start + i2), (start + j1, start + j2))
            for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        ]
    return [(True, (0, start), (0, start)), *middle, (True, (old, len(mine)), (new, len(others)))]


def _common(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    """Count how many entries are the same at the beginning."""
    differs = (index for index, (mine, others) in enumerate(zip(one, other, strict=False)) if mine != others)
    return next(differs, min(len(one), len(other)))


def _fingerprint(node: Node) -> bytes:
    """Return what is equal of equal elements alone: types, the digits of numbers and extensions count."""
    return encode_literal([node.child.type_name, _canonical(node.value).decode(), _canonical(node.extras).decode()])


def _canonical(value: Json) -> bytes:
    return encode_literal(_sorted(value))


def _sorted(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value
