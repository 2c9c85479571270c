"""How much of a worker's time the drain takes: little while requests keep it busy, more the longer the spool grows.

Requests come first, but the backlog must not grow for ever: the share of time rises from ``LEAST`` to ``MOST`` as the
backlog nears the size at which requests are refused.
"""

from typing import Final

LEAST: Final = 0.15
MOST: Final = 0.6
_PRESSING: Final = 0.25
"""From this part of the largest backlog on, the share rises."""


def share_of(backlog_bytes: int, max_backlog_bytes: int) -> float:
    """Return the part of its time that a worker may give to the drain."""
    part = min(backlog_bytes / max_backlog_bytes, 1.0)
    return LEAST + (MOST - LEAST) * max(0.0, part - _PRESSING) / (1 - _PRESSING)


def rest_s(worked_s: float, share: float) -> float:
    """Return how long to rest after some work, for the work to be no more than its share."""
    return worked_s * (1 / share - 1)
