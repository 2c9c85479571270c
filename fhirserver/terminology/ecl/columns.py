"""Which cells of a column are as a constraint says: the question is asked once of each concept and each value.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language, sections 6.2 and 6.10
"""

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias, TypeGuard

import numpy as np

from fhirserver.terminology.concepts import Mask, Numbers
from fhirserver.terminology.ecl.ontology import Bools, Column, Ints, Rows, Value
from fhirserver.terminology.ecl.searching import fits, has_words, read_pattern
from fhirserver.terminology.ecl.syntax import (
    Activity,
    Concepts,
    Dates,
    Everything,
    Expression,
    Number,
    Op,
    Operand,
    Search,
    Searches,
    Test,
    Texts,
    Truth,
    Wanted,
)
from fhirserver.terminology.words import fold

MaskOf: TypeAlias = Callable[[Expression], Mask]
_Test: TypeAlias = Callable[[Value], bool]
Concrete: TypeAlias = Number | Truth | Dates | Texts | Searches
_COMPARED: Final[Mapping[Op, Callable[[float, float], bool]]] = MappingProxyType(
    {
        Op.EQUAL: operator.eq,
        Op.NOT_EQUAL: operator.ne,
        Op.LESS: operator.lt,
        Op.AT_MOST: operator.le,
        Op.MORE: operator.gt,
        Op.AT_LEAST: operator.ge,
    }
)
_TRUTHS: Final[Mapping[str, bool]] = MappingProxyType({"1": True, "0": False, "true": True, "false": False})


class Passing:
    """Tells which cells pass a comparison."""

    def __init__(self, op: Op, operand: Operand, size: int, mask_of: MaskOf) -> None:
        """Prepare a comparison for a code system of ``size`` concepts."""
        self._is_equal = op is Op.EQUAL
        if isinstance(operand, Concepts):
            mask = mask_of(operand.by)
            self._concepts = mask if self._is_equal else ~mask
            is_any = isinstance(operand.by, Everything) and self._is_equal
            self._test: _Test = lambda value: is_any
        else:
            self._concepts = np.zeros(size, np.bool_)
            self._test = test_of(op, operand)

    def rows(self, column: Column, places: Numbers | None = None) -> Bools:
        """Return for each row, or each of those at ``places``, whether its cell passes."""
        values = np.fromiter((self._test(value) for value in column.values), np.bool_, len(column.values))
        known = np.concatenate((self._concepts, values[::-1]))
        cells = column.cells if places is None else column.cells[places]
        found: Bools = known[cells]  # cells below 0 count from the end
        return found


def is_operand(wanted: Wanted) -> TypeGuard[Operand]:
    """Tell whether something is compared with the cells of a column."""
    return isinstance(wanted, (Concepts, Number, Texts, Searches, Truth, Dates))


def test_of(op: Op, operand: Concrete) -> _Test:
    """Return what tells whether a value passes a comparison; a value of another kind does not."""
    if isinstance(operand, Number):
        return _number(op, operand.value)
    if isinstance(operand, Truth):
        wanted = operand.value is (op is Op.EQUAL)
        return lambda value: _truth(value) is wanted
    if isinstance(operand, Dates):
        return _date(op, operand.values)
    if isinstance(operand, Texts):
        listed, is_equal = frozenset(operand.values), op is Op.EQUAL
        return lambda value: isinstance(value, str) and (value in listed) is is_equal
    return _searches(op, operand.values)


def _number(op: Op, wanted: float) -> _Test:
    compared = _COMPARED[op]
    return lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and compared(value, wanted)


def _truth(value: Value) -> bool | None:
    if isinstance(value, bool):
        return value
    text = value.lower() if isinstance(value, str) else f"{value:g}"
    return _TRUTHS.get(text)


def _date(op: Op, wanted: tuple[int, ...]) -> _Test:
    def test(value: Value) -> bool:
        text = value if isinstance(value, str) else f"{value:.0f}"
        if not (text.isascii() and text.isdigit()):
            return False
        return bool(days(np.array([int(text[:8])], np.int32), op, wanted)[0])

    return test


def _searches(op: Op, wanted: tuple[Search, ...]) -> _Test:
    tests = [_search(one) for one in wanted]
    is_equal = op is Op.EQUAL
    return lambda value: isinstance(value, str) and any(test(value) for test in tests) is is_equal


def _search(wanted: Search) -> Callable[[str], bool]:
    if wanted.is_pattern:
        pattern = read_pattern(wanted.text)
        return lambda text: fits(pattern, text)
    asked = tuple(fold(wanted.text).split())
    return lambda text: has_words(asked, text)


def of_rows(test: Test, mask_of: MaskOf) -> Callable[[Rows], Bools] | None:
    """Return what tells which rows pass a filter on what every row says; None: it is a filter on something else."""
    op, wanted = test.op, test.wanted
    if test.field == "active" and isinstance(wanted, Activity):
        values = wanted.values
        return lambda rows: in_use(rows, op, values)
    if test.field == "effectiveTime" and isinstance(wanted, Dates):
        asked = wanted.values
        return lambda rows: days(rows.effective_time, op, asked)
    if test.field == "moduleId" and isinstance(wanted, Concepts):
        mask = mask_of(wanted.by)
        return lambda rows: of_concepts(rows.module, mask, op)
    return None


def days(given: Ints, op: Op, wanted: tuple[int, ...]) -> Bools:
    """Return which days are as wanted: one of them, none of them, before or after any; 0 is no day."""
    if op in (Op.EQUAL, Op.NOT_EQUAL):
        found: Bools = np.isin(given, np.array(wanted, np.int32), invert=op is Op.NOT_EQUAL)
        return found
    compared = _COMPARED[op]
    found = np.zeros(len(given), np.bool_)
    for day in wanted:
        if day:
            found |= np.asarray(compared(given, day)) & (given > 0)  # type: ignore[arg-type]
    return found


def of_concepts(given: Ints, mask: Mask, op: Op) -> Bools:
    """Return which concepts of a column are in a mask, or are not; none is in neither."""
    known = np.append(mask if op is Op.EQUAL else ~mask, False)
    found: Bools = known[given]
    return found


def in_use(rows: Rows, op: Op, values: frozenset[bool]) -> Bools:
    """Return which rows are in use, or are not."""
    wanted = values if op is Op.EQUAL else frozenset({True, False}) - values
    if len(wanted) == 2:
        return np.ones(len(rows.active), np.bool_)
    if not wanted:
        return np.zeros(len(rows.active), np.bool_)
    return rows.active.copy() if True in wanted else ~rows.active
