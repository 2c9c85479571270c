"""Aggregates and order. Spec: http://hl7.org/fhirpath/N1/#aggregates

``sum``, ``min``, ``max`` and ``avg`` stand there as examples of ``aggregate``.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import cmp_to_key
from typing import Final

from fhirserver.fhirpath.ast import Node, Unary
from fhirserver.fhirpath.comparison import compare
from fhirserver.fhirpath.environment import Frame, Run
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable
from fhirserver.fhirpath.items import Item, Items, only, plain
from fhirserver.fhirpath.operators.arithmetic import divided_by, plus
from fhirserver.fhirpath.types import ANYTHING, DECIMAL, Types
from fhirserver.ucum import Ucum

TABLE: Final = FunctionTable()


@TABLE.function("aggregate", 1, 2)
def aggregate(call: Call) -> Compiled:
    """What the aggregator makes of ``$total`` and each item in turn."""
    source, aggregator = call.focus.run, call.criteria(0).run
    start = call.argument(1).run if len(call) > 1 else None

    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        outer = frame.index, frame.total
        frame.total = start(frame, this) if start is not None else []
        for position, item in frame.visit(items):
            frame.index = position
            frame.total = aggregator(frame, [item])
            frame.check_size(frame.total)
        found = frame.total
        frame.index, frame.total = outer
        return found

    return Compiled(run, ANYTHING)


@TABLE.function("sum")
def sum_(call: Call) -> Compiled:
    """The sum of numbers or quantities: ``aggregate($this + $total)``."""
    return _accumulated(call, lambda total, item, ucum: plus(item, total, ucum), ANYTHING)


@TABLE.function("min")
def min_(call: Call) -> Compiled:
    """The least item."""
    return _accumulated(call, lambda total, item, ucum: _chosen(total, item, -1, ucum), call.focus.types)


@TABLE.function("max")
def max_(call: Call) -> Compiled:
    """The greatest item."""
    return _accumulated(call, lambda total, item, ucum: _chosen(total, item, 1, ucum), call.focus.types)


@TABLE.function("avg")
def avg(call: Call) -> Compiled:
    """The mean of numbers or quantities."""
    total, source = sum_(call).run, call.focus.run

    def run(frame: Frame, this: Items) -> Items:
        found = total(frame, this)
        if not found:
            return []
        mean = divided_by(found[0], (DECIMAL, Decimal(len(source(frame, this)))), frame.environment.ucum)
        return [] if mean is None else [mean]

    return Compiled(run, ANYTHING, many=False)


def _accumulated(call: Call, step: Callable[[Item, Item, Ucum | None], Item | None], types: Types) -> Compiled:
    """Compile what a step makes of all items; nothing where a step yields nothing, or an item has no value."""
    source = call.focus.run

    def run(frame: Frame, this: Items) -> Items:
        total: Item | None = None
        for position, item in frame.visit(source(frame, this)):
            if plain(item[1]) is None:
                return []
            total = item if position == 0 else total and step(total, item, frame.environment.ucum)
        return [] if total is None else [total]

    return Compiled(run, types, many=False)


def _chosen(total: Item, item: Item, sign: int, ucum: Ucum | None) -> Item | None:
    found = compare(item, total, ucum)
    if found is None:
        return None
    return item if found == sign else total


@TABLE.function("sort", 0, 9)
def sort(call: Call) -> Compiled:
    """The items in the order of the keys, ``-key`` descending; items without a key always come first.

    Not in N1; from the draft of the next release, as the official tests have it.
    """
    source = call.focus.run
    keys = [_key(argument, call) for argument in call.node.arguments] or [(_itself, 1)]

    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        ranks = [[only(key(frame, [item])) for key, _ in keys] for _, item in frame.visit(items)]
        directions = [direction for _, direction in keys]
        ucum = frame.environment.ucum

        def order(left: int, right: int) -> int:
            frame.spend(1)
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
