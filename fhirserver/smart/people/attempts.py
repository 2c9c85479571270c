"""Counting attempts, for all workers together: each is counted before it is made, so that none is made for free."""

import hashlib
import time
from collections.abc import Callable
from typing import Final

from fhirserver.kernel.outcome import Throttled
from fhirserver.smart.people.lockout import Patience
from fhirserver.store.records import Records

_RETRIES: Final = 20


class TooManyAttempts(Throttled):
    """Wait before the next attempt; says nothing about what was tried."""

    def __init__(self, wait_s: float) -> None:
        """Say how long."""
        self.wait_s = max(1, round(wait_s + 0.5))
        text = f"Too many attempts; try again in {self.wait_s} seconds."
        super().__init__(text, headers={"Retry-After": str(self.wait_s)})


class Attempts:
    """Kept in records ``attempt`` under digests: a name that was mistyped may be a password."""

    def __init__(self, records: Records, clock: Callable[[], float] = time.time) -> None:
        """Count in ``records``."""
        self._records = records
        self._clock = clock

    async def begin(self, what: str, patience: Patience) -> None:
        """Count one attempt; raises TooManyAttempts when it must wait."""
        key = _key(what)
        for _ in range(_RETRIES):
            now = self._clock()
            known = await self._records.get(key)
            if known is None:
                first = {"attempts": 1, "next_s": now + patience.delay_s(1)}
                if await self._records.insert(key, first, patience.forget_s):
                    return
                continue
            if now < known["next_s"]:
                raise TooManyAttempts(known["next_s"] - now)
            attempts = known["attempts"] + 1
            counted = {"attempts": attempts, "next_s": now + patience.delay_s(attempts)}
            where = {"attempts": known["attempts"], "next_s": known["next_s"]}
            if await self._records.change(key, counted, where=where, expires_s=patience.forget_s) is not None:
                return
        raise TooManyAttempts(1.0)

    async def check(self, what: str) -> None:
        """Raises TooManyAttempts when the next attempt must wait; counts nothing."""
        known = await self._records.get(_key(what))
        if known is not None and self._clock() < known["next_s"]:
            raise TooManyAttempts(known["next_s"] - self._clock())

    async def forget(self, what: str) -> None:
        """Begin anew after a right attempt."""
        await self._records.delete(_key(what))

    async def undo(self, what: str) -> None:
        """Take back the count of one attempt that was right; those before it still count."""
        key = _key(what)
        known = await self._records.get(key)
        if known is not None:
            fewer = {"attempts": max(0, known["attempts"] - 1), "next_s": 0.0}
            await self._records.change(key, fewer, where={"attempts": known["attempts"]})


def _key(what: str) -> str:
    return hashlib.sha256(what.encode()).hexdigest()
