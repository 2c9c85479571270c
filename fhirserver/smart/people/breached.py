"""A list of breached passwords as it is published: lines ``SHA1[:COUNT]`` in the order of the digests, any size.

The file is searched where it lies, by halving; nothing of it is kept in memory, and no password leaves this process.
"""

import hashlib
import mmap
from pathlib import Path
from typing import Final

_DIGEST: Final = 40


class BreachedPasswords:
    """One file, open as long as the process lives."""

    def __init__(self, path: Path) -> None:
        """Map the file; raises ValueError when it is not such a list, OSError when it cannot be read."""
        with path.open("rb") as file:
            self._lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        first = self._lines[:_DIGEST]
        if len(first) < _DIGEST or not all(character in b"0123456789abcdefABCDEF" for character in first):
            raise ValueError(f"{path.name} is not a list of SHA-1 digests in their order")

    def __call__(self, password: str) -> bool:
        """Tell whether the password is in the list."""
        wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        low, high = 0, len(self._lines)
        while low < high:
            start = self._line_start((low + high) // 2)
            found = self._lines[start : start + _DIGEST].upper()
            if found == wanted:
                return True
            if found < wanted:
                low = self._next_line(start)
            else:
                high = start
        return False

    def _line_start(self, position: int) -> int:
        return self._lines.rfind(b"\n", 0, position) + 1

    def _next_line(self, position: int) -> int:
        end = self._lines.find(b"\n", position)
        return len(self._lines) if end < 0 else end + 1
