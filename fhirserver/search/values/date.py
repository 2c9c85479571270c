"""Date parameters: every value is the interval of its precision, half-open, in ticks of 100 ns.

A fraction of a second makes a stored value an instant: "a fixed point in time with an interval smaller than the
precision of the system". Ticks are the finest that the common platforms write, and 18,000 years of them fit 63 bits.
Spec: http://hl7.org/fhir/R4/search.html#date
"""

import re
import time
from collections.abc import Iterator
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Final

from fhirserver.kernel.memory import SHORT
from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Json
from fhirserver.search.index import DATE_MAX, DATE_MIN, Span
from fhirserver.search.plan import Comparison, HasSpan, LastUpdated, Plan, any_of

_DATE: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,12}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_PREFIX: Final = re.compile(r"[a-z]{2}")
TICKS_PER_US: Final = 10
_SECOND: Final = 10_000_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_FRACTION_DIGITS: Final = 7
_REMEMBERED: Final = 4096
"""What happens together has the same time."""
_LENGTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_CUMULATIVE: Final = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def parse_interval(text: str, zone: tzinfo | None = None) -> tuple[int, int] | None:
    """Read ``YYYY[-MM[-DD[Thh:mm[:ss[.f…]][Z|±hh:mm]]]]`` as [low, high) in ticks; None when it is not one.

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
        low = _day_number(y, m, d) * _DAY
        high = _day_number(*_next_day(y, m, d, month is None, day is None)) * _DAY
        return (low, high) if zone is None else (_shift(low, zone), _shift(high, zone))
    return _time_interval(_day_number(y, m, d) * _DAY, (hour, minute, second, fraction), offset, zone)


def _time_interval(
    midnight: int, parts: tuple[str, str, str | None, str | None], offset: str | None, zone: tzinfo | None
) -> tuple[int, int] | None:
    hour, minute, second, fraction = int(parts[0]), int(parts[1]), parts[2], parts[3]
    if hour > 23 or minute > 59 or (second is not None and int(second) > 60):
        return None
    low = midnight + hour * _HOUR + minute * _MINUTE + int(second or 0) * _SECOND
    width = _SECOND if second is not None else _MINUTE
    if fraction is not None:
        low += int(fraction[:_FRACTION_DIGITS].ljust(_FRACTION_DIGITS, "0"))
        width = 10 ** max(0, _FRACTION_DIGITS - len(fraction))
    if offset is None:
        return (low, low + width) if zone is None else (_shift(low, zone), _shift(low + width, zone))
    low -= _offset(offset)
    return low, low + width


def _offset(offset: str) -> int:
    if offset == "Z":
        return 0
    size = int(offset[1:3]) * _HOUR + int(offset[4:6]) * _MINUTE
    return -size if offset[0] == "-" else size


def _shift(local: int, zone: tzinfo) -> int:
    """Read wall-clock ticks as a moment of ``zone``."""
    days, rest = divmod(local, _DAY)
    try:
        wall = datetime.fromordinal(719_163 + days).replace(hour=rest // _HOUR)
    except (ValueError, OverflowError):
        return local
    offset = zone.utcoffset(wall)
    return local - (0 if offset is None else int(offset.total_seconds()) * _SECOND)


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
        return _stored_interval(value, zone)
    if not isinstance(value, dict):
        return None
    if type_name == "Timing":
        return _timing_interval(value, zone)
    return _period_interval(value, zone)


def _stored_interval(text: str, zone: tzinfo | None) -> tuple[int, int] | None:
    """Read a value of a resource: with a fraction of a second it is an instant."""
    return _kept(text, zone) if len(text) <= SHORT else _read_interval(text, zone)


def _read_interval(text: str, zone: tzinfo | None) -> tuple[int, int] | None:
    interval = parse_interval(text, zone)
    return (interval[0], interval[0] + 1) if interval is not None and "." in text else interval


_kept: Final = lru_cache(_REMEMBERED)(_read_interval)


def _period_interval(value: dict[str, Json], zone: tzinfo | None) -> tuple[int, int] | None:
    start = _stored_interval(value["start"], zone) if isinstance(value.get("start"), str) else None
    end = _stored_interval(value["end"], zone) if isinstance(value.get("end"), str) else None
    if start is None or end is None:
        return None if start is end else (DATE_MIN if start is None else start[0], DATE_MAX if end is None else end[1])
    return min(start[0], end[0]), max(start[1], end[1])  # even of one written backwards


def _timing_interval(value: dict[str, Json], zone: tzinfo | None) -> tuple[int, int] | None:
    """Cover a schedule's events and its bounds: R4 asks for the outer limits of a Timing."""
    intervals = [_stored_interval(event, zone) for event in value.get("event", ()) if isinstance(event, str)]
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
    """Read ``[prefix]date`` as a comparison and the interval of the value's precision, in ticks.

    ``ap`` widens the interval by 10 % of the distance between now and the value, as R4 recommends.
    Raises BadSearchValue.
    """
    comparison, value = split_prefix(text)
    interval = parse_interval(value.replace(" ", "+"), zone)  # what a client meant by a plus it did not escape
    if interval is None:
        raise BadSearchValue("It is not a date; expected `[prefix]YYYY[-MM[-DD[Thh:mm[:ss[.fff]][Z|±hh:mm]]]]`.")
    low, high = interval
    if comparison is Comparison.AP:
        distance = abs(time.time_ns() // 100 - (low + high) // 2) // 10
        return comparison, low - distance, high + distance
    return comparison, low, high


def in_us(ticks: int) -> int:
    """Return the first µs that is not before a tick: no µs lies between the two."""
    return -(-ticks // TICKS_PER_US)


def plan_last_updated(text: str, zone: tzinfo | None) -> LastUpdated:
    """Read a value of ``_lastUpdated``, which is known to the µs. Raises BadSearchValue."""
    comparison, low, high = parse_date(text, zone)
    return LastUpdated(comparison, in_us(low), in_us(high))


def plan_date(keys: tuple[str, ...], text: str, zone: tzinfo | None) -> Plan:
    """Read a date value."""
    comparison, low, high = parse_date(text, zone)
    return any_of(*(HasSpan(key, comparison, low, high) for key in keys))
