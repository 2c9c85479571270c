"""What is done once before a server listens: collections, indexes and, on the first start, the demo record."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from fhirserver.access.policy_reader import PolicyProblem
from fhirserver.app.database import DatabaseProblem
from fhirserver.app.knowledge import Knowledge
from fhirserver.app.sites import Builder, Site, sites_of
from fhirserver.kernel.outcome import FhirError, Unavailable
from fhirserver.repository.requests import SearchRequest
from fhirserver.settings import Settings
from fhirserver.smart.secret import WrongSecret
from fhirserver.store.connection import BadConnection

_PATIENCE_S: Final = 30.0
_RETRY_S: Final = 1.0
_BEGUN: Final = "demo begun"
_COMPLETE: Final = "demo complete"
_IN_FLIGHT: Final = 4


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo record: transaction Bundles, and who hears how many of how many are loaded.

    It is loaded when the database is new, or when an earlier start was interrupted in loading it.
    """

    bundles: Callable[[], Iterable[bytes]]
    progress: Callable[[int, int], None]


async def prepare(settings: Settings, uri: str, knowledge: Knowledge, demo: Demo | None = None) -> None:
    """Make every site ready to serve: its collections, its indexes and, in the first one, the demo record.

    Raises DatabaseProblem.
    """
    try:
        async with sites_of(settings, uri, knowledge) as builder:
            await _await_database(builder)
            for name in settings.sites:
                await builder.prepare(name)
            await builder.prepare_network()
            if demo is not None:
                await _load_demo(await builder.open(settings.sites[0]), demo)
    except (BadConnection, FhirError, WrongSecret, PolicyProblem) as problem:
        raise DatabaseProblem(str(problem)) from problem


async def _await_database(builder: Builder) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            await builder.connection.check()
            return
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_RETRY_S)


async def _load_demo(site: Site, demo: Demo) -> None:
    if await site.store.setting(_COMPLETE) is not None:
        return
    if await site.store.setting(_BEGUN) is None and not await _is_new(site):
        return
    await site.store.set_once(_BEGUN, {})
    await _load_all(site, list(demo.bundles()), demo.progress)
    await site.store.set_once(_COMPLETE, {})


async def _is_new(site: Site) -> bool:
    parameters = (("_count", "1"), ("_total", "none"))
    page = await site.repository.search(SearchRequest(resource_types=(), parameters=parameters))
    return not page.matches


async def _load_all(site: Site, bundles: Sequence[bytes], progress: Callable[[int, int], None]) -> None:
    waiting = iter(bundles)
    done = 0

    async def work() -> None:
        nonlocal done
        for bundle in waiting:  # shared: each worker takes the next one
            await site.execute(bundle)
            done += 1
            progress(done, len(bundles))

    progress(0, len(bundles))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_IN_FLIGHT):
                group.create_task(work())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
