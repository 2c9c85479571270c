"""Clients that write as fast as they are answered, and note what they were told."""

import random
import time
from collections.abc import Callable
from threading import Event, Thread

from tests.faults.ledger import SYSTEM, Ledger, resource_of
from tests.wire import Answer, NoAnswer, NotSent, Wire

SHARED = [f"Patient/shared-{number}" for number in range(6)]
"""The instances that several writers update at once."""
TRANSACTION_SIZE = 4
_PAUSE_S = 0.004
_AFTER_FAILURE_S = 0.05
_PATIENCE_S = 90.0


class Writer(Thread):
    """One client: repeats its step until it is stopped; subclasses say what a step is."""

    def __init__(self, port: int, ledger: Ledger, seed: str) -> None:
        super().__init__(name=seed, daemon=True)
        self.ledger = ledger
        self.random = random.Random(seed)
        self.wire = Wire(port, patience_s=_PATIENCE_S)
        self.stopped = Event()
        self.running = Event()
        self.running.set()
        self._number = 0

    def run(self) -> None:
        while not self.stopped.is_set():
            self.running.wait()
            self._number += 1
            try:
                self.step(f"{self.name}-{self._number}")
                time.sleep(_PAUSE_S)
            except NoAnswer:
                time.sleep(_AFTER_FAILURE_S)
        self.wire.close()

    def step(self, marker: str) -> None:
        """Write once; the marker stands in nothing else."""
        raise NotImplementedError

    def ask(self, send: Callable[[], Answer], *, allowed: tuple[int, ...], doubt: Callable[[], None]) -> Answer | None:
        """Send a write and return its answer; None when nobody knows what became of it, or it was refused."""
        try:
            answer = send()
        except NotSent:
            raise
        except NoAnswer:
            doubt()
            raise
        self.ledger.count(str(answer.status))
        if answer.status == 503:
            doubt()
            self.check_unavailable(answer)
            time.sleep(_AFTER_FAILURE_S)
            return None
        if answer.status not in allowed:
            self.ledger.problem(f"{self.name}: {answer.status} {answer.body[:300]!r}")
            return None
        return answer

    def check_unavailable(self, answer: Answer) -> None:
        """Hold a 503 against what it must say: that it passes, and when to come back."""
        if not (answer.headers["Retry-After"] or "").isdigit() or answer.json["issue"][0]["code"] != "transient":
            self.ledger.problem(f"{self.name}: a 503 without Retry-After or reason")


class Creator(Writer):
    """Creates Patients, and deletes some of them again."""

    def step(self, marker: str) -> None:
        answer = self.ask(
            lambda: self.wire.send("POST", "Patient", resource_of("Patient", marker)),
            allowed=(201,),
            doubt=lambda: self.ledger.doubt_create(marker),
        )
        if answer is None:
            return
        key = answer.location
        self.ledger.acknowledge(key, 1, marker)
        if self.random.random() < 0.2:
            self.delete(key)

    def delete(self, key: str) -> None:
        answer = self.ask(
            lambda: self.wire.call("DELETE", key), allowed=(204,), doubt=lambda: self.ledger.doubt(key, None)
        )
        if answer is not None:
            self.ledger.acknowledge(key, answer.version, None)


class Updater(Writer):
    """Gives the shared instances new versions, each on top of the one it has read."""

    def step(self, marker: str) -> None:
        key = self.random.choice(SHARED)
        current = self.wire.get(key)
        condition = {} if current.status == 404 else {"If_Match": current.headers["ETag"] or ""}
        if current.status not in (200, 404):
            if current.status != 503:
                self.ledger.problem(f"{self.name}: a read answers {current.status}")
            time.sleep(_AFTER_FAILURE_S)
            return
        answer = self.ask(
            lambda: self.wire.send("PUT", key, resource_of("Patient", marker, id=key.partition("/")[2]), **condition),
            allowed=(200, 201, 409, 412),
            doubt=lambda: self.ledger.doubt(key, marker),
        )
        if answer is not None and answer.status in (200, 201):
            self.ledger.acknowledge(key, answer.version, marker)


class Transactor(Writer):
    """Sends transactions of a Patient, two Observations of it and an update of a shared Basic."""

    def step(self, marker: str) -> None:
        url = f"urn:uuid:{self.random.getrandbits(128):032x}"
        patient = {"fullUrl": url, "resource": resource_of("Patient", marker), "request": _request("POST", "Patient")}
        observation = {
            "resource": resource_of("Observation", marker, subject={"reference": url}),
            "request": _request("POST", "Observation"),
        }
        basic_id = f"of-{marker}"
        basic = {
            "resource": resource_of("Basic", marker, id=basic_id, subject={"reference": url}),
            "request": _request("PUT", f"Basic/{basic_id}"),
        }
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [observation, basic, patient, observation]}
        answer = self.ask(
            lambda: self.wire.send("POST", "", bundle),
            allowed=(200, 409),
            doubt=lambda: self.ledger.bundles.doubted.add(marker),
        )
        if answer is None:
            return
        if answer.status == 409:
            self.ledger.bundles.refused.add(marker)
            return
        self.ledger.count("acknowledged")
        locations = [entry["response"]["location"] for entry in answer.json["entry"]]
        self.ledger.bundles.keys[marker] = ["/".join(location.rsplit("/", 4)[1:3]) for location in locations]


class ConditionalCreator(Writer):
    """Creates a Patient unless there is one; several of them want the same one at the same time."""

    def __init__(self, port: int, ledger: Ledger, seed: str, values: Callable[[], str]) -> None:
        super().__init__(port, ledger, seed)
        self.values = values

    def step(self, marker: str) -> None:
        value = self.values()
        self.ledger.conditional[value]
        answer = self.ask(
            lambda: self.wire.send(
                "POST", "Patient", resource_of("Patient", value), If_None_Exist=f"identifier={SYSTEM}|{value}"
            ),
            allowed=(200, 201, 409),
            doubt=lambda: self.ledger.count("in doubt"),
        )
        if answer is not None and answer.status in (200, 201):
            self.ledger.give(value, answer.location)


def _request(method: str, url: str) -> dict[str, str]:
    return {"method": method, "url": url}


class Crew:
    """All the writers of a run."""

    def __init__(self, ports: list[int], ledger: Ledger, seed: str) -> None:
        """Spread the writers over the servers at ``ports``, which serve one database."""
        self._seed = seed
        self._ports = ports
        self._started = time.monotonic()
        kinds: list[type[Writer]] = [Creator, Creator, Updater, Updater, Updater, Updater, Transactor, Transactor]
        self.writers: list[Writer] = [
            kind(ports[number % len(ports)], ledger, f"{seed}-{kind.__name__.lower()}{number}")
            for number, kind in enumerate(kinds)
        ]
        self.writers += [
            ConditionalCreator(ports[number % len(ports)], ledger, f"{seed}-conditional{number}", self._value)
            for number in range(4)
        ]

    def _value(self) -> str:
        """Return the value that all conditional creators want in these 20 ms."""
        return f"{self._seed}-once{int((time.monotonic() - self._started) * 50)}"

    def start(self) -> None:
        """Begin to write."""
        for writer in self.writers:
            writer.start()

    def stop(self) -> None:
        """Let every writer finish what it does."""
        for writer in self.writers:
            writer.stopped.set()
        for writer in self.writers:
            writer.join(_PATIENCE_S * 2)
            assert not writer.is_alive(), f"{writer.name} waits for an answer that does not come"
