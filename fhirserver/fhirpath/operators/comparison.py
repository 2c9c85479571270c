"""Comparison. Spec: http://hl7.org/fhirpath/N1/#comparison"""

from collections.abc import Callable
from typing import Final

from fhirserver.fhirpath.ast import Node
from fhirserver.fhirpath.comparison import compare
from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.expression import Compiled, OperatorTable, Scope, boolean_result
from fhirserver.fhirpath.items import Items, boolean, only

TABLE: Final = OperatorTable()


def _enter(symbol: str, holds: Callable[[int], bool]) -> None:
    def build(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
        compiled = [scope.compile(operand) for operand in operands]
        left, right = (operand.run for operand in compiled)

        def run(frame: Frame, this: Items) -> Items:
            mine, other = only(left(frame, this)), only(right(frame, this))
            if mine is None or other is None:
                return []
            order = compare(mine, other, frame.environment.ucum)
            return boolean(None if order is None else holds(order))

        return boolean_result(run, *compiled)

    TABLE.operator(symbol)(build)


_enter("<", lambda order: order < 0)
_enter("<=", lambda order: order <= 0)
_enter(">", lambda order: order > 0)
_enter(">=", lambda order: order >= 0)
