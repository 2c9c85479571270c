"""Loading versions of code systems, listing and removing them, while servers serve or without any.

A version is built beside the others and appears when it is whole: here, and by the database on every other machine.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import structlog

from fhirserver.app.background import repeating
from fhirserver.app.database import DatabaseProblem
from fhirserver.jobs.terminology_watch import TerminologyWatch, locked
from fhirserver.kernel.outcome import Unavailable
from fhirserver.settings import Settings
from fhirserver.store.connection import BadConnection, Connection
from fhirserver.store.terminologies import Terminologies
from fhirserver.terminology.index.installed import FOLDER, Installation, Shelf, installation_of
from fhirserver.terminology.loaders import loader_of
from fhirserver.terminology.loaders.framework import Progress, Wanted
from fhirserver.terminology.loaders.tree import Tree
from fhirserver.terminology.terms import Terms

T = TypeVar("T")
_BUILT: Final = "new.part"
_EVERY_S: Final = 0.5
"""How often each process looks for code systems that were loaded or removed."""
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


@asynccontextmanager
async def watching(stored: Terminologies, shelf: Shelf, terms: Sequence[Terms]) -> AsyncIterator[None]:
    """Keep what this machine has as the database says, for as long as the context lasts.

    What ``terms`` remember of a version that was removed is forgotten then: its file is mapped for as long.
    """
    log, watch = structlog.get_logger(), TerminologyWatch(stored, shelf)

    def failed(problem: BaseException, what: str) -> None:
        log.error("fault", doing=what, exc_info=problem)

    async def turn() -> None:
        await watch.refresh()
        for one in terms:
            one.look()

    async with repeating(turn, _EVERY_S, "terminology", failed):
        yield


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
    with_terminologies(settings, uri, lambda stored: TerminologyWatch(stored, shelf).refresh())
    return found


def list_terminologies(settings: Settings, uri: str) -> list[Installation]:
    """Return what is loaded; raises DatabaseProblem."""
    return with_terminologies(settings, uri, _all)


def remove_terminology(settings: Settings, uri: str, one: Installation) -> None:
    """Remove a version; raises DatabaseProblem."""

    async def remove(stored: Terminologies) -> None:
        await stored.remove(one.canonical)
        await TerminologyWatch(stored, shelf_of(settings)).refresh()

    with_terminologies(settings, uri, remove)


def give_to_sites(settings: Settings, uri: str, one: Installation, sites: tuple[str, ...] | None) -> Installation:
    """Let other sites use a version; raises DatabaseProblem."""

    async def give(stored: Terminologies) -> None:
        await stored.change(one.canonical, {"sites": None if sites is None else list(sites)})
        await TerminologyWatch(stored, shelf_of(settings)).refresh()

    with_terminologies(settings, uri, give)
    return replace(one, sites=sites)


def with_terminologies(settings: Settings, uri: str, work: Callable[[Terminologies], Awaitable[T]]) -> T:
    """Return what ``work`` does with the versions of a network; raises DatabaseProblem."""

    async def run() -> T:
        connection = Connection(uri)
        try:
            return await work(connection.terminologies(settings.network_database))
        finally:
            await connection.close()

    try:
        return asyncio.run(run())
    except (BadConnection, Unavailable) as problem:
        raise DatabaseProblem(str(problem)) from problem


async def _all(stored: Terminologies) -> list[Installation]:
    return sorted(installation_of(one) for one in await stored.all())


async def _store(stored: Terminologies, found: Installation, path: Path) -> None:
    sites = None if found.sites is None else list(found.sites)
    await stored.put(found.canonical, {**asdict(found), "sites": sites}, path)


def _sha(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
