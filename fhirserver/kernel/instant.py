"""Instants as ``int`` µs since 1970-01-01T00:00Z, and the clock that never gives the same one twice.

Spec: http://hl7.org/fhir/R4/datatypes.html#instant
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Protocol

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
_RECENT: Final = 256
"""Seconds whose text is remembered: writes and reads are of now, mostly."""


class Clock(Protocol):
    """Tells the time in µs since 1970-01-01T00:00Z."""

    def __call__(self) -> int:
        """Return the present instant."""
        ...


class UniqueClock:
    """A wall clock whose every answer is later than the one before, so that versions are ordered.

    It also knows which writes are under way: their instants are given, their versions not yet to be seen. A
    reader who will come back for what is newer than the newest it saw must not see past the oldest of them.
    """

    def __init__(self) -> None:
        """Start before any instant."""
        self._last_us = 0
        self._writing: dict[int, None] = {}
        self._indexing: dict[int, None] = {}

    def __call__(self) -> int:
        """Return now, or the first µs not yet given."""
        self._last_us = max(self._last_us + 1, time.time_ns() // 1000)
        return self._last_us

    def writing(self) -> AbstractContextManager[None]:
        """Surround a write, from before it takes its instants until they are committed or given up."""
        return self._under_way(self._writing)

    def indexing(self) -> AbstractContextManager[None]:
        """Surround what writes index values only and takes no instants: nobody who reads versions waits for it."""
        return self._under_way(self._indexing)

    @contextmanager
    def _under_way(self, among: dict[int, None]) -> Iterator[None]:
        began = self()
        among[began] = None
        try:
            yield
        finally:
            del among[began]

    def horizon(self) -> int:
        """Return the instant before which every version is committed."""
        return next(iter(self._writing), None) or self()

    def index_horizon(self) -> int:
        """Return the instant before which all has ended that wrote index values."""
        return min(self.horizon(), next(iter(self._indexing), None) or self())


def to_us(moment: datetime) -> int:
    """Return an aware datetime as µs since the epoch, exactly."""
    return (moment - EPOCH) // MICROSECOND


def render_instant(us: int) -> str:
    """Write µs since the epoch as a FHIR instant: ``2026-11-21T22:30:00.123456Z``."""
    seconds, micros = divmod(us, 1_000_000)
    return f"{_whole_second(seconds)}.{micros:06d}Z"


@lru_cache(_RECENT)
def _whole_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def http_date(us: int) -> str:
    """Write µs since the epoch as an HTTP date (RFC 9110 §5.6.7), whole seconds, rounded down."""
    return _http_second(us // 1_000_000)


@lru_cache(_RECENT)
def _http_second(seconds: int) -> str:
    moment = time.gmtime(seconds)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.tm_wday]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[moment.tm_mon - 1]
    return f"{day}, {moment.tm_mday:02d} {month} {moment.tm_year} {time.strftime('%H:%M:%S', moment)} GMT"
