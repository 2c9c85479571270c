"""Math. Spec: http://hl7.org/fhirpath/N1/#math"""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, DecimalException
from typing import Final

from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.expression import FunctionTable
from fhirserver.fhirpath.items import Item, plain
from fhirserver.fhirpath.lifting import of_item, scalar
from fhirserver.fhirpath.numbers import CONTEXT, Number, number_item, rounded
from fhirserver.fhirpath.numbers import power as power_of
from fhirserver.fhirpath.quantity import Measurement, measurement_of
from fhirserver.fhirpath.types import DECIMAL, INTEGER, QUANTITY, SYSTEM_TYPES

TABLE: Final = FunctionTable()
_NUMBER: Final = frozenset({INTEGER, DECIMAL})


def number_of(item: Item) -> Number:
    """Return an item as a number; raises where it is none."""
    if SYSTEM_TYPES.get(item[0]) not in _NUMBER:
        raise FhirPathExecutionError(f"A number is expected, not a {item[0]}.")
    value: Number = plain(item[1])
    return Decimal(value) if SYSTEM_TYPES[item[0]] == DECIMAL else value


def _of_value(item: Item, compute: Callable[[Number], Number | None]) -> Item | None:
    """Compute with a number, or with the value of a quantity, which keeps its unit."""
    if SYSTEM_TYPES.get(item[0]) != QUANTITY:
        found = compute(number_of(item))
        return None if found is None else number_item(found)
    measurement = measurement_of(item[1])
    found = None if measurement is None else compute(measurement.value)
    if measurement is None or found is None:
        return None
    return (QUANTITY, Measurement(Decimal(found), measurement.unit, measurement.calendar))


@of_item(TABLE, "abs", results=frozenset({INTEGER, DECIMAL, QUANTITY}))
def abs_(item: Item) -> Item | None:
    """The absolute value of a number or a quantity."""
    return _of_value(item, lambda value: -value if value < 0 else value)


def _enter_rounding(name: str, rounding: str) -> None:
    def to_integer(item: Item) -> Item | None:
        return _of_value(item, lambda value: int(Decimal(value).to_integral_value(rounding)))

    of_item(TABLE, name, results=frozenset({INTEGER, QUANTITY}))(to_integer)


_enter_rounding("ceiling", ROUND_CEILING)
_enter_rounding("floor", ROUND_FLOOR)
_enter_rounding("truncate", "ROUND_DOWN")


@of_item(TABLE, "round", INTEGER, results=frozenset({DECIMAL, QUANTITY}))
def round_(item: Item, places: int | None = None) -> Item | None:
    """Rounded to so many decimal places, half up."""
    if places is not None and places < 0:
        raise FhirPathExecutionError("A number is rounded to 0 or more decimal places.")
    return _of_value(item, lambda value: rounded(value, places or 0))


@of_item(TABLE, "power", DECIMAL, results=_NUMBER, required=1)
def power(item: Item, exponent: Decimal | None) -> Item | None:
    """The number to the power of the exponent."""
    if exponent is None:
        return None
    whole = exponent == exponent.to_integral_value() and abs(exponent) < 10_000
    found = power_of(number_of(item), int(exponent) if whole else exponent)
    return None if found is None else number_item(found)


def _decimal(compute: Callable[[], Decimal]) -> Decimal | None:
    try:
        found = compute()
    except DecimalException:
        return None
    return found if found.is_finite() else None


@scalar(TABLE, "sqrt", DECIMAL, result=DECIMAL)
def sqrt(value: Decimal) -> Decimal | None:
    """The square root; nothing for a negative number."""
    return _decimal(lambda: CONTEXT.sqrt(value))


@scalar(TABLE, "exp", DECIMAL, result=DECIMAL)
def exp(value: Decimal) -> Decimal | None:
    """The exponential."""
    return _decimal(lambda: CONTEXT.exp(value))


@scalar(TABLE, "ln", DECIMAL, result=DECIMAL)
def ln(value: Decimal) -> Decimal | None:
    """The natural logarithm; nothing where there is none."""
    return _decimal(lambda: CONTEXT.ln(value))


@scalar(TABLE, "log", DECIMAL, DECIMAL, result=DECIMAL)
def log(value: Decimal, base: Decimal) -> Decimal | None:
    """The logarithm to a base, exact where it is a whole number."""
    found = _decimal(lambda: CONTEXT.divide(CONTEXT.ln(value), CONTEXT.ln(base)))
    if found is None:
        return None
    whole = found.to_integral_value()
    return whole if _decimal(lambda: CONTEXT.power(base, whole)) == value else found
