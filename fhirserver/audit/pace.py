"""How much of the time the drain works, and lets the database work: little while requests keep the worker busy.

Requests come first, but the backlog must not grow for ever: the share of time rises from ``LEAST`` to ``MOST`` as the
worker's processor is less in demand, or the backlog nears the size at which requests are refused. A worker that has
nothing else to do drains at full speed.
"""

from typing import Final

LEAST: Final = 0.1
MOST: Final = 0.8
_PRESSING: Final = 0.25
"""From this part of the largest backlog on, the share rises."""
_CALM: Final = 0.3
"""Up to this part of a processor in use there is room for everything."""
_BUSY: Final = 0.75
"""From this part on, requests wait for each other."""


def share_of(backlog_bytes: int, max_backlog_bytes: int, load: float) -> float:
    """Return the part of the time that the drain may take; ``load``: of a processor, what the worker uses."""
    room = (_BUSY - load) / (_BUSY - _CALM)
    pressure = (backlog_bytes / max_backlog_bytes - _PRESSING) / (1 - _PRESSING)
    return LEAST + (MOST - LEAST) * min(max(room, pressure, 0.0), 1.0)


def rest_s(worked_s: float, share: float) -> float:
    """Return how long to rest after some work, for the work to be no more than its share."""
    return worked_s * (1 / share - 1)
