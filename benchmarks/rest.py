"""The server over HTTP beside its own physical limit in the same run: rates, latencies, CPU, disk, memory.

Command: ``python benchmarks/rest.py`` (about 15 minutes; ``--quick`` 4; ``--scale`` adds the searches at up to a
million resources). Folder of Synthea's Bundles: FHIRSERVER_CORPORA; without it its size on disk is left out.

Our server (``fhirserver serve``, one worker, no login, else its defaults) and the bare ceiling (``ref.py``) run beside
each other on one managed mongod in a temporary folder and take turns in every round. Data set: 1,000 Patients with 20
Observations each (``dataset.py``), loaded through both as transaction Bundles. CPU is that of exactly these processes.
On a shared machine trust CPU milliseconds first, then ratios, then p50; rates and p99 are noise. The result is
written to ``--out``, by default ``benchmarks/results/rest.local.json``.
"""

import argparse
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from load import Generator
from loading import CLIENTS, LOAD, Disk, disk, load_data_set, load_synthea
from measure import Bench, Key, Plan, Series, ratio
from processes import CHECKOUT, Server, fhirserver_command, free_port, machine, memory_mb, ref_command, served
from report import as_json, print_facts, print_scale, print_scenarios, print_verdicts, verdicts_json, write
from rich.console import Console
from scale import SITES, SIZES, SMALL, Point, measure_scale
from scenarios import SCENARIOS, Stored
from targets import (
    MEMORY_MB,
    OURS,
    REF,
    SCALE_RATIO,
    START_S,
    SYNTHEA_BYTES,
    Verdict,
    judge,
    judge_load,
)

from fhirserver.store.mongod import ManagedMongod

SYNTHEA_SITE = "synthea"
STARTS = 3


@dataclass(slots=True)
class Result:
    """What a run found."""

    found: dict[str, dict[Key, Series]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    scale: list[Point] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """One run: the servers, and what they hold."""

    options: argparse.Namespace
    folder: Path
    uri: str
    bench: Bench
    generator: Generator
    servers: Sequence[Server]
    result: Result = field(default_factory=Result)

    def load(self) -> dict[str, Stored]:
        """Load the data set into both."""
        self.bench.tell("loading the data set")
        series, stored = load_data_set(
            self.bench, self.generator, self.servers, self.options.patients, self.options.rounds
        )
        self.result.verdicts += judge_load(series, LOAD.entries)
        for name, one in series.items():
            self.result.found[name] = {(LOAD.name, CLIENTS): one}
            self.result.facts[f"load, resources/s, {name}"] = one.median("rate") * LOAD.entries
        for name, database in ((OURS, "fhirserver_main"), (REF, "benchmark_ref")):
            self._note_disk(f"data set, {name}", disk(self.uri, database))
        return stored

    def load_synthea(self, corpora: Path) -> None:
        """Load Synthea into a site of its own."""
        self.bench.tell("loading Synthea")
        server = self.servers[0]
        series, size = load_synthea(self.bench, server, corpora, f"/{SYNTHEA_SITE}/fhir")
        found = disk(self.uri, f"fhirserver_{SYNTHEA_SITE}", size)
        self._note_disk("Synthea", found)
        facts = self.result.facts
        facts["Synthea, JSON bytes each"] = found.json_bytes / found.resources
        facts["Synthea, resources/s"] = found.resources / series.samples[0].count * series.median("rate")
        facts["Synthea, CPU ms a resource"] = series.cpu_ms() * series.samples[0].count / found.resources
        self.result.verdicts.append(Verdict("Synthea: bytes on disk each", SYNTHEA_BYTES, found.each, at_least=False))

    def measure(self, stored: dict[str, Stored]) -> None:
        """Measure the scenarios."""
        wanted = [one for one in SCENARIOS if not self.options.only or self.options.only in one.name]
        sides = [(server, stored[server.name]) for server in self.servers]
        for name, series in self.bench.run(wanted, sides, self._plan(self.options.clients)).items():
            self.result.found[name].update(series)
        self.result.verdicts += judge(self.result.found)
        now, highest = memory_mb(self.servers[0].pid)
        self.result.facts["memory of the server, MB"] = now
        self.result.facts["memory of the server at its highest, MB"] = highest
        self.result.verdicts.append(Verdict("memory of a worker, MB", MEMORY_MB, highest, at_least=False))

    def measure_scale(self) -> None:
        """Measure the searches at growing sizes."""
        plan, minutes = self._plan([1, 16]), self.options.scale_minutes
        self.result.scale += measure_scale(
            self.bench, self.servers[0], self.uri, self.folder, minutes=minutes, plan=plan
        )
        point = self.result.scale[-1]
        for key, large in point.series.items():
            name = f"{key[0]}, {key[1]} clients: p50 at {point.resources:,} ÷ at {SMALL:,}"
            measured = ratio(large, point.small[key], "p50_ms")
            self.result.verdicts.append(Verdict(name, SCALE_RATIO, measured, at_least=False))

    def measure_starts(self) -> None:
        """Start the server warm, with a mongod of its own: data folder and compiled definitions are there."""
        self.bench.tell("starting")
        folder, times = self.folder / "start", []
        folder.mkdir()
        for _ in range(STARTS + 1):
            port = free_port()
            with served("start", fhirserver_command(port, folder, None), port, self.folder) as server:
                times.append(server.ready_s)
        self.result.facts["cold start to ready, s"] = times[0]
        warm = statistics.median(times[1:])
        self.result.verdicts.append(Verdict("warm start to ready, s", START_S, warm, at_least=False))

    def _plan(self, clients: Sequence[int]) -> Plan:
        return Plan(self.options.seconds, self.options.rounds, min(1.0, self.options.seconds), clients)

    def _note_disk(self, name: str, found: Disk) -> None:
        self.result.facts[f"{name}, bytes on disk each"] = found.each
        self.result.facts[f"{name}, of it indexes"] = found.index_bytes / found.resources


def main() -> None:
    """Run, print and write."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # what was started ends too
    console = Console(width=max(140, Console().width))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fhirserver-benchmark-")))
        mongod = stack.enter_context(ManagedMongod.start(folder / "database", cache_gb=options.cache_gb))
        generator = stack.enter_context(Generator())
        ours_port, ref_port = free_port(), free_port()
        sites = ",".join(("main", SYNTHEA_SITE, *SITES))
        ours = fhirserver_command(ours_port, folder, mongod.uri, sites)
        servers = [
            stack.enter_context(served(OURS, ours, ours_port, folder)),
            stack.enter_context(served(REF, ref_command(ref_port, mongod.uri), ref_port, folder)),
        ]
        bench = Bench(generator, mongod.pid, lambda text: _tell(console, text))
        run = Run(options, folder, mongod.uri, bench, generator, servers)
        _measure(run, options)
        if options.scale:
            _write(options, run.result)  # the next hour may not come to its end
            run.measure_scale()
    _report(console, run.result)
    _write(options, run.result)
    console.print(f"written to {options.out}", highlight=False)


def _measure(run: Run, options: argparse.Namespace) -> None:
    corpora = os.environ.get("FHIRSERVER_CORPORA")
    stored = run.load()
    if corpora is not None and not options.only:
        run.load_synthea(Path(corpora))
    run.measure(stored)
    if not options.only:
        run.measure_starts()


def _tell(console: Console, text: str) -> None:
    console.print(f"[dim]{datetime.now(UTC):%H:%M:%S} {text}[/]", highlight=False)


def _report(console: Console, result: Result) -> None:
    print_scenarios(console, result.found)
    if result.scale:
        print_scale(console, result.scale)
    print_facts(console, result.facts)
    print_verdicts(console, result.verdicts)


def _write(options: argparse.Namespace, result: Result) -> None:
    document = {
        "command": "python benchmarks/rest.py",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "options": {name: value for name, value in vars(options).items() if name != "out"},
        "metrics": "median, lowest, highest",
        "facts": {name: float(f"{value:.4g}") for name, value in result.facts.items()},
        "targets": verdicts_json(result.verdicts),
        **{name: as_json(series) for name, series in result.found.items()},
        **{f"at {point.resources} resources": as_json(point.series) for point in result.scale},
        **{f"at {SMALL}, beside {point.resources}": as_json(point.small) for point in result.scale},
        "bytes each by size": {str(point.resources): round(point.bytes_each) for point in result.scale},
    }
    write(options.out, document)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each scenario")
    parser.add_argument("--clients", type=lambda text: [int(one) for one in text.split(",")], default=[1, 16, 64])
    parser.add_argument("--patients", type=int, default=1000, help="each has 20 Observations")
    parser.add_argument("--only", help="only scenarios whose name contains this, and no Synthea and no starts")
    parser.add_argument("--quick", action="store_true", help="1 and 16 clients, 3 rounds of a second, 300 patients")
    parser.add_argument("--scale", action="store_true", help=f"searches again at {SIZES} resources")
    parser.add_argument("--scale-minutes", type=float, default=25.0, help="no more loading after so long")
    parser.add_argument("--cache-gb", type=float, default=1.0, help="cache of the mongod")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "benchmarks" / "results" / "rest.local.json")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.rounds, options.clients, options.patients = 1.0, 3, [1, 16], 300
    return options


if __name__ == "__main__":
    main()
