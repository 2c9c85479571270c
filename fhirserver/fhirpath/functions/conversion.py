"""Conversion. Spec: http://hl7.org/fhirpath/N1/#conversion"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, TypeAlias

from fhirserver.fhirpath.environment import Frame, Run
from fhirserver.fhirpath.errors import FhirPathExecutionError, FhirPathTypeError
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable, boolean_result
from fhirserver.fhirpath.items import FALSE, TRUE, Item, Items, only, plain
from fhirserver.fhirpath.lifting import value_of
from fhirserver.fhirpath.parser import CALENDAR_UNITS
from fhirserver.fhirpath.quantity import Measurement, converted, measurement_of, render_measurement
from fhirserver.fhirpath.temporal import parse_temporal
from fhirserver.fhirpath.types import (
    BOOLEAN,
    DATE,
    DATE_TIME,
    DECIMAL,
    INTEGER,
    LONG,
    QUANTITY,
    STRING,
    SYSTEM,
    SYSTEM_TYPES,
    TIME,
    is_open,
)
from fhirserver.kernel.resource import Json

TABLE: Final = FunctionTable()
Converter: TypeAlias = Callable[[str, Json], Json]
"""From a System type and a value to the value in another type; None where it cannot be converted."""

_INTEGER: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?\d{1,50}(\.\d{1,50})?", re.ASCII)
_QUANTITY: Final = re.compile(r"(?P<value>[+-]?\d+(?:\.\d+)?)\s*(?:'(?P<unit>[^']+)'|(?P<word>[a-z]+))?", re.ASCII)
_TEMPORALS: Final = frozenset({DATE, DATE_TIME, TIME})
_TRUE: Final = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0", "0.0"})


def to_boolean(kind: str, value: Json) -> bool | None:
    """Read 1 and 0 and the usual words as truth values."""
    if kind == BOOLEAN:
        return bool(value)
    if kind in (INTEGER, DECIMAL):
        return {1: True, 0: False}.get(value)
    if kind == STRING:
        word = value.lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return None


def to_integer(kind: str, value: Json) -> int | None:
    """Read text of digits, and truth values, as integers."""
    if kind in (INTEGER, BOOLEAN):
        return int(value)
    return int(value) if kind == STRING and _INTEGER.fullmatch(value) else None


def to_decimal(kind: str, value: Json) -> Decimal | None:
    """Read numbers, text and truth values as decimals."""
    if kind in (INTEGER, BOOLEAN, DECIMAL):
        return Decimal(value)
    return Decimal(value) if kind == STRING and _DECIMAL.fullmatch(value) else None


def to_string(kind: str, value: Json) -> str | None:
    """Write any System value."""
    if kind == BOOLEAN:
        return "true" if value else "false"
    if kind == DECIMAL:
        return f"{Decimal(value):f}"
    if kind == QUANTITY:
        measurement = measurement_of(value)
        return None if measurement is None else render_measurement(measurement)
    return str(value)


def to_quantity(kind: str, value: Json) -> Measurement | None:
    """Read numbers and text such as ``4 days`` or ``4 'mg'`` as quantities."""
    if kind == QUANTITY:
        return measurement_of(value)
    if kind in (INTEGER, DECIMAL, BOOLEAN):
        return Measurement(Decimal(value))
    found = _QUANTITY.fullmatch(value.strip()) if kind == STRING else None
    if found is None or (found["word"] is not None and found["word"] not in CALENDAR_UNITS):
        return None
    if found["word"] is not None:
        return Measurement(Decimal(found["value"]), found["word"].removesuffix("s"), calendar=True)
    return Measurement(Decimal(found["value"]), found["unit"] or "1")


def _to_temporal(wanted: str) -> Converter:
    def convert(kind: str, value: Json) -> str | None:
        if kind != STRING and (kind not in _TEMPORALS or (kind == TIME) != (wanted == TIME)):
            return None
        text = value.removeprefix("T") if wanted == TIME else value
        if wanted == DATE and kind == DATE_TIME:
            text = value.partition("T")[0]
        return text if parse_temporal(text, wanted) is not None else None

    return convert


CONVERTERS: Final[Mapping[str, Converter]] = MappingProxyType(
    {
        BOOLEAN: to_boolean,
        INTEGER: to_integer,
        LONG: to_integer,
        DECIMAL: to_decimal,
        STRING: to_string,
        QUANTITY: to_quantity,
        DATE: _to_temporal(DATE),
        DATE_TIME: _to_temporal(DATE_TIME),
        TIME: _to_temporal(TIME),
    }
)


def convert(item: Item, wanted: str) -> Item | None:
    """Convert an item to a System type; None where it cannot be."""
    kind, value = SYSTEM_TYPES.get(item[0]), plain(item[1])
    if kind is None or value is None:
        return None
    found = CONVERTERS[wanted](kind, value)
    return None if found is None else (wanted, found)


def _enter(wanted: str) -> None:
    name = wanted.removeprefix(SYSTEM)

    def build(call: Call) -> Compiled:
        source = call.focus.run

        def run(frame: Frame, this: Items) -> Items:
            item = only(source(frame, this))
            found = None if item is None else convert(item, wanted)
            return [] if found is None else [found]

        return Compiled(run, frozenset({wanted}), many=False)

    def build_test(call: Call) -> Compiled:
        source = call.focus.run

        def run(frame: Frame, this: Items) -> Items:
            item = only(source(frame, this))
            if item is None:
                return []
            return [FALSE] if convert(item, wanted) is None else [TRUE]

        return boolean_result(run)

    TABLE.function("to" + name)(build)
    TABLE.function("convertsTo" + name)(build_test)


for _wanted in CONVERTERS.keys() - {QUANTITY}:
    _enter(_wanted)


@TABLE.function("toQuantity", 0, 1)
def to_quantity_in(call: Call) -> Compiled:
    """A quantity, in a unit where one is given; nothing where it cannot be converted."""
    return Compiled(_quantity(call), frozenset({QUANTITY}), many=False)


@TABLE.function("convertsToQuantity", 0, 1)
def converts_to_quantity(call: Call) -> Compiled:
    """Whether ``toQuantity()`` yields a quantity."""
    source, convert_it = call.focus.run, _quantity(call)

    def run(frame: Frame, this: Items) -> Items:
        if only(source(frame, this)) is None:
            return []
        return [TRUE] if convert_it(frame, this) else [FALSE]

    return boolean_result(run)


def _quantity(call: Call) -> Run:
    source, unit = call.focus.run, call.argument(0).run if len(call) else None

    def run(frame: Frame, this: Items) -> Items:
        item = only(source(frame, this))
        found = None if item is None else convert(item, QUANTITY)
        if found is None or unit is None:
            return [] if found is None else [found]
        wanted = value_of(unit(frame, this), STRING)
        if wanted is None:
            return []
        calendar = wanted in CALENDAR_UNITS
        name = wanted.removesuffix("s") if calendar else wanted
        measurement = converted(found[1], name, calendar, frame.environment.ucum)
        return [] if measurement is None else [(QUANTITY, measurement)]

    return run


@TABLE.function("iif", 2, 3)
def iif(call: Call) -> Compiled:
    """One of two expressions; only that one is evaluated."""
    source = call.focus.run
    scope = call.scope.within(call.focus.types, many=True)
    criterion, *results = [scope.compile(argument) for argument in call.node.arguments]
    if not _may_be_boolean(criterion):
        raise FhirPathTypeError(f"`{call.node.arguments[0]}` is not a boolean.")
    chosen, other = results[0].run, results[1].run if len(results) > 1 else None

    def run(frame: Frame, this: Items) -> Items:
        focus = source(frame, this)
        only(focus)
        if _holds(criterion.run(frame, focus)):
            return chosen(frame, focus)
        return other(frame, focus) if other is not None else []

    types = frozenset().union(*(result.types for result in results))
    return Compiled(run, types, any(result.many for result in results))


def _may_be_boolean(criterion: Compiled) -> bool:
    types = criterion.types
    return not types or any(is_open(name) or SYSTEM_TYPES.get(name) == BOOLEAN for name in types)


def _holds(items: Items) -> bool:
    item = only(items)
    value = None if item is None else plain(item[1])
    if value is not None and type(value) is not bool:
        raise FhirPathExecutionError("A boolean is expected.")
    return value is True
