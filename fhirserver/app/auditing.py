"""The audit trail of one process that serves: its spool, which another process drains (``draining``)."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from fhirserver.app.background import ended, repeat
from fhirserver.app.sites import own_bases
from fhirserver.audit.agents import Observer
from fhirserver.audit.auditor import OPERATOR, UNAUDITED, Audited, Auditor
from fhirserver.audit.recorder import Recorder
from fhirserver.audit.spool import Spool
from fhirserver.settings import Auth, Settings
from fhirserver.smart.secret import secret_of

SUPERVISOR: Final = "FHIRSERVER_SUPERVISOR_PID"
"""Environment variable of a worker: the process that has started it."""
_FOLDER: Final = "audit"
_PURPOSE: Final = "audit chain"
_SETTLE_S: Final = 10.0
"""How often to record what was only counted."""
_BEAT_S: Final = 0.25
"""How often to say how busy this process is."""

OnProblem = Callable[[str, BaseException | None], None]
"""Hears of what keeps the trail from being stored: one sentence, and the defect if it is one."""


def spools_of(settings: Settings) -> Path:
    """Return the folder of the spools of this machine's workers."""
    return settings.data_dir / _FOLDER


def server_process() -> int:
    """Return the process of the server that this one is, or works for."""
    return int(os.environ.get(SUPERVISOR, os.getpid()))


def chain_secret(settings: Settings) -> bytes:
    """Return the secret from which the keys of the chains are derived."""
    secret = secret_of(settings.secret_key, settings.data_dir)
    return secret.fingerprint(_PURPOSE, _PURPOSE.encode()).encode()


def observer_of(settings: Settings, site: str) -> Observer:
    """Return how events name this server."""
    return Observer(socket.gethostname(), site, own_bases(settings, site)[0])


class Auditing:
    """The spool of this process; without a trail it does nothing."""

    def __init__(self, settings: Settings, on_problem: OnProblem) -> None:
        """Begin a spool, so that requests can be recorded before any database answers. Raises OSError."""
        self.auditor: Auditor = UNAUDITED
        self._on_problem = on_problem
        self._tasks: list[asyncio.Task[None]] = []
        self._recorder: Recorder | None = None
        if settings.is_audited:
            self._recorder = Recorder(Spool(spools_of(settings), server_process()), settings.audit_backlog_bytes)
            self.auditor = Audited(self._recorder, OPERATOR if settings.auth is Auth.OFF else None)

    def begin(self) -> None:
        """Keep the spool in order from now on."""
        if self._recorder is not None:
            self._begin(partial(_settle, self._recorder), "Not every request without login could be counted.")
            self._begin(_Pulse(self._recorder.spool).beat, "The load of this process could not be told.")

    def _begin(self, work: Callable[[], Awaitable[float]], problem: str) -> None:
        self._tasks.append(asyncio.create_task(repeat(work, _SETTLE_S, partial(self._on_problem, problem))))

    async def end(self) -> None:
        """Leave the spool to who drains it."""
        if self._recorder is None:
            return
        await ended(self._tasks)
        self._recorder.settle()
        self._recorder.spool.close()


async def _settle(recorder: Recorder) -> float:
    recorder.settle()
    return _SETTLE_S


class _Pulse:
    """Says how busy this process has been of late."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._before = time.monotonic(), time.process_time()

    async def beat(self) -> float:
        now = time.monotonic(), time.process_time()
        if (passed := now[0] - self._before[0]) > 0:
            self._spool.progress.load = (now[1] - self._before[1]) / passed
        self._before = now
        return _BEAT_S
