"""Special parameters: ``Location.near``, a true radius on the sphere.

Spec: http://hl7.org/fhir/R4/location.html#positional
"""

import math
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Final

from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Json
from fhirserver.search.plan import Near, Plan
from fhirserver.search.values.text import split_unescaped

EARTH_RADIUS_M: Final = 6_371_008.8
_DEFAULT_RADIUS: Final = "50"
_METRES: Final = {"km": 1000.0, "m": 1.0, "[mi_us]": 1609.3472186944, "[mi_i]": 1609.344, "mi": 1609.344, "": 1000.0}
_FORM: Final = "expected `latitude|longitude[|distance[|km or m or [mi_us]]]`"


def extract_position(type_name: str, value: Json) -> Iterator[tuple[float, float]]:
    """Yield (latitude, longitude) of a Location.position."""
    if isinstance(value, dict) and "latitude" in value and "longitude" in value:
        latitude, longitude = float(value["latitude"]), float(value["longitude"])
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            yield latitude, longitude


def plan_near(text: str) -> Plan:
    """Read ``latitude|longitude[|distance[|units]]``; 50 km when no distance is given. Raises BadSearchValue."""
    parts = split_unescaped(text, "|")
    if not 2 <= len(parts) <= 4:
        raise BadSearchValue(f"It is not a position; {_FORM}.")
    latitude, longitude = _number(parts[0], 90), _number(parts[1], 180)
    distance = _number([*parts, "", ""][2] or _DEFAULT_RADIUS, 1e9)
    unit = _METRES.get(parts[3] if len(parts) == 4 else "")
    if unit is None or distance < 0:
        raise BadSearchValue(f"It has no usable distance; {_FORM}.")
    return Near(latitude, longitude, distance * unit)


def _number(text: str, limit: float) -> float:
    try:
        value = float(Decimal(text.strip()))
    except (InvalidOperation, OverflowError):
        raise BadSearchValue(f"It is not a position; {_FORM}.") from None
    if not abs(value) <= limit:
        raise BadSearchValue(f"A coordinate is out of range; {_FORM}.")
    return value


def distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the great-circle distance between two (latitude, longitude) points."""
    lat1, lon1, lat2, lon2 = map(math.radians, (*one, *other))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, half)))
