"""The packages that this machine has, as files on a shelf, and those of them that a site uses."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from fhirserver.definitions.archives import BadPackage
from fhirserver.definitions.package_files import Entry, PackageFile
from fhirserver.definitions.shelf import Shelf
from fhirserver.definitions.shipped import Shipped
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
        self.problems: dict[str, str] = {}
        """Of packages whose files cannot be read, by their key: they are passed over."""

    def opened(self, one: Installed) -> PackageFile | None:
        """Return the file of a package, opened once; None if it cannot be read. Raises FileNotFoundError."""
        if one.sha not in self._opened and one.key not in self.problems:
            try:
                self._opened[one.sha] = PackageFile(self.path(one.sha))
            except BadPackage as problem:
                self.problems[one.key] = f"`{one.key}` must be installed again: {problem}"
        return self._opened.get(one.sha)

    def forget(self, kept: set[str]) -> None:
        """Close what is not installed any more."""
        self._opened = {sha: file for sha, file in self._opened.items() if sha in kept}
        self.problems = {}


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
    """The packages that one site uses, as they are now.

    What ships with the server counts where no installed package has a definition.
    """

    def __init__(self, shelf: PackageShelf, site: str, shipped: Shipped | None = None) -> None:
        """Look for ``site`` on ``shelf``, then in what is ``shipped``."""
        self._shelf = shelf
        self._shipped = shipped
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

    def find(self, canonical: str) -> list[Place]:
        """Return what has a canonical, the last version first; the version is its own or that of its package."""
        return _found(self._look(), canonical) or _found(self._shipped_files, canonical)

    def installed(self, resource_type: str) -> Iterator[Place]:
        """Yield the definitions of one type in installed packages."""
        return _all_of(self._look(), resource_type)

    def of(self, resource_type: str) -> Iterator[Place]:
        """Yield the definitions of one type, those that ship last."""
        installed = self._look()
        yield from _all_of(installed, resource_type)
        for place in _all_of(self._shipped_files, resource_type):
            if not place.entry.url or not _found(installed, place.entry.url):
                yield place

    @cached_property
    def _shipped_files(self) -> tuple[tuple[Installed, PackageFile], ...]:
        files = () if self._shipped is None else self._shipped.files
        return tuple((_as_installed(file), file) for file in files)

    def _look(self) -> tuple[tuple[Installed, PackageFile], ...]:
        for _ in range(_ATTEMPTS):
            installed = self._shelf.installed()
            if self._shelf.changes == self._changes:
                return self._files
            used = [one for one in installed if one.is_used_by(self._site)]
            try:
                opened = ((one, self._shelf.opened(one)) for one in used)
                files = tuple((one, file) for one, file in opened if file is not None)
            except FileNotFoundError:  # removed since
                continue
            self._files, self._changes = files, self._shelf.changes
            self._mark = hashlib.sha256("\n".join(f"{one.key} {one.sha}" for one in used).encode()).hexdigest()[:16]
            return self._files
        raise Unavailable("The installed packages change all the time.")


def _found(files: Sequence[tuple[Installed, PackageFile]], canonical: str) -> list[Place]:
    named = parse_canonical(canonical)
    found = [
        Place(package, file, entry)
        for package, file in files
        for entry in file.find(named.url)
        if named.version in (None, entry.version, package.version)
    ]
    return sorted(found, key=lambda one: (order_key(one.entry.version), one.package.key), reverse=True)


def _all_of(files: Sequence[tuple[Installed, PackageFile]], resource_type: str) -> Iterator[Place]:
    return (Place(package, file, entry) for package, file in files for entry in file.of(resource_type))


def _as_installed(file: PackageFile) -> Installed:
    manifest = file.manifest
    needed = tuple(f"{name}#{version}" for name, version in manifest.dependencies.items())
    return Installed(
        manifest.name, manifest.version, file.archive_sha256, 0, len(file.entries), file.archive_sha256,
        license=manifest.license, title=manifest.title, canonical=manifest.canonical, dependencies=needed,
    )  # fmt: skip


def installed_of(stored: dict[str, Any]) -> Installed:
    """Return a package from its JSON, or its record."""
    names = Installed.__dataclass_fields__
    sites = stored.get("sites")
    known = {name: value for name, value in stored.items() if name in names}
    lists = {"sites": None if sites is None else tuple(sites), "dependencies": tuple(stored.get("dependencies", ()))}
    return Installed(**{**known, **lists})
