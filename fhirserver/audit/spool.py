"""The spool: files of this machine that records are appended to, one write each, before an answer goes out.

A record that was written is the kernel's: it survives the process, whatever ends it. A worker has a folder of its own,
``{data_dir}/audit/{worker}``, in which ``lock`` is held (flock) for as long as the process lives, and segments
``00000001.spool`` …: frames of a length, a CRC-32 and an entry. Who gets the lock of another folder knows that its
worker is gone and that what it left is to be drained.
"""

import fcntl
import os
import secrets
import shutil
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HEAD: Final = struct.Struct(">II")
_LOCK: Final = "lock"
_SUFFIX: Final = ".spool"
_WORKER_BYTES: Final = 8
_LONGEST: Final = 64 * 1024 * 1024
"""A frame that says it is longer is none."""
_SEGMENT_BYTES: Final = 8 * 1024 * 1024


class Damaged(Exception):
    """A segment has bytes in it that are no frames; one sentence."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One entry of a segment and where the next begins."""

    payload: bytes
    end: int


class Spool:
    """What this process writes to; one owner, one thread."""

    def __init__(self, folder: Path) -> None:
        """Begin a folder of our own in ``folder``, locked before anybody can see it. Raises OSError."""
        self.worker = secrets.token_hex(_WORKER_BYTES)
        self.path = folder / self.worker
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        hidden = folder / f".{self.worker}"
        hidden.mkdir(mode=0o700)
        self._lock = _locked(hidden)
        hidden.rename(self.path)
        self.segment = 0
        self.size = 0
        """Bytes of the present segment."""
        self._file = -1
        self.rotate()

    def append(self, payload: bytes) -> None:
        """Write one entry; it is there as a whole or, with OSError, not at all."""
        frame = _HEAD.pack(len(payload), zlib.crc32(payload)) + payload
        written = os.write(self._file, frame)
        if written != len(frame):
            os.ftruncate(self._file, self.size)
            raise OSError("the spool of the audit trail could not be written whole")
        self.size += written

    @property
    def is_long(self) -> bool:
        """Whether the present segment should be followed by the next."""
        return self.size >= _SEGMENT_BYTES

    def rotate(self) -> None:
        """Go on in a new segment."""
        if self._file >= 0:
            os.close(self._file)
        self.segment += 1
        self.size = 0
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        self._file = os.open(segment_path(self.path, self.segment), flags, 0o600)

    def close(self) -> None:
        """Let go of the folder: what is left in it is anybody's; nothing is left of one that has been drained."""
        os.close(self._file)
        if all(path.stat().st_size == 0 for path in segments(self.path)):
            shutil.rmtree(self.path)
        os.close(self._lock)


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
    """Yield the frames that begin in ``limit`` bytes from ``start``; what is not whole yet ends it. Raises Damaged."""
    with segment.open("rb") as file:
        file.seek(start)
        place = start
        while place < start + limit and len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, check = _HEAD.unpack(head)
            payload = file.read(length) if length <= _LONGEST else b""
            if len(payload) < length <= _LONGEST:
                return
            if length > _LONGEST or zlib.crc32(payload) != check:
                raise Damaged(f"`{segment.name}` is damaged at byte {place}.")
            place += _HEAD.size + length
            yield Frame(payload, place)


def _locked(folder: Path) -> int:
    file = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


@dataclass(frozen=True, slots=True)
class Orphan:
    """The folder of a worker that is gone, which nobody else drains meanwhile."""

    path: Path
    lock: int

    def forget(self) -> None:
        """Remove what has been drained."""
        shutil.rmtree(self.path)
        os.close(self.lock)

    def leave(self) -> None:
        """Leave it to others."""
        os.close(self.lock)


def orphans(folder: Path, own: str) -> Iterator[Orphan]:
    """Take over the folders of workers that are gone, one after the other; each must be forgotten or left."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name == own or path.name.startswith(".") or not (path / _LOCK).exists():
            continue
        try:
            lock = _locked(path)
        except (BlockingIOError, FileNotFoundError):
            continue  # its worker lives, or another one was faster
        if (path / _LOCK).exists():
            yield Orphan(path, lock)
        else:
            os.close(lock)
