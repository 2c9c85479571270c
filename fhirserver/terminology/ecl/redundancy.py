"""How many attributes a concept or a group has, without those that say no more than another one does.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language, section 6.3
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fhirserver.terminology.ecl.ontology import Bools, Ints, Ontology


@dataclass(frozen=True, slots=True)
class Said:
    """Attributes and their values (cells of their column), by the concept or group that has them."""

    key: Ints
    attribute: Ints
    cell: Ints

    def at(self, places: Bools) -> "Said":
        """Return some of them."""
        return Said(self.key[places], self.attribute[places], self.cell[places])


def counted(said: Said, size: int, ontology: Ontology) -> npt.NDArray[np.intp]:
    """Return for each key how many attributes it has that say more than its others."""
    once = _once(said)
    counts = np.bincount(once.key, minlength=size)
    several = once.at(counts[once.key] > 1)
    if len(several.key):
        counts -= np.bincount(several.key[_redundant(several, ontology)], minlength=size)
    return counts


def _once(said: Said) -> Said:
    """Return each of them once, sorted."""
    order = np.lexsort((said.cell, said.attribute, said.key))
    found = Said(said.key[order], said.attribute[order], said.cell[order])
    is_new = np.ones(len(order), np.bool_)
    is_new[1:] = (np.diff(found.key) != 0) | (np.diff(found.attribute) != 0) | (np.diff(found.cell) != 0)
    return found.at(is_new)


def _redundant(said: Said, ontology: Ontology) -> Bools:
    """Return which ones are above others of the same key."""
    found = [False] * len(said.key)
    attributes, cells = said.attribute.tolist(), said.cell.tolist()
    known: dict[tuple[int, int], bool] = {}

    def is_above(upper: int, lower: int) -> bool:
        if (upper, lower) not in known:
            known[upper, lower] = ontology.subsumes(upper, lower)
        return known[upper, lower]

    for one, other in _pairs(said.key):
        if cells[one] >= 0 and cells[other] >= 0:
            for upper, lower in ((one, other), (other, one)):
                if not found[upper] and is_above(cells[upper], cells[lower]):
                    found[upper] = is_above(attributes[upper], attributes[lower])
    return np.array(found, np.bool_)


def _pairs(keys: Ints) -> Iterator[tuple[int, int]]:
    """Yield the places of any two that have the same key; keys are sorted."""
    distance = 1
    while True:
        firsts = np.flatnonzero(keys[distance:] == keys[:-distance])
        if not len(firsts):
            return
        yield from ((one, one + distance) for one in firsts.tolist())
        distance += 1
