"""Rounds of ``kill -9`` under load: no audit event of a request that was answered is missing, and the chain is whole.

Clients read, search, write and are refused; a worker, the process that drains, the whole server or the database is
killed at a moment drawn by lot. At the end every request that was answered has its event, once, and ``fhirserver audit
verify`` finds nothing.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from pymongo import MongoClient

from fhirserver.app.verifying import verify_sites
from fhirserver.audit.verify import Report, Span
from fhirserver.settings import Auth, Settings
from fhirserver.store.mongod import ManagedMongod
from tests.faults.rounds import SHORT, Timing, workers_of
from tests.server_process import ServerProcess, await_end, descendants
from tests.wire import FHIR_JSON, NoAnswer, Wire

WORKERS = 2
CLIENTS = 4
_DRAINED_S = 90.0
_TRANSACTION_S = 3
_BACK_S = 60.0
Document = dict[str, Any]


class Target(StrEnum):
    """What is killed."""

    WORKER = "worker"
    SERVER = "server"
    DRAIN = "drain"
    """The process that turns records into events."""
    MONGOD = "mongod"


class Answered:
    """The requests that were answered, by id: their status."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.statuses: dict[str, int] = {}
        self.unanswered = 0

    def note(self, request_id: str, status: int | None) -> None:
        """Note an answer, or that there was none."""
        with self._lock:
            if status is None:
                self.unanswered += 1
            else:
                self.statuses[request_id] = status


class Client(Thread):
    """Asks for one thing after the other until told to stop."""

    def __init__(self, port: int, name: str, answered: Answered, stopping: Event) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._label = name
        self._answered = answered
        self._stopping = stopping
        self._random = random.Random(name)

    def run(self) -> None:
        number = 0
        with Wire(self._port) as wire:
            while not self._stopping.is_set():
                number += 1
                request_id = f"{self._label}-{number}"
                method, path, body = self._request(number)
                try:
                    answer = wire.call(method, path, body, {**FHIR_JSON, "X-Request-Id": request_id})
                except NoAnswer:
                    self._answered.note(request_id, None)
                    time.sleep(0.02)
                else:
                    self._answered.note(request_id, answer.status)

    def _request(self, number: int) -> tuple[str, str, bytes | None]:
        patient = b'{"resourceType":"Patient","id":"k%d","name":[{"family":"n%d"}]}' % (number % 5, number)
        return self._random.choice(
            [
                ("GET", f"Patient/k{number % 5}", None),
                ("GET", f"Observation?patient=k{number % 5}", None),
                ("PUT", f"Patient/k{number % 5}", patient),
                ("POST", "Basic", b'{"resourceType":"Basic","code":{"text":"x"}}'),
                ("GET", f"Patient/unknown-{number}", None),
                ("DELETE", f"Patient/k{number % 5}", None),
            ]
        )


@dataclass
class Round:
    """What a round did and found."""

    number: int
    target: Target
    answered: int = 0
    unanswered: int = 0
    events: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Write one line of the summary."""
        verdict = "all kept" if not self.problems else f"{len(self.problems)} PROBLEMS"
        counts = f"{self.answered} answered, {self.unanswered} not, {self.events} events in the chain"
        return f"round {self.number:3} {self.target:6}: {verdict} ({counts})"


class Stage:
    """A mongod of our own and an audited server over it, both to be killed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.answered = Answered()
        self._start_database()
        self.server = ServerProcess(
            folder / "server", self.mongod.uri, workers=WORKERS, environment={"AUDIT": "true", "LOG_LEVEL": "error"}
        )
        self.server.start()

    def _start_database(self) -> None:
        self.mongod = ManagedMongod.start(self.folder / "database")
        with MongoClient[Document](self.mongod.uri) as client:
            client.admin.command({"setParameter": 1, "transactionLifetimeLimitSeconds": _TRANSACTION_S})

    def play(self, number: int, target: Target, timing: Timing) -> Round:
        """Run one round."""
        result = Round(number, target)
        before = len(self.answered.statuses), self.answered.unanswered
        stopping = Event()
        clients = [Client(self.server.port, f"r{number}c{one}", self.answered, stopping) for one in range(CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(self.random.uniform(*timing.before_s))
        self._kill(target, timing)
        time.sleep(timing.after_s)
        stopping.set()
        for client in clients:
            client.join(_BACK_S)
        result.answered = len(self.answered.statuses) - before[0]
        result.unanswered = self.answered.unanswered - before[1]
        result.problems, result.events = self._check()
        return result

    def _kill(self, target: Target, timing: Timing) -> None:
        if target is Target.MONGOD:
            os.kill(self.mongod.pid, signal.SIGKILL)
            self.server.await_status("/readyz", 503, _BACK_S)
            time.sleep(self.random.uniform(*timing.without_s))
            self._start_database()
        elif target is Target.SERVER:
            started = descendants(self.server.pid)
            self.server.signal(signal.SIGKILL)
            self.server.wait()
            await_end(started, _BACK_S)
            self.server.start()
        elif target is Target.DRAIN:
            os.kill(drain_of(self.server), signal.SIGKILL)
        else:
            os.kill(self.random.choice(workers_of(self.server)), signal.SIGKILL)
        self.server.await_status("/readyz", 200, _BACK_S)

    def _check(self) -> tuple[list[str], int]:
        """Hold the trail against the answers, once everything has been drained."""
        with MongoClient[Document](self.mongod.uri) as client:
            events = client[self.server.database]["resource"]
            missing = self._await_events(events)
            problems = [f"{request_id} ({status}) has no event" for request_id, status in sorted(missing.items())[:20]]
            problems += self._doubled(events)
        report = self.verify()
        problems += [finding.text for finding in report.findings]
        return problems, report.checked

    def _await_events(self, events: Any) -> dict[str, int]:  # noqa: ANN401 - a collection of the driver
        """Return the answered requests that have no event after all this time."""
        deadline = time.monotonic() + _DRAINED_S
        missing = self.answered.statuses
        while missing and time.monotonic() < deadline:
            wanted = {f"AuditEvent.entity:identifier={name}\x1f": name for name in missing}
            found = events.find({"t": {"$in": list(wanted)}}, {"t": 1})
            there = {wanted[term] for event in found for term in event["t"] if term in wanted}
            missing = {name: status for name, status in missing.items() if name not in there}
            if missing:
                time.sleep(0.5)
        return missing

    def _doubled(self, events: Any) -> list[str]:  # noqa: ANN401 - a collection of the driver
        """Find requests that have two events: each of these is about one patient at most."""
        pipeline = [
            {"$match": {"t": "AuditEvent"}},
            {"$unwind": "$t"},
            {"$match": {"t": {"$regex": "^AuditEvent.entity:identifier="}}},
            {"$group": {"_id": "$t", "n": {"$sum": 1}}},
            {"$match": {"n": {"$gt": 1}}},
        ]
        return [f"{one['_id']} has {one['n']} events" for one in events.aggregate(pipeline)]

    def verify(self) -> Report:
        """Walk the chain as the command does."""
        settings = Settings.model_validate(
            {
                "auth": Auth.OFF,
                "data_dir": self.folder / "server" / "data",
                "database_prefix": self.server.database_prefix,
                "port": self.server.port,
            }
        )
        return verify_sites(settings, self.mongod.uri, ["main"], Span(), lambda site, seen, total: None)["main"]

    def stop(self) -> None:
        """End everything."""
        self.server.end()
        self.mongod.stop()


def drain_of(server: ServerProcess) -> int:
    """Return the process that drains a server's trail."""
    (found,) = (pid for pid in descendants(server.pid) if b"draining" in Path(f"/proc/{pid}/cmdline").read_bytes())
    return found


@contextmanager
def stage(folder: Path, seed: int) -> Iterator[Stage]:
    """Set the stage, and clear it whatever happens."""
    set_up = Stage(folder, seed)
    try:
        yield set_up
    finally:
        set_up.stop()


__all__ = ["SHORT", "Round", "Stage", "Target", "Timing", "stage"]
