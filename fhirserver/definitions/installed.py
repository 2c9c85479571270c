"""The packages that this machine has, as files on a shelf, and those of them that a site uses."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from fhirserver.definitions.archives import BadPackage
from fhirserver.definitions.package_files import Entry, PackageFile
from fhirserver.definitions.shelf import Shelf
from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.outcome import Unavailable
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version_order import order_key

FOLDER: Final = "packages"
"""Below the data folder."""
_SUFFIX: Final = ".package"
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Installed:
    """One version of a package, and the file that has it."""

    name: str
    version: str
    sha: str
    size: int
    definitions: int
    archive_sha256: str
    license: str = ""
    title: str = ""
    canonical: str = ""
    dependencies: tuple[str, ...] = ()
    """The keys of the packages that it needs, as far as they are installed."""
    sites: tuple[str, ...] | None = None
    """The sites that use it; None: all."""
    asked: bool = True
    """Somebody asked for it; else a package that was asked for needs it."""
    source: str = ""
    """Where it came from."""
    loaded: str = ""
    """When it was installed."""

    @property
    def key(self) -> str:
        """``name#version``."""
        return f"{self.name}#{self.version}"

    def is_used_by(self, site: str) -> bool:
        """Tell whether a site uses it."""
        return self.sites is None or site in self.sites


class PackageShelf(Shelf[Installed]):
    """The files of one machine."""

    def __init__(self, folder: Path) -> None:
        """Keep them in ``folder``."""
        super().__init__(folder, _SUFFIX, installed_of, asdict)
        self._opened: dict[str, PackageFile] = {}

    def opened(self, one: Installed) -> PackageFile:
        """Return the file of a package, opened once; raises FileNotFoundError, Unavailable."""
        found = self._opened.get(one.sha)
        if found is None:
            try:
                found = self._opened[one.sha] = PackageFile(self.path(one.sha))
            except BadPackage as problem:
                raise Unavailable(f"`{one.key}` must be installed again: {problem}") from problem
        return found

    def forget(self, kept: set[str]) -> None:
        """Close what is not installed any more."""
        self._opened = {sha: file for sha, file in self._opened.items() if sha in kept}


@dataclass(frozen=True, slots=True)
class Place:
    """A definition, and the package that has it."""

    package: Installed
    file: PackageFile
    entry: Entry

    def read(self) -> Resource:
        """Return the definition, decoded anew."""
        return self.file.read(self.entry)


class ActivePackages:
    """The packages that one site uses, as they are now."""

    def __init__(self, shelf: PackageShelf, site: str) -> None:
        """Look for ``site`` on ``shelf``."""
        self._shelf = shelf
        self._site = site
        self._changes = -1
        self._mark = ""
        self._files: tuple[tuple[Installed, PackageFile], ...] = ()

    @property
    def mark(self) -> str:
        """Another text after every change, the same on every machine."""
        self._look()
        return self._mark

    def packages(self) -> list[Installed]:
        """Return the packages, by name and version."""
        return [one for one, _ in self._look()]

    def files(self) -> Sequence[tuple[Installed, PackageFile]]:
        """Return the packages and their files."""
        return self._look()

    def find(self, canonical: str) -> list[Place]:
        """Return what has a canonical, the last version first; the version is its own or that of its package."""
        named = parse_canonical(canonical)
        found = [
            Place(package, file, entry)
            for package, file in self._look()
            for entry in file.find(named.url)
            if named.version in (None, entry.version, package.version)
        ]
        return sorted(found, key=lambda one: (order_key(one.entry.version), one.package.key), reverse=True)

    def of(self, resource_type: str) -> Iterator[Place]:
        """Yield the definitions of one type."""
        return (Place(package, file, entry) for package, file in self._look() for entry in file.of(resource_type))

    def _look(self) -> tuple[tuple[Installed, PackageFile], ...]:
        for _ in range(_ATTEMPTS):
            installed = self._shelf.installed()
            if self._shelf.changes == self._changes:
                return self._files
            used = [one for one in installed if one.is_used_by(self._site)]
            try:
                files = tuple((one, self._shelf.opened(one)) for one in used)
            except FileNotFoundError:  # removed since
                continue
            self._files, self._changes = files, self._shelf.changes
            self._mark = hashlib.sha256("\n".join(f"{one.key} {one.sha}" for one in used).encode()).hexdigest()[:16]
            return self._files
        raise Unavailable("The installed packages change all the time.")


def installed_of(stored: dict[str, Any]) -> Installed:
    """Return a package from its JSON, or its record."""
    names = Installed.__dataclass_fields__
    sites = stored.get("sites")
    known = {name: value for name, value in stored.items() if name in names}
    lists = {"sites": None if sites is None else tuple(sites), "dependencies": tuple(stored.get("dependencies", ()))}
    return Installed(**{**known, **lists})
