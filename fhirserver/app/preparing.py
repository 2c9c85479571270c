"""What is done once before a server listens: collections, indexes and, on the first start, the demo record."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from fhirserver.app.database import DatabaseProblem
from fhirserver.app.knowledge import Knowledge
from fhirserver.app.sites import Builder, Site, sites_of
from fhirserver.kernel.outcome import FhirError, Unavailable
from fhirserver.repository.requests import SearchRequest
from fhirserver.settings import Settings
from fhirserver.store.connection import BadConnection

PATIENCE_S: Final = 30
_RETRY_S: Final = 1.0
_BEGUN: Final = "demo begun"
_COMPLETE: Final = "demo complete"
_IN_FLIGHT: Final = 4

Bundles = Callable[[], Iterable[bytes]]
Progress = Callable[[int, int], None]
"""Hears how many of how many Bundles of the demo are loaded."""


async def prepare(settings: Settings, uri: str, knowledge: Knowledge, demo: Bundles | None, progress: Progress) -> str:
    """Make every site ready to serve; return the version of MongoDB.

    ``demo`` gives transaction Bundles for the first site, loaded when its database is new, or when an earlier start
    was interrupted in loading them. Raises DatabaseProblem.
    """
    try:
        async with sites_of(settings, uri, knowledge) as builder:
            version = await _await_database(builder)
            for name in settings.sites:
                await builder.prepare(name)
            if demo is not None:
                await _load_demo(await builder.open(settings.sites[0]), demo, progress)
    except (BadConnection, FhirError) as problem:
        raise DatabaseProblem(str(problem)) from problem
    return version


async def _await_database(builder: Builder) -> str:
    for _ in range(PATIENCE_S):
        try:
            return await builder.connection.check()
        except Unavailable:
            await asyncio.sleep(_RETRY_S)
    return await builder.connection.check()


async def _load_demo(site: Site, demo: Bundles, progress: Progress) -> None:
    if await site.store.setting(_COMPLETE) is not None:
        return
    if await site.store.setting(_BEGUN) is None and not await _is_new(site):
        return
    await site.store.set_once(_BEGUN, {})
    bundles = list(demo())
    await _load_all(site, bundles, progress)
    await site.store.set_once(_COMPLETE, {})


async def _is_new(site: Site) -> bool:
    parameters = (("_count", "1"), ("_total", "none"))
    page = await site.repository.search(SearchRequest(resource_types=(), parameters=parameters))
    return not page.matches


async def _load_all(site: Site, bundles: Sequence[bytes], progress: Progress) -> None:
    waiting = iter(bundles)
    done = 0

    async def work() -> None:
        nonlocal done
        for bundle in waiting:  # shared: each worker takes the next one
            await site.execute(bundle)
            done += 1
            progress(done, len(bundles))

    progress(0, len(bundles))
    await asyncio.gather(*(work() for _ in range(_IN_FLIGHT)))
