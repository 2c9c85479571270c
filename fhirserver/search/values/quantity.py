"""Quantity parameters: number, unit system and code; UCUM units compare in canonical form.

``5.4|http://unitsofmeasure.org|mg`` also finds ``0.0054 g``; ``5.4||mg`` compares the code or the printed unit as
they stand; ``5.4`` compares numbers of whatever unit. Spec: http://hl7.org/fhir/R4/search.html#quantity
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, TypeAlias

from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Json
from fhirserver.search.index import Span
from fhirserver.search.plan import Comparison, HasSpan, Plan, Unit, any_of
from fhirserver.search.values.date import split_prefix
from fhirserver.search.values.number import (
    NEIGHBOURS,
    NUMBER_MAX,
    NUMBER_MIN,
    bounds_for,
    number_of,
    parse_decimal,
    range_bounds,
)
from fhirserver.search.values.text import split_unescaped, unescape
from fhirserver.ucum import Ucum

UCUM: Final = "http://unitsofmeasure.org"
_CURRENCY: Final = "urn:iso:std:iso:4217"

_UnitParts: TypeAlias = tuple[str | None, str | None, str | None]
"""System, code and the printed unit."""


def extract_quantity(key: str, type_name: str, value: Json, ucum: Ucum) -> Iterator[Span]:
    """Yield the spans of one value: as written, and in canonical units when the unit is UCUM's."""
    if not isinstance(value, dict):
        return
    if type_name == "Range":
        bounds = range_bounds(value)
        if bounds is not None:
            yield from _spans(key, bounds, _unit_of(value.get("low") or value["high"]), ucum)
    elif type_name == "SampledData":
        yield from extract_quantity(key, "Quantity", value.get("origin"), ucum)
    else:
        number = number_of(value)
        if number is not None:
            unit = (_CURRENCY, value.get("currency"), None) if type_name == "Money" else _unit_of(value)
            spans = _spans(key, (number, number), unit, ucum)
            comparator = value.get("comparator")
            yield from spans if comparator is None else (_opened(span, comparator) for span in spans)


def _unit_of(quantity: dict[str, Json]) -> _UnitParts:
    return quantity.get("system"), quantity.get("code"), quantity.get("unit")


def _spans(key: str, bounds: tuple[Decimal, Decimal], unit: _UnitParts, ucum: Ucum) -> Iterator[Span]:
    system, code, printed = unit
    low, high = bounds
    yield Span(key, low, high, system, code, printed)
    if system == UCUM and code is not None:
        first = ucum.canonical(low, code)
        last = first if high is low else ucum.canonical(high, code)
        if first is not None and last is not None:
            yield Span(f"{key}~{first.unit}", min(first.value, last.value), max(first.value, last.value))


def _opened(span: Span, comparator: str) -> Span:
    """Open the side that ``<``, ``>`` and their like leave open: ``<5`` is every number below 5."""
    match comparator:
        case "<":
            return span._replace(low=NUMBER_MIN, high=NEIGHBOURS.next_minus(Decimal(span.high)))
        case "<=":
            return span._replace(low=NUMBER_MIN)
        case ">":
            return span._replace(low=NEIGHBOURS.next_plus(Decimal(span.low)), high=NUMBER_MAX)
        case _:
            return span._replace(high=NUMBER_MAX)


def plan_quantity(keys: tuple[str, ...], text: str, ucum: Ucum) -> Plan:
    """Read ``[prefix]number[|system|code]``, and ``number|system`` too. Raises BadSearchValue."""
    parts = [unescape(part) for part in split_unescaped(text, "|")]
    if len(parts) == 2:
        parts.append("")
    if len(parts) not in (1, 3):
        raise BadSearchValue("It is not a quantity; expected `[prefix]number`, `number|system|code` or `number||code`.")
    comparison, digits = split_prefix(parts[0])
    value = parse_decimal(digits)
    low, high = bounds_for(comparison, value)
    if len(parts) == 1 or not (parts[1] or parts[2]):
        return any_of(*(HasSpan(key, comparison, low, high) for key in keys))
    system, code = parts[1] or None, parts[2] or None
    if system == UCUM and code is not None:
        canonical = _plan_canonical(keys, comparison, (low, high), code, ucum)
        if canonical is not None:
            return canonical
    unit = Unit(system=system, code=code) if system else Unit(either=code)
    return any_of(*(HasSpan(key, comparison, low, high, unit) for key in keys))


def _plan_canonical(
    keys: tuple[str, ...], comparison: Comparison, bounds: tuple[Decimal, Decimal], code: str, ucum: Ucum
) -> Plan | None:
    first, last = ucum.canonical(bounds[0], code), ucum.canonical(bounds[1], code)
    if first is None or last is None:
        return None
    low, high = min(first.value, last.value), max(first.value, last.value)
    return any_of(*(HasSpan(f"{key}~{first.unit}", comparison, low, high) for key in keys))
