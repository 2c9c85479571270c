"""Keeping code systems and packages on this machine as the database says, for as long as a process lives."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import structlog

from fhirserver.app.background import repeating
from fhirserver.app.database import DatabaseProblem
from fhirserver.definitions.shelf import Shelved
from fhirserver.jobs.installation_watch import InstallationWatch
from fhirserver.kernel.outcome import Unavailable
from fhirserver.store.connection import BadConnection, Connection

T = TypeVar("T")
S = TypeVar("S", bound=Shelved)
_EVERY_S: Final = 0.5
"""How often each process looks for what was installed or removed."""


@asynccontextmanager
async def watching(watch: InstallationWatch[S], name: str, look: Callable[[], None]) -> AsyncIterator[None]:
    """Keep what this machine has as the database says, for as long as the context lasts.

    Each time ``look`` lets go of what was remembered of things that were removed: their files are mapped for as long.
    """
    log = structlog.get_logger()

    def failed(problem: BaseException, what: str) -> None:
        log.error("fault", doing=what, exc_info=problem)

    async def turn() -> None:
        await watch.refresh()
        look()

    async with repeating(turn, _EVERY_S, name, failed):
        yield


def with_connection(uri: str, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Return what ``work`` does with a connection; raises DatabaseProblem."""

    async def run() -> T:
        connection = Connection(uri)
        try:
            return await work(connection)
        finally:
            await connection.close()

    try:
        return asyncio.run(run())
    except (BadConnection, Unavailable) as problem:
        raise DatabaseProblem(str(problem)) from problem
