"""Keeps the process running that drains the audit trail of this machine; ``draining`` is what it does.

The process ends when its standard input does, so that none is left whatever ends the server.
"""

import signal
import subprocess
import sys
from collections.abc import Mapping
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Final

import structlog

_PROGRAM: Final = "fhirserver.app.draining"
_OF_THE_SERVER: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The end of the server is what ends it: requests under way may still be recorded after these."""
_AGAIN_S: Final = 1.0
_ENDS_S: Final = 20.0
"""How long it may take to end: it drains what there is first."""


class Drainer:
    """The process, which lives as long as the context; one that dies is followed by another."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Start it with ``environment``, in which its settings are."""
        self._environment = environment
        self._leaving = Event()
        self._starting = Lock()
        """Held while it is decided whether there is to be another one."""
        self._process = self._started()

    def __enter__(self) -> None:
        """Keep it running."""
        Thread(target=self._keep, name="drainer", daemon=True).start()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it, once it has drained what there is."""
        with self._starting:
            self._leaving.set()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_ENDS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _keep(self) -> None:
        log = structlog.get_logger()
        while True:
            code = self._process.wait()
            if self._leaving.wait(_AGAIN_S):
                return
            with self._starting:
                if not self._leaving.is_set():
                    log.error("the process that drains the audit trail has ended: it is started anew", exit_code=code)
                    self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        """Start a process that is no concern of signals meant for the server, even if they are sent to both."""
        command = [sys.executable, "-m", _PROGRAM]
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_THE_SERVER)  # it is inherited
        try:
            return subprocess.Popen(  # noqa: S603 - our own program
                command, stdin=subprocess.PIPE, env=dict(self._environment), start_new_session=True
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
