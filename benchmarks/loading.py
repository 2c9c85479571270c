"""Loads what is measured: the data set into both servers in turn, Synthea into ours; and its size on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dataset
import orjson
from dataset import Subject
from load import Generator, Job, render
from measure import Bench, Series
from processes import Server
from pymongo import MongoClient
from scenarios import Scenario, Stored

PATH: Final = "/fhir"
CLIENTS: Final = 8
_ENTRIES: Final = dataset.OBSERVATIONS + 1
LOAD: Final = Scenario("load by Bundles", "load", lambda stored: [], entries=_ENTRIES)


@dataclass(frozen=True, slots=True)
class Disk:
    """What a number of resources takes on disk."""

    resources: int
    json_bytes: int
    data_bytes: int
    index_bytes: int

    @property
    def each(self) -> float:
        """Bytes of one resource with its indexes and earlier versions."""
        return (self.data_bytes + self.index_bytes) / self.resources


def load_data_set(
    bench: Bench, generator: Generator, servers: Sequence[Server], patients: int, rounds: int
) -> tuple[dict[str, Series], dict[str, Stored]]:
    """Load the data set, a share of it in each round; return the samples and what is stored."""
    subjects = list(dataset.subjects(patients))
    bundles = [dataset.bundle(one.resources) for one in subjects]
    series = {server.name: Series() for server in servers}
    for turn in range(rounds):
        share = bundles[turn::rounds]
        for server in servers if turn % 2 == 0 else reversed(servers):
            requests = [render("POST", PATH, server.port, one) for one in share]
            series[server.name].samples.append(bench.sample(LOAD, server, requests, CLIENTS, 0))
    return series, {server.name: _stored(generator, server, subjects) for server in servers}


def _stored(generator: Generator, server: Server, subjects: Sequence[Subject]) -> Stored:
    """Ask a server for the ids it gave."""
    paths = [f"{PATH}/Patient?identifier={dataset.IDENTIFIERS}%7C{dataset.identifier(one.number)}" for one in subjects]
    patients = [found[0] for found in _ids(generator, server, paths)]
    paths = [f"{PATH}/Observation?patient={one}&_count=50" for one in patients]
    observations = [one for found in _ids(generator, server, paths) for one in found]
    if len(observations) != len(subjects) * dataset.OBSERVATIONS:
        raise SystemExit(f"{server.name} holds {len(observations)} Observations after the load")
    return Stored(server.port, PATH, [one.number for one in subjects], patients, observations)


def _ids(generator: Generator, server: Server, paths: Sequence[str]) -> list[list[str]]:
    requests = [render("GET", path, server.port) for path in paths]
    outcome = generator.run(Job(server.port, requests, CLIENTS, (200,), keep=True))
    if outcome.failures:
        raise SystemExit(f"{server.name}: {outcome.failure.decode(errors='replace')}")
    found = {turn: orjson.loads(body).get("entry", []) for turn, body in outcome.bodies}
    return [[entry["resource"]["id"] for entry in found[turn]] for turn in range(len(paths))]


def load_synthea(bench: Bench, server: Server, corpora: Path, path: str) -> tuple[Series, int]:
    """Load Synthea's Bundles through our server; return the sample and the number of bytes of JSON."""
    bundles = dataset.synthea(corpora)
    requests = [render("POST", path, server.port, one) for one in bundles]
    resources = (entry["resource"] for one in bundles for entry in orjson.loads(one)["entry"])
    size = sum(len(orjson.dumps(resource)) for resource in resources)
    return Series([bench.sample(LOAD, server, requests, 4, 0)]), size


def disk(uri: str, database: str, json_bytes: int = 0) -> Disk:
    """Measure all collections of a database after a checkpoint."""
    with MongoClient[dict[str, Any]](uri) as client:
        client.admin.command("fsync")
        names = client[database].list_collection_names()
        found = {name: client[database].command("collStats", name) for name in names if name.split(".")[0] != "system"}
    resources = found["resource"]["count"]
    return Disk(
        resources,
        json_bytes,
        sum(one["storageSize"] for one in found.values()),
        sum(one["totalIndexSize"] for one in found.values()),
    )
