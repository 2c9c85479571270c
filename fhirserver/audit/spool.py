"""The spool: files of this machine that records are appended to before an answer goes out, through mapped memory.

A record that was written is the kernel's: it survives the process, whatever ends it. Room for it is made ahead, as
zeros, so that a full disk is told before anything is written. The length of a frame is written last: who reads sees it
with all that follows, or the zeros before which the file ends. A worker has a folder of its own,
``{data_dir}/audit/{worker}``, with segments ``00000001.spool`` …: frames of a length, a CRC-32 and an entry. In it
``lock`` is held (flock) for as long as the worker lives, and ``drain`` by the one process that drains it: that of the
worker's server, or any once the worker is gone. Who gets both removes the folder once all of it is stored.
"""

import errno
import fcntl
import mmap
import os
import secrets
import shutil
import struct
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zlib import crc32

from fhirserver.audit.progress import Progress

_HEAD: Final = struct.Struct(">II")
_HEAD_BYTES: Final = _HEAD.size
_LENGTH: Final = 4
_LOCK: Final = "lock"
_DRAIN: Final = "drain"
_SUFFIX: Final = ".spool"
_WORKER_BYTES: Final = 8
_LONGEST: Final = 64 * 1024 * 1024
"""A frame that says it is longer is none."""
_SEGMENT_BYTES: Final = 8 * 1024 * 1024
_ROOM_BYTES: Final = 1024 * 1024
"""By which a segment grows."""


class Damaged(Exception):
    """A segment has bytes in it that are no frames; one sentence."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One entry of a segment and where the next begins."""

    payload: bytes
    end: int


class Spool:
    """What this process writes to; one owner, one thread."""

    def __init__(self, folder: Path, server: int | None = None) -> None:
        """Begin a folder of our own in ``folder``, locked before anybody can see it. Raises OSError.

        ``server``: the process of the server that we work for, by default this one.
        """
        self.worker = secrets.token_hex(_WORKER_BYTES)
        self.path = folder / self.worker
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        hidden = folder / f".{self.worker}"
        hidden.mkdir(mode=0o700)
        self._lock = _locked(hidden / _LOCK)
        self.progress = Progress(hidden)
        self.progress.server = server or os.getpid()
        hidden.rename(self.path)
        self.segment = 1
        self.size = 0
        """Bytes of the present segment."""
        self.written = 0
        """All bytes of this spool, those included that are drained and gone."""
        self._starts = {self.segment: 0}
        """What had been written before each segment."""
        self._begin(_Room(segment_path(self.path, self.segment)))

    def append(self, payload: bytes) -> None:
        """Write one entry, as a frame; it is there as a whole or, with OSError, not at all."""
        start, length = self.size, len(payload)
        end = start + _HEAD_BYTES + length
        if end > self._room.size:
            self._room.grow(end)
        memory = self._memory
        memory[start + _LENGTH : end] = crc32(payload).to_bytes(_LENGTH, "big") + payload
        memory[start : start + _LENGTH] = length.to_bytes(_LENGTH, "big")
        self.size = end
        self.written += end - start

    @property
    def drained(self) -> int:
        """How much of what was written has been drained."""
        segment, offset = self.progress.place
        return self._starts.get(segment, 0) + offset

    def rotate(self) -> None:
        """Go on in a new segment. Raises OSError, and goes on in the present one."""
        room = _Room(segment_path(self.path, self.segment + 1))
        self._room.close()
        self.segment += 1
        drained = self.progress.place[0]
        self._starts = {one: start for one, start in self._starts.items() if one >= drained}
        self._starts[self.segment] = self.written
        self._begin(room)

    def _begin(self, room: "_Room") -> None:
        self._room, self._memory = room, room.memory
        self.size = 0
        self.long_at = self.written + _SEGMENT_BYTES
        """From what ``written`` on the present segment should be followed by the next."""

    def close(self) -> None:
        """Let go of the folder: who drains it removes it."""
        self._room.close()
        self.progress.close()
        os.close(self._lock)


class _Room:
    """The file of a segment, in memory that is the kernel's: as large as what may be written to it for now."""

    def __init__(self, path: Path) -> None:
        """Begin a file. Raises OSError."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self.size = 0
        try:
            self._lengthen(_ROOM_BYTES)
            self.memory = mmap.mmap(self._file, self.size)
        except OSError:
            os.close(self._file)
            path.unlink()
            raise

    def grow(self, needed: int) -> None:
        """Make room for so many bytes, and some more. Raises OSError."""
        self._lengthen(max(_ROOM_BYTES, needed - self.size))
        self.memory.resize(self.size)

    def _lengthen(self, more: int) -> None:
        if os.pwrite(self._file, bytes(more), self.size) != more:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size += more

    def close(self) -> None:
        self.memory.close()
        os.close(self._file)


def segment_path(folder: Path, number: int) -> Path:
    """Return the file of a segment."""
    return folder / f"{number:08d}{_SUFFIX}"


def segments(folder: Path) -> list[Path]:
    """List the segments of a worker, the oldest first."""
    return sorted(folder.glob(f"*{_SUFFIX}"))


def number_of(segment: Path) -> int:
    """Return the number of a segment."""
    return int(segment.stem)


def read_frames(segment: Path, start: int, limit: int) -> Iterator[Frame]:
    """Yield the frames that begin in ``limit`` bytes from ``start``; where none is yet it ends. Raises Damaged."""
    with segment.open("rb") as file:
        file.seek(start)
        place = start
        while place < start + limit and len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, check = _HEAD.unpack(head)
            if not length:
                return
            payload = file.read(length) if length <= _LONGEST else b""
            if len(payload) < length <= _LONGEST:
                return
            if length > _LONGEST or crc32(payload) != check:
                raise Damaged(f"`{segment.name}` is damaged at byte {place}.")
            place += _HEAD.size + length
            yield Frame(payload, place)


def _locked(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise
    return file


class Taken:
    """The folder of a worker that nobody else drains meanwhile."""

    def __init__(self, path: Path, lock: int) -> None:
        """Hold ``lock`` of the folder at ``path``. Raises OSError."""
        self.path = path
        self.progress = Progress(path)
        self._lock = lock
        self._workers_lock = -1

    @property
    def is_left(self) -> bool:
        """Whether its worker is gone, so that nothing more will be written."""
        if self._workers_lock < 0:
            with suppress(BlockingIOError):
                self._workers_lock = _locked(self.path / _LOCK)
        return self._workers_lock >= 0

    @property
    def backlog_bytes(self) -> int:
        """What is not drained yet, at most: segments have room that is not written to."""
        segment, offset = self.progress.place
        sizes = {number_of(path): path.stat().st_size for path in segments(self.path)}
        return sum(sizes.values()) - (offset if segment in sizes else 0)

    def forget(self) -> None:
        """Remove what has been drained."""
        shutil.rmtree(self.path)
        self.leave()

    def leave(self) -> None:
        """Leave it to others."""
        self.progress.close()
        for file in (self._lock, self._workers_lock):
            if file >= 0:
                os.close(file)


def take(folder: Path, known: Container[str], server: int) -> Iterator[Taken]:
    """Take folders that nobody drains, of ``server`` and of workers that are gone; each must be forgotten or left."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name in known or path.name.startswith("."):
            continue
        try:
            lock = _locked(path / _DRAIN)
        except (BlockingIOError, FileNotFoundError, NotADirectoryError):
            continue  # another process drains it, or has just removed it
        if not (path / _LOCK).exists():
            os.close(lock)
            continue
        taken = Taken(path, lock)
        if taken.progress.server == server or taken.is_left:
            yield taken
        else:
            taken.leave()
