"""Aggregates and order. Spec: http://hl7.org/fhirpath/N1/#aggregates"""

from functools import cmp_to_key
from typing import Final

from fhirserver.fhirpath.ast import Node, Unary
from fhirserver.fhirpath.comparison import compare
from fhirserver.fhirpath.environment import Frame, Run
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable
from fhirserver.fhirpath.items import Item, Items, only
from fhirserver.fhirpath.types import ANYTHING
from fhirserver.ucum import Ucum

TABLE: Final = FunctionTable()


@TABLE.function("aggregate", 1, 2)
def aggregate(call: Call) -> Compiled:
    """What the aggregator makes of ``$total`` and each item in turn."""
    source, aggregator = call.focus.run, call.criteria(0).run
    start = call.argument(1).run if len(call) > 1 else None

    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        frame.spend(len(items))
        outer = frame.index, frame.total
        frame.total = start(frame, this) if start is not None else []
        for frame.index, item in enumerate(items):
            frame.total = aggregator(frame, [item])
            frame.check_size(frame.total)
        found = frame.total
        frame.index, frame.total = outer
        return found

    return Compiled(run, ANYTHING)


@TABLE.function("sort", 0, 9)
def sort(call: Call) -> Compiled:
    """The items in the order of the keys, ``-key`` descending; items without a key always come first.

    Not in N1; from the draft of the next release, as the official tests have it.
    """
    source = call.focus.run
    keys = [_key(argument, call) for argument in call.node.arguments] or [(_itself, 1)]

    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        frame.spend(len(items))
        ranks = [[only(key(frame, [item])) for key, _ in keys] for item in items]
        directions = [direction for _, direction in keys]
        ucum = frame.environment.ucum

        def order(left: int, right: int) -> int:
            return _order(ranks[left], ranks[right], directions, ucum)

        return [items[position] for position in sorted(range(len(items)), key=cmp_to_key(order))]

    return Compiled(run, call.focus.types, call.focus.many)


def _itself(frame: Frame, this: Items) -> Items:
    return this


def _key(argument: Node, call: Call) -> tuple[Run, int]:
    if isinstance(argument, Unary) and argument.operator == "-":
        return call.item_scope().compile(argument.operand).run, -1
    return call.item_scope().compile(argument).run, 1


def _order(left: list[Item | None], right: list[Item | None], directions: list[int], ucum: Ucum | None) -> int:
    for mine, other, direction in zip(left, right, directions, strict=True):
        if mine is None or other is None:
            found = (mine is not None) - (other is not None)
        else:
            found = (compare(mine, other, ucum) or 0) * direction
        if found:
            return found
    return 0
