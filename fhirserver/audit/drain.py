"""The drain: spool files -> the ledgers of their sites, behind the requests of the same worker.

A segment is removed once all of it is stored; what a drain that was killed had stored already is found there. Folders
of workers that are gone are drained by whoever gets their lock.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fhirserver.audit.ledger import Batch, Ledger
from fhirserver.audit.pace import rest_s, share_of
from fhirserver.audit.record import CallerEntry, Explained, Record, decode
from fhirserver.audit.recorder import Recorder
from fhirserver.audit.spool import Damaged, Frame, Orphan, number_of, orphans, read_frames, segments

_BATCH: Final = 200
"""Events that are stored together: more would keep the loop busy for too long at a time."""
_BITE_BYTES: Final = 512 * 1024
"""Of a segment that is read at a time."""
_SLICE_S: Final = 0.002
"""The loop is given to others after this time of composing."""
_LOOK_S: Final = 10.0
"""How often to look for folders of workers that are gone, and to settle what was only counted."""
_IDLE_S: Final = 0.25
_DAMAGED: Final = ".damaged"

OnProblem = Callable[[str], None]
"""Hears of what keeps records from being stored: one sentence, no content."""


@dataclass(slots=True)
class Reading:
    """How far a segment has been read."""

    path: Path
    offset: int = 0
    ordinal: int = 0
    explained: Explained = field(default_factory=Explained)
    stopped_by: str | None = None
    """The site whose records nobody takes."""

    @property
    def prefix(self) -> str:
        """What the ids of its events begin with."""
        return f"{self.path.parent.name}-{number_of(self.path)}"


class Drain:
    """Drains the spool of this process, and those of workers that are gone."""

    def __init__(self, recorder: Recorder, ledgers: Mapping[str, Ledger], on_problem: OnProblem) -> None:
        """Store into ``ledgers``, by site."""
        self._recorder = recorder
        self._ledgers = ledgers
        self._on_problem = on_problem
        self._own: Reading | None = None
        self._looked_s = 0.0
        self._load = 0.0
        """The part of a processor that the worker used of late, for requests and for this."""
        self._is_full = False

    async def run(self) -> bool:
        """Do one piece of work and rest as the pace asks; tell whether there was any. Raises Unavailable."""
        if time.monotonic() - self._looked_s > _LOOK_S:
            self._recorder.settle()
            await self.adopt()
            self._looked_s = time.monotonic()
        began, used = time.monotonic(), time.process_time()
        moved = await self._drain_own()
        await asyncio.sleep(self._rest_s(time.monotonic() - began, is_full=moved and self._is_full))
        self._load = (time.process_time() - used) / (time.monotonic() - began)
        return moved

    def _rest_s(self, worked_s: float, *, is_full: bool) -> float:
        """Return how long to rest: batches that are not full are worth waiting for."""
        recorder = self._recorder
        share = share_of(recorder.backlog_bytes, recorder.max_backlog_bytes, self._load)
        rest = rest_s(worked_s, share)
        return rest if is_full else max(rest, _IDLE_S)

    async def finish(self) -> None:
        """Drain what is left, at once. Raises Unavailable."""
        self._recorder.settle()
        while await self._drain_own():
            pass

    async def adopt(self) -> None:
        """Drain what workers left that are gone. Raises Unavailable."""
        own = self._recorder.spool.path
        for orphan in orphans(own.parent, own.name):
            await self._adopt(orphan)

    async def _adopt(self, orphan: Orphan) -> None:
        try:
            ends = [await self._drain_whole(Reading(path)) for path in segments(orphan.path)]
        except BaseException:
            orphan.leave()
            raise
        if all(ends) and not any(orphan.path.glob(f"*{_DAMAGED}")):
            orphan.forget()
        else:
            orphan.leave()

    async def _drain_whole(self, reading: Reading) -> bool:
        """Drain a segment that nobody writes to any more; tell whether nothing of it is left."""
        try:
            while await self._drain(reading, is_known=True):  # noqa: ASYNC110 - others run in between
                await asyncio.sleep(0)
        except Damaged as problem:
            reading.path.rename(reading.path.with_suffix(_DAMAGED))
            self._on_problem(f"{problem} What precedes it is in the trail; the file is kept as `{_DAMAGED}`.")
            return False
        if reading.stopped_by is not None:
            self._on_problem(f"The spool has records of the site `{reading.stopped_by}`, which is not served.")
            return False
        reading.path.unlink()
        return True

    async def _drain_own(self) -> bool:
        """Drain a bite of our own spool; segments that are done and no longer written to go."""
        recorder = self._recorder
        if recorder.spool.is_long:
            recorder.rotate()
        reading = self._own
        if reading is None:
            reading = self._own = Reading(segments(recorder.spool.path)[0])
        before = reading.offset
        more = await self._drain(reading)
        recorder.drained_bytes += reading.offset - before
        if more or number_of(reading.path) == recorder.spool.segment:
            return more
        reading.path.unlink()
        self._own = None
        return True

    async def _drain(self, reading: Reading, *, is_known: bool = False) -> bool:
        """Store a bite of a segment; tell whether there was something to read. Raises Unavailable, Damaged."""
        bite = _Bite(reading, Explained(dict(reading.explained.callers)))
        try:
            await self._fill(bite)
        except Damaged:
            if bite.offset == reading.offset:
                raise  # else what precedes the damage comes first
        self._is_full = bite.size >= _BATCH or bite.offset - reading.offset >= _BITE_BYTES
        for site, batch in bite.batches.items():
            await self._ledgers[site].store_batch(batch, is_known=is_known)
        return bite.end()

    async def _fill(self, bite: "_Bite") -> None:
        """Compose the events of some frames, a few milliseconds at a time. Raises Damaged, Unavailable."""
        began = time.perf_counter()
        for frame in read_frames(bite.reading.path, bite.reading.offset, _BITE_BYTES):
            if not await self._add(bite, frame) or bite.size >= _BATCH:
                return
            if time.perf_counter() - began > _SLICE_S:
                await asyncio.sleep(0)
                began = time.perf_counter()

    async def _add(self, bite: "_Bite", frame: Frame) -> bool:
        """Compose the events of a frame; False when its site is not served."""
        entry = _entry_of(frame, bite.reading)
        if isinstance(entry, CallerEntry):
            bite.explained.callers[entry.number] = entry
        else:
            ledger = self._ledgers.get(entry.site)
            if ledger is None:
                bite.reading.stopped_by = entry.site
                return False
            batch = bite.batches.setdefault(entry.site, Batch([], []))
            base_id = f"{bite.reading.prefix}-{bite.ordinal + 1}"
            made = ledger.compose(await ledger.composer(), entry, bite.explained.of(entry), base_id)
            batch.add(made)
            bite.size += len(made)
        bite.offset, bite.ordinal = frame.end, bite.ordinal + 1
        return True


class _Bite:
    """A part of a segment on its way to the ledgers; the reading moves once it is there."""

    def __init__(self, reading: Reading, explained: Explained) -> None:
        self.reading = reading
        self.explained = explained
        self.offset = reading.offset
        self.ordinal = reading.ordinal
        self.batches: dict[str, Batch] = {}
        self.size = 0

    def end(self) -> bool:
        """Move the reading; tell whether it moved."""
        moved = self.offset > self.reading.offset
        self.reading.offset, self.reading.ordinal, self.reading.explained = self.offset, self.ordinal, self.explained
        return moved


def _entry_of(frame: Frame, reading: Reading) -> CallerEntry | Record:
    try:
        return decode(frame.payload)
    except ValueError:
        raise Damaged(f"`{reading.path.name}` has an entry before byte {frame.end} that cannot be read.") from None
