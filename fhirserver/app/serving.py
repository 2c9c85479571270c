"""The processes that serve: one, or a supervisor and its workers, on one listening socket; one drains the audit trail.

Every worker of a supervisor is a process of its own that reads its settings from the environment. When the
supervisor is killed, the kernel ends its workers.
"""

import ctypes
import gc
import os
import signal
import socket
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, Final

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from fhirserver.app.auditing import SUPERVISOR
from fhirserver.app.composition import Application
from fhirserver.app.drainer import Drainer
from fhirserver.app.gateway import AsgiApp
from fhirserver.app.knowledge import Knowledge, load_knowledge
from fhirserver.app.logs import configure_logs
from fhirserver.app.metrics import MULTIPROCESS_FOLDER, forget_ended_processes
from fhirserver.app.protocol import BoundedHttp
from fhirserver.app.tls import tls_options
from fhirserver.settings import ENV_PREFIX, Settings

_FACTORY: Final = "fhirserver.app.serving:create_worker"
_PR_SET_PDEATHSIG: Final = 1
_COLLECT_AFTER: Final = 20_000
"""Objects after which their cycles are looked for: more than one Bundle makes, which has none."""
_HUNG_S: Final = 30
"""A worker that gives no sign of life for so long is replaced."""


def run(settings: Settings, uri: str, listener: socket.socket, knowledge: Knowledge) -> None:
    """Serve on ``listener`` until SIGTERM or SIGINT; requests under way are finished first."""
    environment = {**os.environ, **_environment(settings, uri)}
    with Drainer(environment) if settings.is_audited else nullcontext():
        _run(settings, uri, listener, knowledge)


def _run(settings: Settings, uri: str, listener: socket.socket, knowledge: Knowledge) -> None:
    if settings.workers == 1:
        uvicorn.Server(_config(settings, _application(settings, uri, knowledge))).run(sockets=[listener])
        return
    with tempfile.TemporaryDirectory(prefix="fhirserver-metrics-") as folder:
        os.environ.update(_environment(settings, uri))
        os.environ[MULTIPROCESS_FOLDER] = folder
        os.environ[SUPERVISOR] = str(os.getpid())
        supervisor = _Supervisor(_config(settings, _FACTORY), sockets=[listener])
        supervisor.run()
        if any(worker.exitcode == STARTUP_FAILURE for worker in supervisor.processes):
            raise SystemExit(STARTUP_FAILURE)


class _Supervisor(Multiprocess):
    """Notices at once that a worker has died while it was asked for a sign of life, and not after ``_HUNG_S``."""

    def init_processes(self) -> None:
        super().init_processes()
        self._leave_pipes()

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        self._leave_pipes()

    def _leave_pipes(self) -> None:
        """Close our copies of the workers' ends: a pipe that only a dead worker had open reads as ended."""
        for worker in self.processes:
            worker.child_conn.close()


def create_worker() -> AsgiApp:
    """Build the application of a worker process; the supervisor names this function."""
    _end_with(int(os.environ[SUPERVISOR]))
    settings = Settings()
    configure_logs(settings)
    forget_ended_processes()
    return _application(settings, settings.mongodb_uri or "", load_knowledge(settings))


def _application(settings: Settings, uri: str, knowledge: Knowledge) -> AsgiApp:
    app = Application(settings, uri, knowledge).asgi
    gc.collect()
    gc.freeze()  # modules and registries live as long as the process: no collection need look through them again
    gc.set_threshold(_COLLECT_AFTER)
    return app


def _config(settings: Settings, app: AsgiApp | str) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=settings.workers,
        loop="uvloop",
        **{"http": BoundedHttp, **tls_options(settings)},
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_worker_healthcheck=_HUNG_S,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.shutdown_timeout_s,
    )


def _environment(settings: Settings, uri: str) -> Mapping[str, str]:
    """Write settings as the environment that they are read from again."""
    known = {**settings.model_dump(mode="json", exclude_none=True), "mongodb_uri": uri}
    return {ENV_PREFIX + name.upper(): _text(value) for name, value in known.items()}


def _text(value: Any) -> str:  # noqa: ANN401 - any value of a setting
    return ",".join(value) if isinstance(value, list) else str(value)


def _end_with(supervisor: int) -> None:
    """Ask the kernel for SIGTERM when the supervisor ends (Linux), and end now if it already has."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGTERM))
    if os.getppid() != supervisor:
        raise SystemExit(1)
