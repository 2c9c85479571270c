"""The versions of code systems that this machine has, as files on a shelf."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fhirserver.definitions import shelf as definitions_shelf
from fhirserver.kernel.outcome import Unavailable
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.concepts import CodeSystem
from fhirserver.terminology.implicit import whole_of
from fhirserver.terminology.index.opening import open_index
from fhirserver.terminology.index.sections import BadIndex
from fhirserver.terminology.index.system import IndexedCodeSystem
from fhirserver.terminology.value_sets import ValueSet

FOLDER: Final = "terminology"
"""Below the data folder."""
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

    @property
    def key(self) -> str:
        """The same: there is one of each version."""
        return self.canonical


class Shelf(definitions_shelf.Shelf[Installation]):
    """The files of one machine."""

    def __init__(self, folder: Path) -> None:
        """Keep them in ``folder``."""
        super().__init__(folder, _INDEX, installation_of, asdict)
        self._opened: dict[str, IndexedCodeSystem] = {}

    def opened(self, one: Installation) -> IndexedCodeSystem:
        """Return the code system of an installation, opened once; raises FileNotFoundError, Unavailable."""
        found = self._opened.get(one.sha)
        if found is None:
            found = self._opened[one.sha] = self._open(one)
        return found

    def forget(self, kept: set[str]) -> None:
        """Close what is not installed any more."""
        self._opened = {sha: system for sha, system in self._opened.items() if sha in kept}

    def _open(self, one: Installation) -> IndexedCodeSystem:
        try:
            return open_index(self.path(one.sha))
        except BadIndex as problem:
            raise Unavailable(f"`{one.canonical}` must be loaded again: {problem}") from problem


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
