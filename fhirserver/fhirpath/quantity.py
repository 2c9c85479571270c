"""Quantities: System's own, FHIR's read as one, and when two are equal.

Spec: http://hl7.org/fhirpath/N1/#quantity, http://hl7.org/fhir/R4/fhirpath.html#quantity
"""

from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from fhirserver.kernel.resource import Json, Resource
from fhirserver.ucum import Ucum

UCUM_SYSTEM: Final = "http://unitsofmeasure.org"
_EXACT_CALENDAR: Final = MappingProxyType(
    {"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A System.Quantity: ``unit`` is a UCUM code, or a calendar unit in the singular where ``calendar``."""

    value: Decimal
    unit: str = "1"
    calendar: bool = False

    @property
    def code(self) -> str | None:
        """The UCUM code; None for calendar years and months, which have no fixed length."""
        return _EXACT_CALENDAR.get(self.unit) if self.calendar else self.unit


def measurement_of(value: Json) -> Measurement | None:
    """Read a FHIR Quantity, or return a System one; None where it has no value or no usable unit."""
    if isinstance(value, Measurement):
        return value
    if type(value) is not dict or "value" not in value or "comparator" in value:
        return None
    code = value.get("code")
    if code is not None and value.get("system") == UCUM_SYSTEM:
        return Measurement(Decimal(value["value"]), code)
    unit = value.get("unit") if code is None else f"{value.get('system')}|{code}"
    return Measurement(Decimal(value["value"]), unit or "1")


def to_json(measurement: Measurement) -> Resource:
    """Write a System quantity as a FHIR Quantity."""
    code = measurement.code
    coded = {"unit": measurement.unit} if code is None else {"unit": measurement.unit, "code": code}
    system = {} if code is None else {"system": UCUM_SYSTEM}
    return {"value": measurement.value, **coded, **system}


def common_values(left: Measurement, right: Measurement, ucum: Ucum | None) -> tuple[Decimal, Decimal] | None:
    """Return both values in one unit; None where the units do not compare."""
    if (left.unit, left.calendar) == (right.unit, right.calendar):
        return left.value, right.value
    if left.code is None or right.code is None or ucum is None:
        return None
    if left.code == right.code:
        return left.value, right.value
    mine, other = ucum.canonical(left.value, left.code), ucum.canonical(right.value, right.code)
    if mine is None or other is None or mine.unit != other.unit:
        return None
    return mine.value, other.value
