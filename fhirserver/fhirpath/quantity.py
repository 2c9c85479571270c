"""Quantities: System's own, FHIR's read as one, and when two are equal.

Spec: http://hl7.org/fhirpath/N1/#quantity, http://hl7.org/fhir/R4/fhirpath.html#quantity
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from fhirserver.fhirpath.numbers import CONTEXT
from fhirserver.kernel.resource import Json, Resource
from fhirserver.ucum import Ucum

UCUM_SYSTEM: Final = "http://unitsofmeasure.org"
_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "year": "a",
        "month": "mo",
        "week": "wk",
        "day": "d",
        "hour": "h",
        "minute": "min",
        "second": "s",
        "millisecond": "ms",
    }
)
TIME_CODES: Final = frozenset(_CODES.values())
"""UCUM codes of the units that calendar units may equal."""
_VARIABLE: Final = frozenset({"year", "month"})
_MEAN_CODES: Final = frozenset({"a", "mo"})
_MONTHS: Final[Mapping[str, int]] = MappingProxyType({"year": 12, "month": 1})
_SECONDS: Final[Mapping[str, Decimal]] = MappingProxyType(
    {
        "year": Decimal(365 * 86_400),
        "month": Decimal(30 * 86_400),
        "week": Decimal(7 * 86_400),
        "day": Decimal(86_400),
        "hour": Decimal(3_600),
        "minute": Decimal(60),
        "second": Decimal(1),
        "millisecond": Decimal("0.001"),
    }
)
"""How long calendar units are where no date says it."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A System.Quantity.

    ``unit`` is a UCUM code; a calendar unit in the singular where ``calendar``; ``system|code`` or ``|text`` for a
    FHIR quantity in other units, which compares only with the same.
    """

    value: Decimal
    unit: str = "1"
    calendar: bool = False

    @property
    def code(self) -> str | None:
        """The UCUM code; None for calendar years and months, which have no fixed length."""
        if not self.calendar:
            return self.unit
        return None if self.unit in _VARIABLE else _CODES[self.unit]

    def get(self, name: str) -> Decimal | str | None:
        """Return a member as a JSON object does, so that steps need no case of their own."""
        members: dict[str, Decimal | str] = {"value": self.value, "unit": self.unit}
        return members.get(name)

    @property
    def nearest_code(self) -> str:
        """The UCUM code, for calendar years and months the one of their mean length."""
        return _CODES[self.unit] if self.calendar else self.unit


def measurement_of(value: Json) -> Measurement | None:
    """Read a FHIR Quantity, or return a System one; None where it has no value or is not exact."""
    if isinstance(value, Measurement):
        return value
    if type(value) is not dict or "value" not in value or "comparator" in value:
        return None
    number, system, code = Decimal(value["value"]), value.get("system"), value.get("code")
    if code is not None and system == UCUM_SYSTEM:
        word = _FROM_FHIR.get(code)
        return Measurement(number, code) if word is None else Measurement(number, word, calendar=True)
    unit = code or value.get("unit")
    return Measurement(number) if unit is None else Measurement(number, f"{system or ''}|{unit}")


_FROM_FHIR: Final[Mapping[str, str]] = MappingProxyType({"a": "year", "mo": "month"})
"""R4 reads these codes as calendar units; those of the shorter units compare with either."""


def to_json(measurement: Measurement) -> Resource:
    """Write a System quantity as a FHIR Quantity."""
    system, bar, unit = measurement.unit.rpartition("|")
    if bar:
        return {"value": measurement.value, "unit": unit} | ({"system": system, "code": unit} if system else {})
    if measurement.unit in _VARIABLE and measurement.calendar:
        return {"value": measurement.value, "unit": measurement.unit}
    code = measurement.nearest_code
    return {"value": measurement.value, "unit": measurement.unit, "system": UCUM_SYSTEM, "code": code}


def render_measurement(measurement: Measurement) -> str:
    """Write a System quantity as its literal: ``4 'mg'``, ``1 week``, ``2 weeks``."""
    if not measurement.calendar:
        return f"{measurement.value:f} '{measurement.unit}'"
    return f"{measurement.value:f} {measurement.unit}{'' if measurement.value == 1 else 's'}"


def common_values(left: Measurement, right: Measurement, ucum: Ucum | None) -> tuple[Decimal, Decimal] | None:
    """Return both values in one unit; None where the units do not compare."""
    if (left.unit, left.calendar) == (right.unit, right.calendar):
        return left.value, right.value
    if left.calendar and right.calendar:
        return _calendar_values(left, right)
    if left.code is None or right.code is None or _is_mixed(left, right):
        return None
    return _canonical_values(left.value, left.code, right.value, right.code, ucum)


def _is_mixed(left: Measurement, right: Measurement) -> bool:
    """Tell whether one is a calendar duration and the other of UCUM's mean years or months, which none equals."""
    return left.calendar != right.calendar and not _MEAN_CODES.isdisjoint((left.unit, right.unit))


def _calendar_values(left: Measurement, right: Measurement) -> tuple[Decimal, Decimal]:
    lengths: Mapping[str, int | Decimal] = _MONTHS if {left.unit, right.unit} <= _VARIABLE else _SECONDS
    return left.value * lengths[left.unit], right.value * lengths[right.unit]


def _canonical_values(
    value: Decimal, code: str, other_value: Decimal, other_code: str, ucum: Ucum | None
) -> tuple[Decimal, Decimal] | None:
    if code == other_code:
        return value, other_value
    if ucum is None:
        return None
    mine, other = ucum.canonical(value, code), ucum.canonical(other_value, other_code)
    return (mine.value, other.value) if mine is not None and other is not None and mine.unit == other.unit else None


def converted(measurement: Measurement, unit: str, calendar: bool, ucum: Ucum | None) -> Measurement | None:
    """Return a quantity in another unit; None where it cannot be converted."""
    if (measurement.unit, measurement.calendar) == (unit, calendar):
        return measurement
    target = Measurement(Decimal(1), unit, calendar)
    if measurement.calendar and calendar:
        mine, other = _calendar_values(measurement, target)
        return Measurement(CONTEXT.divide(mine, other), unit, calendar)
    if measurement.code is None or target.code is None or _is_mixed(measurement, target):
        return None
    if measurement.code == target.code:
        return Measurement(measurement.value, unit, calendar)
    found = None if ucum is None else ucum.convert(measurement.value, measurement.code, target.code)
    return None if found is None else Measurement(found, unit, calendar)


def summed(left: Measurement | None, right: Measurement | None, sign: int, ucum: Ucum | None) -> Measurement | None:
    """Add (or, with ``sign`` -1, subtract) in the smaller of the two units; None where they do not compare."""
    if left is None or right is None:
        return None
    target = left if _is_smaller(left, right, ucum) else right
    mine, other = (converted(each, target.unit, target.calendar, ucum) for each in (left, right))
    if mine is None or other is None:
        return None
    return Measurement(CONTEXT.add(mine.value, sign * other.value), target.unit, target.calendar)


def _is_smaller(left: Measurement, right: Measurement, ucum: Ucum | None) -> bool:
    """Tell whether the unit of the left is as small as that of the right, or does not compare with it."""
    one = Decimal(1)
    values = common_values(replace(left, value=one), replace(right, value=one), ucum)
    return values is None or values[0] <= values[1]


def multiplied(
    left: Measurement | None, right: Measurement | None, exponent: int, ucum: Ucum | None
) -> Measurement | None:
    """Multiply (or, with ``exponent`` -1, divide); the unit is the canonical one where there are two."""
    if left is None or right is None or (exponent < 0 and not right.value):
        return None
    operation = CONTEXT.multiply if exponent > 0 else CONTEXT.divide
    if right.unit == "1":
        return Measurement(operation(left.value, right.value), left.unit, left.calendar)
    if left.unit == "1" and exponent > 0:
        return Measurement(operation(left.value, right.value), right.unit, right.calendar)
    if left.code is None or right.code is None or ucum is None or _is_mixed(left, right):
        return None
    unit = f"({left.code}).({right.code})" if exponent > 0 else f"({left.code})/({right.code})"
    return canonical(Measurement(operation(left.value, right.value), unit), ucum)


def canonical(measurement: Measurement, ucum: Ucum) -> Measurement | None:
    """Return a quantity in canonical units; None where it has none."""
    found = ucum.canonical(measurement.value, measurement.unit)
    return None if found is None else Measurement(found.value, found.unit)
