"""Concepts by the values of their properties: sorted keys, each with the concepts that have it.

A key is the code of a property, a zero byte, and the value as filters compare it.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from itertools import chain

import numpy as np

from fhirserver.terminology.concepts import Mask
from fhirserver.terminology.index.sections import Array, Sections, SectionWriter


class FactWriter:
    """Takes the properties of concepts that come one by one."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._numbers: dict[bytes, array[int]] = {}

    def add(self, name: str, value: str, number: int) -> None:
        """Take one property of a concept; concepts come in order."""
        numbers = self._numbers.setdefault(_key(name, value), array("i"))
        if not numbers or numbers[-1] != number:
            numbers.append(number)

    def write(self, writer: SectionWriter) -> None:
        """Write all of them."""
        keys = sorted(self._numbers)
        lists = [self._numbers[key] for key in keys]
        offsets = np.zeros(len(keys) + 1, np.uint32)
        np.cumsum(np.fromiter(map(len, lists), np.uint32, len(lists)), out=offsets[1:])
        writer.add_texts("fact", keys)
        writer.add("fact.of.offsets", offsets)
        writer.add("fact.of.targets", np.fromiter(chain.from_iterable(lists), np.int32))


class Facts:
    """The properties of the concepts of an index."""

    def __init__(self, sections: Sections, concepts: int) -> None:
        """Read what a FactWriter has written."""
        self._keys = sections.texts("fact")
        self._numbers = sections.lists("fact.of")
        self._concepts = concepts

    def knows(self, name: str) -> bool:
        """Tell whether a concept has this property."""
        first, last = self._range(name)
        return last > first

    def with_value(self, name: str, value: str) -> Mask:
        """Return the concepts that have a property with this value."""
        key = _key(name, value)
        place = bisect_left(self._keys, key)
        has_key = place < len(self._keys) and self._keys[place] == key
        return self._mask(self._numbers[place] if has_key else np.zeros(0, np.int32))

    def having(self, name: str) -> Mask:
        """Return the concepts that have a property."""
        first, last = self._range(name)
        return self._mask(self._numbers.targets[self._numbers.offsets[first] : self._numbers.offsets[last]])

    def values(self, name: str) -> Iterator[str]:
        """Yield the values that a property has."""
        start = len(_key(name, ""))
        yield from (str(self._keys[place][start:], "utf-8") for place in range(*self._range(name)))

    def _range(self, name: str) -> tuple[int, int]:
        first = bisect_left(self._keys, _key(name, ""))
        return first, bisect_left(self._keys, name.encode("utf-8", "replace") + b"\1", first)

    def _mask(self, numbers: Array) -> Mask:
        found = np.zeros(self._concepts, np.bool_)
        found[numbers] = True
        return found


def _key(name: str, value: str) -> bytes:
    return f"{name}\0{value}".encode("utf-8", "replace")
