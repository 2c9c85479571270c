"""How much of the time the drain works, and lets the database work: little while requests keep the machine busy.

Requests come first, but the backlog must not grow for ever: the share of time rises from ``LEAST`` to ``MOST`` as
processors are less in demand, or the backlog nears the size at which requests are refused. There is room where the
busiest worker has little to do, and where the machine has processors to spare.
"""

from pathlib import Path
from typing import Final

LEAST: Final = 0.05
MOST: Final = 0.8
_PRESSING: Final = 0.25
"""From this part of the largest backlog on, the share rises."""
_CALM: Final = 0.3
"""Up to this part of a processor in use there is room for everything."""
_BUSY: Final = 0.75
"""From this part on, requests wait for each other."""
_STAT: Final = Path("/proc/stat")
_LEAST_TICKS: Final = 10
"""Shorter times say little."""


def share_of(backlog_bytes: int, max_backlog_bytes: int, load: float) -> float:
    """Return the part of the time that the drain may take; ``load``: of a processor, what is in demand."""
    room = (_BUSY - load) / (_BUSY - _CALM)
    pressure = (backlog_bytes / max_backlog_bytes - _PRESSING) / (1 - _PRESSING)
    return LEAST + (MOST - LEAST) * min(max(room, pressure, 0.0), 1.0)


def rest_s(worked_s: float, share: float) -> float:
    """Return how long to rest after some work, for the work to be no more than its share."""
    return worked_s * (1 / share - 1)


class MachineLoad:
    """The part of the machine's processors that is in use; all of them where that cannot be known (proc(5))."""

    def __init__(self) -> None:
        """Begin to count."""
        self._before = _busy_and_all()
        self._found = 1.0

    def now(self) -> float:
        """Return what was in use since the last time, or before that where no time has gone by."""
        found = _busy_and_all()
        if (passed := found[1] - self._before[1]) >= _LEAST_TICKS:
            self._found = (found[0] - self._before[0]) / passed
            self._before = found
        return self._found


def _busy_and_all() -> tuple[int, int]:
    """Return how long all processors together have been busy, and have been there, in clock ticks."""
    try:
        fields = [int(text) for text in _STAT.read_text().split("\n", 1)[0].split()[1:9]]
    except OSError:
        return 0, 0
    idle, waiting = fields[3:5]
    return sum(fields) - idle - waiting, sum(fields)
