"""Functions of plain values, lifted to collections: empty in, empty out; several items where one is allowed raise.

Spec: http://hl7.org/fhirpath/N1/#functions, http://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from fhirserver.fhirpath.environment import Frame, Run
from fhirserver.fhirpath.errors import FhirPathExecutionError, FhirPathTypeError
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable
from fhirserver.fhirpath.items import Item, Items, check_growth, only, plain
from fhirserver.fhirpath.types import BOOLEAN, DECIMAL, INTEGER, STRING, SYSTEM_TYPES, Types, is_open
from fhirserver.kernel.resource import Json

ValueFunction = TypeVar("ValueFunction", bound=Callable[..., Any])
ItemFunction = TypeVar("ItemFunction", bound=Callable[..., Item | None])


def scalar(
    table: FunctionTable,
    name: str,
    *kinds: str,
    result: str,
    required: int | None = None,
    optional: bool = False,
    quick: bool = True,
) -> Callable[[ValueFunction], ValueFunction]:
    """Enter a function of plain values: of the focus, of type ``kinds[0]``, and of the arguments.

    Of the ``kinds`` the first ``required`` must be given; where the others are ``optional``, an empty one is as one
    that is not given. What returns None yields nothing. What is ``quick`` takes no time to speak of and makes no text.
    """
    least = (len(kinds) if required is None else required) - 1

    def enter(function: ValueFunction) -> ValueFunction:
        def build(call: Call) -> Compiled:
            _check(call, kinds[0])
            compiled = [call.focus, *(call.argument(i) for i in range(len(call)))]
            runs = [operand.run for operand in compiled]
            operands = list(zip(runs, kinds, strict=False))
            is_pure = quick and result != STRING and all(operand.is_pure for operand in compiled)
            run = _lifted(function, operands, result, least + 1 if optional else len(operands))
            return Compiled(run, frozenset({result}), False, is_pure=is_pure)

        table.function(name, least, len(kinds) - 1)(build)
        return function

    return enter


def _lifted(function: Callable[..., Any], operands: list[tuple[Run, str]], result: str, needed: int) -> Run:
    def run(frame: Frame, this: Items) -> Items:
        values: list[Json] = []
        for operand, kind in operands:
            value = value_of(operand(frame, this), kind)
            if value is None and len(values) < needed:
                return []
            if type(value) is str:
                frame.spend_on_text(len(value))
            values.append(value)
        found = function(*values)
        if type(found) is str:
            check_growth(found, values)
            frame.spend_on_text(len(found))
        return [] if found is None else [(result, found)]

    return run


def _check(call: Call, kind: str) -> None:
    """Refuse a call whose input can never be of the type the function takes."""
    types = call.focus.types
    if types and not any(is_open(name) or _accepts(kind, SYSTEM_TYPES.get(name)) for name in types):
        names = ", ".join(f"`{name}`" for name in sorted(types))
        raise FhirPathTypeError(f"`{call.node.name}()` takes a {kind}, not {names}.")


def _accepts(kind: str, given: str | None) -> bool:
    return given == kind or (kind == DECIMAL and given == INTEGER)


def value_of(items: Items, kind: str) -> Json:
    """Return the plain value of the only item, None when there is none; raises where it is of another type."""
    item = only(items)
    if item is None:
        return None
    given, value = SYSTEM_TYPES.get(item[0]), plain(item[1])
    if value is None:
        return None
    if not _accepts(kind, given):
        raise FhirPathExecutionError(f"A {kind} is expected, not a {item[0]}.")
    return Decimal(value) if kind == DECIMAL else value


def of_item(
    table: FunctionTable, name: str, *kinds: str, results: Types, required: int = 0
) -> Callable[[ItemFunction], ItemFunction]:
    """Enter a function of the only item, whatever its type, and of plain arguments of the given types.

    An argument that is not given, or is empty, is None; of the arguments ``required`` must be given.
    """

    def enter(function: ItemFunction) -> ItemFunction:
        def build(call: Call) -> Compiled:
            operands = [(call.argument(i).run, kinds[i]) for i in range(len(call))]
            return Compiled(_lifted_item(function, call.focus.run, operands), results, many=False)

        table.function(name, required, len(kinds))(build)
        return function

    return enter


def _lifted_item(function: Callable[..., Item | None], source: Run, operands: list[tuple[Run, str]]) -> Run:
    def run(frame: Frame, this: Items) -> Items:
        item = only(source(frame, this))
        if item is None or plain(item[1]) is None:
            return []
        found = function(item, *(value_of(operand(frame, this), kind) for operand, kind in operands))
        return [] if found is None else [found]

    return run


def as_boolean(value: bool) -> Item:
    """Return a truth value as an item."""
    return (BOOLEAN, value)
