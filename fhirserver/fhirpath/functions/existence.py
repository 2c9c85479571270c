"""Existence. Spec: http://hl7.org/fhirpath/N1/#existence"""

from collections.abc import Callable
from typing import Final

from fhirserver.fhirpath.criteria import compile_filter
from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.equality import distinct, shared
from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable, boolean_result
from fhirserver.fhirpath.items import FALSE, TRUE, Items, plain, truth
from fhirserver.fhirpath.types import INTEGER

TABLE: Final = FunctionTable()


@TABLE.function("empty")
def empty(call: Call) -> Compiled:
    """True when there are no items."""
    run = call.focus.run
    return boolean_result(lambda frame, this: [FALSE] if run(frame, this) else [TRUE], call.focus)


@TABLE.function("exists", 0, 1)
def exists(call: Call) -> Compiled:
    """True when there are items (that satisfy the criteria)."""
    run = call.focus.run
    if not len(call):
        return boolean_result(lambda frame, this: [TRUE] if run(frame, this) else [FALSE], call.focus)
    keep = compile_filter(call.node.arguments[0], call.item_scope())
    return boolean_result(lambda frame, this: [TRUE] if keep(frame, run(frame, this)) else [FALSE])


@TABLE.function("all", 1)
def all_(call: Call) -> Compiled:
    """True when the criteria are true of every item."""
    run, keep = call.focus.run, compile_filter(call.node.arguments[0], call.item_scope())

    def test(frame: Frame, this: Items) -> Items:
        items = run(frame, this)
        return [TRUE] if len(keep(frame, items)) == len(items) else [FALSE]

    return boolean_result(test)


@TABLE.function("not")
def not_(call: Call) -> Compiled:
    """The opposite of a boolean."""
    run = call.focus.run
    answers: dict[bool | None, Items] = {None: [], True: [FALSE], False: [TRUE]}
    return boolean_result(lambda frame, this: answers[truth(run(frame, this))], call.focus)


def _enter_quantifier(name: str, quantifier: Callable[[list[bool]], bool]) -> None:
    def build(call: Call) -> Compiled:
        run = call.focus.run
        return boolean_result(lambda frame, this: [TRUE] if quantifier(_booleans(run(frame, this))) else [FALSE])

    TABLE.function(name)(build)


def _booleans(items: Items) -> list[bool]:
    values = [plain(value) for _, value in items]
    if not all(type(value) is bool for value in values):
        raise FhirPathExecutionError("Booleans are expected.")
    return values


_enter_quantifier("allTrue", all)
_enter_quantifier("anyTrue", any)
_enter_quantifier("allFalse", lambda values: not any(values))
_enter_quantifier("anyFalse", lambda values: not all(values))


@TABLE.function("subsetOf", 1)
def subset_of(call: Call) -> Compiled:
    """True when every item is among those of the other collection."""
    mine, other = call.focus.run, call.argument(0).run
    return boolean_result(lambda frame, this: _is_subset(mine(frame, this), other(frame, this), frame))


@TABLE.function("supersetOf", 1)
def superset_of(call: Call) -> Compiled:
    """True when every item of the other collection is among these."""
    mine, other = call.focus.run, call.argument(0).run
    return boolean_result(lambda frame, this: _is_subset(other(frame, this), mine(frame, this), frame))


def _is_subset(items: Items, others: Items, frame: Frame) -> Items:
    frame.spend(len(items) + len(others))
    return [TRUE] if all(shared(items, others, frame.environment.ucum)) else [FALSE]


@TABLE.function("count")
def count(call: Call) -> Compiled:
    """How many items there are."""
    run = call.focus.run
    found = frozenset({INTEGER})
    return Compiled(
        lambda frame, this: [(INTEGER, len(run(frame, this)))], found, many=False, is_pure=call.focus.is_pure
    )


@TABLE.function("distinct")
def distinct_(call: Call) -> Compiled:
    """Each item once."""
    run = call.focus.run
    return Compiled(lambda frame, this: distinct(run(frame, this), frame.environment.ucum), call.focus.types)


@TABLE.function("isDistinct")
def is_distinct(call: Call) -> Compiled:
    """True when no two items are equal."""
    run = call.focus.run

    def test(frame: Frame, this: Items) -> Items:
        items = run(frame, this)
        return [TRUE] if len(distinct(items, frame.environment.ucum)) == len(items) else [FALSE]

    return boolean_result(test, call.focus)
