"""The searches again at growing sizes: resources go in through the repository, in this process, in bulk."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

import dataset
import orjson
from dataset import Subject
from loading import disk
from measure import Bench, Key, Plan, Series
from processes import Server
from scenarios import SEARCHES, Stored

from fhirserver.app.knowledge import load_knowledge
from fhirserver.app.sites import sites_of
from fhirserver.codec.fhir_json import parse_resource
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Update
from fhirserver.settings import Auth, Settings

SITES: Final = ("small", "scale")
SMALL: Final = 10_000
SIZES: Final = (100_000, 1_000_000)
_SUBJECTS_A_WRITE: Final = 24
_IN_FLIGHT: Final = 3
_SAMPLED: Final = 2000
_PER_SUBJECT: Final = dataset.OBSERVATIONS + 1


@dataclass(frozen=True, slots=True)
class Point:
    """The searches at one size, and those of the small site measured in turn with them."""

    resources: int
    bytes_each: float
    series: dict[Key, Series]
    small: dict[Key, Series]


def measure_scale(
    bench: Bench, server: Server, uri: str, folder: Path, *, minutes: float, plan: Plan
) -> Iterator[Point]:
    """Measure at each size that is reached within the time."""
    deadline = time.monotonic() + minutes * 60
    loader = Loader(Settings(mongodb_uri=uri, data_dir=folder, auth=Auth.OFF, sites=("main", *SITES)), uri, deadline)
    small_site, large_site = SITES
    bench.tell(f"loading {SMALL:,} resources")
    small = stored_at(server, small_site, asyncio.run(loader.load(small_site, 0, SMALL // _PER_SUBJECT)))
    loaded = 0
    for size in SIZES:
        bench.tell(f"loading up to {size:,} resources")
        wanted = size // _PER_SUBJECT
        loaded = asyncio.run(loader.load(large_site, loaded, wanted))
        large = stored_at(server, large_site, loaded)
        sides = [(replace(server, name=site), stored) for site, stored in zip(SITES, (small, large), strict=True)]
        found = bench.run(SEARCHES, sides, plan)
        each = disk(uri, loader.settings.database(large_site)).each
        yield Point(loaded * _PER_SUBJECT, each, found[large_site], found[small_site])
        if loaded < wanted:
            return


@dataclass(frozen=True, slots=True)
class Loader:
    """Writes to a database without a server in between, until its time is over."""

    settings: Settings
    uri: str
    deadline: float

    async def load(self, site: str, first: int, last: int, writes_of: "WritesOf | None" = None) -> int:
        """Store subjects from ``first`` to ``last``, as far as the time allows; return where it ended."""
        done = first
        async with sites_of(self.settings, self.uri, load_knowledge(self.settings)) as builder:
            await builder.prepare(site)
            repository = (await builder.open(site)).repository
            subjects = (writes_of or _known)(dataset.subjects(last - first, first))

            async def work() -> None:
                nonlocal done
                while time.monotonic() < self.deadline and (some := list(islice(subjects, _SUBJECTS_A_WRITE))):
                    await _store(repository, some)
                    done += len(some)

            async with asyncio.TaskGroup() as group:
                for _ in range(_IN_FLIGHT):
                    group.create_task(work())
        return done


WritesOf = Callable[[Iterator[Subject]], Iterator[list[Update]]]
"""What is written of subjects, in one transaction of each."""


def _known(subjects: Iterator[Subject]) -> Iterator[list[Update]]:
    """Give the resources of each subject ids that tell its number."""
    for subject in subjects:
        patient = f"p{subject.number}"
        writes = [update_of(subject.patient, patient)]
        for place, observation in enumerate(subject.observations):
            observation["subject"]["reference"] = f"Patient/{patient}"
            writes.append(update_of(observation, f"o{subject.number}-{place}"))
        yield writes


def update_of(resource: dataset.Resource, logical_id: str) -> Update:
    """Return what stores a resource under an id."""
    body = parse_resource(orjson.dumps({**resource, "id": logical_id}))
    return Update(resource_type=resource["resourceType"], body=body, logical_id=logical_id)


async def _store(repository: Repository, subjects: Sequence[Sequence[Update]]) -> None:
    await repository.transact([write for writes in subjects for write in writes])


def stored_at(server: Server, site: str, count: int) -> Stored:
    """Choose subjects all over what is stored."""
    step = max(1, count // _SAMPLED)
    numbers = range(0, count, step)
    return Stored(
        server.port,
        f"/{site}/fhir",
        numbers,
        [f"p{number}" for number in numbers],
        [f"o{number}-0" for number in numbers],
    )
