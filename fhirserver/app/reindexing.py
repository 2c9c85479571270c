"""Reindexing the sites of a database from the command line, while servers serve or without any.

The job lies in the database: this process does it unless a server does already, and a later run goes on with it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fhirserver.app.database import DatabaseProblem
from fhirserver.app.knowledge import load_knowledge
from fhirserver.app.preparing import prepare
from fhirserver.app.sites import Builder, Site, sites_of
from fhirserver.jobs.reindex_control import ReindexStatus
from fhirserver.kernel.outcome import ClientError, Unavailable
from fhirserver.settings import Settings

_REST: Final = 0.25
"""The operator waits, but so do the callers of a server on the same database."""
_ASK_S: Final = 0.2

Progress = Callable[[str, ReindexStatus], None]
"""Hears the site and how its reindex stands."""


class Action(StrEnum):
    """What is to be done: a reindex, or something with those under way."""

    RUN = "run"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class ReindexOptions:
    """What to reindex: resource types, those of search parameters (urls), or everything."""

    types: Sequence[str] = ()
    parameters: Sequence[str] = ()
    dry_run: bool = False
    action: Action = Action.RUN


class BadReindex(Exception):
    """The options name something that there is not; one sentence."""


def reindex_sites(
    settings: Settings, uri: str, sites: Sequence[str], options: ReindexOptions, progress: Progress
) -> None:
    """Reindex ``sites``, one after the other; raises DatabaseProblem, LookupError, BadReindex."""
    try:
        asyncio.run(_each(settings, uri, sites, options, progress))
    except Unavailable as problem:
        raise DatabaseProblem(f"{problem} Run it again: it goes on where it ended.") from None
    except ClientError as problem:
        raise BadReindex(problem.diagnostics) from None


async def _each(
    settings: Settings, uri: str, sites: Sequence[str], options: ReindexOptions, progress: Progress
) -> None:
    async with _builder(settings, uri) as builder:
        for name in sites:
            site = await builder.open(name)
            await _ACTIONS[options.action](site, options, progress)


@asynccontextmanager
async def _builder(settings: Settings, uri: str) -> AsyncIterator[Builder]:
    knowledge = load_knowledge(settings)
    await prepare(settings, uri, knowledge)
    async with sites_of(settings, uri, knowledge, jobs_rest=_REST) as builder:
        yield builder


async def _run(site: Site, options: ReindexOptions, progress: Progress) -> None:
    reindexes = site.reindexes
    status = await reindexes.start(options.types, options.parameters, dry_run=options.dry_run)
    await _follow(site, status, progress)


async def _resume(site: Site, _: ReindexOptions, progress: Progress) -> None:
    for status in await site.reindexes.latest():
        if status.state == "paused":
            await _follow(site, await site.reindexes.resume(status.id), progress)


async def _follow(site: Site, status: ReindexStatus, progress: Progress) -> None:
    """Report until a job has ended, or somebody has paused it."""
    progress(site.name, status)
    while not status.is_final and status.state != "paused":
        await asyncio.sleep(_ASK_S)
        status = await site.reindexes.status(status.id)
        progress(site.name, status)


async def _pause(site: Site, _: ReindexOptions, progress: Progress) -> None:
    for status in await site.reindexes.latest():
        if status.state in ("queued", "running"):
            progress(site.name, await site.reindexes.pause(status.id))


async def _cancel(site: Site, _: ReindexOptions, progress: Progress) -> None:
    for status in await site.reindexes.latest():
        if not status.is_final:
            progress(site.name, await site.reindexes.cancel(status.id))


_ACTIONS: Final[dict[Action, Callable[[Site, ReindexOptions, Progress], Awaitable[None]]]] = {
    Action.RUN: _run,
    Action.PAUSE: _pause,
    Action.RESUME: _resume,
    Action.CANCEL: _cancel,
}
