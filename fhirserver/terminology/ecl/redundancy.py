"""How many attributes a concept or a group has, without those that say no more than another one does.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language, section 6.3
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fhirserver.terminology.concepts import Numbers
from fhirserver.terminology.ecl.ontology import Bools, Ints, Ontology


@dataclass(frozen=True, slots=True)
class Said:
    """Attributes and their values (cells of their column), by the concept or group that has them."""

    key: Ints
    attribute: Ints
    cell: Ints

    def at(self, places: Bools | Numbers) -> "Said":
        """Return some of them."""
        return Said(self.key[places], self.attribute[places], self.cell[places])


def counted(said: Said, size: int, ontology: Ontology) -> npt.NDArray[np.intp]:
    """Return for each key how many attributes it has that say more than its others."""
    counts = np.bincount(said.key, minlength=size)
    several = _once(said.at(counts[said.key] > 1))
    is_several = counts > 1
    counts[is_several] = np.bincount(several.key, minlength=size)[is_several]
    return counts - np.bincount(several.key[_redundant(several, ontology)], minlength=size)


def _once(said: Said) -> Said:
    """Return each of them once, sorted."""
    order = np.lexsort((said.cell, said.attribute, said.key))
    found = said.at(order)
    is_new = np.ones(len(order), np.bool_)
    is_new[1:] = (np.diff(found.key) != 0) | (np.diff(found.attribute) != 0) | (np.diff(found.cell) != 0)
    return found.at(is_new)


def _redundant(said: Said, ontology: Ontology) -> Bools:
    """Return which ones are above others of the same key."""
    found = np.zeros(len(said.key), np.bool_)
    attributes, places = np.unique(said.attribute, return_inverse=True)
    is_above = _relations(attributes.tolist(), ontology)
    for one, other in _pairs(said.key):
        kept = is_above[places[one], places[other]] & (said.cell[one] >= 0) & (said.cell[other] >= 0)
        uppers, lowers = one[kept], other[kept]
        cells = zip(said.cell[uppers].tolist(), said.cell[lowers].tolist(), strict=True)
        subsumes = np.fromiter((ontology.subsumes(*pair) for pair in cells), np.bool_, len(uppers))
        found[uppers[subsumes]] = True
    return found


def _relations(concepts: list[int], ontology: Ontology) -> Bools:
    """Return of any two of a few concepts whether the first is the second or above it."""
    found = np.eye(len(concepts), dtype=np.bool_)
    for place, concept in enumerate(concepts):
        found[place] |= ontology.descendants(concept)[concepts]
    return found


def _pairs(keys: Ints) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield the places of any two that have the same key, both ways round; keys are sorted."""
    distance = 1
    while True:
        firsts = np.flatnonzero(keys[distance:] == keys[:-distance])
        if not len(firsts):
            return
        yield firsts, firsts + distance
        yield firsts + distance, firsts
        distance += 1
