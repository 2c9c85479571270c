"""What the audit trail costs: the same requests with and without it, on two servers over one mongod.

Command: ``python benchmarks/audit.py`` (about two minutes). Each scenario sends the same number of requests to both
servers in turn, and then waits until the trail has stored all events; CPU is that of exactly these processes, from the
first request to the last event. Rates and p50 are those while requests are sent; on a shared machine trust CPU first.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeAlias

import dataset
from load import Generator, Job, render
from processes import Server, cpu_now, fhirserver_command, free_port, machine, served
from pymongo import MongoClient
from rich.console import Console
from rich.table import Table

from fhirserver.store.mongod import ManagedMongod

_OK: Final = (200, 201)
_CLIENTS: Final = 8
_PATIENCE_S: Final = 300.0
Known: TypeAlias = list[tuple[str, list[str]]]
"""Patients and their observations."""
_SITES: Final = {"audited": "with", "plain": "without"}


@dataclass(slots=True)
class Cost:
    """What the requests of one scenario cost on one server, one value for each round."""

    rate: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    server_ms: list[float] = field(default_factory=list)
    database_ms: list[float] = field(default_factory=list)
    events: list[float] = field(default_factory=list)
    lag_s: list[float] = field(default_factory=list)


class Trailing:
    """Knows how long the chain of a site is."""

    def __init__(self, client: MongoClient[dict[str, Any]], prefix: str, site: str) -> None:
        self._settings = client[f"{prefix}_{site}"]["setting"]

    def length(self) -> int:
        """Return the number of the last event."""
        head = self._settings.find_one({"_id": "audit chain"})
        return 0 if head is None else int(head["number"])

    def settle(self, began: int, expected: int) -> float:
        """Wait until so many events are there; return for how long."""
        started = time.monotonic()
        while self.length() < began + expected:
            if time.monotonic() - started > _PATIENCE_S:
                raise SystemExit(f"{expected} events were expected, {self.length() - began} are there")
            time.sleep(0.05)
        return time.monotonic() - started


@dataclass(slots=True)
class Run:
    """Two servers over one mongod."""

    generator: Generator
    database_pid: int
    servers: dict[str, Server]
    trail: Trailing

    def measure(self, requests: dict[str, Sequence[bytes]], each: float, rounds: int) -> dict[str, Cost]:
        """Send the requests of a scenario, each of which leaves ``each`` events."""
        costs = {name: Cost() for name in self.servers}
        for turn in range(rounds + 1):
            for name in list(self.servers) if turn % 2 else reversed(list(self.servers)):
                self._sample(name, requests[name], each, costs[name] if turn else Cost())
        return costs

    def _sample(self, name: str, requests: Sequence[bytes], each: float, cost: Cost) -> None:
        server, count = self.servers[name], len(requests)
        began, before = self.trail.length(), cpu_now(self.servers[name].pid, self.database_pid)
        outcome = self.generator.run(Job(server.port, requests, _CLIENTS, _OK))
        if outcome.failures:
            raise SystemExit(outcome.failure.decode(errors="replace"))
        events = int(count * each) if name == "audited" else 0
        lag = self.trail.settle(began, events) if events else 0.0
        after = cpu_now(server.pid, self.database_pid)
        cost.rate.append(outcome.count / outcome.elapsed_s)
        cost.p50_ms.append(outcome.p50_ms)
        cost.server_ms.append((after.server - before.server) / count * 1e3)
        cost.database_ms.append((after.database - before.database) / count * 1e3)
        cost.events.append(each)
        cost.lag_s.append(lag)


def main() -> int:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="fhirserver-benchmark-") as name:
        folder = Path(name)
        with ManagedMongod.start(folder / "database", oplog_mb=2000) as mongod, Generator() as generator:
            run_all(options, folder, mongod, generator, console)
    return 0


def run_all(
    options: argparse.Namespace, folder: Path, mongod: ManagedMongod, generator: Generator, console: Console
) -> None:
    """Start both servers, fill them, measure each scenario."""
    ports = {name: free_port() for name in _SITES}
    commands = {
        name: ["env", f"FHIRSERVER_AUDIT={'true' if name == 'audited' else 'false'}",
               f"FHIRSERVER_DATABASE_PREFIX={name}",
               *fhirserver_command(ports[name], folder / name, mongod.uri)]
        for name in _SITES
    }  # fmt: skip
    with (
        served("audited", commands["audited"], ports["audited"], folder) as audited,
        served("plain", commands["plain"], ports["plain"], folder) as plain,
        MongoClient[dict[str, Any]](mongod.uri) as client,
    ):
        servers = {"audited": audited, "plain": plain}
        run = Run(generator, mongod.pid, servers, Trailing(client, "audited", "main"))
        ids = {name: fill(generator, server) for name, server in servers.items()}
        time.sleep(3)
        table = Table(title=f"{machine()['commit']}, {options.requests} requests a round, {options.rounds} rounds")
        for column in ("scenario", "events", "rate with/without", "p50 with/without ms", "server CPU µs/event",
                       "database CPU µs/event", "lag s"):  # fmt: skip
            table.add_column(column)
        for title, each, requests in scenarios(options.requests, servers, ids):
            costs = run.measure(requests, each, options.rounds)
            table.add_row(title, *_row(costs["audited"], costs["plain"]))
            console.print(title)
        console.print(table)


def fill(generator: Generator, server: Server) -> Known:
    """Load 50 patients with 20 observations each; return their ids."""
    subjects = list(dataset.subjects(50))
    bundles = [render("POST", "/fhir", server.port, dataset.bundle(one.resources)) for one in subjects]
    outcome = generator.run(Job(server.port, bundles, 4, _OK, keep=True))
    found = []
    for _, body in outcome.bodies:
        keys = [part.split(b"/_history")[0].decode() for part in body.split(b"/fhir/")[1:]]
        patient = next(key for key in keys if key.startswith("Patient/"))
        found.append((patient, [key for key in keys if key.startswith("Observation/")]))
    return found


def scenarios(
    count: int, servers: dict[str, Server], ids: dict[str, Known]
) -> Sequence[tuple[str, float, dict[str, Sequence[bytes]]]]:
    """Return (title, events a request, requests by server)."""

    def each(number: int, paths: Callable[[Known], list[str]]) -> dict[str, Sequence[bytes]]:
        return {
            name: [render("GET", f"/fhir/{path}", server.port) for path in _repeated(paths(ids[name]), number)]
            for name, server in servers.items()
        }

    observation = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%b"}}'
    )
    creates = {
        name: [render("POST", "/fhir/Observation", server.port, observation % b"p%d" % (n % 50)) for n in range(count)]
        for name, server in servers.items()
    }
    return [
        ("read", 1, each(count, lambda known: [key for _, keys in known for key in keys])),
        ("search, 20 of one patient", 1, each(count, lambda known: [
            f"Observation?patient={patient.partition('/')[2]}&_count=20" for patient, _ in known])),
        ("search, 50 of 50 patients", 50, each(count // 20, lambda known: ["Patient?_count=50"])),
        ("create", 1, creates),
    ]  # fmt: skip


def _repeated(paths: Sequence[str], count: int) -> list[str]:
    return [paths[number % len(paths)] for number in range(count)]


def _row(audited: Cost, plain: Cost) -> list[str]:
    each = audited.events[0]
    server = (median(audited.server_ms) - median(plain.server_ms)) / each * 1e3
    database = (median(audited.database_ms) - median(plain.database_ms)) / each * 1e3
    return [
        f"{each:g}",
        f"{median(audited.rate):.0f}/{median(plain.rate):.0f} = {median(audited.rate) / median(plain.rate):.2f}",
        f"{median(audited.p50_ms):.2f}/{median(plain.p50_ms):.2f}",
        f"{server:.0f}",
        f"{database:.0f}",
        f"{median(audited.lag_s):.1f}",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
