"""Quantities: System's own, FHIR's read as one, and when two are equal.

Spec: http://hl7.org/fhirpath/N1/#quantity, http://hl7.org/fhir/R4/fhirpath.html#quantity
"""

from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from fhirserver.fhirpath.numbers import CONTEXT
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


def render_measurement(measurement: Measurement) -> str:
    """Write a System quantity as its literal: ``4 'mg'``, ``1 week``."""
    unit = measurement.unit if measurement.calendar else f"'{measurement.unit}'"
    return f"{measurement.value:f} {unit}"


def summed(left: Measurement | None, right: Measurement | None, sign: int, ucum: Ucum | None) -> Measurement | None:
    """Add (or, with ``sign`` -1, subtract) in the unit of the left; None where the units do not compare."""
    if left is None or right is None:
        return None
    if (left.unit, left.calendar) == (right.unit, right.calendar):
        return Measurement(CONTEXT.add(left.value, sign * right.value), left.unit, left.calendar)
    if left.code is None or right.code is None or ucum is None:
        return None
    other = ucum.convert(right.value, right.code, left.code)
    return None if other is None else Measurement(CONTEXT.add(left.value, sign * other), left.unit, left.calendar)


def multiplied(
    left: Measurement | None, right: Measurement | None, exponent: int, ucum: Ucum | None
) -> Measurement | None:
    """Multiply (or, with ``exponent`` -1, divide); the unit is the canonical one where there are two."""
    if left is None or right is None or (exponent < 0 and not right.value):
        return None
    operation = CONTEXT.multiply if exponent > 0 else CONTEXT.divide
    if right.unit == "1":
        return Measurement(operation(left.value, right.value), left.unit, left.calendar)
    if left.code is None or right.code is None or ucum is None:
        return None
    unit = f"({left.code}).({right.code})" if exponent > 0 else f"({left.code})/({right.code})"
    return canonical(Measurement(operation(left.value, right.value), unit), ucum)


def canonical(measurement: Measurement, ucum: Ucum) -> Measurement | None:
    """Return a quantity in canonical units; None where it has none."""
    found = ucum.canonical(measurement.value, measurement.unit)
    return None if found is None else Measurement(found.value, found.unit)
