"""Arithmetic of integers and decimals: exact as far as 34 digits go, no result where there is none.

Spec: http://hl7.org/fhirpath/N1/#math, http://hl7.org/fhirpath/N1/#decimal
"""

from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from typing import Final, TypeAlias

from fhirserver.fhirpath.items import Item
from fhirserver.fhirpath.types import DECIMAL, INTEGER

Number: TypeAlias = int | Decimal

CONTEXT: Final = Context(prec=34, Emax=6144, Emin=-6143, traps=[InvalidOperation, DivisionByZero, Overflow])
MAX_INTEGER: Final = 2**63 - 1
MAX_PLACES: Final = 31


def number_item(value: Number) -> Item | None:
    """Return a number as an item of its type; None where an integer is out of range."""
    if isinstance(value, Decimal):
        return (DECIMAL, value)
    return (INTEGER, value) if abs(value) <= MAX_INTEGER else None


def divide(left: Number, right: Number) -> Decimal | None:
    """Return a decimal quotient; None for a division by zero."""
    try:
        return CONTEXT.divide(Decimal(left), Decimal(right))
    except DecimalException:
        return None


def power(base: Number, exponent: Number) -> Number | None:
    """Return a power, an integer one of integers; None where there is none or it is too great."""
    try:
        found = CONTEXT.power(Decimal(base), Decimal(exponent))
    except DecimalException:
        return None
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        return base**exponent if abs(found) <= MAX_INTEGER else None
    return found


def rounded(value: Number, places: int, rounding: str = ROUND_HALF_UP) -> Decimal | None:
    """Return a number with so many decimal places; None where it cannot have them."""
    if not 0 <= places <= MAX_PLACES:
        return None
    try:
        return Decimal(value).quantize(Decimal(1).scaleb(-places), rounding, CONTEXT)
    except DecimalException:
        return None


def places_of(value: Number) -> int:
    """Return how many decimal places a number is given with."""
    exponent = Decimal(value).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def boundary(value: Number, places: int, direction: int) -> Decimal | None:
    """Return the least (-1) or greatest (1) number that would be written as ``value``, with so many places."""
    half = Decimal(5).scaleb(-places_of(value) - 1)
    exact = CONTEXT.add(Decimal(value), direction * half)
    return rounded(exact, places, ROUND_FLOOR if direction < 0 else ROUND_CEILING)
