"""Codes of a terminology as large as SNOMED CT: checked, looked up, found as one types, searched by their hierarchy.

Command: ``python benchmarks/terminology.py`` (ten minutes), or in pieces over one ``--folder``: ``--until load``, then
``--until store``, then all the rest. A release made up by ``snomed_sized.py`` is loaded by
``fhirserver terminology load``; one server of one worker, with one operation more that answers from a dict
(``limited.py``), serves it and Observations with its codes from a managed mongod. All scenarios take turns in every
round. The result is written to ``--out``, by default ``benchmarks/results/terminology.local.json``.
"""

import argparse
import asyncio
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

import numpy as np
from dataset import Subject
from load import Generator, render
from measure import Bench, Plan, Series, ratio
from processes import CHECKOUT, Server, free_port, machine, memory_mb, private_mb, served
from report import print_verdicts, verdicts_json, write
from rich.console import Console
from rich.table import Table
from scale import Loader, update_of
from scenarios import Scenario, Stored
from targets import Verdict

from fhirserver.repository.requests import Update
from fhirserver.settings import Auth, Settings
from fhirserver.store.mongod import ManagedMongod
from fhirserver.terminology.index.edition import EditionCodeSystem
from fhirserver.terminology.index.opening import open_index

SNOMED: Final = "http://snomed.info/sct"
_CLIENTS: Final = 16
_REQUESTS: Final = 400
_IN_USE: Final = 300
"""Codes that the Observations have."""
_EXPAND: Final = "expand, as one types"
_ALONE: Final = "expand, as one types, alone"
_HALF: Final = 0.5
_EXPAND_MS: Final = 30.0
_BELOW: Final = 3.0
_LOAD, _STORE = "load", "store"
_OF_THIS_MACHINE: Final = frozenset({"folder", "out", "release", "until"})
_LOAD_S: Final = 360.0
_LOAD_MB: Final = 2048.0
_WORKER_MB: Final = 400.0
Paths = Callable[[random.Random], str]


class Codes:
    """What there is to ask about."""

    def __init__(self, system: EditionCodeSystem) -> None:
        """Choose codes of ``system``."""
        chosen, count = random.Random(11), len(system)
        active = [number for number in chosen.sample(range(count), 4000) if system.find(system.code(number))]
        self.some = [system.code(number) for number in active[:2000]]
        self.in_use = self.some[:_IN_USE]
        sizes = {number: int(np.count_nonzero(system.descendants(number))) for number in range(200, 3000, 7)}
        self.wide = [system.code(number) for number, size in sorted(sizes.items(), key=lambda one: -one[1])[:40]]
        self.largest = max(sizes.values())
        descriptions = system.descriptions
        rows = [chosen.randrange(len(descriptions.concept)) for _ in range(_REQUESTS)]
        self.typed = [_typed(chosen, descriptions.term(row)) for row in rows]
        self.languages = [descriptions.languages[descriptions.language[row]] for row in rows]
        self.displays = {code: found.display or code for code in self.some if (found := system.find(code))}


def _typed(chosen: random.Random, term: str) -> str:
    words = term.removesuffix("(thing)").split()
    picked = chosen.sample(words, min(len(words), chosen.randint(1, 3)))
    return " ".join(one[: chosen.randint(2, 6)] for one in picked)


def scenarios(codes: Codes) -> Iterator[Scenario]:
    """Yield what is measured; the first one is the limit."""
    one = _choice(codes.some)
    yield _scenario("limit", lambda chance: f"/CodeSystem/$limit?system={SNOMED}&code={one(chance)}")
    yield _scenario("lookup", lambda chance: f"/CodeSystem/$lookup?system={SNOMED}&code={one(chance)}")
    yield _scenario("validate-code", lambda chance: f"/CodeSystem/$validate-code?url={SNOMED}&code={one(chance)}")
    below = quote(f"{SNOMED}?fhir_vs=isa/{codes.wide[0]}", safe="")
    yield _scenario(
        "validate-code in isa",
        lambda chance: f"/ValueSet/$validate-code?url={below}&system={SNOMED}&code={one(chance)}",
    )
    wide = _choice(codes.wide)
    yield _scenario(
        "subsumes",
        lambda chance: f"/CodeSystem/$subsumes?system={SNOMED}&codeA={wide(chance)}&codeB={one(chance)}",
    )
    everything, typed = quote(f"{SNOMED}?fhir_vs", safe=""), list(zip(codes.typed, codes.languages, strict=True))

    def expand(chance: random.Random) -> str:
        text, language = chance.choice(typed)
        return f"/ValueSet/$expand?url={everything}&filter={quote(text)}&displayLanguage={language}&count=20"

    yield _scenario(_EXPAND, expand)
    used = _choice(codes.in_use)
    system = quote(SNOMED, safe="")
    yield _scenario("search by a code", lambda chance: f"/Observation?code={system}|{used(chance)}&_count=20")
    yield _scenario("search below", lambda chance: f"/Observation?code:below={system}|{wide(chance)}&_count=20")


def _choice(codes: list[str]) -> Paths:
    return lambda chance: chance.choice(codes)


def _scenario(name: str, path_of: Paths) -> Scenario:
    def requests(stored: Stored) -> list[bytes]:
        chance = random.Random(7)
        return [render("GET", stored.base + path_of(chance), stored.port) for _ in range(_REQUESTS)]

    return Scenario(name, "terminology", requests)


def coded(codes: list[str]) -> Callable[[Iterator[Subject]], Iterator[list[Update]]]:
    """Return what yields each subject's resources, their codes those of the terminology."""

    def writes(subjects: Iterator[Subject]) -> Iterator[list[Update]]:
        for subject in subjects:
            patient = f"p{subject.number}"
            found = [update_of(subject.patient, patient)]
            for place, observation in enumerate(subject.observations):
                code = codes[(subject.number * 7 + place) % len(codes)]
                observation["code"] = {"coding": [{"system": SNOMED, "code": code}]}
                observation["subject"]["reference"] = f"Patient/{patient}"
                found.append(update_of(observation, f"o{subject.number}-{place}"))
            yield found

    return writes


def judge(found: Mapping[str, Series], load: Mapping[str, float], memory: Mapping[str, float]) -> Iterator[Verdict]:
    """Judge by the limit of the same run."""
    for name in ("lookup", "validate-code", "validate-code in isa", "subsumes"):
        yield Verdict(f"{name}: rate ÷ limit", _HALF, ratio(found[name], found["limit"], "rate"), at_least=True)
    expand = found[_ALONE]
    yield Verdict("expand, as one types: p99 ms of one client", _EXPAND_MS, expand.median("p99_ms"), at_least=False)
    search = ratio(found["search below"], found["search by a code"], "p50_ms")
    yield Verdict("search below: p50 ÷ search by a code", _BELOW, search, at_least=False)
    yield Verdict("load, s", _LOAD_S, load["seconds"], at_least=False)
    yield Verdict("load, MB", _LOAD_MB, load["mb"], at_least=False)
    for which, highest in memory.items():
        yield Verdict(f"highest memory of the worker, {which}, MB", _WORKER_MB, highest, at_least=False)


def main() -> None:
    """Run, print and write."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # what was started ends too
    console = Console(width=max(140, Console().width))
    with ExitStack() as stack:
        folder = _folder(options, stack)
        mongod = stack.enter_context(ManagedMongod.start(folder / "database", cache_gb=options.cache_gb))
        generator = stack.enter_context(Generator())
        bench = Bench(generator, mongod.pid, lambda text: _tell(console, text))
        load = _once(folder / "loaded.json", lambda: _load(options, folder, mongod.uri, bench))
        if options.until == _LOAD:
            return
        codes = Codes(_opened(folder / "data"))
        _once(folder / "stored.json", lambda: _store(options, folder, mongod.uri, bench, codes))
        if options.until == _STORE:
            return
        (folder / "codes").write_text("\n".join(f"{code}\t{display}" for code, display in codes.displays.items()))
        port = free_port()
        command = [sys.executable, str(CHECKOUT / "benchmarks" / "limited.py"), str(folder / "codes"), "serve"]
        command += ["--port", str(port), "--data-dir", str(folder / "data"), "--mongodb-uri", mongod.uri]
        server = stack.enter_context(served("limited", [*command, "--auth", "off", "--no-demo"], port, folder))
        found, own = measure(bench, server, codes, options)
        memory = {"its own": own, "with the pages of the index, which all share": memory_mb(server.pid)[1]}
    verdicts = list(judge(found, load, memory))
    _print(console, found)
    print_verdicts(console, verdicts)
    document = {
        "command": "python benchmarks/terminology.py",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "options": {name: str(value) for name, value in vars(options).items() if name not in _OF_THIS_MACHINE},
        "load": load,
        "highest memory of the worker, MB": memory,
        "largest hierarchy": codes.largest,
        "metrics": "median, lowest, highest",
        "targets": verdicts_json(verdicts),
        "scenarios": {name: series.summary() for name, series in found.items()},
    }
    write(options.out, document)
    console.print(f"written to {options.out}", highlight=False)


def measure(bench: Bench, server: Server, codes: Codes, options: argparse.Namespace) -> tuple[dict[str, Series], float]:
    """Return the series of all scenarios, and the highest memory of the server's own in MB.

    Scenarios take turns; finding as one types is measured alone too.
    """
    stored = Stored(server.port, "/fhir", (), (), ())
    found: dict[str, Series] = {}
    for scenario in scenarios(codes):
        bench.run([scenario], [(server, stored)], Plan(0.5, 1, 1.0, [1]))
        found[scenario.name] = Series()
    found[_ALONE], own = Series(), 0.0
    for _ in range(options.rounds):
        for scenario in scenarios(codes):
            requests = scenario.requests(stored)
            found[scenario.name].samples.append(bench.sample(scenario, server, requests, _CLIENTS, options.seconds))
            if scenario.name == _EXPAND:
                found[_ALONE].samples.append(bench.sample(scenario, server, requests, 1, options.seconds))
            own = max(own, private_mb(server.pid))
    return found, own


def _folder(options: argparse.Namespace, stack: ExitStack) -> Path:
    """Return where everything is: one that is kept, or one for this run."""
    if options.folder is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fhirserver-benchmark-")))
    options.folder.mkdir(parents=True, exist_ok=True)
    return Path(options.folder)


def _once(path: Path, work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Return what some work gave when it was done in this folder, or do it."""
    if not path.exists():
        path.write_text(json.dumps(work()))
    found: dict[str, float] = json.loads(path.read_text())
    return found


def _load(options: argparse.Namespace, folder: Path, uri: str, bench: Bench) -> dict[str, float]:
    bench.tell("loading the terminology")
    found = load_release(_release(options, folder), folder / "data", uri)
    bench.tell(f"{found['seconds']:.0f} s")
    return found


def _store(options: argparse.Namespace, folder: Path, uri: str, bench: Bench, codes: Codes) -> dict[str, float]:
    bench.tell(f"loading {options.patients * 20:,} Observations")
    settings = Settings(mongodb_uri=uri, data_dir=folder / "data", auth=Auth.OFF)
    loader = Loader(settings, uri, time.monotonic() + options.load_seconds)
    asyncio.run(loader.load("main", 0, options.patients, coded(codes.in_use)))
    return {"patients": options.patients}


def _release(options: argparse.Namespace, folder: Path) -> Path:
    if options.release is not None:
        return Path(options.release)
    command = [sys.executable, "-m", "benchmarks.snomed_sized", "make", str(folder / "release")]
    subprocess.run([*command, "--concepts", str(options.concepts)], check=True, cwd=CHECKOUT)
    return folder / "release"


def load_release(release: Path, data: Path, uri: str) -> dict[str, float]:
    """Load a release as its users do; return the seconds and the memory that it took."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FHIRSERVER_")}
    environment |= {"FHIRSERVER_MONGODB_URI": uri, "FHIRSERVER_DATA_DIR": str(data)}
    started = time.monotonic()
    command = [sys.executable, "-m", "fhirserver", "terminology", "load", str(release)]
    subprocess.run(command, check=True, env=environment, cwd=CHECKOUT, stderr=subprocess.DEVNULL)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"seconds": time.monotonic() - started, "mb": peak}


def _opened(data: Path) -> EditionCodeSystem:
    for path in sorted((data / "terminology").rglob("*")):
        if path.is_file() and path.stat().st_size > 10_000:
            system = open_index(path)
            if isinstance(system, EditionCodeSystem):
                return system
    raise SystemExit("the terminology was not loaded")


def _print(console: Console, found: Mapping[str, Series]) -> None:
    table = Table("scenario", "requests/s", "p50 ms", "p99 ms", "server CPU ms", box=None, pad_edge=False)
    for name, series in found.items():
        cells = (series.median("rate"), series.median("p50_ms"), series.median("p99_ms"), series.median("server_ms"))
        table.add_row(name, f"{cells[0]:,.0f}", *(f"{cell:.2f}" for cell in cells[1:]))
    console.print(table)


def _tell(console: Console, text: str) -> None:
    console.print(f"[dim]{datetime.now(UTC):%H:%M:%S} {text}[/]", highlight=False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each scenario")
    parser.add_argument("--concepts", type=int, default=350_000)
    parser.add_argument("--release", help="a release made before, in place of a new one")
    parser.add_argument("--folder", type=Path, help="kept from piece to piece; by default one for this run")
    parser.add_argument("--until", choices=(_LOAD, _STORE), help="the piece to stop after")
    parser.add_argument("--patients", type=int, default=5000, help="each has 20 Observations")
    parser.add_argument("--load-seconds", type=float, default=1200.0, help="time for storing them")
    parser.add_argument("--cache-gb", type=float, default=1.0, help="cache of the mongod")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "benchmarks" / "results" / "terminology.local.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
