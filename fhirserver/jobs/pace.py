"""How a job gives way to requests: it rests after each piece of work, while somebody waits for an answer."""

import asyncio
import time
from collections.abc import Callable

IsAwaited = Callable[[], bool]
"""Tells whether somebody waits for what this process or its database does beside the job."""


def always() -> bool:
    """Say that somebody waits: of a process that cannot know."""
    return True


class Pace:
    """The pace of one job at a time."""

    def __init__(self, rest: float, is_awaited: IsAwaited = always) -> None:
        """Rest for ``rest`` times as long as the work took, if awaited then."""
        self._rest = rest
        self._is_awaited = is_awaited
        self.since_s = 0.0
        """When the work began, by ``time.monotonic``."""

    def begin(self) -> None:
        """Take what follows for work."""
        self.since_s = time.monotonic()

    async def give_way(self) -> None:
        """Let others go first, after what was done since the last time."""
        worked_s = time.monotonic() - self.since_s
        await asyncio.sleep(worked_s * self._rest if self._is_awaited() else 0)
        self.begin()
