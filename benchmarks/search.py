"""Searches beyond one parameter at growing sizes: chains, includes, `_filter`, `:below`, `_text`, as of an instant.

Command: ``python benchmarks/search.py`` (10k resources beside 100k and a million, an hour or more; ``--sizes 20000``
takes a few minutes). One server (``fhirserver serve``, one worker, no login, else its defaults) on a managed mongod in
a temporary folder serves a small site and a large one, which take turns in every round. Data set: ``dataset.py`` with
the additions of ``searches.py``, a tenth of the resources amended.

A selective search must take at most twice as long (p50, one client) at the largest size as at 10k; an unselective one
must answer its first bytes, or be refused, within a second. A feature that the server lacks is reported as missing. The
result is written to ``--out``, by default ``benchmarks/results/search.local.json``.
"""

import argparse
import asyncio
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import dataset
from load import HOST, Generator
from measure import Bench, Key, Plan, Series, ratio
from processes import CHECKOUT, Server, fhirserver_command, free_port, get, machine, served
from report import as_json, print_verdicts, verdicts_json, write
from rich.console import Console
from rich.table import Table
from scale import SITES, SMALL, Loader, stored_at
from scenarios import Scenario
from searches import SELECTIVE, UNSELECTIVE, Record, as_amended, as_loaded
from targets import Verdict

from fhirserver.settings import Auth, Settings
from fhirserver.store.mongod import ManagedMongod

SCALE_RATIO: Final = 2.0
FIRST_BYTES_S: Final = 1.0
_TRIES: Final = 5
_PER_SUBJECT: Final = dataset.OBSERVATIONS + 1
_MISSING: Final = frozenset({400, 404, 405, 406, 415, 501})
_ANSWERS: Final = frozenset({200, 422})


@dataclass(slots=True)
class Point:
    """What was found at one size."""

    resources: int
    large: dict[Key, Series]
    small: dict[Key, Series]
    first_bytes: dict[str, tuple[int, float]]
    """Of each unselective search: status, and the median of its tries in seconds."""


@dataclass(slots=True)
class Run:
    """One server, and what its sites hold."""

    bench: Bench
    server: Server
    loader: Loader
    plan: Plan
    missing: dict[str, int] = field(default_factory=dict)
    """What the server lacks, and the status that says so."""

    def measure(self, sizes: Sequence[int]) -> Iterator[Point]:
        """Measure at each size that is reached in time."""
        small_site, large_site = SITES
        _, small = self._load(small_site, 0, SMALL // _PER_SUBJECT)
        loaded, stages = 0, small.stages[:0]
        for size in sizes:
            loaded, large = self._load(large_site, loaded, size // _PER_SUBJECT, stages)
            stages = large.stages
            known = [one for one in SELECTIVE if self._is_known(one, small)]
            sides = [(replace(self.server, name=site), one) for site, one in zip(SITES, (small, large), strict=True)]
            found = self.bench.run(known, sides, self.plan)
            yield Point(loaded * _PER_SUBJECT, found[large_site], found[small_site], self._first_bytes(large))
            if time.monotonic() >= self.loader.deadline:
                return

    def _load(self, site: str, first: int, last: int, stages: tuple[tuple[int, str], ...] = ()) -> tuple[int, Record]:
        """Load subjects, then amend them; the instant between is what searches go back to."""
        self.bench.tell(f"loading {site} up to {last * _PER_SUBJECT:,} resources")
        loaded = asyncio.run(self.loader.load(site, first, last, as_loaded))
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.bench.tell(f"amending {site}")
        asyncio.run(self.loader.load(site, first, loaded, as_amended))
        stored = stored_at(self.server, site, loaded)
        return loaded, Record(
            stored.port, stored.base, stored.subjects, stored.patients, stored.observations, (*stages, (loaded, at))
        )

    def _is_known(self, scenario: Scenario, stored: Record) -> bool:
        status = get(self.server.port, _path(scenario, stored))[0]
        if status in _MISSING:
            self.missing[scenario.name] = status
        return status not in _MISSING

    def _first_bytes(self, stored: Record) -> dict[str, tuple[int, float]]:
        found: dict[str, tuple[int, float]] = {}
        for scenario in UNSELECTIVE:
            self.bench.tell(f"{scenario.name}, first bytes")
            tries = [_first_bytes(self.server.port, _path(scenario, stored, turn)) for turn in range(_TRIES)]
            status = tries[-1][0]
            if status in _MISSING:
                self.missing[scenario.name] = status
            else:
                found[scenario.name] = (status, statistics.median(seconds for _, seconds in tries))
        return found


def _path(scenario: Scenario, stored: Record, turn: int = 0) -> str:
    requests = scenario.requests(stored)
    return requests[turn % len(requests)].split(b" ", 2)[1].decode()


def _first_bytes(port: int, path: str) -> tuple[int, float]:
    """Return the status of a request and how long its first bytes took."""
    connection = HTTPConnection(HOST, port, timeout=120)
    started = time.monotonic()
    try:
        connection.request("GET", path, headers={"accept": "application/fhir+json"})
        response = connection.getresponse()
        response.read(1)
        return response.status, time.monotonic() - started
    finally:
        connection.close()  # of a stream the rest is not wanted


def judge(point: Point) -> Iterator[Verdict]:
    """Judge one size."""
    for key, large in point.large.items():
        name = f"{key[0]}, {key[1]} clients: p50 at {point.resources:,} ÷ at {SMALL:,}"
        yield Verdict(name, SCALE_RATIO, ratio(large, point.small[key], "p50_ms"), at_least=False)
    for name, (status, seconds) in point.first_bytes.items():
        said = "refused" if status == 422 else "answered" if status in _ANSWERS else f"failed with {status}"
        measured = seconds if status in _ANSWERS else float("inf")
        yield Verdict(f"{name} at {point.resources:,}: {said} within s", FIRST_BYTES_S, measured, at_least=False)


def print_points(console: Console, points: Sequence[Point]) -> None:
    """Print the selective searches at each size, beside those of the small site."""
    table = Table(title=f"p50 in ms | at {SMALL:,} resources")
    for heading in ("resources", "search", "clients", "p50", "", "ratio"):
        table.add_column(heading, justify="left" if heading == "search" else "right")
    for point in points:
        for (name, clients), large in point.large.items():
            small = point.small[name, clients]
            latencies = [f"{one.median('p50_ms'):.2f}" for one in (large, small)]
            table.add_row(
                f"{point.resources:,}", name, str(clients), *latencies, f"{ratio(large, small, 'p50_ms'):.2f}"
            )
    console.print(table)


def main() -> None:
    """Run, print and write."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # what was started ends too
    console = Console(width=max(120, Console().width))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fhirserver-benchmark-")))
        mongod = stack.enter_context(ManagedMongod.start(folder / "database", cache_gb=options.cache_gb))
        generator = stack.enter_context(Generator())
        port = free_port()
        command = fhirserver_command(port, folder, mongod.uri, ",".join(("main", *SITES)))
        server = stack.enter_context(served("fhirserver", command, port, folder))
        settings = Settings(mongodb_uri=mongod.uri, data_dir=folder, auth=Auth.OFF, sites=("main", *SITES))
        loader = Loader(settings, mongod.uri, time.monotonic() + options.minutes * 60)
        bench = Bench(generator, mongod.pid, lambda text: _tell(console, text))
        plan = Plan(options.seconds, options.rounds, min(1.0, options.seconds), options.clients)
        run = Run(bench, server, loader, plan)
        points = []
        for point in run.measure(options.sizes):
            points.append(point)
            _write(options, points, run.missing)
    print_points(console, points)
    print_verdicts(console, [verdict for point in points for verdict in judge(point)])
    for name, status in run.missing.items():
        console.print(f"missing: {name} ({status})", highlight=False)
    console.print(f"written to {options.out}", highlight=False)


def _tell(console: Console, text: str) -> None:
    console.print(f"[dim]{datetime.now(UTC):%H:%M:%S} {text}[/]", highlight=False)


def _write(options: argparse.Namespace, points: Sequence[Point], missing: dict[str, int]) -> None:
    document: dict[str, Any] = {
        "command": "python benchmarks/search.py",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "options": {name: value for name, value in vars(options).items() if name != "out"},
        "metrics": "median, lowest, highest",
        "missing": missing,
        "targets": verdicts_json([verdict for point in points for verdict in judge(point)]),
        **{f"at {point.resources} resources": as_json(point.large) for point in points},
        **{f"at {SMALL}, beside {point.resources}": as_json(point.small) for point in points},
        "first bytes, s": {str(point.resources): point.first_bytes for point in points},
    }
    write(options.out, document)


def _options() -> argparse.Namespace:
    def numbers(text: str) -> list[int]:
        return [int(one) for one in text.split(",")]

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--sizes", type=numbers, default=[100_000, 1_000_000], help="resources of the large site")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each search")
    parser.add_argument("--clients", type=numbers, default=[1])
    parser.add_argument("--minutes", type=float, default=60.0, help="no more loading after so long")
    parser.add_argument("--cache-gb", type=float, default=1.0, help="cache of the mongod")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "benchmarks" / "results" / "search.local.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
