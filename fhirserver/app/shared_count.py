"""A number that all processes of a machine share: who changes something counts on, who remembers it looks.

It is in a file that each of them maps, so that looking costs no call. Lost counts do no harm: any other number will do.
"""

import mmap
import os
import struct
import time
from pathlib import Path
from typing import Final

_NUMBER: Final = struct.Struct("<q")


class SharedCount:
    """The number in a file."""

    def __init__(self, path: Path) -> None:
        """Map ``path``, which is made where it is missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size < _NUMBER.size:
                os.ftruncate(descriptor, _NUMBER.size)
            self._shared = mmap.mmap(descriptor, _NUMBER.size)
        finally:
            os.close(descriptor)

    @property
    def count(self) -> int:
        """The number as it is now."""
        found: int = _NUMBER.unpack_from(self._shared)[0]
        return found

    def tell(self) -> None:
        """Make it another number."""
        _NUMBER.pack_into(self._shared, 0, max(self.count + 1, time.time_ns()))
