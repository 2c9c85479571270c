"""Equality. Spec: http://hl7.org/fhirpath/N1/#equality"""

from typing import Final

from fhirserver.fhirpath.ast import Node
from fhirserver.fhirpath.environment import Frame, Run
from fhirserver.fhirpath.equality import equal_collections
from fhirserver.fhirpath.equivalence import equivalent_collections
from fhirserver.fhirpath.expression import Compiled, OperatorTable, Scope, boolean_result
from fhirserver.fhirpath.items import FALSE, TRUE, Item, Items, boolean, plain
from fhirserver.fhirpath.types import STRING, SYSTEM_TYPES

TABLE: Final = OperatorTable()


@TABLE.operator("=")
def equals(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """Whether two collections are equal, in order; empty when one of them is."""
    compiled = [scope.compile(operand) for operand in operands]
    literal = _literal_text(*compiled)
    if literal is not None:
        return boolean_result(_equals_text(compiled[0].run, literal, TRUE, FALSE), *compiled)
    left, right = (operand.run for operand in compiled)

    def run(frame: Frame, this: Items) -> Items:
        return boolean(equal_collections(left(frame, this), right(frame, this), frame.environment.ucum))

    return boolean_result(run, *compiled)


def _literal_text(left: Compiled, right: Compiled) -> str | None:
    """Return the text that at most one string is compared with; None for any other comparison."""
    if left.many or right.constant is None or right.constant[0] != STRING:
        return None
    text: str = right.constant[1]
    return text if all(SYSTEM_TYPES.get(name) == STRING for name in left.types) else None


def _equals_text(source: Run, text: str, same: Item, otherwise: Item) -> Run:
    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        if not items:
            return []
        return [same] if plain(items[0][1]) == text else [otherwise]

    return run


@TABLE.operator("!=")
def differs(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """The opposite of ``=``."""
    compiled = [scope.compile(operand) for operand in operands]
    literal = _literal_text(*compiled)
    if literal is not None:
        return boolean_result(_equals_text(compiled[0].run, literal, FALSE, TRUE), *compiled)
    left, right = (operand.run for operand in compiled)

    def run(frame: Frame, this: Items) -> Items:
        verdict = equal_collections(left(frame, this), right(frame, this), frame.environment.ucum)
        return boolean(None if verdict is None else not verdict)

    return boolean_result(run, *compiled)


@TABLE.operator("~")
def is_equivalent(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """Whether two collections are equivalent; two empty ones are."""
    return _equivalence(scope, operands, FALSE, TRUE)


@TABLE.operator("!~")
def is_not_equivalent(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """The opposite of ``~``."""
    return _equivalence(scope, operands, TRUE, FALSE)


def _equivalence(scope: Scope, operands: tuple[Node, ...], otherwise: Item, same: Item) -> Compiled:
    left, right = (scope.compile(operand).run for operand in operands)

    def run(frame: Frame, this: Items) -> Items:
        mine, other = left(frame, this), right(frame, this)
        if len(mine) > 1 and len(mine) == len(other):
            frame.spend(len(mine) * len(mine))
        return [same] if equivalent_collections(mine, other, frame.environment.ucum) else [otherwise]

    return boolean_result(run)
