"""Many writers at once: each write is done once or refused, none is half done, no version is lost

http://hl7.org/fhir/R4/http.html#concurrency, http.html#ccreate, http.html#trules
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterable
from itertools import pairwise

import pytest
import pytest_asyncio

from fhirserver.app.knowledge import Knowledge
from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.outcome import (
    Deleted,
    MultipleMatches,
    NotFound,
    PreconditionFailed,
    Unprocessable,
)
from fhirserver.kernel.resource import Json, Resource
from fhirserver.kernel.version import Version
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Create, Delete, Effect, HistoryRequest, Patch, Update, Write, Written
from tests.door import Door, beside, body_of

WRITERS = 12


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def workers(door: Door, mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[list[Repository]]:
    """Two workers of one site."""
    async with beside(mongodb_uri, knowledge, door.services.store.resources.database.name) as other:
        yield [door.repository, other.repository]


def patient(name: str | None = None, *, mark: Json = None, identifier: str | None = None) -> Resource:
    own = {"id": name, "birthDate": mark and f"{1900 + mark}", "identifier": identifier and [{"value": identifier}]}
    return {"resourceType": "Patient", **{k: v for k, v in own.items() if v}}


def put(name: str, mark: int = 0, **more: Json) -> Update:
    return Update(resource_type="Patient", logical_id=name, body=body_of(patient(name, mark=mark)), **more)


def post(mark: int = 0, *, identifier: str, **more: Json) -> Create:
    return Create(resource_type="Patient", body=body_of(patient(mark=mark, identifier=identifier)), **more)


def delete(name: str, **more: Json) -> Delete:
    return Delete(resource_type="Patient", logical_id=name, **more)


async def race(workers: list[Repository], writes: Iterable[Write]) -> list[Written | BaseException]:
    """Do the writes at the same time, in turn on each worker."""
    tasks = [workers[i % len(workers)].write(write) for i, write in enumerate(writes)]
    return await asyncio.gather(*tasks, return_exceptions=True)


def outcomes(results: Iterable[Written | BaseException]) -> Counter[object]:
    return Counter(result.effect if isinstance(result, Written) else type(result) for result in results)


async def versions(repository: Repository, name: str) -> list[Version]:
    """Return an instance's history, which must be whole and in order, and each version readable by itself."""
    asked = HistoryRequest(resource_type="Patient", logical_id=name, parameters=(("_count", "1000"),))
    page = await repository.history(asked)
    found = list(page.versions)
    assert [version.version_id for version in found] == list(range(len(found), 0, -1))
    assert all(newer.last_updated_us > older.last_updated_us for newer, older in pairwise(found))
    assert page.total == len(found)
    for version in found:
        if version.content is None:
            with pytest.raises(Deleted):
                await repository.vread("Patient", name, str(version.version_id))
        else:
            assert (await repository.vread("Patient", name, str(version.version_id))).content == version.content
    return found


async def test_of_racing_updates_with_the_same_if_match_one_succeeds(workers: list[Repository]) -> None:
    await workers[0].write(put("if-match"))
    results = await race(workers, (put("if-match", mark, if_match="1") for mark in range(1, WRITERS + 1)))
    assert outcomes(results) == {Effect.UPDATED: 1, PreconditionFailed: WRITERS - 1}
    assert len(await versions(workers[0], "if-match")) == 2


async def test_of_racing_creations_with_if_none_match_one_succeeds(workers: list[Repository]) -> None:
    results = await race(workers, (put("none-match", mark, if_none_match=True) for mark in range(1, WRITERS + 1)))
    assert outcomes(results) == {Effect.CREATED: 1, PreconditionFailed: WRITERS - 1}
    assert len(await versions(workers[0], "none-match")) == 1


async def test_racing_updates_that_create_make_versions_without_gaps(workers: list[Repository]) -> None:
    results = await race(workers, (put("upsert", mark) for mark in range(1, WRITERS + 1)))
    assert outcomes(results) == {Effect.CREATED: 1, Effect.UPDATED: WRITERS - 1}
    found = await versions(workers[0], "upsert")
    assert len(found) == WRITERS
    assert len({parse_json(v.content or b"")["birthDate"] for v in found}) == WRITERS


async def test_racing_updates_all_come_in(workers: list[Repository]) -> None:
    await workers[0].write(put("updates"))
    results = await race(workers, (put("updates", mark) for mark in range(1, WRITERS + 1)))
    assert outcomes(results) == {Effect.UPDATED: WRITERS}
    assert len(await versions(workers[1], "updates")) == WRITERS + 1


async def test_racing_updates_of_the_same_content_are_one(workers: list[Repository]) -> None:
    results = await race(workers, [put("same", 1)] * WRITERS)
    assert outcomes(results) == {Effect.CREATED: 1, Effect.UNCHANGED: WRITERS - 1}
    assert len(await versions(workers[0], "same")) == 1


async def test_racing_conditional_creates_make_one_instance(workers: list[Repository], door: Door) -> None:
    creates = (post(mark, identifier="c", if_none_exist=(("identifier", "c"),)) for mark in range(1, 2 * WRITERS))
    results = await race(workers, creates)
    assert outcomes(results) == {Effect.CREATED: 1, Effect.UNCHANGED: 2 * WRITERS - 2}
    assert len({result.version.key for result in results if isinstance(result, Written) and result.version}) == 1
    assert len(await door.ids("Patient?identifier=c")) == 1


async def test_racing_conditional_creates_of_other_criteria_do_not_meet(workers: list[Repository]) -> None:
    creates = (post(identifier=f"d{i}", if_none_exist=(("identifier", f"d{i}"),)) for i in range(WRITERS))
    assert outcomes(await race(workers, creates)) == {Effect.CREATED: WRITERS}


async def test_racing_conditional_updates_make_one_instance(workers: list[Repository], door: Door) -> None:
    bodies = [body_of(patient(mark=mark, identifier="u")) for mark in range(1, WRITERS + 1)]
    updates = (Update(resource_type="Patient", body=body, criteria=(("identifier", "u"),)) for body in bodies)
    results = await race(workers, updates)
    assert outcomes(results) == {Effect.CREATED: 1, Effect.UPDATED: WRITERS - 1}
    (name,) = await door.ids("Patient?identifier=u")
    assert len(await versions(workers[0], name)) == WRITERS


async def test_racing_patches_all_come_in(workers: list[Repository]) -> None:
    await workers[0].write(put("patched"))

    def add(resource: Resource, mark: int) -> Resource:
        return {**resource, "identifier": [*resource.get("identifier", ()), {"value": str(mark)}]}

    patches = (
        Patch(resource_type="Patient", logical_id="patched", change=lambda r, _, m=mark: add(r, m))
        for mark in range(WRITERS)
    )
    assert outcomes(await race(workers, patches)) == {Effect.UPDATED: WRITERS}
    found = await versions(workers[0], "patched")
    identifiers = parse_json(found[0].content or b"")["identifier"]
    assert sorted(int(identifier["value"]) for identifier in identifiers) == list(range(WRITERS))


async def test_racing_deletes_are_one(workers: list[Repository]) -> None:
    await workers[0].write(put("deleted"))
    results = await race(workers, [delete("deleted")] * WRITERS)
    assert outcomes(results) == {Effect.DELETED: 1, Effect.UNCHANGED: WRITERS - 1}
    assert [v.content is None for v in await versions(workers[0], "deleted")] == [True, False]


async def test_deletes_and_updates_in_a_race_leave_a_whole_history(workers: list[Repository]) -> None:
    await workers[0].write(put("mixed"))
    writes = [put("mixed", mark) if mark % 2 else delete("mixed") for mark in range(1, WRITERS + 1)]
    results = await race(workers, writes)
    assert not [result for result in results if isinstance(result, BaseException)]
    changed = sum(isinstance(r, Written) and r.effect is not Effect.UNCHANGED for r in results)
    found = await versions(workers[0], "mixed")
    assert len(found) == changed + 1
    assert not any(newer.content is None and older.content is None for newer, older in pairwise(found))


async def test_an_instance_is_deleted_and_comes_back(workers: list[Repository], door: Door) -> None:
    (repository, _), name = workers, "phoenix"
    assert (await repository.write(put(name, 1))).effect is Effect.CREATED
    assert (await repository.write(delete(name))).effect is Effect.DELETED
    assert (await repository.write(delete(name))).effect is Effect.UNCHANGED
    with pytest.raises(Deleted) as gone:
        await repository.read("Patient", name)
    assert gone.value.headers["ETag"] == 'W/"2"'
    with pytest.raises(Deleted):
        await repository.write(Patch(resource_type="Patient", logical_id=name, change=lambda r, _: r))
    with pytest.raises(PreconditionFailed):
        await repository.write(put(name, 2, if_match="1"))
    assert (await repository.write(put(name, 1, if_match="2"))).effect is Effect.CREATED
    assert [v.version_id for v in await versions(repository, name)] == [3, 2, 1]
    assert await door.ids(f"Patient?_id={name}") == {name}
    for version_id in ("0", "4", "x", "1.0", "99999999999", "-1", ""):
        with pytest.raises(NotFound):
            await repository.vread("Patient", name, version_id)


async def test_a_delete_of_nothing_changes_nothing(workers: list[Repository]) -> None:
    written = await workers[0].write(delete("never-was"))
    assert (written.effect, written.version) == (Effect.UNCHANGED, None)
    with pytest.raises(NotFound):
        await workers[0].read("Patient", "never-was")
    with pytest.raises(PreconditionFailed):
        await workers[0].write(delete("never-was", if_match="1"))


async def test_racing_transactions_on_the_same_resources_all_come_in_whole(workers: list[Repository]) -> None:
    await workers[0].write(put("left"))
    await workers[0].write(put("right"))

    def both(mark: int) -> list[Write]:
        writes: list[Write] = [put("left", mark), put("right", mark)]
        return writes if mark % 2 else writes[::-1]

    tasks: list[Awaitable[list[Written]]] = [workers[m % 2].transact(both(m)) for m in range(1, WRITERS + 1)]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [result for result in results if isinstance(result, BaseException)] == []
    left, right = [await versions(workers[0], name) for name in ("left", "right")]
    marks = [[parse_json(v.content or b"").get("birthDate") for v in found] for found in (left, right)]
    assert marks[0] == marks[1]
    assert len(marks[0]) == WRITERS + 1


NO_CHANGE = Patch(resource_type="Patient", logical_id="nobody", change=lambda resource, _: resource)
FAILURES = [
    pytest.param(put("two", 1, if_match="7"), PreconditionFailed, id="a precondition"),
    pytest.param(Update(resource_type="Patient", logical_id="two", body=body_of({**patient("two"), "gender": "x"})),
                 Unprocessable, id="an invalid resource"),
    pytest.param(NO_CHANGE, NotFound, id="nothing to patch"),
    pytest.param(post(identifier="x", if_none_exist=(("identifier", "twin"),)), MultipleMatches, id="several matches"),
]  # fmt: skip


@pytest.mark.parametrize(("failing", "error"), FAILURES)
@pytest.mark.parametrize("position", [0, 1, 2])
async def test_a_transaction_with_an_entry_that_fails_changes_nothing(
    workers: list[Repository], door: Door, failing: Write, error: type[Exception], position: int
) -> None:
    await door.put(*({**patient(f"twin{i}", identifier="twin")} for i in range(2)), patient("kept", mark=1))
    before = await everything(door)
    writes: list[Write] = [put("kept", 2), post(identifier="lost"), delete("twin0")]
    writes[position:position] = [failing]
    with pytest.raises(error) as failed:
        await workers[0].transact(writes)
    assert getattr(failed.value, "write_index", None) == position
    assert await everything(door) == before


async def everything(door: Door) -> list[Json]:
    store = door.services.store
    found = [await collection.find({}).sort("_id").to_list() for collection in (store.resources, store.histories)]
    return [document for documents in found for document in documents]


async def test_an_instance_is_written_once_in_a_transaction(workers: list[Repository]) -> None:
    with pytest.raises(Exception, match="written twice") as failed:
        await workers[0].transact([put("twice", 1), put("other"), delete("twice")])
    assert getattr(failed.value, "write_index", None) == 2
    with pytest.raises(NotFound):
        await workers[0].read("Patient", "twice")


async def test_a_read_sees_every_write_that_was_acknowledged(workers: list[Repository]) -> None:
    async def write_and_read(number: int) -> None:
        repository = workers[number % 2]
        name = f"seen{number}"
        for mark in (1, 2):
            version = (await repository.write(put(name, mark))).version
            assert version is not None
            assert (await workers[(number + 1) % 2].read("Patient", name)).content == version.content
            assert (await repository.read("Patient", name)).version_id == mark

    await asyncio.gather(*(write_and_read(number) for number in range(30)))


async def test_concurrent_creates_each_have_their_own_result(door: Door) -> None:
    """200 at once, every tenth under an id that another has too."""
    names = [f"n{i - 1 if i % 10 == 9 else i}" for i in range(200)]
    results = await asyncio.gather(
        *(door.repository.write(put(name, 1 + i % 100, if_none_match=True)) for i, name in enumerate(names)),
        return_exceptions=True,
    )
    assert outcomes(results) == {Effect.CREATED: 180, PreconditionFailed: 20}
    for i, (name, result) in enumerate(zip(names, results, strict=True)):
        if isinstance(result, Written) and result.version is not None:
            assert result.version.logical_id == name
            assert parse_json(result.version.content or b"")["birthDate"] == str(1901 + i % 100)
            assert (await door.repository.read("Patient", name)).content == result.version.content
