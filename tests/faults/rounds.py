"""Rounds of ``kill -9`` under write load: a database, a server or one of its workers goes, everything must stay.

A round writes, kills at a moment drawn by lot, brings back what does not come back by itself, writes again, and then
holds the server against all that any writer of any round was ever told.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pymongo import MongoClient

from fhirserver.store.mongod import ManagedMongod
from tests.faults.checks import check_all
from tests.faults.ledger import Ledger, resource_of
from tests.faults.writers import Crew
from tests.server_process import ServerProcess, await_end, descendants
from tests.wire import Wire, in_parallel

WORKERS = 2
_GONE_S = 30.0
_TOLD_S = 15.0
_BACK_S = 90.0
_ORPHANS_S = 40.0
_TRANSACTION_S = 3
"""How long MongoDB keeps what a killed process has left open, and the documents in it locked; by default a minute."""


class Target(StrEnum):
    """What is killed."""

    MONGOD = "mongod"
    SERVER = "server"
    WORKER = "worker"


@dataclass(frozen=True)
class Timing:
    """How long a round lasts, in seconds."""

    before_s: tuple[float, float] = (1.0, 4.0)
    """Between these the moment of the kill is drawn."""
    without_s: tuple[float, float] = (0.2, 1.5)
    """How long a killed database stays away before it is started again."""
    after_s: float = 2.0


SHORT = Timing((0.5, 1.5), (0.2, 0.8), 0.7)


@dataclass
class Round:
    """What a round did and found."""

    number: int
    target: Target
    unavailable_s: float = 0.0
    """From the kill until all was ready again."""
    problems: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """Write one line of the summary."""
        told = ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))
        verdict = "all kept" if not self.problems else f"{len(self.problems)} PROBLEMS"
        return f"round {self.number:3} {self.target:6} back after {self.unavailable_s:4.1f} s: {verdict} ({told})"


class Stage:
    """A mongod of our own and a server over it, both to be killed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.seed = seed
        self.random = random.Random(seed)
        self.ledger = Ledger()
        self._start_database()
        self.server = ServerProcess(folder / "server", self.mongod.uri, workers=WORKERS)
        self.server.start()

    def _start_database(self) -> None:
        self.mongod = ManagedMongod.start(self.folder / "database")
        with MongoClient[dict[str, object]](self.mongod.uri) as client:
            client.admin.command({"setParameter": 1, "transactionLifetimeLimitSeconds": _TRANSACTION_S})

    def play(self, number: int, target: Target, timing: Timing) -> Round:
        """Run one round."""
        result = Round(number, target)
        before = dict(self.ledger.counts)
        crew = Crew([self.server.port], self.ledger, f"{self.seed}r{number}")
        crew.start()
        time.sleep(self.random.uniform(*timing.before_s))
        killed = time.monotonic()
        self._kill(target, timing)
        result.unavailable_s = time.monotonic() - killed
        time.sleep(timing.after_s)
        crew.stop()
        result.problems = check_all(self.server.port, self.ledger)
        counts = {what: count - before.get(what, 0) for what, count in self.ledger.counts.items()}
        result.counts = {what: count for what, count in counts.items() if count}
        return result

    def _kill(self, target: Target, timing: Timing) -> None:
        kill: dict[Target, Callable[[], None]] = {
            Target.MONGOD: lambda: self._kill_database(self.random.uniform(*timing.without_s)),
            Target.SERVER: self._kill_server,
            Target.WORKER: self._kill_worker,
        }
        kill[target]()

    def _kill_database(self, without_s: float) -> None:
        """Kill the database; the server says so, and serves again without being started anew."""
        server = self.server.pid
        os.kill(self.mongod.pid, signal.SIGKILL)
        self._expect("/healthz", 200, "while the database is away")
        self._expect_unavailable()
        self.server.await_status("/readyz", 503, _GONE_S)
        time.sleep(without_s)
        self._start_database()
        self.server.await_status("/readyz", 200, _BACK_S)
        if self.server.pid != server:
            self.ledger.problem("the server was started anew")

    def _expect(self, path: str, wanted: int, when: str) -> None:
        status = self.server.status(path)
        if status != wanted:
            self.ledger.problem(f"{path} is {status} {when}, not {wanted}")

    def _expect_unavailable(self) -> None:
        """Ask for everything while there is no database."""
        in_parallel(self.server.port, self._ask_in_vain, without_database(), width=8)

    def _ask_in_vain(self, wire: Wire, request: tuple[str, str, object]) -> None:
        method, path, resource = request
        asked = f"{method} {path} without a database"
        started = time.monotonic()
        answer = wire.send(method, path, resource) if resource else wire.get(path)
        if answer.status != 503 or not answer.headers["Retry-After"] or answer.json["issue"][0]["code"] != "transient":
            self.ledger.problem(f"{asked} is {answer.status}, not 503 with Retry-After")
        if time.monotonic() - started > _TOLD_S:
            self.ledger.problem(f"{asked} waits for {time.monotonic() - started:.0f} s")

    def _kill_server(self) -> None:
        """Kill the server, which is the supervisor of its workers; none of them stays."""
        started = descendants(self.server.pid)
        self.server.signal(signal.SIGKILL)
        self.server.wait()
        left = await_end(started, _ORPHANS_S)
        if left:
            self.ledger.problem(f"{len(left)} processes outlive the server")
        self.server.start()

    def _kill_worker(self) -> None:
        """Kill one worker; the supervisor replaces it."""
        victim = self.random.choice(workers_of(self.server))
        os.kill(victim, signal.SIGKILL)
        deadline = time.monotonic() + _BACK_S
        while victim in (now := workers_of(self.server)) or len(now) < WORKERS:
            if time.monotonic() > deadline:
                self.ledger.problem("a killed worker is not replaced")
                return
            time.sleep(0.05)
        self.server.await_status("/readyz", 200, _BACK_S)

    def stop(self) -> None:
        """End everything."""
        self.server.end()
        self.mongod.stop()


def without_database() -> list[tuple[str, str, object]]:
    """Return a request of every kind that needs the database: method, path, resource."""
    marker = "nobody was told of this"
    patient = resource_of("Patient", marker, id="shared-0")
    entry = {"resource": patient, "request": {"method": "POST", "url": "Patient"}}
    return [
        ("GET", "Patient/shared-0", None),
        ("GET", "Patient/shared-0/_history/1", None),
        ("GET", "Patient?name=x", None),
        ("GET", "_history", None),
        ("POST", "Patient", patient),
        ("PUT", "Patient/shared-0", patient),
        ("DELETE", "Patient/shared-0", patient),
        ("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}),
    ]


def workers_of(server: ServerProcess) -> list[int]:
    """Return the processes that serve."""
    return sorted(pid for pid in descendants(server.pid) if _is_worker(pid))


def _is_worker(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@contextmanager
def stage(folder: Path, seed: int) -> Iterator[Stage]:
    """Set the stage for as long as the context lasts."""
    set_up = Stage(folder, seed)
    try:
        yield set_up
    finally:
        set_up.stop()
