"""Installing FHIR packages, listing and removing them, while servers serve or without any.

All that an installation takes is made ready beside what there is, and appears at once: here, and by the database on
every other machine.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol, TypeVar

from fhirserver.app.installations import with_connection
from fhirserver.app.package_gathering import Gathered, Gatherer
from fhirserver.definitions.archives import BadPackage
from fhirserver.definitions.installed import FOLDER, Installed, PackageShelf, installed_of
from fhirserver.definitions.package_files import PackageFile, compile_archive, sha256_of
from fhirserver.jobs.installation_watch import InstallationWatch, locked
from fhirserver.settings import Settings
from fhirserver.store.installations import Installations, ToInstall

T = TypeVar("T")
Sites = tuple[str, ...] | None
_READING: Final = "Reading"
_STORING: Final = "Storing"


class Progress(Protocol):
    """Hears how far an installation is."""

    def begin(self, work: str, total: int) -> None:
        """Hear that another work begins."""
        ...

    def advance(self, done: int) -> None:
        """Hear that so much of it is done."""
        ...


class PackageInUse(Exception):
    """What is to be removed is needed; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class PackageInstallation:
    """What to install: files, URLs, names with versions; for which sites (None: all)."""

    wanted: Sequence[str]
    sites: Sites = None
    follows: bool = True
    """Whether what packages need is installed too."""


def package_shelf_of(settings: Settings) -> PackageShelf:
    """Return the packages on this machine."""
    return PackageShelf(settings.data_dir / FOLDER)


def install_packages(settings: Settings, uri: str, asked: PackageInstallation, progress: Progress) -> list[Installed]:
    """Install packages and what they need; return what is new.

    Raises BadPackage, NoPackage, MissingPackages, DatabaseProblem, and nothing of it is left then.
    """
    shelf = package_shelf_of(settings)
    shelf.folder.mkdir(parents=True, exist_ok=True)
    return _with_packages(settings, uri, lambda stored: _install(settings, stored, shelf, asked, progress))


def list_packages(settings: Settings, uri: str) -> list[Installed]:
    """Return what is installed; raises DatabaseProblem."""
    return _with_packages(settings, uri, _all)


def remove_packages(
    settings: Settings, uri: str, keys: Sequence[str], *, keeps_dependencies: bool = False
) -> list[Installed]:
    """Remove packages, and what was installed for them alone; return what is gone.

    Raises PackageInUse, DatabaseProblem.
    """

    async def remove(stored: Installations) -> list[Installed]:
        installed = await _all(stored)
        gone = _without_owner(installed, keys) if not keeps_dependencies else set(keys)
        _check_unneeded(installed, gone)
        await stored.remove(sorted(gone))
        await InstallationWatch(stored, package_shelf_of(settings)).refresh()
        return [one for one in installed if one.key in gone]

    return _with_packages(settings, uri, remove)


def give_package_to_sites(settings: Settings, uri: str, one: Installed, sites: Sites) -> None:
    """Let other sites use a package; raises DatabaseProblem."""

    async def give(stored: Installations) -> None:
        await stored.change(one.key, {"sites": None if sites is None else list(sites)})
        await InstallationWatch(stored, package_shelf_of(settings)).refresh()

    _with_packages(settings, uri, give)


async def _install(
    settings: Settings, stored: Installations, shelf: PackageShelf, asked: PackageInstallation, progress: Progress
) -> list[Installed]:
    gatherer = Gatherer(settings, await _all(stored), follows=asked.follows)
    try:
        progress.begin("Gathering", 1)
        gathered = await gatherer.gather(asked.wanted)
        progress.begin(_READING, len(gathered))
        with locked(shelf.folder, waits=True):
            shelf.sweep()  # of an installation that was killed
            made = _make(settings, shelf, gathered, progress)
            new = [_record(one, file, shelf.path(sha), sha, asked.sites) for one, (file, sha) in made]
            progress.begin(_STORING, 1)
            for one in gatherer.used.values():
                await stored.change(one.key, {"sites": _together(one.sites, asked.sites)})
            await stored.put([ToInstall(one.key, _fields(one), shelf.path(one.sha)) for one in new])
            progress.advance(1)
    finally:
        gatherer.close()
    await InstallationWatch(stored, shelf).refresh()
    return new


def _make(
    settings: Settings, shelf: PackageShelf, gathered: Sequence[Gathered], progress: Progress
) -> list[tuple[Gathered, tuple[PackageFile, str]]]:
    """Make the files of packages; raises BadPackage, and none is there then."""
    parts: list[tuple[Gathered, Path]] = []
    try:
        for one in gathered:
            part = shelf.part()
            parts.append((one, part))
            _compile(one, part, settings.max_package_bytes)
            progress.advance(1)
        return [(one, _kept(shelf, part)) for one, part in parts]
    finally:
        for _, part in parts:
            part.unlink(missing_ok=True)


def _compile(one: Gathered, part: Path, max_bytes: int) -> None:
    try:
        compile_archive(one.archive, part, max_bytes)
    except BadPackage as problem:
        raise BadPackage(f"`{one.source}` cannot be installed. {problem}") from None


def _kept(shelf: PackageShelf, part: Path) -> tuple[PackageFile, str]:
    sha = sha256_of(part)
    part.replace(shelf.path(sha))
    return PackageFile(shelf.path(sha)), sha


def _record(one: Gathered, file: PackageFile, path: Path, sha: str, sites: Sites) -> Installed:
    manifest = one.manifest
    return Installed(
        name=manifest.name,
        version=manifest.version,
        sha=sha,
        size=path.stat().st_size,
        definitions=len(file.entries),
        archive_sha256=file.archive_sha256,
        license=manifest.license,
        title=manifest.title,
        canonical=manifest.canonical,
        dependencies=tuple(sorted(one.pins)),
        sites=sites,
        asked=one.asked,
        source=one.source,
        loaded=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _fields(one: Installed) -> dict[str, object]:
    lists = {"sites": None if one.sites is None else list(one.sites), "dependencies": list(one.dependencies)}
    return {**asdict(one), **lists}


def _together(some: Sites, others: Sites) -> list[str] | None:
    return None if some is None or others is None else sorted({*some, *others})


def _without_owner(installed: Sequence[Installed], keys: Iterable[str]) -> set[str]:
    """Return some packages, and those that no other needs and nobody asked for."""
    gone = set(keys)
    by_key = {one.key: one for one in installed}
    kept: set[str] = set()
    waiting = [one for one in installed if one.asked and one.key not in gone]
    while waiting:
        one = waiting.pop()
        kept.add(one.key)
        waiting += [by_key[key] for key in one.dependencies if key in by_key and key not in kept]
    owned = _reached({key: by_key[key] for key in gone if key in by_key}, by_key)
    return gone | {key for key in owned if key not in kept and not by_key[key].asked}


def _reached(start: Mapping[str, Installed], by_key: Mapping[str, Installed]) -> set[str]:
    """Return all that some packages need, in any number of steps."""
    found: set[str] = set()
    waiting = list(start.values())
    while waiting:
        news = [key for key in waiting.pop().dependencies if key in by_key and key not in found]
        found.update(news)
        waiting += [by_key[key] for key in news]
    return found


def _check_unneeded(installed: Sequence[Installed], gone: set[str]) -> None:
    for one in installed:
        needed = sorted(gone.intersection(one.dependencies)) if one.key not in gone else []
        if needed:
            raise PackageInUse(f"`{needed[0]}` is needed by `{one.key}`; remove both, or that one first.")


def _with_packages(settings: Settings, uri: str, work: Callable[[Installations], Awaitable[T]]) -> T:
    return with_connection(uri, lambda connection: work(connection.packages(settings.network_database)))


async def _all(stored: Installations) -> list[Installed]:
    return sorted((installed_of(one) for one in await stored.all()), key=lambda one: one.key)
