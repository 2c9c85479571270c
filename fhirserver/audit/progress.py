"""What a worker and who drains its spool tell each other, in a file that both map: looking costs no call.

The worker says how busy it is, the drain how far it has come.
"""

import mmap
import os
import struct
from pathlib import Path
from typing import Final

NAME: Final = "progress"
_PLACE: Final = struct.Struct("<qq")
_LOAD: Final = struct.Struct("<d")
_SERVER: Final = struct.Struct("<q")
_LOAD_AT: Final = _PLACE.size
_SERVER_AT: Final = _LOAD_AT + _LOAD.size
_SIZE: Final = _SERVER_AT + _SERVER.size


class Progress:
    """The file of one spool."""

    def __init__(self, folder: Path) -> None:
        """Map the file of a worker's folder, which is made where it is missing. Raises OSError."""
        descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size < _SIZE:
                os.ftruncate(descriptor, _SIZE)
            self._shared = mmap.mmap(descriptor, _SIZE)
        finally:
            os.close(descriptor)

    @property
    def place(self) -> tuple[int, int]:
        """The segment that is being drained and how much of it has been; (0, 0): none yet."""
        segment, offset = _PLACE.unpack_from(self._shared)
        return segment, offset

    @place.setter
    def place(self, place: tuple[int, int]) -> None:
        _PLACE.pack_into(self._shared, 0, *place)

    @property
    def load(self) -> float:
        """The part of a processor that the worker has used of late."""
        found: float = _LOAD.unpack_from(self._shared, _LOAD_AT)[0]
        return found

    @load.setter
    def load(self, load: float) -> None:
        _LOAD.pack_into(self._shared, _LOAD_AT, load)

    @property
    def server(self) -> int:
        """The process of the server that the worker is one of."""
        found: int = _SERVER.unpack_from(self._shared, _SERVER_AT)[0]
        return found

    @server.setter
    def server(self, process: int) -> None:
        _SERVER.pack_into(self._shared, _SERVER_AT, process)

    def close(self) -> None:
        """Unmap it."""
        self._shared.close()
