"""The file of an index: named arrays, one after the other, and a head that says where each is.

``MAGIC``, the arrays (each at a multiple of 64 bytes), the head as JSON, its place and length. Arrays are little-endian
and read where they are: the file is mapped, nothing of it is copied.
"""

import mmap
import os
import secrets
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import orjson

from fhirserver.definitions.shelf import synced

MAGIC: Final = b"fhirsix1"
_TRAILER: Final = struct.Struct("<QQ")
_ALIGNED: Final = 64
_PART: Final = ".part"
_TABLE: Final = "sections"
T = TypeVar("T")

Array: TypeAlias = npt.NDArray[Any]
Head: TypeAlias = Mapping[str, Any]


class BadIndex(Exception):
    """A file is no index, or not a whole one; the text is one sentence."""


class SectionWriter:
    """Writes a file that appears under its name when it is whole."""

    def __init__(self, path: Path) -> None:
        """Begin a file that is to be ``path``."""
        self._path = path
        self._part = path.with_name(f"{path.name}.{secrets.token_hex(4)}{_PART}")
        self._file = self._part.open("xb")
        self._file.write(MAGIC)
        self._sections: dict[str, tuple[str, int, int]] = {}

    def add(self, name: str, content: Array | bytes | bytearray) -> None:
        """Write one array; bytes are an array of them."""
        array = np.frombuffer(content, np.uint8) if isinstance(content, bytes | bytearray) else content
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        self._file.write(bytes(-self._file.tell() % _ALIGNED))
        self._sections[name] = array.dtype.str, self._file.tell(), len(array)
        self._file.write(array.data.cast("B") if len(array) else b"")

    def add_texts(self, name: str, texts: Sequence[bytes]) -> None:
        """Write texts as one blob, and where each begins."""
        offsets = np.zeros(len(texts) + 1, np.uint64)
        np.cumsum(np.fromiter(map(len, texts), np.uint64, len(texts)), out=offsets[1:])
        self.add(f"{name}.blob", b"".join(texts))
        self.add(f"{name}.offsets", _narrow(offsets))

    def finish(self, head: Head) -> None:
        """Write the head, and give the file its name."""
        content = orjson.dumps({**head, _TABLE: self._sections})
        place = self._file.tell()
        self._file.write(content + _TRAILER.pack(place, len(content)))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)
        synced(self._path.parent)

    def abandon(self) -> None:
        """Leave nothing of an unfinished file."""
        self._file.close()
        self._part.unlink(missing_ok=True)


class Sections:
    """The arrays of a file, mapped."""

    def __init__(self, path: Path) -> None:
        """Map ``path``; raises BadIndex, OSError."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < len(MAGIC) + _TRAILER.size or file.read(len(MAGIC)) != MAGIC:
                raise BadIndex(f"`{path.name}` is not an index of a code system.")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        place, length = _TRAILER.unpack_from(self._map, size - _TRAILER.size)
        if place + length + _TRAILER.size != size:
            raise BadIndex(f"`{path.name}` is not whole.")
        self.head: dict[str, Any] = orjson.loads(self._map[place : place + length])
        self._sections: dict[str, tuple[str, int, int]] = self.head.pop(_TABLE)
        self._arrays: dict[str, Array] = {}

    def __contains__(self, name: str) -> bool:
        """Tell whether there is an array of this name."""
        return name in self._sections

    def __getitem__(self, name: str) -> Array:
        """Return an array; it cannot be written to."""
        found = self._arrays.get(name)
        if found is None:
            kind, place, length = self._sections[name]
            found = self._arrays[name] = np.frombuffer(self._map, np.dtype(kind), length, place)
        return found

    def view(self, name: str) -> memoryview:
        """Return an array to take single numbers of, which is quicker so."""
        return self[name].data

    def texts(self, name: str) -> "Texts":
        """Return what ``add_texts`` has written."""
        return Texts(self, name)

    def lists(self, name: str) -> "Lists":
        """Return what ``csr.write`` has written."""
        return Lists(self[f"{name}.offsets"], self[f"{name}.targets"])


class Texts:
    """Texts by number, read where they are."""

    def __init__(self, sections: Sections, name: str) -> None:
        """Read the texts called ``name``."""
        self.blob = sections.view(f"{name}.blob")
        self.offsets = sections.view(f"{name}.offsets")

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> bytes:
        """Return a text, not decoded."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        return bytes(self.blob[self.offsets[number] : self.offsets[number + 1]])

    def text(self, number: int) -> str:
        """Return a text."""
        return str(self.blob[self.offsets[number] : self.offsets[number + 1]], "utf-8")


class Lists:
    """A list of numbers for each number: one after the other, with where each begins."""

    def __init__(self, offsets: Array, targets: Array) -> None:
        """Read ``targets`` by ``offsets``."""
        self.offsets = offsets
        self.targets = targets
        self._offsets = offsets.data
        self.flat = targets.data

    def __getitem__(self, number: int) -> Array:
        """Return the list of a number."""
        return self.targets[self._offsets[number] : self._offsets[number + 1]]

    def span(self, number: int) -> tuple[int, int]:
        """Return where the list of a number is."""
        return self._offsets[number], self._offsets[number + 1]


def _narrow(offsets: npt.NDArray[np.uint64]) -> Array:
    return offsets.astype(np.uint32) if offsets[-1] < 2**32 else offsets
