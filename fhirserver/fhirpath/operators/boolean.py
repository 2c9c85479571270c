"""Three-valued logic: an empty operand is "not known". Spec: http://hl7.org/fhirpath/N1/#boolean-logic"""

from collections.abc import Callable
from typing import Final

from fhirserver.fhirpath.ast import Node
from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.expression import Compiled, OperatorTable, Scope, boolean_result
from fhirserver.fhirpath.items import TRUE, Items, boolean, truth
from fhirserver.fhirpath.types import BOOLEAN

TABLE: Final = OperatorTable()


@TABLE.operator("and")
def and_(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """True when all are, false when one is."""
    return _decided(scope, operands, False)


@TABLE.operator("or")
def or_(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """True when one is, false when all are."""
    return _decided(scope, operands, True)


def _decided(scope: Scope, operands: tuple[Node, ...], decisive: bool) -> Compiled:
    """Compile what the first operand of the ``decisive`` value decides; the ones after it are not evaluated."""
    compiled = [scope.compile(operand) for operand in operands]
    runs = [(operand.run, _reader(operand)) for operand in compiled]
    decided, otherwise = boolean(decisive), boolean(not decisive)

    def run(frame: Frame, this: Items) -> Items:
        result = otherwise
        for operand, read in runs:
            value = read(operand(frame, this))
            if value is decisive:
                return decided
            if value is None:
                result = []
        return result

    return boolean_result(run, *compiled)


def _reader(operand: Compiled) -> Callable[[Items], bool | None]:
    """Return what reads a result as a boolean: one that is known to be one needs no checks."""
    return _plain_truth if operand.types == _BOOLEANS and not operand.many else truth


def _plain_truth(items: Items) -> bool | None:
    return items[0][1] if items else None


_BOOLEANS: Final = frozenset({BOOLEAN})


@TABLE.operator("xor")
def xor(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """True when exactly one is."""
    compiled = [scope.compile(operand) for operand in operands]
    left, right = (operand.run for operand in compiled)

    def run(frame: Frame, this: Items) -> Items:
        mine, other = truth(left(frame, this)), truth(right(frame, this))
        return boolean(None if mine is None or other is None else mine is not other)

    return boolean_result(run, *compiled)


@TABLE.operator("implies")
def implies(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """False only when the left is true and the right is false."""
    compiled = [scope.compile(operand) for operand in operands]
    left, right = (operand.run for operand in compiled)

    def run(frame: Frame, this: Items) -> Items:
        mine = truth(left(frame, this))
        if mine is False:
            return [TRUE]
        other = truth(right(frame, this))
        return boolean(other if mine else other or None)

    return boolean_result(run, *compiled)
