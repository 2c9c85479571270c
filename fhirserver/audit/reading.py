"""How far a segment has been read, and the part of it that is on its way to the ledgers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fhirserver.audit.ledger import Batch, Ledger
from fhirserver.audit.record import CallerEntry, Explained, Record, decode
from fhirserver.audit.spool import Damaged, Frame, number_of, read_frames

BATCH: Final = 200
"""Events that are stored together: a transaction of more would keep others waiting for too long."""
_BITE_BYTES: Final = 512 * 1024
"""Of a segment that is read at a time."""


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
    def number(self) -> int:
        """The number of the segment."""
        return number_of(self.path)

    @property
    def prefix(self) -> str:
        """What the ids of its events begin with."""
        return f"{self.path.parent.name}-{self.number}"


class Bite:
    """A part of a segment on its way to the ledgers; the reading moves once it is there."""

    def __init__(self, reading: Reading, ledgers: Mapping[str, Ledger]) -> None:
        """Go on where ``reading`` has come to."""
        self._reading = reading
        self._ledgers = ledgers
        self._explained = Explained(dict(reading.explained.callers))
        self._offset = reading.offset
        self._ordinal = reading.ordinal
        self.batches: dict[str, Batch] = {}
        self._size = 0

    @property
    def is_full(self) -> bool:
        """Whether there is more than fits, most likely."""
        return self._size >= BATCH or self._offset - self._reading.offset >= _BITE_BYTES

    async def fill(self) -> None:
        """Compose the events of some records. Raises Damaged, Unavailable."""
        try:
            for frame in read_frames(self._reading.path, self._reading.offset, _BITE_BYTES):
                if not await self._add(frame) or self._size >= BATCH:
                    return
        except Damaged:
            if self._offset == self._reading.offset:
                raise  # else what precedes the damage comes first

    async def _add(self, frame: Frame) -> bool:
        """Compose the events of a frame; False when its site is not served."""
        entry = _entry_of(frame, self._reading)
        if isinstance(entry, CallerEntry):
            self._explained.callers[entry.number] = entry
        else:
            ledger = self._ledgers.get(entry.site)
            if ledger is None:
                self._reading.stopped_by = entry.site
                return False
            base_id = f"{self._reading.prefix}-{self._ordinal + 1}"
            made = ledger.compose(await ledger.composer(), entry, self._explained.of(entry), base_id)
            self.batches.setdefault(entry.site, Batch([], [])).add(made)
            self._size += len(made)
        self._offset, self._ordinal = frame.end, self._ordinal + 1
        return True

    def end(self) -> bool:
        """Move the reading; tell whether it moved."""
        reading, moved = self._reading, self._offset > self._reading.offset
        reading.offset, reading.ordinal, reading.explained = self._offset, self._ordinal, self._explained
        return moved


def _entry_of(frame: Frame, reading: Reading) -> CallerEntry | Record:
    try:
        return decode(frame.payload)
    except ValueError:
        raise Damaged(f"`{reading.path.name}` has an entry before byte {frame.end} that cannot be read.") from None
