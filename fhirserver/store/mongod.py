"""The managed mongod: a real MongoDB child process for demos, development and tests; production brings its own.

It is a replica set of one member on loopback, without a password. Its files lie in the data folder: ``mongodb/`` (the
database), ``mongod.log``, ``mongod.json`` (who runs it, on which port) and ``mongod.guard`` (a lock, held while
someone starts or stops it). A second process on the same data folder attaches to the mongod of the first one; however
the first one ends, ``kill -9`` included, its mongod shuts down cleanly. Linux only, synchronous, callable from any
thread.

Spec: https://www.mongodb.com/docs/manual/reference/program/mongod/
"""

import fcntl
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure

from fhirserver.store.mongod_binary import MongodBinary, MongodError, MongodMissing, find_mongod, mongod_environment
from fhirserver.store.mongod_process import Child, Process

__all__ = ["ManagedMongod", "MongodBinary", "MongodError", "MongodFailed", "MongodMissing", "find_mongod"]

_REPLICA_SET: Final = "fhirserver"
_LOOPBACK: Final = "127.0.0.1"
# Below the range Linux takes for outgoing connections, or polling a port could connect the socket to itself.
_PORTS: Final = range(20_000, 30_000)
_PORT_ATTEMPTS: Final = 5
_POLL_S: Final = 0.01
_STOP_S: Final = 20.0
_ATTACH_S: Final = 10.0
_LONGEST_LOG_BYTES: Final = 16_000_000

_EXIT_ADDRESS_IN_USE: Final = 48
_ALREADY_INITIALIZED: Final = 23
_NOT_YET_INITIALIZED: Final = 94


class MongodFailed(MongodError):
    """A mongod was found, but did not come to serve, or does not answer."""


@dataclass(frozen=True, slots=True)
class _State:
    """What ``mongod.json`` says; the port outlives the processes."""

    port: int
    mongod: Process
    owner: Process


@dataclass(frozen=True, slots=True)
class _Folder:
    """The data folder, by the names of what lies in it."""

    path: Path

    @property
    def database(self) -> Path:
        return self.path / "mongodb"

    @property
    def log(self) -> Path:
        return self.path / "mongod.log"

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Let one at a time start or stop the mongod of this folder."""
        self.database.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.path / "mongod.guard").open("a") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            yield

    def read_state(self) -> _State | None:
        try:
            return msgspec.json.decode((self.path / "mongod.json").read_bytes(), type=_State)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def write_state(self, state: _State) -> None:
        part = self.path / "mongod.json.part"
        part.write_bytes(msgspec.json.encode(state))
        part.replace(self.path / "mongod.json")

    def renew_log(self) -> int:
        """Put a long log aside; return the offset at which the next mongod begins to write."""
        if self.log.exists() and self.log.stat().st_size > _LONGEST_LOG_BYTES:
            self.log.replace(self.path / "mongod.log.1")
        self.log.touch(mode=0o600)
        return self.log.stat().st_size


class ManagedMongod:
    """A mongod that serves one data folder: started by this process, or by another one and attached to.

    ``notices`` are sentences for the start-up log.
    """

    def __init__(self, folder: _Folder, state: _State, child: Child | None, notices: tuple[str, ...]) -> None:
        """Hold a mongod that serves; `start` makes one."""
        self._folder = folder
        self._state = state
        self._child = child
        self.notices: Final = notices

    @classmethod
    def start(cls, data_dir: Path, *, cache_gb: float = 0.5, oplog_mb: int = 990, patience_s: float = 120.0) -> Self:
        """Return once a mongod of ``data_dir`` takes writes, started here unless another living process has.

        ``oplog_mb`` counts at the first start only; ``patience_s`` includes the recovery after a crash. Most of a
        start is WiredTiger counting to 100 million to time the processor's clock: call it beside other work.
        Raises MongodMissing, MongodFailed.
        """
        if not Path("/proc/self/stat").exists():
            raise MongodMissing("The managed mongod needs Linux: give `--mongodb-uri`.")
        folder = _Folder(data_dir.resolve())
        with folder.guarded():
            state = folder.read_state()
            if state is not None and state.mongod.alive and state.owner.alive:
                return cls._attach(folder, state)
            if state is not None:
                # With its owner gone it is shutting down already: to attach would be to lose it in a moment.
                state.mongod.end(_STOP_S)
            binary = find_mongod(folder.path)
            options = ("--wiredTigerCacheSizeGB", str(cache_gb), "--oplogSize", str(oplog_mb))
            launch = _Launch(folder, (str(binary.path), *options), time.monotonic() + patience_s)
            state, child = launch.run(state.port if state else None)
            return cls(folder, state, child, (_warning(binary),))

    @classmethod
    def _attach(cls, folder: _Folder, state: _State) -> Self:
        if not _takes_writes(folder, state.port, lambda: state.mongod.alive, time.monotonic() + _ATTACH_S):
            raise MongodFailed(
                f"The mongod of `{folder.path}` (process {state.mongod.pid}) runs, but does not take writes; "
                f"see `{folder.log}`."
            )
        notice = f"The mongod of `{folder.path}` is shared with process {state.owner.pid}, which started it."
        return cls(folder, state, None, (notice,))

    @property
    def uri(self) -> str:
        """The connection string: a replica set, so that transactions and change streams work."""
        return f"mongodb://{_LOOPBACK}:{self._state.port}/?replicaSet={_REPLICA_SET}"

    @property
    def pid(self) -> int:
        """The process id of the mongod."""
        return self._state.mongod.pid

    @property
    def owned(self) -> bool:
        """Whether this object started the mongod, and so ends it."""
        return self._child is not None

    @property
    def running(self) -> bool:
        """Whether the mongod has not ended."""
        return self._state.mongod.alive

    def stop(self, patience_s: float = _STOP_S) -> None:
        """Shut an owned mongod down cleanly, or kill it after ``patience_s``; leave an attached one alone."""
        if self._child is None:
            return
        with self._folder.guarded():
            self._child.end(patience_s)

    def __enter__(self) -> Self:
        """Return itself, which serves already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


@dataclass(frozen=True, slots=True)
class _Launch:
    """One start of a mongod: from choosing the port until it takes writes."""

    folder: _Folder
    command: tuple[str, ...]
    deadline: float

    def run(self, kept_port: int | None) -> tuple[_State, Child]:
        log_start = self.folder.renew_log()
        for port in islice(_free_ports(kept_port), _PORT_ATTEMPTS):
            child = self._spawn(port)
            state = _State(port, child.process, Process.of(os.getpid()))
            try:
                self.folder.write_state(state)
                if self._listens(child, port) and self._serves(child, port):
                    return state, child
            except BaseException:
                child.end(_STOP_S)
                raise
            if child.end(_STOP_S) != _EXIT_ADDRESS_IN_USE:
                break
        reason = _last_words(self.folder.log, log_start)
        raise MongodFailed(f"The mongod of `{self.folder.path}` did not start ({reason}); see `{self.folder.log}`.")

    def _spawn(self, port: int) -> Child:
        try:
            return Child((*self.command, *_options(self.folder, port)), mongod_environment(), self.folder.log)
        except OSError as problem:
            raise MongodFailed(f"The mongod of `{self.folder.path}` cannot be started: {problem}.") from problem

    def _listens(self, child: Child, port: int) -> bool:
        # A bare socket first: the driver lets half a second pass between two attempts.
        while child.running and time.monotonic() < self.deadline:
            with suppress(OSError):
                socket.create_connection((_LOOPBACK, port), timeout=1).close()
                return True
            time.sleep(_POLL_S)
        return False

    def _serves(self, child: Child, port: int) -> bool:
        return _takes_writes(self.folder, port, lambda: child.running, self.deadline)


def _options(folder: _Folder, port: int) -> tuple[str, ...]:
    return (
        *("--dbpath", str(folder.database), "--bind_ip", _LOOPBACK, "--port", str(port), "--nounixsocket"),
        *("--replSet", _REPLICA_SET),
        # Never zlib: MongoDB 6.0.5 hands its memory to whoever sends a forged zlib message (CVE-2025-14847).
        *("--networkMessageCompressors", "snappy,zstd"),
        *("--wiredTigerCollectionBlockCompressor", "zstd"),
        # The journal is always on. As it comes, with files of 100 MB and two in reserve, an empty folder takes 300 MB.
        *("--wiredTigerEngineConfigString", "log=(file_max=32MB,prealloc=false)"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        # What a killed worker has left open keeps its documents locked for so long; no transaction of ours needs more.
        *("--setParameter", "transactionLifetimeLimitSeconds=30"),
        # A logged slow query would show the values searched for, which are patient data.
        *("--quiet", "--slowOpSampleRate", "0", "--noscripting"),
    )


def _warning(binary: MongodBinary) -> str:
    origin = "the embedded mongod, a version out of support," if binary.bundled else f"`{binary.path}`,"
    return (
        f"MongoDB {binary.version} runs from {origin} on loopback without a password: for demos, development and "
        "tests. Production brings its own MongoDB 7 or 8 replica set (`--mongodb-uri`)."
    )


def _free_ports(kept: int | None) -> Iterator[int]:
    """Yield the port of the last time, then random ones, each only if it is free."""
    if kept is not None and _is_free(kept):
        yield kept
    while True:
        port = secrets.choice(_PORTS)
        if _is_free(port):
            yield port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
    return True


def _takes_writes(folder: _Folder, port: int, running: Callable[[], bool], deadline: float) -> bool:
    """Wait until the mongod takes writes, forming its replica set where needed; False when it ends before."""
    with MongoClient[dict[str, Any]](_LOOPBACK, port, directConnection=True, serverSelectionTimeoutMS=2000) as client:
        while running() and time.monotonic() < deadline:
            with suppress(ConnectionFailure):
                hello = client.admin.command("hello")
                if hello["isWritablePrimary"]:
                    return _serves_folder(client, folder)
                if "setName" not in hello:
                    _form_set(client, f"{_LOOPBACK}:{port}")
            time.sleep(_POLL_S)
    return False


def _serves_folder(client: MongoClient[dict[str, Any]], folder: _Folder) -> bool:
    """Tell a mongod of this folder from another one that took the port first."""
    served: str = client.admin.command("getCmdLineOpts")["parsed"]["storage"]["dbPath"]
    return served == str(folder.database)


def _form_set(client: MongoClient[dict[str, Any]], host: str) -> None:
    """Make the mongod a replica set of one, or tell the set it is already that its port has changed."""
    try:
        client.admin.command("replSetInitiate", {"_id": _REPLICA_SET, "members": [{"_id": 0, "host": host}]})
    except OperationFailure as problem:
        if problem.code != _ALREADY_INITIALIZED:
            raise
        _move_set(client, host)


def _move_set(client: MongoClient[dict[str, Any]], host: str) -> None:
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as problem:
        if problem.code == _NOT_YET_INITIALIZED:
            return  # still reading its configuration: the caller asks again
        raise
    if config["members"][0]["host"] != host:
        config["members"][0]["host"] = host
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def _last_words(log: Path, start: int) -> str:
    """Return the last error that the log has from ``start`` on, else its last line."""
    lines = [line for line in log.read_bytes()[start:].splitlines() if line.strip()]
    errors = [line for line in lines if b'"s":"E"' in line or b'"s":"F"' in line]
    return _message((errors or lines or [b"it said nothing"])[-1])


def _message(line: bytes) -> str:
    """Return what a line of the log says: mongod writes JSON, its option parser and the loader plain text."""
    try:
        entry = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.MsgspecError:
        return line.decode(errors="replace")
    return " ".join(str(entry.get("attr", {}).get("error", entry.get("msg"))).split())
