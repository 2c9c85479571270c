"""Number parameters: a search value is the range of its significant digits, a stored value is exact.

``100`` searches [99.5, 100.5), ``100.00`` searches [99.995, 100.005), ``1e2`` searches [95, 105) like ``1.0e2``: R4's
own example, though its one digit would be [50, 150);
with ``gt lt ge le sa eb`` the value is exact; whole numbers compare exactly with elements that are integers.
Spec: http://hl7.org/fhir/R4/search.html#number
"""

from collections.abc import Iterator
from decimal import Context, Decimal, InvalidOperation
from typing import Final

from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Json
from fhirserver.search.index import Span
from fhirserver.search.plan import Comparison, HasSpan, Plan, any_of
from fhirserver.search.values.date import split_prefix

NEIGHBOURS: Final = Context(prec=34)
"""Knows the numbers next to one, as far as the database tells them apart."""

_EXACT: Final = Context(prec=200)
_APPROXIMATE: Final = Decimal("0.1")
_RANGED: Final = (Comparison.EQ, Comparison.NE, Comparison.AP)


def extract_number(key: str, type_name: str, value: Json) -> Iterator[Span]:
    """Yield the spans of one value of a number parameter."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        yield Span(key, Decimal(value), Decimal(value))
    elif isinstance(value, dict) and type_name == "Range":
        bounds = range_bounds(value)
        if bounds is not None:
            yield Span(key, *bounds)


NUMBER_MIN: Final = Decimal("-1e400")
NUMBER_MAX: Final = Decimal("1e400")


def range_bounds(value: dict[str, Json]) -> tuple[Decimal, Decimal] | None:
    """Return the closed bounds of a Range, even of one written backwards; an open side is beyond every number."""
    low, high = number_of(value.get("low")), number_of(value.get("high"))
    if low is None or high is None:
        return None if low is high else (NUMBER_MIN if low is None else low, NUMBER_MAX if high is None else high)
    return min(low, high), max(low, high)


def number_of(quantity: Json) -> Decimal | None:
    """Return the value of a Quantity."""
    number = quantity.get("value") if isinstance(quantity, dict) else None
    return Decimal(number) if isinstance(number, int | Decimal) and not isinstance(number, bool) else None


def parse_decimal(text: str) -> Decimal:
    """Read a JSON-style number; raises BadSearchValue."""
    try:
        value = Decimal(text) if text.isascii() and len(text) <= 64 and "_" not in text else None
    except InvalidOperation:
        value = None
    if value is None or not value.is_finite() or abs(value.adjusted()) > 400:
        raise BadSearchValue("It is not a number; expected for example `100`, `5.40` or `1e-3`.")
    return value


def implicit_range(value: Decimal, *, whole: bool = False) -> tuple[Decimal, Decimal]:
    """Return [low, high) of a number's own precision: half a unit of its last digit to each side.

    ``whole``: the element holds integers, so a plain integer means just itself.
    """
    parts = value.as_tuple()
    exponent = int(parts.exponent)
    if exponent > 0 and len(parts.digits) == 1:
        exponent -= 1
    if whole and exponent == 0:
        return value, _EXACT.add(value, Decimal("1e-9"))
    half = Decimal((0, (5,), exponent - 1))
    return _EXACT.subtract(value, half), _EXACT.add(value, half)


def bounds_for(comparison: Comparison, value: Decimal, *, whole: bool = False) -> tuple[Decimal, Decimal]:
    """Return the bounds a comparison works with, see HasSpan."""
    if comparison is Comparison.AP:
        margin = _EXACT.multiply(abs(value), _APPROXIMATE)
        low, high = implicit_range(value)
        return min(low, _EXACT.subtract(value, margin)), max(high, _EXACT.add(value, margin))
    return implicit_range(value, whole=whole) if comparison in _RANGED else (value, value)


def plan_number(keys: tuple[str, ...], text: str, *, whole: bool) -> Plan:
    """Read a number value."""
    comparison, digits = split_prefix(text)
    low, high = bounds_for(comparison, parse_decimal(digits), whole=whole)
    return any_of(*(HasSpan(key, comparison, low, high) for key in keys))
