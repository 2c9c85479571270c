"""Arithmetic, concatenation, and dates moved by durations. Spec: http://hl7.org/fhirpath/N1/#math-1"""

from collections.abc import Callable
from decimal import Decimal, DecimalException
from typing import Final, TypeAlias

from fhirserver.fhirpath.ast import Node
from fhirserver.fhirpath.calendar import add as add_duration
from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.equality import item_measurement
from fhirserver.fhirpath.errors import FhirPathExecutionError, FhirPathTypeError
from fhirserver.fhirpath.expression import Compiled, OperatorTable, Scope
from fhirserver.fhirpath.items import Item, Items, check_length, only, plain
from fhirserver.fhirpath.lifting import value_of
from fhirserver.fhirpath.numbers import CONTEXT, Number, divide, number_item
from fhirserver.fhirpath.quantity import Measurement, measurement_of, multiplied, summed
from fhirserver.fhirpath.types import (
    ANYTHING,
    DATE,
    DATE_TIME,
    DECIMAL,
    INTEGER,
    QUANTITY,
    STRING,
    SYSTEM_TYPES,
    TIME,
    Types,
    is_open,
)
from fhirserver.ucum import Ucum

TABLE: Final = OperatorTable()
Arithmetic: TypeAlias = Callable[[Item, Item, Ucum | None], Item | None]

_NUMBERS: Final = frozenset({INTEGER, DECIMAL})
_SIGNED: Final[Types] = frozenset({INTEGER, DECIMAL, QUANTITY})
_TEMPORALS: Final = frozenset({DATE, DATE_TIME, TIME})


def _binary(symbol: str) -> Callable[[Arithmetic], Arithmetic]:
    def enter(compute: Arithmetic) -> Arithmetic:
        def build(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
            compiled = [scope.compile(operand) for operand in operands]
            types = _result_types(symbol, *(operand.types for operand in compiled))
            left, right = (operand.run for operand in compiled)

            def run(frame: Frame, this: Items) -> Items:
                mine, other = only(left(frame, this)), only(right(frame, this))
                if mine is None or other is None or plain(mine[1]) is None or plain(other[1]) is None:
                    return []
                found = compute(mine, other, frame.environment.ucum)
                if found is None:
                    return []
                if found[0] == STRING:
                    frame.spend_on_text(len(found[1]))
                return [found]

            is_pure = types <= _SIGNED and all(operand.is_pure for operand in compiled)
            return Compiled(run, types, many=False, is_pure=is_pure)

        TABLE.operator(symbol)(build)
        return compute

    return enter


def _result_types(symbol: str, left: Types, right: Types) -> Types:
    """Return what an operator can yield; raises FhirPathTypeError where it can never apply."""
    if any(is_open(name) for name in left | right):
        return ANYTHING
    pairs = [(SYSTEM_TYPES.get(mine), SYSTEM_TYPES.get(other)) for mine in left for other in right]
    found = frozenset(name for kind, other in pairs if (name := _result_type(symbol, kind, other)) is not None)
    if pairs and not found:
        raise FhirPathTypeError(f"`{symbol}` does not apply to {_named(left)} and {_named(right)}.")
    return found


def _named(types: Types) -> str:
    return " or ".join(f"`{name}`" for name in sorted(types))


def _result_type(symbol: str, kind: str | None, other: str | None) -> str | None:
    if kind in _NUMBERS and other in _NUMBERS:
        return INTEGER if symbol == "div" or (symbol != "/" and kind == other == INTEGER) else DECIMAL
    if kind == other == STRING and symbol == "+":
        return STRING
    if kind in _TEMPORALS and other == QUANTITY and symbol in "+-":
        return kind
    measured = QUANTITY in (kind, other) and {kind, other} <= _NUMBERS | {QUANTITY}
    return QUANTITY if measured and symbol in "+-*/" else None


def _kinds(left: Item, right: Item) -> tuple[str | None, str | None]:
    return SYSTEM_TYPES.get(left[0]), SYSTEM_TYPES.get(right[0])


def _numbers(left: Item, right: Item) -> tuple[Number, Number] | None:
    """Return both operands as numbers, both as decimals when one is; None where one is no number."""
    kinds = _kinds(left, right)
    if not set(kinds) <= _NUMBERS:
        return None
    mine, other = plain(left[1]), plain(right[1])
    return (mine, other) if DECIMAL not in kinds else (Decimal(mine), Decimal(other))


def _refuse(symbol: str, left: Item, right: Item) -> FhirPathExecutionError:
    return FhirPathExecutionError(f"`{symbol}` does not apply to a {left[0]} and a {right[0]}.")


def _computed(left: Number, right: Number, operation: Callable[[Decimal, Decimal], Decimal]) -> Item | None:
    """Compute exactly with integers, within the context with decimals."""
    try:
        found = operation(Decimal(left), Decimal(right))
    except DecimalException:
        return None
    return number_item(int(found) if isinstance(left, int) and isinstance(right, int) else found)


@_binary("+")
def plus(left: Item, right: Item, ucum: Ucum | None) -> Item | None:
    """Sum of numbers or quantities, concatenation of strings, a date moved forward."""
    return _sum(left, right, 1, ucum)


@_binary("-")
def minus(left: Item, right: Item, ucum: Ucum | None) -> Item | None:
    """Difference of numbers or quantities, a date moved back."""
    return _sum(left, right, -1, ucum)


def _sum(left: Item, right: Item, sign: int, ucum: Ucum | None) -> Item | None:
    numbers = _numbers(left, right)
    if numbers is not None:
        return _computed(*numbers, CONTEXT.add if sign > 0 else CONTEXT.subtract)
    kind, other_kind = _kinds(left, right)
    if kind == other_kind == STRING and sign > 0:
        return (STRING, _joined(plain(left[1]), plain(right[1])))
    duration = measurement_of(right[1]) if other_kind == QUANTITY else None
    if kind in _TEMPORALS and kind is not None and duration is not None:
        moved = add_duration(plain(left[1]), kind, duration, sign)
        return None if moved is None else (kind, moved)
    symbol = "+" if sign > 0 else "-"
    return _quantity(summed(*_measurements(symbol, left, right), sign, ucum))


def _joined(left: str, right: str) -> str:
    check_length(len(left) + len(right))
    return left + right


def _quantity(found: Measurement | None) -> Item | None:
    return None if found is None else (QUANTITY, found)


@_binary("*")
def times(left: Item, right: Item, ucum: Ucum | None) -> Item | None:
    """Product of numbers or quantities."""
    numbers = _numbers(left, right)
    if numbers is not None:
        return _computed(*numbers, CONTEXT.multiply)
    return _quantity(multiplied(*_measurements("*", left, right), 1, ucum))


@_binary("/")
def divided_by(left: Item, right: Item, ucum: Ucum | None) -> Item | None:
    """Quotient, always a decimal or a quantity; nothing for a division by zero."""
    numbers = _numbers(left, right)
    if numbers is not None:
        quotient = divide(*numbers)
        return None if quotient is None else (DECIMAL, quotient)
    return _quantity(multiplied(*_measurements("/", left, right), -1, ucum))


def _measurements(symbol: str, left: Item, right: Item) -> tuple[Measurement | None, Measurement | None]:
    """Return both operands as quantities; a number is one without a unit."""
    kinds = _kinds(left, right)
    if not set(kinds) <= _NUMBERS | {QUANTITY}:
        raise _refuse(symbol, left, right)
    return item_measurement(left), item_measurement(right)


@_binary("div")
def div(left: Item, right: Item, ucum: Ucum | None) -> Item | None:
    """Quotient without its fraction, an integer."""
    numbers = _numbers(left, right)
    if numbers is None:
        raise _refuse("div", left, right)
    try:
        return number_item(int(CONTEXT.divide_int(Decimal(numbers[0]), Decimal(numbers[1]))))
    except DecimalException:
        return None


@_binary("mod")
def mod(left: Item, right: Item, ucum: Ucum | None) -> Item | None:
    """What ``div`` leaves."""
    numbers = _numbers(left, right)
    if numbers is None:
        raise _refuse("mod", left, right)
    return _computed(*numbers, CONTEXT.remainder)


@TABLE.operator("&")
def concatenate(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """Both strings in one; an empty operand is an empty string."""
    left, right = (scope.compile(operand).run for operand in operands)

    def run(frame: Frame, this: Items) -> Items:
        mine, other = value_of(left(frame, this), STRING), value_of(right(frame, this), STRING)
        joined = _joined(mine or "", other or "")
        frame.spend_on_text(len(joined))
        return [(STRING, joined)]

    return Compiled(run, frozenset({STRING}), many=False)


@TABLE.operator("unary-")
def negative(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """The opposite of a number or a quantity."""
    return _signed(scope.compile(operands[0]), -1)


@TABLE.operator("unary+")
def positive(scope: Scope, operands: tuple[Node, ...]) -> Compiled:
    """The number or quantity itself."""
    return _signed(scope.compile(operands[0]), 1)


def _signed(operand: Compiled, sign: int) -> Compiled:
    source = operand.run
    open_types = any(is_open(name) for name in operand.types)
    types = _SIGNED if open_types else _SIGNED.intersection(map(SYSTEM_TYPES.get, operand.types))
    if operand.types and not types:
        raise FhirPathTypeError(f"{_named(operand.types)} has no sign.")

    def run(frame: Frame, this: Items) -> Items:
        item = only(source(frame, this))
        if item is None:
            return []
        kind, value = SYSTEM_TYPES.get(item[0]), plain(item[1])
        if kind == QUANTITY:
            found = measurement_of(value)
            return [] if found is None else [(QUANTITY, Measurement(found.value * sign, found.unit, found.calendar))]
        if kind not in _NUMBERS or kind is None:
            raise FhirPathExecutionError(f"A {item[0]} has no sign.")
        return [(kind, value * sign)]

    return Compiled(run, types, many=False)
