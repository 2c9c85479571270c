"""What is installed on a machine while servers run: files, and one small file beside them that says which count.

That file is replaced as a whole; who answers looks whether it is another one before each question. So all workers have
something new at once, and what was asked before is answered from the files that there were.
"""

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

import orjson

_STATE: Final = "installed.json"
_PART: Final = ".part"


class Shelved(Protocol):
    """What a record says of something installed."""

    @property
    def sha(self) -> str:
        """The SHA-256 of its file, which names it."""
        ...

    @property
    def key(self) -> str:
        """What there is one of."""
        ...


S = TypeVar("S", bound=Shelved)


class Shelf(Generic[S]):
    """The files of one machine."""

    def __init__(
        self, folder: Path, suffix: str, read: Callable[[dict[str, Any]], S], write: Callable[[S], dict[str, Any]]
    ) -> None:
        """Keep files of a kind in ``folder``; ``read`` and ``write`` make records of JSON and JSON of records."""
        self.folder = folder
        self.read, self.write = read, write
        self._suffix = suffix
        self._state = folder / _STATE
        self._seen: tuple[int, int, int] | None = None
        self._installed: tuple[S, ...] = ()
        self.changes = 0
        """How often what is installed was seen to change."""

    def path(self, sha: str) -> Path:
        """Return where a file is."""
        return self.folder / f"{sha}{self._suffix}"

    def part(self) -> Path:
        """Return where a file can be made that is not whole yet."""
        return self.folder / f"{secrets.token_hex(8)}{_PART}"

    def installed(self) -> tuple[S, ...]:
        """Return what is installed now."""
        seen = self._look()
        if seen != self._seen:
            self._installed = self._read_state()
            self._seen = seen
            self.changes += 1
            self.forget({one.sha for one in self._installed})
        return self._installed

    def forget(self, kept: set[str]) -> None:
        """Hear that of all files only these are installed now."""

    def install(self, wanted: Iterable[S]) -> None:
        """Make this what is installed; the files are there."""
        ordered = sorted(wanted, key=lambda one: one.key)
        part = self.part()
        with part.open("xb") as file:
            file.write(orjson.dumps([self.write(one) for one in ordered], option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._state)
        synced(self.folder)

    def sweep(self) -> None:
        """Remove the files of what is not installed, and what was left unfinished."""
        kept = {self.path(one.sha).name for one in self.installed()}
        for path in self.folder.iterdir():
            if (path.suffix == self._suffix and path.name not in kept) or path.suffix == _PART:
                path.unlink(missing_ok=True)

    def lacks(self, one: S) -> bool:
        """Tell whether the file of something installed is not here."""
        return not self.path(one.sha).exists()

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._state)
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read_state(self) -> tuple[S, ...]:
        try:
            stored = orjson.loads(self._state.read_bytes())
        except FileNotFoundError:
            return ()
        return tuple(self.read(one) for one in stored)


def synced(folder: Path) -> None:
    """Make the names in a folder outlast a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
