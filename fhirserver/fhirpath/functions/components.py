"""The parts of dates and times. Spec: http://build.fhir.org/ig/HL7/FHIRPath/#extract-datetime-components

Not in N1; from the draft of the next release. What has no such part yields nothing; text is read as a dateTime.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from fhirserver.fhirpath.expression import FunctionTable
from fhirserver.fhirpath.items import Item, plain
from fhirserver.fhirpath.lifting import of_item
from fhirserver.fhirpath.temporal import Temporal, parse_temporal
from fhirserver.fhirpath.types import DATE, DATE_TIME, DECIMAL, INTEGER, STRING, SYSTEM_TYPES, TIME

TABLE: Final = FunctionTable()
_PARTS: Final = ("year", "month", "day", "hour", "minute")
_HOUR: Final = _PARTS.index("hour")
_SECOND: Final = len(_PARTS)
_KINDS: Final = frozenset({DATE, DATE_TIME, TIME})


def _read(item: Item) -> tuple[str, Temporal] | None:
    """Return an item's text and what it means as a date or time."""
    kind, text = SYSTEM_TYPES.get(item[0]), plain(item[1])
    if text is None or kind is None or kind not in _KINDS | {STRING}:
        return None
    temporal = parse_temporal(text, DATE_TIME if kind == STRING else kind)
    return None if temporal is None else (text, temporal)


def _part(temporal: Temporal, position: int) -> int | Decimal | None:
    at = position - _HOUR if temporal.type == TIME else position
    return temporal.parts[at] if 0 <= at < len(temporal.parts) else None


def _enter(name: str, read: Callable[[Temporal], int | None]) -> None:
    def component(item: Item) -> Item | None:
        found = _read(item)
        value = None if found is None else read(found[1])
        return None if value is None else (INTEGER, value)

    of_item(TABLE, name, results=frozenset({INTEGER}))(component)


def _enter_part(name: str, position: int) -> None:
    def read(temporal: Temporal) -> int | None:
        found = _part(temporal, position)
        return None if found is None else int(found)

    _enter(name, read)


def _millisecond(temporal: Temporal) -> int | None:
    second = _part(temporal, _SECOND)
    return int(second % 1 * 1000) if isinstance(second, Decimal) else None


for _position, _name in enumerate((*_PARTS, "second")):
    _enter_part(_name + "Of", _position)
_enter("millisecondOf", _millisecond)


@of_item(TABLE, "timezoneOffsetOf", results=frozenset({DECIMAL}))
def timezone_offset_of(item: Item) -> Item | None:
    """The zone, in hours east of UTC."""
    found = _read(item)
    offset = None if found is None else found[1].offset
    return None if offset is None else (DECIMAL, Decimal(offset) / 60)


@of_item(TABLE, "dateOf", results=frozenset({DATE}))
def date_of(item: Item) -> Item | None:
    """The date, as far as it is known."""
    found = _read(item)
    return None if found is None or found[1].type == TIME else (DATE, found[0].partition("T")[0])


@of_item(TABLE, "timeOf", results=frozenset({TIME}))
def time_of(item: Item) -> Item | None:
    """The time of a dateTime, without its zone."""
    found = _read(item)
    if found is None or found[1].type == TIME or len(found[1].parts) <= _HOUR:
        return None
    clock = found[0].partition("T")[2]
    return (TIME, clock.rstrip("Z").partition("+")[0].partition("-")[0])
