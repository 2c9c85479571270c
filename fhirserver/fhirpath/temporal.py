"""Dates, dateTimes and times of any precision: reading and comparing.

Values travel as ISO 8601 text; they are read where an operator needs them.
Spec: http://hl7.org/fhirpath/N1/#date-time-comparison
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from fhirserver.fhirpath.types import DATE, DATE_TIME, TIME

_CLOCK: Final = r"(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?"
_ZONE: Final = r"(Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))?"
_DATE_TIME: Final = re.compile(rf"(\d{{4}})(?:-(\d\d)(?:-(\d\d)(?:T{_CLOCK}{_ZONE})?)?)?T?", re.ASCII)
_TIME: Final = re.compile(_CLOCK, re.ASCII)
_WIDEST_OFFSET_S: Final = 14 * 3600
_MAX_LENGTH: Final = 64
"""Characters: more than that are digits of a second that nothing measures."""


@dataclass(frozen=True, slots=True)
class Temporal:
    """A point in time as far as it is known.

    ``parts``: year, month, day, hour, minute and second of a date or dateTime, hour, minute and second of a time;
    fewer when less is known. ``offset`` is the zone in minutes east of UTC.
    """

    type: str
    parts: tuple[int | Decimal, ...]
    offset: int | None = None


def parse_temporal(text: str, type_name: str) -> Temporal | None:
    """Read ISO 8601 text as a System date, dateTime or time; None when it is not one."""
    return _parsed(text, type_name) if len(text) <= _MAX_LENGTH else None


@lru_cache(maxsize=4096)
def _parsed(text: str, type_name: str) -> Temporal | None:
    pattern = _TIME if type_name == TIME else _DATE_TIME
    found = pattern.fullmatch(text)
    if found is None:
        return None
    groups = found.groups()
    zone = None if type_name == TIME else groups[6]
    fields = groups if type_name == TIME else groups[:6]
    known = [Decimal(field) if "." in field else int(field) for field in fields if field is not None]
    temporal = Temporal(type_name, tuple(known), None if zone is None else _minutes(zone))
    return temporal if _exists(temporal) else None


def _minutes(zone: str) -> int:
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def _exists(temporal: Temporal) -> bool:
    if temporal.type == DATE and len(temporal.parts) > 3:
        return False
    try:
        _instant(temporal)
    except (ValueError, OverflowError):
        return False
    return True


def _instant(temporal: Temporal) -> datetime:
    """Return the first instant of a temporal, in UTC where its zone is known; raises ValueError."""
    parts = temporal.parts if temporal.type != TIME else (2000, 1, 1, *temporal.parts)
    year, month, day, hour, minute, second = [int(part) for part in parts] + [1, 1, 0, 0, 0][len(parts) - 1 :]
    leap_second = second == 60
    moment = datetime(year, month, day, hour, minute, 59 if leap_second else second, tzinfo=UTC)
    return moment + timedelta(seconds=leap_second, minutes=-(temporal.offset or 0))


def _utc_parts(temporal: Temporal) -> tuple[int | Decimal, ...]:
    parts = temporal.parts
    if temporal.offset is None or len(parts) < 4:
        return parts
    moment = _instant(temporal)
    second = moment.second + parts[5] % 1 if len(parts) > 5 else 0
    return (moment.year, moment.month, moment.day, moment.hour, moment.minute, second)[: len(parts)]


def comparable(left: Temporal, right: Temporal) -> bool:
    """Tell whether two temporals can be compared at all: times only with times."""
    return (left.type == TIME) == (right.type == TIME)


def compare(left: Temporal, right: Temporal) -> int | None:
    """Return -1, 0 or 1; None where precision or a missing zone leaves it open."""
    if (left.offset is None) != (right.offset is None) and len(left.parts) > 3 and len(right.parts) > 3:
        return _compare_across_zones(left, right)
    mine, other = _utc_parts(left), _utc_parts(right)
    for a, b in zip(mine, other, strict=False):
        if a != b:
            return -1 if a < b else 1
    return 0 if len(mine) == len(other) else None


def _compare_across_zones(left: Temporal, right: Temporal) -> int | None:
    """Compare when only one side has a zone: decided only beyond the widest offset there is."""
    difference_s = (_instant(left) - _instant(right)).total_seconds()
    if abs(difference_s) <= _WIDEST_OFFSET_S + 3600:
        return None
    return -1 if difference_s < 0 else 1


def temporal_key(temporal: Temporal) -> tuple[object, ...]:
    """Return a value that equal temporals share and others do not."""
    kind = TIME if temporal.type == TIME else DATE_TIME
    has_zone = temporal.offset is not None and len(temporal.parts) > 3
    return (kind, has_zone, tuple(map(Decimal, _utc_parts(temporal))))
