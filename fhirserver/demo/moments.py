"""The time of the record: a fixed present, and local minutes written with the offset of Brussels and Paris.

A moment is an ``int``: the local minutes since the first day of year 1. No wall clock, and no time zone database, whose
versions differ between machines: both towns change at the last Sundays of March and October (directive 2000/84/EC).
"""

from datetime import date, timedelta
from typing import Final

TODAY: Final = date(2026, 11, 20)
HOUR: Final = 60
DAY: Final = 24 * HOUR


def at(day: date, hour: int = 0, minute: int = 0) -> int:
    """Return the moment of a local time."""
    return day.toordinal() * DAY + hour * HOUR + minute


NOW: Final = at(TODAY, 11, 30)
"""The record stops here: a Friday, before noon."""


def day_of(moment: int) -> date:
    """Return the local day of a moment."""
    return date.fromordinal(moment // DAY)


def hour_of(moment: int) -> int:
    """Return the local hour of a moment."""
    return moment % DAY // HOUR


def shift(day: date, days: int) -> date:
    """Return the day so many days later."""
    return day + timedelta(days=days)


def workday(day: date) -> date:
    """Return the day itself, or the Monday after it."""
    return shift(day, max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)


def render(moment: int) -> str:
    """Write a moment as a FHIR dateTime or instant: ``2026-11-20T11:30:00+01:00``."""
    hour, minute = divmod(moment % DAY, HOUR)
    return f"{day_of(moment).isoformat()}T{hour:02d}:{minute:02d}:00{'+02:00' if _is_summer(moment) else '+01:00'}"


def age_at(birth: date, day: date) -> int:
    """Return the completed years of age."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def _is_summer(moment: int) -> bool:
    month = day_of(moment).month
    if month not in {3, 10}:
        return 3 < month < 10
    year = day_of(moment).year
    return at(_last_sunday(year, 3), 3) <= moment < at(_last_sunday(year, 10), 3)


def _last_sunday(year: int, month: int) -> date:
    last = date(year, month, 31)
    return shift(last, -((last.weekday() + 1) % 7))
