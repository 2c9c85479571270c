"""Codes by number, and the number of a code by a table of hashes that needs no loading."""

from collections.abc import Sequence
from typing import Final
from zlib import crc32

import numpy as np

from fhirserver.terminology.index.sections import Sections, SectionWriter

_SPARSE: Final = 3
"""Places of the table for each code, at least; twice as many at most."""


def write(writer: SectionWriter, codes: Sequence[bytes]) -> None:
    """Write codes in the order of their numbers, and the table."""
    writer.add_texts("code", codes)
    size = 1 << max(4, (len(codes) * _SPARSE).bit_length())
    slots = np.zeros(size, np.uint32)
    numbers = np.arange(1, len(codes) + 1, dtype=np.uint32)
    places = np.fromiter(map(crc32, codes), np.int64, len(codes)) & (size - 1)
    while len(numbers):
        free = np.flatnonzero(slots[places] == 0)
        _, first = np.unique(places[free], return_index=True)
        taken = free[first]
        slots[places[taken]] = numbers[taken]
        left = np.ones(len(numbers), np.bool_)
        left[taken] = False
        numbers, places = numbers[left], (places[left] + 1) & (size - 1)
    writer.add("code.slots", slots)


class Codes:
    """The codes of an index."""

    def __init__(self, sections: Sections) -> None:
        """Read what ``write`` has written."""
        self._texts = sections.texts("code")
        self._slots = sections.view("code.slots")

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._texts)

    def __getitem__(self, number: int) -> str:
        """Return a code."""
        return self._texts.text(number)

    def find(self, code: str) -> int | None:
        """Return the number of a code."""
        wanted, slots = code.encode("utf-8", "surrogatepass"), self._slots
        last = len(slots) - 1
        place = crc32(wanted) & last
        while (number := slots[place]) != 0:
            if self._texts[number - 1] == wanted:
                return int(number) - 1
            place = (place + 1) & last
        return None
