"""Clients that read and write while the job runs, what they were told, and how long they waited for it."""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from threading import Event, Lock, Thread
from typing import Final

from tests.jobs.reindex_long.record import CODE, CODES, code_of, loaded_id, observation, patient_of
from tests.wire import Answer, NoAnswer, NotSent, Wire

READERS: Final = 2
WRITERS: Final = 2
_PAUSE_S: Final = 0.01
_AFTER_FAILURE_S: Final = 0.1
_PATIENCE_S: Final = 60.0


class Phase(StrEnum):
    """What goes on while a request is sent."""

    BEFORE = "before"
    DURING = "during"
    ELSE = "else"
    """The server is away or starts, or the job is paused."""


class Ledger:
    """What the Observations hold that clients touched: a code each, None for a deleted one.

    Each is of one writer. Of a write that nobody answered, both ends are possible; its Observation is left alone then.
    """

    def __init__(self, count: int) -> None:
        """Begin with what was loaded."""
        self.loaded = count
        self.loaded_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        """When nobody had touched anything."""
        self.phase = Phase.BEFORE
        self.written: dict[str, str | None] = {}
        self.doubted: dict[str, set[str | None]] = {}
        self.problems: list[str] = []
        self.counts: Counter[str] = Counter()
        self.waits: defaultdict[tuple[Phase, str], list[float]] = defaultdict(list)
        """Seconds of each request, by phase and ``read`` or ``write``."""
        self._lock = Lock()

    def count(self, what: str, wait_s: float | None = None) -> None:
        """Note a request, and how long it took if it was answered."""
        with self._lock:
            self.counts[what] += 1
            if wait_s is not None:
                self.waits[self.phase, what].append(wait_s)

    def problem(self, text: str) -> None:
        """Note what must not be."""
        with self._lock:
            self.problems.append(text)

    def percentile_ms(self, phase: Phase, kind: str, percent: int) -> float:
        """Return how long a share of the requests of a phase took at most; 100: all of them."""
        waits = sorted(self.waits[phase, kind])
        return waits[min(len(waits) - 1, len(waits) * percent // 100)] * 1e3 if waits else float("nan")

    def fate(self, logical_id: str) -> str:
        """Say what became of an Observation, as far as clients know."""
        if logical_id in self.doubted:
            return "in doubt"
        return "written" if logical_id in self.written else "untouched"

    def loaded_with(self, code: str) -> int:
        """Return how many were loaded with a code."""
        return sum(code_of(number) == code for number in range(self.loaded))

    def expected(self) -> dict[str, set[str]]:
        """Return the ids of each code, but those in doubt."""
        found: dict[str, set[str]] = {code: set() for code in CODES}
        for number in range(self.loaded):
            if loaded_id(number) not in self.written:
                found[code_of(number)].add(loaded_id(number))
        for logical_id, code in self.written.items():
            if code is not None:
                found[code].add(logical_id)
        return {code: ids - self.doubted.keys() for code, ids in found.items()}


class Client(Thread):
    """Does its step again and again, with a short pause; subclasses say what a step is."""

    def __init__(self, port: int, ledger: Ledger, number: int) -> None:
        """Do not begin yet."""
        super().__init__(name=f"{type(self).__name__.lower()}{number}", daemon=True)
        self.ledger = ledger
        self.number = number
        self.random = random.Random(self.name)
        self.wire = Wire(port, patience_s=_PATIENCE_S)
        self.stopped = Event()

    def run(self) -> None:
        """Go on until stopped, whatever happens to the server."""
        while not self.stopped.is_set():
            try:
                self.step()
                time.sleep(_PAUSE_S)
            except NoAnswer as problem:
                self.ledger.count("no answer")
                if self.ledger.phase is not Phase.ELSE:
                    self.ledger.problem(f"{self.name} has no answer of a server that runs: {problem}")
                time.sleep(_AFTER_FAILURE_S)
        self.wire.close()

    def step(self) -> None:
        """Send a request or two."""
        raise NotImplementedError

    def timed(self, kind: str, send: Callable[[], Answer]) -> Answer:
        """Send a request and note how long it took."""
        started = time.monotonic()
        answer = send()
        self.ledger.count(kind, time.monotonic() - started)
        return answer


class Reader(Client):
    """Reads Observations and Patients, and searches."""

    def step(self) -> None:
        number = self.random.randrange(self.ledger.loaded)
        path, allowed = self.random.choice(
            (
                (f"Observation/{loaded_id(number)}", (200, 410)),
                (f"Patient/{patient_of(number)}", (200,)),
                (f"Observation?patient={patient_of(number)}&_count=20", (200,)),
            )
        )
        answer = self.timed("read", lambda: self.wire.get(path))
        if answer.status not in allowed:
            self.ledger.problem(f"GET {path} answers {answer.status}")


class Writer(Client):
    """Creates, updates and deletes Observations of its own share, and looks whether a search agrees at once."""

    def __init__(self, port: int, ledger: Ledger, number: int) -> None:
        """Touch only what no other writer does."""
        super().__init__(port, ledger, number)
        self._touched: list[int] = []
        self._created = 0

    def step(self) -> None:
        number = self._choose()
        logical_id = self._id(number)
        if logical_id in self.ledger.doubted:
            return
        before = self._before(number)
        deletes = before is not None and self.random.random() < 0.15
        after = None if deletes else self.random.choice(CODES)
        self._write(number, before, after)
        if after and self.random.random() < 0.3:
            self._look(logical_id, after)

    def _before(self, number: int) -> str | None:
        own = code_of(number) if number < self.ledger.loaded else None
        return self.ledger.written.get(self._id(number), own)

    def _choose(self) -> int:
        """Choose one that was loaded, one that was touched before, or a new one."""
        lot = self.random.random()
        if lot < 0.25:
            self._created += 1
            number = self.ledger.loaded + self._created
        elif lot < 0.5 and self._touched:
            return self.random.choice(self._touched)
        else:
            number = self.random.randrange(self.number, self.ledger.loaded, WRITERS)
        self._touched.append(number)
        return number

    def _id(self, number: int) -> str:
        return loaded_id(number) if number < self.ledger.loaded else f"{self.name}-{number}"

    def _write(self, number: int, before: str | None, after: str | None) -> None:
        logical_id = self._id(number)
        path = f"Observation/{logical_id}"
        try:
            answer = self.timed("write", lambda: self._send(path, number, after))
        except NotSent:
            raise
        except NoAnswer:
            self.ledger.doubted[logical_id] = {before, after}
            raise
        if answer.status == 503:
            self.ledger.count("unavailable")
            self.ledger.doubted[logical_id] = {before, after}
            return
        if answer.status not in ((204,) if after is None else (200, 201)):
            self.ledger.problem(f"{path}: a write answers {answer.status} {answer.body[:300]!r}")
            self.ledger.doubted[logical_id] = {before, after}
            return
        self.ledger.written[logical_id] = after

    def _send(self, path: str, number: int, after: str | None) -> Answer:
        if after is None:
            return self.wire.call("DELETE", path)
        return self.wire.send("PUT", path, observation(self._id(number), number, after))

    def _look(self, logical_id: str, code: str) -> None:
        """Search by the parameter for what was just written; it is refused while it is not served."""
        answer = self.wire.get(f"Observation?_id={logical_id}&{CODE}={code}")
        if answer.status == 200:
            self.ledger.count("found at once")
            if answer.json["total"] != 1:
                self.ledger.problem(f"Observation/{logical_id}: a search finds it {answer.json['total']} times")
        elif answer.status not in (400, 503):
            self.ledger.problem(f"a search by the parameter answers {answer.status}")


class Crew:
    """All the clients of a run."""

    def __init__(self, port: int, ledger: Ledger) -> None:
        """Do not begin yet."""
        self._clients: list[Client] = [Reader(port, ledger, number) for number in range(READERS)]
        self._clients += [Writer(port, ledger, number) for number in range(WRITERS)]

    def start(self) -> None:
        """Begin."""
        for client in self._clients:
            client.start()

    def stop(self) -> None:
        """Let every client finish what it does."""
        for client in self._clients:
            client.stopped.set()
        for client in self._clients:
            client.join(_PATIENCE_S * 2)
            assert not client.is_alive(), f"{client.name} waits for an answer that does not come"
