"""The versions of code systems that this machine has, as files: which they are is in one small file beside them.

That file is replaced as a whole; who answers looks whether it is another one before each question. So all workers have
a new version at once, and what was asked before is answered from the files that there were.
"""

import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

from fhirserver.kernel.outcome import Unavailable
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.concepts import CodeSystem
from fhirserver.terminology.implicit import whole_of
from fhirserver.terminology.index.opening import open_index
from fhirserver.terminology.index.sections import BadIndex, synced
from fhirserver.terminology.index.system import IndexedCodeSystem
from fhirserver.terminology.value_sets import ValueSet

FOLDER: Final = "terminology"
"""Below the data folder."""
_STATE: Final = "installed.json"
_INDEX: Final = ".index"


@dataclass(frozen=True, slots=True, order=True)
class Installation:
    """One version, and the file that has it."""

    url: str
    version: str
    sha: str
    size: int
    concepts: int
    sites: tuple[str, ...] | None = None
    """The sites that use it; None: all."""
    loaded: str = ""
    """When it was loaded."""

    @property
    def canonical(self) -> str:
        """The url and the version."""
        return f"{self.url}|{self.version}"


class Shelf:
    """The files of one machine."""

    def __init__(self, folder: Path) -> None:
        """Keep them in ``folder``."""
        self.folder = folder
        self._state = folder / _STATE
        self._seen: tuple[int, int, int] | None = None
        self._installed: tuple[Installation, ...] = ()
        self._opened: dict[str, IndexedCodeSystem] = {}
        self.changes = 0
        """How often what is installed was seen to change."""

    def path(self, sha: str) -> Path:
        """Return where a file is."""
        return self.folder / f"{sha}{_INDEX}"

    def installed(self) -> tuple[Installation, ...]:
        """Return what is installed now."""
        seen = self._look()
        if seen != self._seen:
            self._installed = self._read()
            self._seen = seen
            self.changes += 1
            kept = {one.sha for one in self._installed}
            self._opened = {sha: system for sha, system in self._opened.items() if sha in kept}
        return self._installed

    def opened(self, one: Installation) -> IndexedCodeSystem:
        """Return the code system of an installation, opened once; raises FileNotFoundError, Unavailable."""
        found = self._opened.get(one.sha)
        if found is None:
            found = self._opened[one.sha] = self._open(one)
        return found

    def install(self, wanted: Iterable[Installation]) -> None:
        """Make this what is installed; the files are there."""
        ordered = sorted(wanted, key=lambda one: (one.url, one.version))
        part = self._state.with_name(f"{_STATE}.{secrets.token_hex(4)}.part")
        with part.open("xb") as file:
            file.write(orjson.dumps([asdict(one) for one in ordered], option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._state)
        synced(self.folder)

    def sweep(self) -> None:
        """Remove the files of versions that are not installed, and what was left unfinished."""
        kept = {self.path(one.sha).name for one in self.installed()}
        for path in self.folder.iterdir():
            if (path.suffix == _INDEX and path.name not in kept) or path.suffix == ".part":
                path.unlink(missing_ok=True)

    def lacks(self, one: Installation) -> bool:
        """Tell whether the file of an installation is not here."""
        return not self.path(one.sha).exists()

    def _open(self, one: Installation) -> IndexedCodeSystem:
        try:
            return open_index(self.path(one.sha))
        except BadIndex as problem:
            raise Unavailable(f"`{one.canonical}` must be loaded again: {problem}") from problem

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._state)
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> tuple[Installation, ...]:
        try:
            stored = orjson.loads(self._state.read_bytes())
        except FileNotFoundError:
            return ()
        return tuple(installation_of(one) for one in stored)


class Installed:
    """The installed versions that a site uses, as definitions."""

    def __init__(self, shelf: Shelf, site: str) -> None:
        """Answer for ``site`` from ``shelf``."""
        self._shelf = shelf
        self._site = site

    @property
    def mark(self) -> str:
        """Another text after every change."""
        self._shelf.installed()
        return str(self._shelf.changes)

    def versions(self) -> list[tuple[str, str]]:
        """Return the url and version of all that the site uses."""
        return [(one.url, one.version) for one in self._shelf.installed() if self._uses(one)]

    def code_systems(self, url: str) -> Sequence[CodeSystem]:
        """Return all installed versions of a code system."""
        found = [one for one in self._shelf.installed() if one.url == url and self._uses(one)]
        try:
            return [self._shelf.opened(one) for one in found]
        except FileNotFoundError:  # removed since the question was whether it is installed
            return [self._shelf.opened(one) for one in self._shelf.installed() if one.url == url and self._uses(one)]

    def value_sets(self, url: str) -> Sequence[ValueSet]:
        """Return what is named as the value set of all codes of an installed code system."""
        systems = (system for one in self._shelf.installed() for system in self.code_systems(one.url))
        return [whole_of(one.head) for one in systems if one.head.value_set in (url, f"{url}|{one.head.version}")]

    def supplements(self, url: str) -> Sequence[Resource]:
        """Return nothing: an index has a whole code system."""
        return ()

    def _uses(self, one: Installation) -> bool:
        return one.sites is None or self._site in one.sites


def installation_of(stored: Resource) -> Installation:
    """Return an installation from its JSON, or its record."""
    names = Installation.__dataclass_fields__
    sites = stored.get("sites")
    known = {name: value for name, value in stored.items() if name in names}
    return Installation(**{**known, "sites": None if sites is None else tuple(sites)})
