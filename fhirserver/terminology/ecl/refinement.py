"""Which concepts have attributes as a refinement says: rows of relationships, and groups by the first row of each.

A relationship that is in no group stands alone, as in a group of its own. The releases are in normal form, so that no
group has an attribute twice; attributes of several groups are counted once where one says no more than another.
Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language, sections 6.2 to 6.5
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fhirserver.terminology.concepts import Mask
from fhirserver.terminology.ecl.columns import MaskOf, Passing, of_concepts
from fhirserver.terminology.ecl.errors import BadConstraint
from fhirserver.terminology.ecl.ontology import Bools, Ints, Ontology, Relationships
from fhirserver.terminology.ecl.redundancy import Said, counted
from fhirserver.terminology.ecl.syntax import (
    Attribute,
    Attributes,
    AttributeSet,
    Cardinality,
    Everything,
    Expression,
    Group,
    Junction,
    Named,
    Refinement,
    Refinements,
    Reversed,
)

_ROWS_A_STEP: Final = 100_000
_COUNTED_A_STEP: Final = 2000
"""Rows that are looked at, and that are sorted, in a millisecond."""
_AT_LEAST_ONE: Final = Cardinality()
_Places = npt.NDArray[np.intp]


def first_rows(relationships: Relationships) -> Ints:
    """Return for each row the first one of its group; rows are sorted by source and group."""
    source, group = relationships.source, relationships.group
    begins = np.ones(len(source), np.bool_)
    begins[1:] = (source[1:] != source[:-1]) | (group[1:] != group[:-1]) | (group[1:] == 0)
    found: Ints = np.maximum.accumulate(np.where(begins, np.arange(len(source), dtype=np.int32), 0)).astype(np.int32)
    return found


@dataclass(frozen=True, slots=True)
class Refining:
    """Works out refinements on one version; ``first`` are the first rows of groups, ``spend`` counts steps."""

    ontology: Ontology
    first: Ints
    mask_of: MaskOf
    spend: Callable[[int], None]

    def mask(self, refinement: Refinement) -> Mask:
        """Return the concepts that are as a refinement says."""
        if isinstance(refinement, Refinements):
            return _joined(refinement.junction, [self.mask(part) for part in refinement.parts])
        if isinstance(refinement, Group):
            return self._group(refinement)
        size, relationships = len(self.ontology), self.ontology.relationships
        if isinstance(refinement, Attribute):
            places = self._rows(refinement)
            if refinement.cardinality == _AT_LEAST_ONE:
                return _once(relationships.source[places], size)
            counts = self._counts(refinement.cardinality, relationships.source[places], places, size)
        else:
            places = self._reversed_rows(refinement)
            counts = _reverse_counts(relationships.value.cells[places], relationships.source[places], size)
        return _within(refinement.cardinality, counts)

    def _group(self, wanted: Group) -> Mask:
        size = len(self.ontology)
        if _is_reversed(wanted.by):
            return _within(wanted.cardinality, np.bincount(self._pairs(wanted.by) % size, minlength=size))
        sources = self.ontology.relationships.source[np.flatnonzero(self._groups(wanted.by))]
        return _within(wanted.cardinality, np.bincount(sources, minlength=size))

    def _groups(self, wanted: AttributeSet) -> Bools:
        """Return the groups that are as wanted: true at their first rows."""
        if isinstance(wanted, Attributes):
            return _joined(wanted.junction, [self._groups(part) for part in wanted.parts])
        size = len(self.first)
        if isinstance(wanted, Reversed):  # not among others, see _is_reversed
            return np.zeros(size, np.bool_)
        places = self._rows(wanted)
        if wanted.cardinality == _AT_LEAST_ONE:
            return _once(self.first[places], size)
        counts = self._counts(wanted.cardinality, self.first[places], places, size)
        found: Bools = _within(wanted.cardinality, counts) & (self.first == np.arange(size))
        return found

    def _pairs(self, wanted: AttributeSet) -> npt.NDArray[np.int64]:
        """Return the groups of others that have concepts as values as wanted: pairs of a group and a value."""
        if isinstance(wanted, Attributes):
            found, *others = [self._pairs(part) for part in wanted.parts]
            for other in others:
                found = (np.intersect1d if wanted.junction is Junction.AND else np.union1d)(found, other)
            return found
        if isinstance(wanted, Attribute):  # not among others, see _is_reversed
            return np.zeros(0, np.int64)
        if wanted.cardinality != _AT_LEAST_ONE:
            raise BadConstraint(f"A reversed attribute in a group has no cardinality (position {wanted.at + 1}).")
        places = self._reversed_rows(wanted)
        cells = self.ontology.relationships.value.cells[places].astype(np.int64)
        return np.unique(self.first[places].astype(np.int64) * len(self.ontology) + cells)

    def _rows(self, wanted: Attribute) -> _Places:
        """Return the rows whose attribute and value are as wanted."""
        places = self._named(wanted.name)
        self.spend(len(places) // _ROWS_A_STEP)
        passing = Passing(wanted.op, wanted.value, len(self.ontology), self.mask_of)
        return places[passing.rows(self.ontology.relationships.value, places)]

    def _reversed_rows(self, wanted: Reversed) -> _Places:
        """Return the rows whose attribute and source are as wanted, and whose value is a concept."""
        places, relationships = self._named(wanted.name), self.ontology.relationships
        self.spend(len(places) // _COUNTED_A_STEP)
        passing = of_concepts(relationships.source[places], self.mask_of(wanted.sources), wanted.op)
        return places[passing & (relationships.value.cells[places] >= 0)]

    def _named(self, name: Expression) -> _Places:
        """Return the rows of some attributes."""
        attributes = self.ontology.relationships.attribute
        if isinstance(name, Everything):
            return np.arange(len(attributes))
        if isinstance(name, Named):
            number = self.ontology.number(name.code)
            return np.flatnonzero(attributes == (-1 if number is None else number))
        return np.flatnonzero(self.mask_of(name)[attributes])

    def _counts(self, cardinality: Cardinality, keys: Ints, places: _Places, size: int) -> npt.NDArray[np.intp]:
        """Return how often each concept, or each group, has what some rows say."""
        if cardinality.least <= 1 and cardinality.most in (None, 0):
            return np.bincount(keys, minlength=size)
        self.spend(len(places) // _COUNTED_A_STEP)
        relationships = self.ontology.relationships
        said = Said(keys, relationships.attribute[places], relationships.value.cells[places])
        return counted(said, size, self.ontology)


def dotted(relationships: Relationships, mask: Mask, names: Mask) -> Mask:
    """Return the concepts that are values of attributes of others."""
    cells = relationships.value.cells[np.flatnonzero(mask[relationships.source] & names[relationships.attribute])]
    found = np.zeros(len(mask), np.bool_)
    found[cells[cells >= 0]] = True
    return found


def _once(keys: Ints, size: int) -> Bools:
    found = np.zeros(size, np.bool_)
    found[keys] = True
    return found


def _reverse_counts(cells: Ints, sources: Ints, size: int) -> npt.NDArray[np.intp]:
    """Return of how many concepts each one is a value."""
    pairs = np.unique(cells.astype(np.int64) * size + sources)
    return np.bincount(pairs // size, minlength=size)


def _within(cardinality: Cardinality, counts: npt.NDArray[np.intp]) -> Bools:
    found: Bools = counts >= cardinality.least
    if cardinality.most is not None:
        found &= counts <= cardinality.most
    return found


def _joined(junction: Junction, parts: list[Bools]) -> Bools:
    joining = np.logical_and if junction is Junction.AND else np.logical_or
    found: Bools = joining.reduce(parts)
    return found


def _is_reversed(wanted: AttributeSet) -> bool:
    """Tell whether the attributes of a group are reversed; raises BadConstraint where some are and some are not."""
    pending, found, at = [wanted], set[bool](), 0
    while pending:
        one = pending.pop()
        if isinstance(one, Attributes):
            pending.extend(one.parts)
        else:
            found.add(isinstance(one, Reversed))
            at = one.at if isinstance(one, Reversed) else at
    if len(found) > 1:
        raise BadConstraint(f"One group has attributes in both directions (position {at + 1}).")
    return True in found
