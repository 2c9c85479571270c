"""How much of the time the drain works, and lets the database work: little while requests keep the worker busy.

Requests come first, but the backlog must not grow for ever: the share of time rises from ``LEAST`` to ``MOST`` as the
backlog nears the size at which requests are refused. A worker that has nothing else to do drains at full speed.
"""

from typing import Final

LEAST: Final = 0.25
MOST: Final = 0.8
_PRESSING: Final = 0.25
"""From this part of the largest backlog on, the share rises."""
_BUSY: Final = 20.0
"""Requests a second from which on a worker is busy."""


def share_of(backlog_bytes: int, max_backlog_bytes: int, requests_per_s: float) -> float:
    """Return the part of the time that the drain may take."""
    if requests_per_s < _BUSY:
        return MOST
    part = min(backlog_bytes / max_backlog_bytes, 1.0)
    return LEAST + (MOST - LEAST) * max(0.0, part - _PRESSING) / (1 - _PRESSING)


def rest_s(worked_s: float, share: float) -> float:
    """Return how long to rest after some work, for the work to be no more than its share."""
    return worked_s * (1 / share - 1)
