"""Subsetting. Spec: http://hl7.org/fhirpath/N1/#subsetting"""

from collections.abc import Callable
from typing import Final

from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.equality import distinct, shared
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable
from fhirserver.fhirpath.items import Items, only
from fhirserver.fhirpath.lifting import value_of
from fhirserver.fhirpath.types import INTEGER

TABLE: Final = FunctionTable()


def _slice(call: Call, part: slice, many: bool) -> Compiled:
    run = call.focus.run
    return Compiled(lambda frame, this: run(frame, this)[part], call.focus.types, many, is_pure=call.focus.is_pure)


@TABLE.function("first")
def first(call: Call) -> Compiled:
    """The first item."""
    return _slice(call, slice(0, 1), many=False)


@TABLE.function("last")
def last(call: Call) -> Compiled:
    """The last item."""
    return _slice(call, slice(-1, None), many=False)


@TABLE.function("tail")
def tail(call: Call) -> Compiled:
    """All items but the first."""
    return _slice(call, slice(1, None), many=True)


@TABLE.function("single")
def single(call: Call) -> Compiled:
    """The only item; an error when there are more."""
    run = call.focus.run
    return Compiled(
        lambda frame, this: [item] if (item := only(run(frame, this))) else [], call.focus.types, many=False
    )


def _enter_cut(name: str, cut: Callable[[Items, int], Items]) -> None:
    def build(call: Call) -> Compiled:
        source, number = call.focus.run, call.argument(0).run

        def run(frame: Frame, this: Items) -> Items:
            count = value_of(number(frame, this), INTEGER)
            return [] if count is None else cut(source(frame, this), max(0, count))

        return Compiled(run, call.focus.types)

    TABLE.function(name, 1)(build)


_enter_cut("skip", lambda items, count: items[count:])
_enter_cut("take", lambda items, count: items[:count])


@TABLE.function("intersect", 1)
def intersect(call: Call) -> Compiled:
    """The items that are in both collections, each once."""
    mine, other = call.focus.run, call.argument(0).run

    def run(frame: Frame, this: Items) -> Items:
        items, others, ucum = mine(frame, this), other(frame, this), frame.environment.ucum
        frame.spend(len(items) + len(others))
        return distinct([item for item, kept in zip(items, shared(items, others, ucum), strict=True) if kept], ucum)

    return Compiled(run, call.focus.types)


@TABLE.function("exclude", 1)
def exclude(call: Call) -> Compiled:
    """The items that are not in the other collection."""
    mine, other = call.focus.run, call.argument(0).run

    def run(frame: Frame, this: Items) -> Items:
        items, others, ucum = mine(frame, this), other(frame, this), frame.environment.ucum
        frame.spend(len(items) + len(others))
        return [item for item, left_out in zip(items, shared(items, others, ucum), strict=True) if not left_out]

    return Compiled(run, call.focus.types)
