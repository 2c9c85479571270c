"""Dates and times moved by durations, and the first and last instants that one of limited precision may mean.

Spec: http://hl7.org/fhirpath/N1/#datetime-arithmetic
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.quantity import Measurement
from fhirserver.fhirpath.temporal import Temporal, parse_temporal
from fhirserver.fhirpath.types import DATE, TIME

_UNITS: Final = ("year", "month", "day", "hour", "minute", "second")
_SECONDS: Final = (365 * 86_400, 30 * 86_400, 86_400, 3_600, 60, 1)
"""How long the units are where a date is less precise than the duration it is moved by."""
_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}
)
DIGITS: Final = (4, 6, 8, 10, 12, 14, 17)
"""Digits of a dateTime known to the year, month, day, hour, minute, second, millisecond."""
TIME_DIGITS: Final = (2, 4, 6, 9)


def add(text: str, type_name: str, duration: Measurement, sign: int) -> str | None:
    """Move a date, dateTime or time; None beyond the calendar. Raises for what is no duration of a fixed unit."""
    temporal = parse_temporal(text, type_name)
    if temporal is None:
        return None
    unit, amount = _calendar_unit(duration)
    amount *= sign
    lead = 3 if type_name == TIME else 0
    position = _UNITS.index(unit)
    if position < lead:
        raise FhirPathExecutionError(f"A time cannot be moved by a {unit}.")
    known = lead + len(temporal.parts) - 1
    if position > known:
        length = Decimal(1) / 12 if (position, known) == (1, 0) else Decimal(_SECONDS[position]) / _SECONDS[known]
        amount, position = Decimal(int(round(amount * length, 9))), known
    try:
        moved = _moved(temporal, position, amount, lead)
    except (OverflowError, ValueError):
        return None
    return render(moved, text)


def _calendar_unit(duration: Measurement) -> tuple[str, Decimal]:
    """Read a duration as a number of one of ``_UNITS``; only seconds have fractions."""
    name = duration.unit if duration.calendar else _CODES.get(duration.unit, duration.unit.removesuffix("s"))
    if name == "millisecond":
        return "second", duration.value / 1000
    whole = Decimal(int(duration.value))
    if name == "week":
        return "day", whole * 7
    if name not in _UNITS:
        raise FhirPathExecutionError(f"`{duration.unit}` is no unit to move a date by.")
    return name, duration.value if name == "second" else whole


def _moved(temporal: Temporal, position: int, amount: Decimal, lead: int) -> Temporal:
    known = len(temporal.parts)
    parts = (2000, 1, 1, *temporal.parts) if lead else temporal.parts
    whole = [int(part) for part in parts] + [1, 1, 0, 0, 0][len(parts) - 1 :]
    fraction = parts[5] % 1 if len(parts) > 5 else Decimal(0)
    if position < 2:
        year, month = divmod(whole[0] * 12 + whole[1] - 1 + int(amount) * (12 if position == 0 else 1), 12)
        whole[:3] = [year, month + 1, min(whole[2], monthrange(year, month + 1)[1])]
        moment = datetime(*whole[:6])  # type: ignore[arg-type]  # noqa: DTZ001 - zones do not move
        return _parts(temporal, moment, Decimal(fraction), known, lead)
    seconds = amount * _SECONDS[position] + fraction
    carried = seconds // 1 if seconds >= 0 else -(-seconds // 1) - (1 if seconds % 1 else 0)
    moment = datetime(*whole[:6]) + timedelta(seconds=int(carried))  # type: ignore[arg-type]  # noqa: DTZ001
    return _parts(temporal, moment, seconds - carried, known, lead)


def _parts(temporal: Temporal, moment: datetime, fraction: Decimal, known: int, lead: int) -> Temporal:
    second = moment.second + fraction if fraction else moment.second
    parts = (moment.year, moment.month, moment.day, moment.hour, moment.minute, second)
    return Temporal(temporal.type, parts[lead : lead + known], temporal.offset)


def render(temporal: Temporal, like: str = "") -> str:
    """Write a temporal in ISO 8601, with the fraction digits of ``like`` at least."""
    parts = temporal.parts
    if temporal.type == TIME:
        return _clock(parts, like)
    text = "-".join(f"{part:04d}" if i == 0 else f"{part:02d}" for i, part in enumerate(parts[:3]))
    return f"{text}T{_clock(parts[3:], like)}{_zone(temporal.offset)}" if len(parts) > 3 else text


def _clock(parts: tuple[int | Decimal, ...], like: str) -> str:
    text = ":".join(f"{int(part):02d}" for part in parts)
    places = len(like.partition(".")[2].rstrip("Z").partition("+")[0].partition("-")[0])
    fraction = parts[2] % 1 if len(parts) > 2 else 0
    if not places and not fraction:
        return text
    digits = f"{Decimal(fraction):.{max(places, -_exponent(Decimal(fraction)))}f}"[1:]
    return text + digits


def _exponent(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return min(exponent, 0) if isinstance(exponent, int) else 0


def _zone(offset: int | None) -> str:
    if offset is None:
        return ""
    hours, minutes = divmod(abs(offset), 60)
    return f"{'-' if offset < 0 else '+'}{hours:02d}:{minutes:02d}" if offset else "Z"


def boundary(text: str, type_name: str, digits: int | None, direction: int) -> str | None:
    """Return the first (-1) or last (1) instant a temporal may mean, with so many digits."""
    temporal = parse_temporal(text, type_name)
    steps = TIME_DIGITS if type_name == TIME else DIGITS[:3] if type_name == DATE else DIGITS
    digits = steps[-1] if digits is None else digits
    if temporal is None or digits not in steps:
        return None
    wanted = steps.index(digits) + 1
    parts = (*temporal.parts, *_outermost(temporal, direction))[: min(wanted, 3 if type_name == TIME else 6)]
    offset = temporal.offset
    if type_name != TIME and wanted > 3 and offset is None:
        offset = 14 * 60 if direction < 0 else -12 * 60
    has_millis = wanted == len(TIME_DIGITS if type_name == TIME else DIGITS)
    return render(Temporal(type_name, parts, offset if wanted > 3 or type_name == TIME else None), ".000" * has_millis)


def _outermost(temporal: Temporal, direction: int) -> tuple[int | Decimal, ...]:
    """Return the parts that are not given, all least or all greatest."""
    known = temporal.parts
    last_second = Decimal("59.999")
    if temporal.type == TIME:
        return ((0, 0, 0) if direction < 0 else (23, 59, last_second))[len(known) :]
    if direction < 0:
        return (1, 1, 1, 0, 0, 0)[len(known) :]
    month = int(known[1]) if len(known) > 1 else 12
    return (9999, 12, monthrange(int(known[0]), month)[1], 23, 59, last_second)[len(known) :]


def precision(text: str, type_name: str) -> int | None:
    """Return how many digits of a temporal are given."""
    temporal = parse_temporal(text, type_name)
    if temporal is None:
        return None
    steps = TIME_DIGITS if type_name == TIME else DIGITS
    known = len(temporal.parts)
    return steps[known if isinstance(temporal.parts[-1], Decimal) else known - 1]
