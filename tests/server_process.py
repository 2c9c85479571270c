"""The server as its operator runs it: a process of its own, on loopback, with its own database or mongod.

For tests that need more than the application in this process: signals, several workers, clients of other makers.
"""

import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

import pymongo

PATIENCE_S = 60.0
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1024 / 1024
_PORTS = range(20_000, 32_000)
"""Below the ports that the kernel gives to outgoing connections, so that a restart finds its port free."""


class NotServing(Exception):
    """The server did not become ready, or did not end; the text holds the end of its log."""


def free_port() -> int:
    """Return a port nobody listens on."""
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class ServerProcess:
    """``fhirserver serve`` with a folder of its own; start, signal and start it again on the same port."""

    folder: Path
    mongodb_uri: str | None = None
    """Without one the server runs a mongod of its own in ``folder``."""
    workers: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    database_prefix: str = field(default_factory=lambda: f"test_{random.randbytes(6).hex()}")
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://localhost:{self.port}"

    @property
    def base(self) -> str:
        """The FHIR base, without a slash at its end."""
        return f"{self.origin}/fhir"

    @property
    def database(self) -> str:
        """The database of the only site."""
        return f"{self.database_prefix}_main"

    @property
    def pid(self) -> int:
        """The process that was started: the server, or the supervisor of its workers."""
        return self._running.pid

    @property
    def memory_mb(self) -> float:
        """Resident memory of that process, in MiB."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE_MB

    @property
    def log(self) -> Path:
        """What the server wrote, over all its starts."""
        return self.folder / "server.log"

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server was not started"
        return self._process

    def start(self) -> None:
        """Start the server and return once it is ready; raises NotServing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "fhirserver", "serve"]
            self._process = subprocess.Popen(command, env=self._environment(), stdout=log, stderr=log)
        self.await_status("/readyz", 200)

    def _environment(self) -> dict[str, str]:
        own = {
            "AUTH": "off",
            "DEMO": "false",
            "LOG_LEVEL": "warning",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WORKERS": str(self.workers),
            "DATA_DIR": str(self.folder / "data"),
            "DATABASE_PREFIX": self.database_prefix,
            **({"MONGODB_URI": self.mongodb_uri} if self.mongodb_uri else {}),
            **self.environment,
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FHIRSERVER_")}
        return {**inherited, **{f"FHIRSERVER_{name}": value for name, value in own.items()}}

    def status(self, path: str) -> int | None:
        """Return the status of a GET below the origin, None when there is no answer."""
        connection = self._connection()
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        if "TLS_CERT" not in self.environment:
            return HTTPConnection("127.0.0.1", self.port, timeout=10)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)

    def await_status(self, path: str, wanted: int, patience_s: float = PATIENCE_S) -> None:
        """Return once a GET has this status; raises NotServing."""
        deadline = time.monotonic() + patience_s
        while self.status(path) != wanted:
            ended = self._running.poll()
            if ended is not None or time.monotonic() > deadline:
                raise NotServing(f"{path} is not {wanted} (exit code {ended}):\n{self.last_words()}")
            time.sleep(0.05)

    def last_words(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(errors="replace")[-3000:]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process that was started, and to nobody else."""
        self._running.send_signal(number)

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        """Return its exit code once it has ended; raises NotServing."""
        try:
            return self._running.wait(patience_s)
        except subprocess.TimeoutExpired:
            raise NotServing(f"the server did not end in {patience_s} s:\n{self.last_words()}") from None

    def stop(self) -> None:
        """End the server and drop its databases where they outlive it."""
        if self._process is None:
            return
        self.end()
        if self.mongodb_uri is not None:
            with pymongo.MongoClient[dict[str, object]](self.mongodb_uri) as client:
                for name in client.list_database_names():
                    if name.startswith(f"{self.database_prefix}_"):
                        client.drop_database(name)

    def end(self) -> None:
        """End the server, gently first."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(15)


@contextmanager
def serving(server: ServerProcess) -> Iterator[ServerProcess]:
    """Run a server for as long as the context lasts."""
    try:
        server.start()
        yield server
    finally:
        server.stop()


def descendants(pid: int) -> set[int]:
    """Return the processes that a process has started, and those that they have."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parents.setdefault(int(_stat(entry)[1]), []).append(int(entry.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found.update(children)
        waiting.extend(children)
    return found


def runs(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return _stat(Path(f"/proc/{pid}"))[0] != "Z"
    except OSError:
        return False


def _stat(process: Path) -> list[str]:
    """Return the fields of proc(5)'s ``stat`` after the name: state, parent, …"""
    return (process / "stat").read_text().rpartition(")")[2].split()


def await_end(pids: set[int], patience_s: float) -> set[int]:
    """Wait for processes to end; return those that still run."""
    deadline = time.monotonic() + patience_s
    while (left := {pid for pid in pids if runs(pid)}) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left
