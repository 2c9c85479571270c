"""Three-valued logic: an empty operand is "not known". Spec: http://hl7.org/fhirpath/N1/#boolean-logic"""

from collections.abc import Callable
from functools import reduce
from typing import Final

from fhirserver.fhirpath.ast import Node
from fhirserver.fhirpath.environment import Frame, Run
from fhirserver.fhirpath.expression import Compiled, OperatorTable, Scope, boolean_result
from fhirserver.fhirpath.items import FALSE, TRUE, Items, boolean, truth

TABLE: Final = OperatorTable()


def _folded(operands: tuple[Node, ...], scope: Scope, join: Callable[[Run, Run], Run]) -> Compiled:
    compiled = [scope.compile(operand) for operand in operands]
    return boolean_result(reduce(join, [operand.run for operand in compiled]), *compiled)


@TABLE.operator("and")
def and_(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """True when both are, false when one is."""
    return _folded(operands, scope, _and)


def _and(left: Run, right: Run) -> Run:
    def run(frame: Frame, this: Items) -> Items:
        mine = truth(left(frame, this))
        if mine is False:
            return [FALSE]
        other = truth(right(frame, this))
        return [FALSE] if other is False else boolean(None if mine is None else other)

    return run


@TABLE.operator("or")
def or_(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """True when one is, false when both are."""
    return _folded(operands, scope, _or)


def _or(left: Run, right: Run) -> Run:
    def run(frame: Frame, this: Items) -> Items:
        mine = truth(left(frame, this))
        if mine is True:
            return [TRUE]
        other = truth(right(frame, this))
        return [TRUE] if other is True else boolean(None if mine is None else other)

    return run


@TABLE.operator("xor")
def xor(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """True when exactly one is."""
    left, right = (scope.compile(operand).run for operand in operands)

    def run(frame: Frame, this: Items) -> Items:
        mine, other = truth(left(frame, this)), truth(right(frame, this))
        return boolean(None if mine is None or other is None else mine is not other)

    return boolean_result(run)


@TABLE.operator("implies")
def implies(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """False only when the left is true and the right is false."""
    left, right = (scope.compile(operand).run for operand in operands)

    def run(frame: Frame, this: Items) -> Items:
        mine = truth(left(frame, this))
        if mine is False:
            return [TRUE]
        other = truth(right(frame, this))
        return boolean(other if mine else other or None)

    return boolean_result(run)
