"""``fhirserver serve``: a MongoDB, what must be in it, and the processes that serve, in this order.

The mongod is started first; the imports that follow take about as long as it does.
"""

import asyncio
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from threading import Thread
from types import FrameType

from fhirserver.app.database import DatabaseProblem, WhenReady, database
from fhirserver.cli.problems import Failure
from fhirserver.settings import Settings

_POLL_S = 0.02
_READY_S = 120.0


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit code. Raises Failure."""
    started = time.monotonic()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job was told to ignore it
    signal.signal(signal.SIGTERM, _interrupt)
    with _listener(settings) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        try:
            with database(settings) as when_ready:
                _run(settings, when_ready, listener, started)
        except DatabaseProblem as problem:
            raise Failure(str(problem)) from None
        except KeyboardInterrupt:
            return 0
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End as after Ctrl-C, which asyncio and uvicorn know how to do: what was begun is closed on the way out."""
    signal.raise_signal(signal.SIGINT)


@contextmanager
def _listener(settings: Settings) -> Iterator[socket.socket]:
    """Take the port before anything else is begun; raises Failure when another program has it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as problem:
            where = f"`{settings.host}` port {settings.port}"
            raise Failure(f"{where} cannot be listened on: {problem.strerror or problem}.") from None
        yield listener


def _run(settings: Settings, when_ready: WhenReady, listener: socket.socket, started: float) -> None:
    # Imported while the mongod starts.
    from fhirserver.app import serving  # noqa: PLC0415
    from fhirserver.app.knowledge import load_knowledge  # noqa: PLC0415
    from fhirserver.app.logs import configure_logs, notice  # noqa: PLC0415
    from fhirserver.cli.preparing import prepare_database  # noqa: PLC0415
    from fhirserver.cli.ways_in import ways_in  # noqa: PLC0415

    configure_logs(settings)
    try:
        knowledge = load_knowledge(settings)
    except LookupError as problem:
        raise Failure(str(problem)) from None
    found = when_ready()
    for text in found.notices:
        notice(text)
    access = asyncio.run(prepare_database(settings, found.uri, knowledge))
    Thread(
        target=_announce, args=(settings, started, lambda origin: ways_in(settings, access, origin)), daemon=True
    ).start()
    serving.run(settings, found.uri, listener, knowledge)


def _announce(settings: Settings, started: float, ways_in: Callable[[str], str]) -> None:
    """Print the URLs to open as soon as the server answers."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    origin = f"{settings.scheme}://{'localhost' if settings.host == '0.0.0.0' else host}:{settings.port}"  # noqa: S104 - read, not bound
    deadline = time.monotonic() + _READY_S
    while not _answers(settings) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    took = time.monotonic() - started
    sys.stdout.write(
        f"\nfhirserver is ready after {took:.1f} s (Ctrl-C stops it)\n"
        f"  start page  {origin}/\n"
        f"  FHIR base   {origin}/fhir\n"
        f"  metadata    {origin}/fhir/metadata\n"
        f"{ways_in(origin)}\n"
    )
    sys.stdout.flush()


def _connection(settings: Settings) -> HTTPConnection:
    if settings.tls_cert is None:
        return HTTPConnection(settings.host, settings.port, timeout=1)
    context = ssl._create_unverified_context()  # noqa: S323 - ours, on this machine: only whether it answers is asked
    return HTTPSConnection(settings.host, settings.port, timeout=1, context=context)


def _answers(settings: Settings) -> bool:
    connection = _connection(settings)
    try:
        connection.request("GET", "/healthz", headers={"Host": f"localhost:{settings.port}"})
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
