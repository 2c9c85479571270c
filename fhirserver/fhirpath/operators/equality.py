"""Equality. Spec: http://hl7.org/fhirpath/N1/#equality"""

from typing import Final

from fhirserver.fhirpath.ast import Node
from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.equality import equal_collections
from fhirserver.fhirpath.expression import Compiled, OperatorTable, Scope, boolean_result
from fhirserver.fhirpath.items import Items, boolean

TABLE: Final = OperatorTable()


@TABLE.operator("=")
def equals(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """Whether two collections are equal, in order; empty when one of them is."""
    left, right = (scope.compile(operand).run for operand in operands)
    return boolean_result(
        lambda frame, this: boolean(equal_collections(left(frame, this), right(frame, this), frame.environment.ucum))
    )


@TABLE.operator("!=")
def differs(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """The opposite of ``=``."""
    left, right = (scope.compile(operand).run for operand in operands)

    def run(frame: Frame, this: Items) -> Items:
        verdict = equal_collections(left(frame, this), right(frame, this), frame.environment.ucum)
        return boolean(None if verdict is None else not verdict)

    return boolean_result(run)
