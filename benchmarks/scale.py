"""The searches again at growing sizes: resources go in through the repository, in this process, in bulk."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import data
import orjson
from data import Subject
from loading import disk
from measure import Bench, Key, Plan, Series
from processes import Server
from scenarios import SEARCHES, Stored
from targets import OURS

from fhirserver.app.knowledge import load_knowledge
from fhirserver.app.sites import sites_of
from fhirserver.codec.fhir_json import parse_resource
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Update
from fhirserver.settings import Auth, Settings

SITE: Final = "scale"
SIZES: Final = (10_000, 100_000, 1_000_000)
_SUBJECTS_A_WRITE: Final = 24
_IN_FLIGHT: Final = 3
_SAMPLED: Final = 2000
_PER_SUBJECT: Final = data.OBSERVATIONS + 1


def measure_scale(
    bench: Bench, server: Server, uri: str, folder: Path, *, minutes: float, plan: Plan, tell: Callable[[str], None]
) -> dict[int, tuple[dict[Key, Series], float]]:
    """Return the series of the searches and the bytes of a resource at each size reached within the time."""
    deadline = time.monotonic() + minutes * 60
    found: dict[int, tuple[dict[Key, Series], float]] = {}
    settings = Settings(mongodb_uri=uri, data_dir=folder, auth=Auth.OFF, sites=("main", SITE))
    loaded = 0
    for size in SIZES:
        wanted = size // _PER_SUBJECT
        tell(f"loading up to {size:,} resources")
        loaded = asyncio.run(_load(settings, uri, loaded, wanted, deadline))
        stored = _stored(server, loaded)
        series = bench.run(SEARCHES, [(server, stored)], plan)[OURS]
        found[loaded * _PER_SUBJECT] = (series, disk(uri, settings.database(SITE)).each)
        if loaded < wanted:
            break
    return found


async def _load(settings: Settings, uri: str, first: int, last: int, deadline: float) -> int:
    """Store subjects from ``first`` to ``last``, as far as the time allows; return where it ended."""
    done = first
    async with sites_of(settings, uri, load_knowledge(settings)) as builder:
        await builder.prepare(SITE)
        repository = (await builder.open(SITE)).repository
        subjects = _known(data.subjects(last - first, first))

        async def work() -> None:
            nonlocal done
            while time.monotonic() < deadline and (some := list(islice(subjects, _SUBJECTS_A_WRITE))):
                await _store(repository, some)
                done += len(some)

        async with asyncio.TaskGroup() as group:
            for _ in range(_IN_FLIGHT):
                group.create_task(work())
    return done


def _known(subjects: Iterator[Subject]) -> Iterator[list[Update]]:
    """Give the resources of each subject ids that tell its number."""
    for subject in subjects:
        patient = f"p{subject.number}"
        writes = [_update(subject.patient, patient)]
        for place, observation in enumerate(subject.observations):
            observation["subject"]["reference"] = f"Patient/{patient}"
            writes.append(_update(observation, f"o{subject.number}-{place}"))
        yield writes


def _update(resource: data.Resource, logical_id: str) -> Update:
    body = parse_resource(orjson.dumps({**resource, "id": logical_id}))
    return Update(resource_type=resource["resourceType"], body=body, logical_id=logical_id)


async def _store(repository: Repository, subjects: Sequence[Sequence[Update]]) -> None:
    await repository.transact([write for writes in subjects for write in writes])


def _stored(server: Server, count: int) -> Stored:
    """Choose subjects all over what is stored."""
    step = max(1, count // _SAMPLED)
    numbers = range(0, count, step)
    return Stored(
        server.port,
        f"/{SITE}/fhir",
        numbers,
        [f"p{number}" for number in numbers],
        [f"o{number}-0" for number in numbers],
    )
