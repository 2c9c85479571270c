"""Loading versions of code systems, listing and removing them, while servers serve or without any.

A version is built beside the others and appears when it is whole: here, and by the database on every other machine.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from fhirserver.app.installations import with_connection
from fhirserver.jobs.installation_watch import InstallationWatch, locked
from fhirserver.settings import Settings
from fhirserver.store.installations import Installations, ToInstall
from fhirserver.terminology.index.installed import FOLDER, Installation, Shelf, installation_of
from fhirserver.terminology.loaders import loader_of
from fhirserver.terminology.loaders.framework import Progress, Wanted
from fhirserver.terminology.loaders.tree import Tree

T = TypeVar("T")
_BUILT: Final = "new.part"
_AS_FILES_SAY: Final = Wanted()


@dataclass(frozen=True, slots=True)
class TerminologyLoad:
    """What to load: files, what the user says of them, which sites use it (None: all)."""

    paths: Sequence[Path]
    wanted: Wanted = _AS_FILES_SAY
    sites: tuple[str, ...] | None = None


def shelf_of(settings: Settings) -> Shelf:
    """Return the versions on this machine."""
    return Shelf(settings.data_dir / FOLDER)


def load_terminology(settings: Settings, uri: str, load: TerminologyLoad, progress: Progress) -> Installation:
    """Load one version; raises BadRelease, Unreadable, DatabaseProblem, and nothing of it is left then."""
    tree = Tree(load.paths)
    loader = loader_of(tree)
    shelf = shelf_of(settings)
    shelf.folder.mkdir(parents=True, exist_ok=True)
    with locked(shelf.folder, waits=True):
        shelf.sweep()  # of a load that was killed
        built = shelf.folder / _BUILT
        try:
            made = loader.load(tree, load.wanted, built, progress)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            sha, size = _sha(built), built.stat().st_size
            found = Installation(made.url, made.version, sha, size, made.concepts, load.sites, now)
            built.replace(shelf.path(sha))
        finally:
            built.unlink(missing_ok=True)
        progress.begin("Storing", 1)
        with_terminologies(settings, uri, lambda stored: _store(stored, found, shelf.path(sha)))
        progress.advance(1)
    with_terminologies(settings, uri, lambda stored: InstallationWatch(stored, shelf).refresh())
    return found


def list_terminologies(settings: Settings, uri: str) -> list[Installation]:
    """Return what is loaded; raises DatabaseProblem."""
    return with_terminologies(settings, uri, _all)


def remove_terminology(settings: Settings, uri: str, one: Installation) -> None:
    """Remove a version; raises DatabaseProblem."""

    async def remove(stored: Installations) -> None:
        await stored.remove([one.key])
        await InstallationWatch(stored, shelf_of(settings)).refresh()

    with_terminologies(settings, uri, remove)


def give_to_sites(settings: Settings, uri: str, one: Installation, sites: tuple[str, ...] | None) -> Installation:
    """Let other sites use a version; raises DatabaseProblem."""

    async def give(stored: Installations) -> None:
        await stored.change(one.canonical, {"sites": None if sites is None else list(sites)})
        await InstallationWatch(stored, shelf_of(settings)).refresh()

    with_terminologies(settings, uri, give)
    return replace(one, sites=sites)


def with_terminologies(settings: Settings, uri: str, work: Callable[[Installations], Awaitable[T]]) -> T:
    """Return what ``work`` does with the versions of a network; raises DatabaseProblem."""
    return with_connection(uri, lambda connection: work(connection.terminologies(settings.network_database)))


async def _all(stored: Installations) -> list[Installation]:
    return sorted(installation_of(one) for one in await stored.all())


async def _store(stored: Installations, found: Installation, path: Path) -> None:
    sites = None if found.sites is None else list(found.sites)
    await stored.put([ToInstall(found.key, {**asdict(found), "sites": sites}, path)])


def _sha(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
