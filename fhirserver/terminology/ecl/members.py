"""What reference sets have: the concepts in their fields, the reference sets that have concepts, histories.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language,
sections 6.1, 6.10 and 6.11
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from fhirserver.terminology.concepts import Mask
from fhirserver.terminology.ecl.columns import MaskOf, Passing, is_operand, of_concepts, of_rows
from fhirserver.terminology.ecl.errors import BadConstraint
from fhirserver.terminology.ecl.ontology import Bools, Ontology
from fhirserver.terminology.ecl.ontology import Members as MemberRows
from fhirserver.terminology.ecl.syntax import Concepts, Containing, Everything, Filters, Members, Op, Test

COMPONENT: Final = "referencedComponentId"
_TARGET: Final = "targetComponentId"
_Known: TypeAlias = Sequence[tuple[int, MemberRows]]
_Passes: TypeAlias = Callable[[MemberRows], Bools]


@dataclass(frozen=True, slots=True)
class Membership:
    """Works out members on one version."""

    ontology: Ontology
    mask_of: MaskOf

    def members(self, wanted: Members) -> Mask:
        """Return the concepts in fields of the members of reference sets; raises BadConstraint for unknown fields."""
        known = list(self._rows(self.mask_of(wanted.of)))
        passes = self._filters(wanted.filters, known)
        fields = wanted.fields or (COMPONENT,)
        _check_fields(fields, known, wanted.at)
        found = np.zeros(len(self.ontology), np.bool_)
        for _, rows in known:
            passing = passes(rows)
            for name in rows.fields if wanted.has_all_fields else fields:
                _add(found, rows, name, passing)
        return found

    def containing(self, wanted: Containing) -> Mask:
        """Return the reference sets that have any of some concepts."""
        known, mask = list(self._rows(None)), self.mask_of(wanted.of)
        passes = self._filters(wanted.filters, known)
        found = np.zeros(len(self.ontology), np.bool_)
        for number, rows in known:
            found[number] = bool(np.any(_having(rows, COMPONENT, mask) & passes(rows)))
        return found

    def replaced(self, mask: Mask, refsets: Mask) -> Mask:
        """Return the concepts that associations say to have been replaced by some concepts."""
        found = np.zeros(len(self.ontology), np.bool_)
        for _, rows in self._rows(refsets):
            _add(found, rows, COMPONENT, _having(rows, _TARGET, mask) & rows.rows.active)
        return found

    def _rows(self, refsets: Mask | None) -> Iterator[tuple[int, MemberRows]]:
        """Yield the rows of reference sets, of all if it is not said of which."""
        for number in self.ontology.refsets():
            rows = self.ontology.members(number) if refsets is None or refsets[number] else None
            if rows is not None:
                yield number, rows

    def _filters(self, filters: Sequence[Filters], known: _Known) -> _Passes:
        """Return which rows pass all of some filters; those in use only, if no filter is on that."""
        tests = [one for each in filters for one in each.tests]
        prepared = [self._test(one, known) for one in tests]
        if all(one.field != "active" for one in tests):
            prepared.append(lambda rows: rows.rows.active)
        return lambda rows: np.logical_and.reduce([passes(rows) for passes in prepared])

    def _test(self, test: Test, known: _Known) -> _Passes:
        on_rows = of_rows(test, self.mask_of)
        if on_rows is not None:
            return lambda rows: on_rows(rows.rows)
        _check_fields((test.field,), known, test.at)
        wanted = test.wanted if is_operand(test.wanted) else Concepts(Everything())
        passing = Passing(test.op, wanted, len(self.ontology), self.mask_of)

        def passes(rows: MemberRows) -> Bools:
            column = rows.fields.get(test.field)
            return np.zeros(len(rows.rows.active), np.bool_) if column is None else passing.rows(column)

        return passes


def _having(rows: MemberRows, name: str, mask: Mask) -> Bools:
    """Return the rows that have any of some concepts in a field."""
    column = rows.fields.get(name)
    if column is None:
        return np.zeros(len(rows.rows.active), np.bool_)
    return of_concepts(np.maximum(column.cells, -1), mask, Op.EQUAL)


def _add(found: Mask, rows: MemberRows, name: str, passing: Bools) -> None:
    """Add the concepts that some rows have in a field."""
    column = rows.fields.get(name)
    if column is not None:
        cells = column.cells[passing]
        found[cells[cells >= 0]] = True


def _check_fields(names: Iterable[str], known: _Known, at: int) -> None:
    """Refuse a field that none of the reference sets at hand has."""
    having = {name for _, rows in known for name in rows.fields}
    missing = next((name for name in names if known and name not in having), None)
    if missing is not None:
        listed = ", ".join(f"`{name}`" for name in sorted(having))
        raise BadConstraint(f"No reference set here has a field `{missing}` (position {at + 1}); they have {listed}.")
