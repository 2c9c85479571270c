"""What earlier runs of a load have done, per database and file content: a line is added for every unit loaded.

A file is known by the SHA-256 of its bytes, so a renamed file is not loaded again and a changed one is.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec


class _Line(msgspec.Struct, omit_defaults=True):
    """Entries of a unit that were loaded; without a unit, the whole file."""

    database: str
    file: str
    unit: int | None = None
    loaded: list[int] = []


class Journal:
    """The journal of a data folder, for one database."""

    def __init__(self, path: Path, database: str) -> None:
        """Read what earlier runs have written about ``database``, a mark that a new database does not share."""
        self._path = path
        self._database = database
        self._files: set[str] = set()
        self._units: dict[tuple[str, int], frozenset[int]] = {}
        for line in path.read_bytes().splitlines() if path.exists() else ():
            self._remember(line)

    def _remember(self, raw: bytes) -> None:
        try:
            line = msgspec.json.decode(raw, type=_Line)
        except msgspec.MsgspecError:
            return  # empty, or half a line of a run that was killed
        if line.database != self._database:
            return
        if line.unit is None:
            self._files.add(line.file)
        else:
            key = (line.file, line.unit)
            self._units[key] = self._units.get(key, frozenset()).union(line.loaded)

    def has_file(self, file: str) -> bool:
        """Tell whether everything in a file, named by its hash, has been loaded."""
        return file in self._files

    def loaded(self, file: str, unit: int) -> frozenset[int]:
        """Return the numbers of a unit's entries that have been loaded."""
        return self._units.get((file, unit), frozenset())

    def add(self, file: str, unit: int | None = None, loaded: Iterable[int] = ()) -> None:
        """Write down entries that were loaded; without a unit, that the whole file was."""
        line = _Line(self._database, file, unit, list(loaded))
        with self._path.open("ab") as journal:
            journal.write(b"\n" + msgspec.json.encode(line))


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
