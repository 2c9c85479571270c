"""Reindex while others write: exact at its end, resumable, paused and resumed, by one worker at a time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from fhirserver.app.knowledge import Knowledge
from fhirserver.codec.fhir_json import parse_json
from fhirserver.jobs.pace import Pace
from fhirserver.jobs.reindex import REINDEX, Reindexer
from fhirserver.jobs.reindex_control import ReindexControl
from fhirserver.jobs.runner import Checkpoint, Runner
from fhirserver.kernel.ids import random_id
from fhirserver.kernel.outcome import BadSearchValue, Conflict, NotFound
from fhirserver.repository.requests import HistoryRequest
from fhirserver.repository.services import LiveServices
from fhirserver.search.index import IndexValues
from fhirserver.search.parameters import LiveParameters
from fhirserver.store.jobs import Job, Jobs, JobState
from fhirserver.store.parameters import ParameterStore
from fhirserver.store.reindex import Part, Reindexing
from fhirserver.store.store import Session
from tests.door import Door, opened

Json = dict[str, Any]
COUNT = 60


def fault(problem: BaseException, job: str) -> None:
    raise AssertionError(job) from problem


class Bench:
    """A door, and what runs jobs over it."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.jobs = Jobs(door.services.store)
        self.stored = ParameterStore(door.services.store)
        parameters = LiveParameters(door.services.binder.parameters)
        self.control = ReindexControl(self.jobs, door.services.definitions, parameters, random_id)

    def reindexer(self, batch: int = 7) -> Reindexer:
        documents = Reindexing(self.door.services.store)
        return Reindexer(LiveServices(self.door.services), documents, self.stored, pace=Pace(0.0), batch=batch)

    def runner(self, worker: str = "one", batch: int = 7) -> Runner:
        return Runner(self.jobs, worker, {REINDEX: self.reindexer(batch)}, fault)

    async def spoil(self) -> None:
        """Leave every document as one whose index values are others."""
        for collection in (self.door.services.store.resources, self.door.services.store.histories):
            await collection.update_many(
                {"x": {"$exists": True}}, {"$set": {"t": ["Patient", "Patient.gender=spoilt"]}}
            )


@pytest_asyncio.fixture(loop_scope="session")
async def bench(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Bench]:
    async with opened(mongodb_uri, knowledge) as door:
        await door.put(*(patient(number) for number in range(COUNT)))
        await door.put(*(patient(number, "male") for number in range(20)))
        yield Bench(door)


def patient(number: int, gender: str = "female") -> Json:
    return {"resourceType": "Patient", "id": f"p{number:02}", "gender": gender}


async def documents(door: Door) -> list[Json]:
    store = door.services.store
    parts = [await c.find({}, sort=[("_id", 1)]).to_list() for c in (store.resources, store.histories)]
    return [fields for part in parts for fields in part]


async def test_index_values_are_as_writes_make_them(bench: Bench) -> None:
    before = await documents(bench.door)
    await bench.spoil()
    job = await bench.control.start([], [], dry_run=False)
    assert job.state == "queued"
    assert await bench.runner().run_next()
    done = await bench.control.status(job.id)
    assert (done.state, done.done, done.changed, done.percent) == ("completed", COUNT + 20, COUNT + 20, 100)
    assert await documents(bench.door) == before
    assert not await bench.runner().run_next(), "nothing is left to do"


async def test_a_dry_run_counts_and_changes_nothing(bench: Bench) -> None:
    await bench.spoil()
    before = await documents(bench.door)
    job = await bench.control.start(["Patient"], [], dry_run=True)
    await bench.runner().run_next()
    done = await bench.control.status(job.id)
    assert (done.state, done.done, done.changed) == ("completed", COUNT + 20, COUNT + 20)
    assert await documents(bench.door) == before


async def test_only_the_types_asked_for(bench: Bench) -> None:
    await bench.door.put({"resourceType": "Person", "id": "x", "gender": "female"})
    await bench.spoil()
    url = "http://hl7.org/fhir/SearchParameter/Person-organization"
    job = await bench.control.start([], [url], dry_run=False)
    assert job.types == ("Person",)
    await bench.runner().run_next()
    assert (await bench.control.status(job.id)).changed == 1
    assert await bench.door.ids("Person?gender=female") == {"x"}
    assert await bench.door.ids("Patient?gender=spoilt") == set()


async def test_what_is_asked_for_twice_is_done_once(bench: Bench) -> None:
    first = await bench.control.start(["Patient"], [], dry_run=False)
    assert (await bench.control.start(["Patient"], [], dry_run=False)).id == first.id
    assert (await bench.control.start(["Patient"], [], dry_run=True)).id != first.id


async def test_a_worker_that_was_killed_is_taken_over_where_it_was(bench: Bench) -> None:
    """Killed in the middle of a batch: written, and not noted."""
    before = await documents(bench.door)
    await bench.spoil()
    job = await bench.control.start([], [], dry_run=False)
    reindexer, batches = bench.reindexer(), 0

    async def killed(_: Job, checkpoint: Checkpoint) -> Json:
        async def note(progress: Json) -> None:
            nonlocal batches
            batches += 1
            if batches == 5:
                raise asyncio.CancelledError
            await checkpoint(progress)

        return await reindexer(job_of, note)

    job_of = await bench.jobs.claim([REINDEX], "dead")
    assert job_of is not None

    async def checkpoint(progress: Json) -> None:
        assert await bench.jobs.keep(job.id, "dead", progress)

    with pytest.raises(asyncio.CancelledError):
        await killed(job_of, checkpoint)
    assert not await bench.runner("two").run_next(), "the lease is the dead one's"
    await bench.door.services.store.collection("job").update_one({"_id": job.id}, {"$unset": {"until": ""}})
    middle = await bench.control.status(job.id)
    assert 0 < middle.done < COUNT
    assert await bench.runner("two").run_next()
    done = await bench.control.status(job.id)
    assert (done.state, done.done) == ("completed", COUNT + 20), "every document once"
    assert await documents(bench.door) == before


async def test_pause_resume_cancel(bench: Bench) -> None:
    await bench.spoil()
    job = await bench.control.start([], [], dry_run=False)
    running = asyncio.create_task(bench.runner(batch=1).run_next())
    async with asyncio.timeout(60):
        while (await bench.control.status(job.id)).done < 3 and not running.done():  # noqa: ASYNC110 - jobs tell nobody
            await asyncio.sleep(0.005)
    await bench.control.pause(job.id)
    await running
    paused = await bench.control.status(job.id)
    assert (paused.state, paused.is_final) == ("paused", False)
    assert not await bench.runner().run_next(), "nobody works on what is paused"
    with pytest.raises(Conflict):
        await bench.control.pause(job.id)
    await bench.control.resume(job.id)
    assert await bench.runner().run_next()
    assert (await bench.control.status(job.id)).done == COUNT + 20
    with pytest.raises(Conflict):
        await bench.control.cancel(job.id)
    other = await bench.control.start([], [], dry_run=True)
    assert (await bench.control.cancel(other.id)).state == "cancelled"
    assert not await bench.runner().run_next()


async def test_what_there_is_not(bench: Bench) -> None:
    with pytest.raises(BadSearchValue):
        await bench.control.start(["Patients"], [], dry_run=False)
    with pytest.raises(BadSearchValue):
        await bench.control.start([], ["http://nowhere"], dry_run=False)
    with pytest.raises(NotFound):
        await bench.control.status("none")


async def test_a_defect_ends_the_job_and_not_the_runner(bench: Bench) -> None:
    heard: list[str] = []

    async def broken(job: Job, _: Checkpoint) -> Json:
        raise ZeroDivisionError

    await bench.jobs.add("broken", REINDEX, {"types": []})
    runner = Runner(bench.jobs, "one", {REINDEX: broken}, lambda problem, job: heard.append(job))
    assert await runner.run_next()
    assert heard == ["broken"]
    failed = await bench.control.status("broken")
    assert failed.state == JobState.FAILED.value
    assert failed.problem is not None
    assert "ZeroDivisionError" in failed.problem


async def test_labels_changed_meanwhile_are_kept(bench: Bench) -> None:
    """They make no new version: the same one that was read has other index values by now."""
    door, tag = bench.door, {"system": "urn:example", "code": "seen"}

    async def relabelling(content: bytes) -> IndexValues:
        resource = parse_json(content)
        await door.repository.relabel("Patient", resource["id"], lambda meta: {**meta, "tag": [tag]})
        return door.services.extractor.extract(resource)

    await bench.spoil()
    assert (await Reindexing(door.services.store).some(Part(earlier=False), relabelling, "", 10)).done == 10
    assert await door.ids("Patient?_tag=seen") == {f"p{number:02}" for number in range(10)}


async def test_what_fails_in_a_batch_is_told_as_it_is(bench: Bench) -> None:
    """Though documents before it are being written already."""
    await bench.spoil()

    async def failing(content: bytes) -> IndexValues:
        resource = parse_json(content)
        return bench.door.services.extractor.extract(resource) if resource["id"] < "p55" else IndexValues([1 // 0])

    with pytest.raises(ZeroDivisionError):
        await Reindexing(bench.door.services.store).some(Part(earlier=False), failing, "", 100)


async def test_histories_do_not_wait_for_a_reindex(bench: Bench) -> None:
    """It gives no instants: what is written while a batch waits for a locked document is told at once."""
    door, held, release = bench.door, asyncio.Event(), asyncio.Event()

    async def hold(session: Session) -> None:
        await door.services.store.resources.update_one(
            {"_id": "Patient/p05"}, {"$inc": {"h": 1}}, session=session.driver
        )
        held.set()
        await release.wait()

    await bench.spoil()
    await bench.control.start([], [], dry_run=False)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(door.services.store.transaction(hold))
        await held.wait()
        reindexing = tasks.create_task(bench.runner(batch=100).run_next())
        while not await door.ids("Patient?gender=male&_id=p00"):
            pass
        await door.put(patient(COUNT))
        asked = HistoryRequest(resource_type="Patient", logical_id=None, parameters=(("_count", "1"),))
        newest = (await door.repository.history(asked)).versions[0]
        assert not reindexing.done()
        release.set()
    assert newest.logical_id == f"p{COUNT}"
    assert len(await door.ids("Patient?gender=male")) == 20


async def test_concurrent_writers_lose_nothing(bench: Bench) -> None:
    """While a reindex runs over and over, every write is searched by its own values at once, and at the end."""
    stop = asyncio.Event()
    genders = ("male", "female", "other", "unknown")
    last: dict[str, str] = {}

    async def write(worker: int) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            number, gender = worker * 15 + turn % 15, genders[turn % 4]
            await bench.door.put(patient(number, gender))
            last[f"p{number:02}"] = gender
            if turn % 5 == 0:
                assert await bench.door.ids(f"Patient?_id=p{number:02}&gender={gender}") == {f"p{number:02}"}

    async with asyncio.TaskGroup() as tasks:
        for worker in range(4):
            tasks.create_task(write(worker))
        for _ in range(3):
            await bench.door.services.store.resources.update_many({}, {"$set": {"spoilt": 1}})
            await bench.control.start([], [], dry_run=False)
            await bench.runner(batch=5).run_next()
        stop.set()
    for gender in genders:
        expected = {name for name, found in last.items() if found == gender}
        assert await bench.door.ids(f"Patient?gender={gender}") & last.keys() == expected
