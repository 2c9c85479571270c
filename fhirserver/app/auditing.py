"""The audit trail of one process: its spool, and the task that drains it into the ledgers of the sites."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

from fhirserver.app.background import ended, repeat
from fhirserver.app.sites import Site, own_bases
from fhirserver.audit.agents import Observer
from fhirserver.audit.auditor import OPERATOR, UNAUDITED, Audited, Auditor
from fhirserver.audit.drain import Drain
from fhirserver.audit.ledger import Ledger
from fhirserver.audit.recorder import Recorder
from fhirserver.audit.spool import Spool
from fhirserver.audit.watch import Watch
from fhirserver.kernel.outcome import FhirError
from fhirserver.settings import Auth, Settings
from fhirserver.smart.secret import secret_of

FOLDER: Final = "audit"
"""Of the data folder: the spools of this machine's workers."""
_PURPOSE: Final = "audit chain"
_AGAIN_S: Final = 1.0
_WATCH_S: Final = 5.0
_LEAVING_S: Final = 5.0

OnProblem = Callable[[str, BaseException | None], None]
"""Hears of what keeps the trail from being stored: one sentence, and the defect if it is one."""


def chain_secret(settings: Settings) -> bytes:
    """Return the secret from which the keys of the chains are derived."""
    secret = secret_of(settings.secret_key, settings.data_dir)
    return secret.fingerprint(_PURPOSE, _PURPOSE.encode()).encode()


def observer_of(settings: Settings, site: str) -> Observer:
    """Return how events name this server."""
    return Observer(socket.gethostname(), site, own_bases(settings, site)[0])


class Auditing:
    """The spool of this process and what drains it; without a trail it does nothing."""

    def __init__(self, settings: Settings, on_problem: OnProblem) -> None:
        """Begin a spool, so that requests can be recorded before any database answers. Raises OSError."""
        self.auditor: Auditor = UNAUDITED
        self._settings = settings
        self._on_problem = on_problem
        self._tasks: list[asyncio.Task[None]] = []
        self._ledgers: dict[str, Ledger] = {}
        self._recorder: Recorder | None = None
        if settings.is_audited:
            spool = Spool(settings.data_dir / FOLDER)
            self._recorder = Recorder(spool, settings.audit_backlog_bytes)
            self.auditor = Audited(self._recorder, OPERATOR if settings.auth is Auth.OFF else None)
            self._secret = chain_secret(settings)

    def begin(self, sites: dict[str, Site]) -> None:
        """Drain into the sites from now on."""
        if self._recorder is None:
            return
        for name, site in sites.items():
            observer = observer_of(self._settings, name)
            provenance = self._settings.audit_provenance
            self._ledgers[name] = Ledger(site.live, site.store, observer, self._secret, with_provenance=provenance)
        self._drain = Drain(self._recorder, self._ledgers, lambda problem: self._on_problem(problem, None))
        self._begin(partial(_drained, self._drain), "The audit trail could not be drained; it is tried again.")
        for site in sites.values():
            threshold = self._settings.audit_mass_reading
            watch = Watch(site.live, site.store, self._recorder.spool.worker, threshold)
            self._begin(partial(_look, watch), "The audit trail could not be watched; it is tried again.")

    def _begin(self, work: Callable[[], Awaitable[float]], problem: str) -> None:
        # the database may be away, or others faster: what is not stored is read again
        told = partial(self._on_problem, problem)
        self._tasks.append(asyncio.create_task(repeat(work, _AGAIN_S, told, waits_for=FhirError)))

    async def end(self) -> None:
        """Drain what there is, within seconds; the rest is left to the next worker of this machine."""
        if self._recorder is None:
            return
        await ended(self._tasks)
        if self._tasks:
            with suppress(FhirError, TimeoutError):
                async with asyncio.timeout(_LEAVING_S):
                    await self._drain.finish()
        self._recorder.spool.close()


async def _drained(drain: Drain) -> float:
    """Drain what there is; the drain itself waits for more."""
    await drain.run()
    return 0.0


async def _look(watch: Watch) -> float:
    """Look for unusual access, again at once while there may be more."""
    return 0.0 if await watch.run() else _WATCH_S
