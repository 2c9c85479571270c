"""Quantity parameters: number, unit system and code; UCUM units compare in canonical form.

``5.4|http://unitsofmeasure.org|mg`` also finds ``0.0054 g``; ``5.4||mg`` compares the code or the printed unit as
they stand; ``5.4`` compares numbers of whatever unit. Spec: http://hl7.org/fhir/R4/search.html#quantity
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Json
from fhirserver.search.index import Span
from fhirserver.search.plan import Comparison, HasSpan, Plan, Unit, any_of
from fhirserver.search.values.date import split_prefix
from fhirserver.search.values.number import NUMBER_MAX, NUMBER_MIN, bounds_for, parse_decimal
from fhirserver.search.values.text import split_unescaped, unescape
from fhirserver.ucum import Ucum

UCUM: Final = "http://unitsofmeasure.org"
_CURRENCY: Final = "urn:iso:std:iso:4217"


def extract_quantity(key: str, type_name: str, value: Json, ucum: Ucum) -> Iterator[Span]:
    """Yield the spans of one value: as written, and in canonical units when the unit is UCUM's."""
    if not isinstance(value, dict):
        return
    if type_name == "Range":
        yield from _range_spans(key, value, ucum)
    elif type_name == "Money":
        yield from _spans(key, value.get("value"), value.get("value"), (_CURRENCY, value.get("currency"), None), ucum)
    elif type_name == "SampledData":
        yield from extract_quantity(key, "Quantity", value.get("origin"), ucum)
    else:
        number = value.get("value")
        low, high = _with_comparator(number, value.get("comparator"))
        yield from _spans(key, low, high, (value.get("system"), value.get("code"), value.get("unit")), ucum)


def _with_comparator(number: Json, comparator: Json) -> tuple[Json, Json]:
    """Open the side that ``<``, ``>`` and their like leave open: ``<5`` is everything below."""
    if comparator in ("<", "<="):
        return NUMBER_MIN, number
    if comparator in (">", ">="):
        return number, NUMBER_MAX
    return number, number


def _range_spans(key: str, value: dict[str, Json], ucum: Ucum) -> Iterator[Span]:
    low, high = value.get("low"), value.get("high")
    sides = [side for side in (low, high) if isinstance(side, dict)]
    if not sides:
        return
    unit = sides[0].get("system"), sides[0].get("code"), sides[0].get("unit")
    lowest = low.get("value") if isinstance(low, dict) else NUMBER_MIN
    highest = high.get("value") if isinstance(high, dict) else NUMBER_MAX
    yield from _spans(key, lowest, highest, unit, ucum)


def _spans(key: str, low: Json, high: Json, unit: tuple[Json, Json, Json], ucum: Ucum) -> Iterator[Span]:
    if not (_is_number(low) and _is_number(high)):
        return
    system, code, printed = (part if isinstance(part, str) else None for part in unit)
    lowest, highest = Decimal(low), Decimal(high)
    yield Span(key, lowest, highest, system, code, printed)
    if system == UCUM and code is not None:
        first, last = ucum.canonical(lowest, code), ucum.canonical(highest, code)
        if first is not None and last is not None:
            yield Span(f"{key}~{first.unit}", min(first.value, last.value), max(first.value, last.value))


def _is_number(value: Json) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def plan_quantity(keys: tuple[str, ...], text: str, ucum: Ucum) -> Plan:
    """Read ``[prefix]number[|system|code]``. Raises BadSearchValue."""
    parts = [unescape(part) for part in split_unescaped(text, "|")]
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
