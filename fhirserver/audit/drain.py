"""The drain: the spools of workers -> the ledgers of their sites, in a process of its own.

A segment is removed once all of it is stored; what a drain that was killed had stored already is found there. The
folder of a worker that is gone is removed once nothing is left in it.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from fhirserver.audit.ledger import Ledger
from fhirserver.audit.pace import MachineLoad, rest_s, share_of
from fhirserver.audit.reading import Bite, Reading
from fhirserver.audit.spool import Damaged, Taken, number_of, segments, take

_LEFT_S: Final = 10.0
"""After which time a folder is looked at again of which something could not be stored."""
_IDLE_S: Final = 0.25
_DAMAGED: Final = ".damaged"

OnProblem = Callable[[str], None]
"""Hears of what keeps records from being stored: one sentence, no content."""


class Drain:
    """Drains the spools of one server's workers, and of those of this machine that are gone."""

    def __init__(
        self,
        folder: Path,
        server: int,
        ledgers: Mapping[str, Ledger],
        *,
        max_backlog_bytes: int,
        on_problem: OnProblem,
    ) -> None:
        """Store into ``ledgers``, by site, what workers of ``server`` write to ``folder``, and what others left."""
        self._folder = folder
        self._server = server
        self._ledgers = ledgers
        self._max_backlog_bytes = max_backlog_bytes
        self._on_problem = on_problem
        self._sources: dict[str, _Source] = {}
        self._left_until: dict[str, float] = {}
        """Folders with what could not be stored, by name."""
        self._machine = MachineLoad()
        self.share = 1.0
        """The part of the time that there is for work of this kind."""

    async def run(self) -> float:
        """Do one piece of work and return how long to rest, as the pace asks. Raises Unavailable."""
        began = time.monotonic()
        await self.drain()
        self.share = self._share()
        rest = rest_s(time.monotonic() - began, self.share)
        is_full = any(source.is_full for source in self._sources.values())
        return rest if is_full else max(rest, _IDLE_S)  # batches that are not full are worth waiting for

    async def finish(self) -> None:
        """Drain what there is, at once. Raises Unavailable."""
        while await self.drain():
            pass

    async def drain(self) -> bool:
        """Drain a bite of each spool; tell whether there was any. Raises Unavailable."""
        self._look()
        moved = [await self._step(name, source) for name, source in tuple(self._sources.items())]
        return any(moved)

    def close(self) -> None:
        """Leave what there is to others."""
        for source in self._sources.values():
            source.taken.leave()
        self._sources.clear()

    def _look(self) -> None:
        """Take what workers have begun, or others have left."""
        now = time.monotonic()
        self._left_until = {name: until for name, until in self._left_until.items() if until > now}
        for taken in take(self._folder, self._sources.keys() | self._left_until.keys(), self._server):
            self._sources[taken.path.name] = _Source(taken, self._ledgers, self._on_problem)

    async def _step(self, name: str, source: "_Source") -> bool:
        is_left = source.taken.is_left  # before it is read: what was written until then is found
        if await source.drain(is_left=is_left):
            return True
        if is_left and not source.has_rest:
            source.taken.forget()
        elif is_left or source.has_rest:
            source.taken.leave()
            self._left_until[name] = time.monotonic() + _LEFT_S
        else:
            return False
        del self._sources[name]
        return False

    def _share(self) -> float:
        machine = self._machine.now()
        alive = [source.taken for source in self._sources.values() if not source.taken.is_left]
        load = min(machine, max((taken.progress.load for taken in alive), default=0.0))
        backlog = max((source.taken.backlog_bytes for source in self._sources.values()), default=0)
        return share_of(backlog, self._max_backlog_bytes, load)


class _Source:
    """One worker's spool."""

    def __init__(self, taken: Taken, ledgers: Mapping[str, Ledger], on_problem: OnProblem) -> None:
        self.taken = taken
        self._ledgers = ledgers
        self._on_problem = on_problem
        self._reading: Reading | None = None
        self._skipped: set[Path] = set()
        self._is_known = bool(taken.progress.place[1])
        self._doubted = -1
        """Where a segment seemed damaged while it was written to: it may have been read too early."""
        self.is_full = False

    @property
    def has_rest(self) -> bool:
        """Whether there is something that could not be stored."""
        return bool(self._skipped) or any(self.taken.path.glob(f"*{_DAMAGED}"))

    async def drain(self, *, is_left: bool) -> bool:
        """Drain a bite; tell whether there was any. Raises Unavailable."""
        self.is_full = False
        waiting = [path for path in segments(self.taken.path) if path not in self._skipped]
        if not waiting:
            return False
        if self._reading is None or self._reading.path != waiting[0]:
            self._reading = Reading(waiting[0])
        is_whole = is_left or len(waiting) > 1
        try:
            if await self._bite(self._reading):
                return True
        except Damaged as problem:
            return self._set_aside(self._reading, problem, is_whole=is_whole)
        if self._reading.stopped_by is not None:
            self._skip(f"The spool has records of the site `{self._reading.stopped_by}`, which is not served.")
            return True
        return self._remove(self._reading) if is_whole else False

    async def _bite(self, reading: Reading) -> bool:
        bite = Bite(reading, self._ledgers)
        await bite.fill()
        for site, batch in bite.batches.items():
            await self._ledgers[site].store_batch(batch, is_known=self._is_known)
        self.is_full = bite.is_full
        moved = bite.end()
        self.taken.progress.place = (reading.number, reading.offset)
        return moved

    def _remove(self, reading: Reading) -> bool:
        """Remove a segment of which nothing is left, and to which nothing will be added."""
        self.taken.progress.place = (number_of(reading.path) + 1, 0)
        reading.path.unlink()
        self._reading, self._is_known = None, False
        return True

    def _set_aside(self, reading: Reading, problem: Damaged, *, is_whole: bool) -> bool:
        """Keep a segment that is damaged; one that is still written to keeps its name for as long."""
        if not is_whole:
            if self._doubted == reading.offset:
                self._skip(str(problem))
            self._doubted = reading.offset
            return False
        reading.path.rename(reading.path.with_suffix(_DAMAGED))
        self._on_problem(f"{problem} What precedes it is in the trail; the file is kept as `{_DAMAGED}`.")
        self._reading = None
        return True

    def _skip(self, problem: str) -> None:
        if self._reading is not None:
            self._skipped.add(self._reading.path)
        self._reading = None
        self._on_problem(problem)
