"""Answers of expression constraints, remembered for each version: few constraints are asked for often.

Spec: http://hl7.org/fhir/R4/snomedct.html
"""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final, TypeAlias
from weakref import WeakKeyDictionary, ref

import numpy as np
import numpy.typing as npt

from fhirserver.terminology.concepts import Mask
from fhirserver.terminology.ecl.evaluation import Evaluation
from fhirserver.terminology.ecl.ontology import Ints, Ontology
from fhirserver.terminology.ecl.parser import MAX_REMEMBERED, parse
from fhirserver.terminology.ecl.refinement import first_rows
from fhirserver.terminology.ecl.syntax import Everything, Expression, Joined, Junction, Named, Related, Relation

Test: TypeAlias = Callable[[int], bool]
_Bits: TypeAlias = npt.NDArray[np.uint8]
_MAX_KNOWN: Final = 64
"""Answers of one version that are remembered, as bits: some 45 kB each of 350,000 concepts."""
_FEW: Final = 16
"""Parts of a constraint that are asked one after the other."""
_DOWN: Final = frozenset({Relation.DESCENDANT, Relation.DESCENDANT_OR_SELF})
_UP: Final = frozenset({Relation.ANCESTOR, Relation.ANCESTOR_OR_SELF})
_WITH_SELF: Final = frozenset({Relation.DESCENDANT_OR_SELF, Relation.ANCESTOR_OR_SELF})


class _Known:
    """What was worked out on one version."""

    def __init__(self) -> None:
        self._first_rows: Ints | None = None
        self._bits: OrderedDict[Expression, _Bits] = OrderedDict()
        self._lock = Lock()

    def bits(self, ontology: Ontology, expression: Expression) -> _Bits:
        """Return what a constraint selects, as bits, which are remembered."""
        with self._lock:
            known = self._bits.get(expression)
            if known is not None:
                self._bits.move_to_end(expression)
                return known
        found = self.worked_out(ontology, expression)
        with self._lock:
            self._bits[expression] = found
            if len(self._bits) > _MAX_KNOWN:
                self._bits.popitem(last=False)
        return found

    def worked_out(self, ontology: Ontology, expression: Expression) -> _Bits:
        """Work out what a constraint selects."""
        return np.packbits(Evaluation(ontology, lambda: self._firsts(ontology)).selected(expression))

    def _firsts(self, ontology: Ontology) -> Ints:
        if self._first_rows is None:
            self._first_rows = first_rows(ontology.relationships)
        return self._first_rows


_ALL: Final[WeakKeyDictionary[Ontology, _Known]] = WeakKeyDictionary()
_ALL_LOCK: Final = Lock()


def selected(ontology: Ontology, text: str) -> Mask:
    """Return the concepts that an expression constraint selects; raises BadConstraint, CostlyConstraint."""
    known, expression = _known(ontology), parse(text)
    working_out = known.bits if len(text) <= MAX_REMEMBERED else known.worked_out
    bits = working_out(ontology, expression)
    return np.unpackbits(bits, count=len(ontology)).view(np.bool_)


def holding(ontology: Ontology, text: str) -> Test:
    """Return what tells whether an expression constraint selects a concept; raises as ``selected`` does."""
    expression = parse(text)
    if len(text) <= MAX_REMEMBERED:
        return _test(ontology, expression)
    bits = _known(ontology).worked_out(ontology, expression)
    return lambda number: _has(bits, number)


def _known(ontology: Ontology) -> _Known:
    with _ALL_LOCK:
        return _ALL.setdefault(ontology, _Known())


def _test(ontology: Ontology, expression: Expression) -> Test:
    """Return a test that asks the hierarchy where that is all it takes, and what was worked out once where not."""
    if isinstance(expression, Everything):
        return lambda number: True
    if isinstance(expression, Named):
        wanted = ontology.number(expression.code)
        return lambda number: number == wanted
    if isinstance(expression, Related) and isinstance(expression.of, Named) and expression.relation in _DOWN | _UP:
        return _in_line(ontology, expression.relation, ontology.number(expression.of.code))
    if isinstance(expression, Joined) and len(expression.parts) <= _FEW:
        return _joined(expression.junction, [_test(ontology, part) for part in expression.parts])
    return _remembered(ontology, expression)


def _remembered(ontology: Ontology, expression: Expression) -> Test:
    """Return a test that asks what is remembered, which it does not keep from being forgotten."""
    held = ref(_known(ontology).bits(ontology, expression))

    def test(number: int) -> bool:
        nonlocal held
        bits = held()
        if bits is None:
            bits = _known(ontology).bits(ontology, expression)
            held = ref(bits)
        return _has(bits, number)

    return test


def _has(bits: _Bits, number: int) -> bool:
    return bool(bits[number >> 3] >> (7 - (number & 7)) & 1)


def _in_line(ontology: Ontology, relation: Relation, end: int | None) -> Test:
    """Return what tells whether a concept is above or below another one."""
    if end is None:
        return lambda number: False
    has_self = relation in _WITH_SELF
    if relation in _DOWN:
        return lambda number: has_self if number == end else ontology.subsumes(end, number)
    return lambda number: has_self if number == end else ontology.subsumes(number, end)


def _joined(junction: Junction, tests: list[Test]) -> Test:
    if junction is Junction.OR:
        return lambda number: any(test(number) for test in tests)
    if junction is Junction.AND:
        return lambda number: all(test(number) for test in tests)
    first, second = tests
    return lambda number: first(number) and not second(number)
