"""What stores the records of a server's workers as audit events, and looks through these, beside the workers.

It is a process of its own, of lower priority, so that requests do not wait for the events of others. It ends once the
server does, which has started it (``drainer``).
"""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

import structlog

from fhirserver.app.auditing import OnProblem, chain_secret, observer_of, spools_of
from fhirserver.app.background import ended, repeat
from fhirserver.app.knowledge import load_knowledge
from fhirserver.app.logs import configure_logs
from fhirserver.app.sites import Builder, Site, sites_of
from fhirserver.audit.drain import Drain
from fhirserver.audit.ledger import Ledger
from fhirserver.audit.pace import rest_s
from fhirserver.audit.watch import Watch
from fhirserver.kernel.outcome import FhirError, Unavailable
from fhirserver.settings import Settings

LEAVING_S: Final = 5.0
"""How long to drain what there is, once the servers have ended; the rest is left to the next start."""
_AGAIN_S: Final = 1.0
_WATCH_S: Final = 5.0
_WORKER_BYTES: Final = 8
_NICE: Final = 5
"""Workers come first, but not so that nothing is stored on a machine that is busy for long."""
_STDIN: Final = 0


class Draining:
    """The tasks that drain spools into sites, and watch these."""

    def __init__(self, settings: Settings, server: int, sites: Mapping[str, Site], on_problem: OnProblem) -> None:
        """Drain what the workers of the process ``server`` record into ``sites``, from ``begin`` on."""
        secret, provenance = chain_secret(settings), settings.audit_provenance
        ledgers = {
            name: Ledger(site.live, site.store, observer_of(settings, name), secret, with_provenance=provenance)
            for name, site in sites.items()
        }
        self._on_problem = on_problem
        self._drain = Drain(
            spools_of(settings),
            server,
            ledgers,
            max_backlog_bytes=settings.audit_backlog_bytes,
            on_problem=lambda problem: on_problem(problem, None),
        )
        worker, threshold = secrets.token_hex(_WORKER_BYTES), settings.audit_mass_reading
        self._watches = [Watch(site.live, site.store, worker, threshold) for site in sites.values()]
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Drain from now on."""
        self._begin(self._drain.run, "The audit trail could not be drained; it is tried again.")
        for watch in self._watches:
            self._begin(partial(self._look, watch), "The audit trail could not be watched; it is tried again.")

    def _begin(self, work: Callable[[], Awaitable[float]], problem: str) -> None:
        # the database may be away, or others faster: what is not stored is read again
        told = partial(self._on_problem, problem)
        self._tasks.append(asyncio.create_task(repeat(work, _AGAIN_S, told, waits_for=FhirError)))

    async def _look(self, watch: Watch) -> float:
        """Look for unusual access, again soon while there may be more."""
        began = time.monotonic()
        has_more = await watch.run()
        return rest_s(time.monotonic() - began, self._drain.share) if has_more else _WATCH_S

    async def end(self) -> None:
        """Drain what there is, within seconds; the rest is left to the next one on this machine."""
        await ended(self._tasks)
        with suppress(FhirError, TimeoutError):
            async with asyncio.timeout(LEAVING_S):
                await self._drain.finish()
        self._drain.close()


async def drain_until(left: asyncio.Event, settings: Settings, uri: str) -> None:
    """Drain until something happens; a database that is away is waited for. Raises BadConnection."""
    async with sites_of(settings, uri, load_knowledge(settings)) as builder:
        opening = asyncio.create_task(_opened(builder))
        leaving = asyncio.create_task(left.wait())
        await asyncio.wait({opening, leaving}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({opening}, timeout=LEAVING_S)  # of a server that ended soon: what it answered is stored
        try:
            if opening.done():
                draining = Draining(settings, os.getppid(), opening.result(), _tell)
                draining.begin()
                await leaving
                await draining.end()
        finally:
            await _stopped(opening, leaving)


def _tell(problem: str, defect: BaseException | None) -> None:
    structlog.get_logger().error("audit", problem=problem, exc_info=defect)


async def _stopped(*tasks: "asyncio.Task[object]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _opened(builder: Builder) -> Mapping[str, Site]:
    sites: dict[str, Site] = {}
    for name in builder.settings.sites:
        while name not in sites:
            try:
                sites[name] = await builder.open(name)
            except Unavailable:
                await asyncio.sleep(_AGAIN_S)
    return sites


def _give_way() -> None:
    """Let workers go first, also where these were started with the priority of real time."""
    if hasattr(os, "SCHED_BATCH"):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    os.nice(_NICE)


async def _run(settings: Settings) -> None:
    left = asyncio.Event()
    asyncio.get_running_loop().add_reader(_STDIN, left.set)  # its end: whoever has started this is gone
    await drain_until(left, settings, settings.mongodb_uri or "")


def main() -> int:
    """Drain until standard input ends."""
    _give_way()
    settings = Settings()
    configure_logs(settings)
    asyncio.run(_run(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
