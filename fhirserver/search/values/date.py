"""Date parameters: every value is the interval of its precision, half-open, in int µs.

Spec: http://hl7.org/fhir/R4/search.html#date
"""

import re
import time
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Final

from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Json
from fhirserver.search.index import DATE_MAX, DATE_MIN, Span
from fhirserver.search.plan import Comparison, HasSpan, Plan, any_of

_DATE: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,12}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_PREFIX: Final = re.compile(r"[a-z]{2}")
_DAY_US: Final = 86_400_000_000
_LENGTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_CUMULATIVE: Final = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def parse_interval(text: str, zone: tzinfo | None = None) -> tuple[int, int] | None:
    """Read ``YYYY[-MM[-DD[Thh:mm[:ss[.f…]][Z|±hh:mm]]]]`` as [low, high) in µs; None when it is not one.

    Without an offset the time is of ``zone``, UTC when None.
    """
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    y, m, d = int(year), int(month or 1), int(day or 1)
    if not (1 <= m <= 12 and 1 <= d <= _days_in_month(y, m)):
        return None
    if hour is None:
        low = _day_number(y, m, d) * _DAY_US
        high = _day_number(*_next_day(y, m, d, month is None, day is None)) * _DAY_US
        return (low, high) if zone is None else (_shift(low, zone), _shift(high, zone))
    return _time_interval(_day_number(y, m, d) * _DAY_US, (hour, minute, second, fraction), offset, zone)


def _time_interval(
    midnight: int, parts: tuple[str, str, str | None, str | None], offset: str | None, zone: tzinfo | None
) -> tuple[int, int] | None:
    hour, minute, second, fraction = int(parts[0]), int(parts[1]), parts[2], parts[3]
    if hour > 24 or minute > 59 or (second is not None and int(second) > 60):
        return None
    low = midnight + (hour * 3600 + minute * 60 + int(second or 0)) * 1_000_000
    width = 1_000_000 if second is not None else 60_000_000
    if fraction is not None:
        low += int(fraction[:6].ljust(6, "0"))
        width = 10 ** max(0, 6 - len(fraction))
    if offset is None:
        return (low, low + width) if zone is None else (_shift(low, zone), _shift(low + width, zone))
    low -= _offset_us(offset)
    return low, low + width


def _offset_us(offset: str) -> int:
    if offset == "Z":
        return 0
    size = (int(offset[1:3]) * 60 + int(offset[4:6])) * 60_000_000
    return -size if offset[0] == "-" else size


def _shift(local_us: int, zone: tzinfo) -> int:
    """Read wall-clock µs as a moment of ``zone``."""
    days, rest = divmod(local_us, _DAY_US)
    try:
        wall = datetime.fromordinal(719_163 + days).replace(hour=rest // 3_600_000_000)
    except (ValueError, OverflowError):
        return local_us
    offset = zone.utcoffset(wall)
    return local_us - (0 if offset is None else int(offset.total_seconds()) * 1_000_000)


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_in_month(year: int, month: int) -> int:
    return 29 if month == 2 and _leap(year) else _LENGTHS[month - 1]


def _day_number(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar."""
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400
    days += _CUMULATIVE[month - 1] + (1 if month > 2 and _leap(year) else 0)
    return days + day - 719_163


def _next_day(year: int, month: int, day: int, whole_year: bool, whole_month: bool) -> tuple[int, int, int]:
    if whole_year:
        return year + 1, 1, 1
    if whole_month:
        return (year + 1, 1, 1) if month == 12 else (year, month + 1, 1)
    if day < _days_in_month(year, month):
        return year, month, day + 1
    return _next_day(year, month, day, False, True)


def extract_date(key: str, type_name: str, value: Json, zone: tzinfo | None) -> Iterator[Span]:
    """Yield the spans of one value of a date parameter."""
    interval = _interval_of(type_name, value, zone)
    if interval is not None:
        yield Span(key, *interval)


def _interval_of(type_name: str, value: Json, zone: tzinfo | None) -> tuple[int, int] | None:
    if isinstance(value, str):
        return parse_interval(value, zone)
    if not isinstance(value, dict):
        return None
    if type_name == "Timing":
        return _timing_interval(value, zone)
    return _period_interval(value, zone)


def _period_interval(value: dict[str, Json], zone: tzinfo | None) -> tuple[int, int] | None:
    start = parse_interval(value["start"], zone) if isinstance(value.get("start"), str) else None
    end = parse_interval(value["end"], zone) if isinstance(value.get("end"), str) else None
    if start is None and end is None:
        return None
    return (DATE_MIN if start is None else start[0], DATE_MAX if end is None else end[1])


def _timing_interval(value: dict[str, Json], zone: tzinfo | None) -> tuple[int, int] | None:
    """Cover a schedule's events and its bounds: R4 asks for the outer limits of a Timing."""
    intervals = [parse_interval(event, zone) for event in value.get("event", ()) if isinstance(event, str)]
    bounds = value.get("repeat", {}).get("boundsPeriod") if isinstance(value.get("repeat"), dict) else None
    if isinstance(bounds, dict):
        intervals.append(_period_interval(bounds, zone))
    known = [interval for interval in intervals if interval is not None]
    if not known:
        return None
    return min(low for low, _ in known), max(high for _, high in known)


def split_prefix(text: str) -> tuple[Comparison, str]:
    """Take the prefix off an ordered value; ``eq`` when there is none. Raises BadSearchValue for an unknown one."""
    if not _PREFIX.match(text):
        return Comparison.EQ, text
    try:
        return Comparison(text[:2]), text[2:]
    except ValueError:
        raise BadSearchValue("A prefix is one of `eq ne gt lt ge le sa eb ap`.") from None


def parse_date(text: str, zone: tzinfo | None) -> tuple[Comparison, int, int]:
    """Read ``[prefix]date`` as a comparison and the interval of the value's precision, in µs.

    ``ap`` widens the interval by 10 % of the distance between now and the value, as R4 recommends.
    Raises BadSearchValue.
    """
    comparison, value = split_prefix(text)
    interval = parse_interval(value, zone)
    if interval is None:
        raise BadSearchValue("It is not a date; expected `[prefix]YYYY[-MM[-DD[Thh:mm[:ss[.fff]][Z|±hh:mm]]]]`.")
    low, high = interval
    if comparison is Comparison.AP:
        distance = abs(time.time_ns() // 1000 - (low + high) // 2) // 10
        return comparison, low - distance, high + distance
    return comparison, low, high


def plan_date(keys: tuple[str, ...], text: str, zone: tzinfo | None) -> Plan:
    """Read a date value."""
    comparison, low, high = parse_date(text, zone)
    return any_of(*(HasSpan(key, comparison, low, high) for key in keys))
