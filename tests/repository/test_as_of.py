"""The record as it stood: reads and searches with ``_at`` — http://hl7.org/fhir/R4/http.html#history

"Only include resource versions that were current at some point during the time period specified"
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from fhirserver.app.knowledge import Knowledge
from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.instant import render_instant
from fhirserver.kernel.outcome import BadRequest, BadSearchValue, Deleted, NotFound, Unavailable
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version import Version
from fhirserver.repository.requests import Create, Delete, Patch, Update
from fhirserver.search.index import IndexValues
from fhirserver.store.layout import INDEXED
from fhirserver.store.reindex import Extract, Part, Reindexing
from fhirserver.store.store import INDEXED_HISTORY
from tests.door import Door, beside, body_of, pair


def patient(name: str, family: str) -> Resource:
    return {"resourceType": "Patient", "id": name, "name": [{"family": family}]}


async def put(door: Door, resource: Resource) -> Version:
    update = Update(resource_type=resource["resourceType"], logical_id=resource["id"], body=body_of(resource))
    version = (await door.repository.write(update)).version
    assert version is not None
    return version


async def delete(door: Door, name: str) -> Version:
    version = (await door.repository.write(Delete(resource_type="Patient", logical_id=name))).version
    assert version is not None
    return version


@dataclass(frozen=True)
class Story:
    """a1 b1 a2 b2 (deleted) a3 b3 (back), and the moments between them."""

    door: Door
    versions: dict[str, Version]

    def at(self, name: str) -> str:
        """Write ``a2``, ``a2-`` or ``a2+`` as an instant."""
        shift = {"-": -1, "+": 1}.get(name[-1], 0)
        return render_instant(self.versions[name.rstrip("+-")].last_updated_us + shift)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def story(door: Door) -> AsyncIterator[Story]:
    await door.clear()
    made = [await put(door, patient("a", "one")), await put(door, patient("b", "one"))]
    made += [await put(door, patient("a", "two")), await delete(door, "b")]
    made += [await put(door, patient("a", "three")), await put(door, patient("b", "three"))]
    yield Story(door, {f"{version.logical_id}{version.version_id}": version for version in made})


READS = [
    pytest.param("a", "a1-", NotFound, id="before it was created"),
    pytest.param("a", "a1", 1, id="at the instant of its creation"),
    pytest.param("a", "a2-", 1, id="until the instant before the next version"),
    pytest.param("a", "a2", 2, id="from the instant of the next version"),
    pytest.param("a", "a3+", 3, id="the current version"),
    pytest.param("b", "b2-", 1, id="before it was deleted"),
    pytest.param("b", "b2", Deleted, id="deleted then"),
    pytest.param("b", "b3-", Deleted, id="deleted until it came back"),
    pytest.param("b", "b3", 3, id="back again"),
    pytest.param("c", "b3", NotFound, id="never there"),
]


@pytest.mark.parametrize(("name", "at", "expected"), READS)
async def test_read_as_of(story: Story, name: str, at: str, expected: int | type[Exception]) -> None:
    asked = (("_at", story.at(at)),)
    if isinstance(expected, int):
        version = await story.door.repository.read_as_of("Patient", name, asked)
        assert version == story.versions[f"{name}{expected}"]
    else:
        with pytest.raises(expected) as raised:
            await story.door.repository.read_as_of("Patient", name, asked)
        assert raised.type is expected


PERIODS = [
    pytest.param("1990", NotFound, id="a year: as it stood at its end"),
    pytest.param("2999", 3, id="the time to come is the present"),
    pytest.param("2999-01-01T00:00:00Z", 3, id="an instant to come"),
    pytest.param("2999-01-01T00:00:00 01:00", 3, id="a plus that was not escaped"),
    pytest.param("", 3, id="no value: ignored"),
]


@pytest.mark.parametrize(("at", "expected"), PERIODS)
async def test_the_period_of_a_value(story: Story, at: str, expected: int | type[Exception]) -> None:
    if isinstance(expected, int):
        version = await story.door.repository.read_as_of("Patient", "a", (("_at", at),))
        assert version.version_id == expected
    else:
        with pytest.raises(expected):
            await story.door.repository.read_as_of("Patient", "a", (("_at", at),))


async def test_the_precision_of_a_value_is_a_period(story: Story) -> None:
    """The newest version of the second, minute, hour, day … is answered: what `_history?_at=` lists first."""
    for digits in (4, 7, 10, 16, 19):
        text = story.at("a1")[:digits] + ("Z" if digits > 10 else "")
        version = await story.door.repository.read_as_of("Patient", "a", (("_at", text),))
        own = [number for number in (1, 2, 3) if story.at(f"a{number}")[:digits] == text[:digits]]
        assert version.version_id == max(own)


@pytest.mark.parametrize("at", ["yesterday", "ge2020", "2020-13", "2020-01-01T25:00:00Z", "0"])
async def test_what_is_no_date_is_refused(story: Story, at: str) -> None:
    with pytest.raises(BadSearchValue):
        await story.door.repository.read_as_of("Patient", "a", (("_at", at),))
    with pytest.raises(BadSearchValue):
        await story.door.search(f"Patient?_at={at}")


async def test_two_instants_are_refused(story: Story) -> None:
    with pytest.raises(BadSearchValue):
        await story.door.search("Patient?_at=2020&_at=2021")


async def test_criteria_take_no_instant(story: Story) -> None:
    create = Create(resource_type="Patient", body=body_of(patient("x", "x")), if_none_exist=(("_at", "2020"),))
    with pytest.raises(BadRequest):
        await story.door.repository.write(create)


SEARCHES = [
    pytest.param("family=one", "a1", "a1", id="what was there"),
    pytest.param("family=one", "b1", "a1 b1", id="two"),
    pytest.param("family=one", "a2", "b1", id="one of them has changed"),
    pytest.param("family=one", "b2", "", id="the other is deleted"),
    pytest.param("family=one", "b3", "", id="no version of today"),
    pytest.param("family=two", "b2", "a2", id="between two versions"),
    pytest.param("family:missing=false", "b2", "a2", id="deletions are no matches"),
    pytest.param("family:missing=false", "a1-", "", id="nothing before the first"),
    pytest.param("_id=a,b", "b1", "a1 b1", id="_id"),
    pytest.param("_id=a,b", "b2", "a2", id="_id of a deleted one"),
    pytest.param("_id:not=a", "b1", "b1", id="_id:not"),
    pytest.param("_lastUpdated=ge{b1}", "b1", "b1", id="_lastUpdated is that of the version"),
    pytest.param("", "b3", "a3 b3", id="everything, now"),
    pytest.param("_sort=-_lastUpdated", "b1", "b1 a1", id="_sort"),
    pytest.param("_sort=-_id&family=one", "b1", "b1 a1", id="_sort by id"),
]


@pytest.mark.parametrize(("query", "at", "expected"), SEARCHES)
async def test_search_as_of(story: Story, query: str, at: str, expected: str) -> None:
    instants = {name: story.at(name) for name in story.versions}
    asked = [part for part in query.format_map(instants).split("&") if part]
    page = await story.door.search("Patient", *asked, f"_at={story.at(at)}")
    found = [f"{version.logical_id}{version.version_id}" for version in page.matches]
    assert found == expected.split()
    assert page.total == len(found)
    counted = await story.door.search("Patient", *asked, f"_at={story.at(at)}", "_summary=count")
    assert (counted.total, counted.matches) == (len(found), ())
    assert [v.content for v in page.matches] == [story.versions[name].content for name in found]


async def test_every_type_and_a_compartment(story: Story) -> None:
    page = await story.door.search("", f"_at={story.at('b1')}", "_type=Patient,Observation")
    assert [version.logical_id for version in page.matches] == ["a", "b"]
    page = await story.door.search("Patient/a/Patient", f"_at={story.at('b1')}")
    assert [version.logical_id for version in page.matches] == ["a"]


async def test_the_self_link_has_the_instant(story: Story) -> None:
    at = story.at("a2")
    assert dict((await story.door.search("Patient", f"_at={at}")).applied)["_at"] == at
    assert dict((await story.door.search("Patient", "_at=2020")).applied)["_at"] == "2020"


async def test_patches_and_conditional_updates_are_kept_too(door: Door) -> None:
    first = await put(door, patient("p", "pone"))
    name = [{"family": "ptwo"}]
    change = Patch(resource_type="Patient", logical_id="p", change=lambda found, _: {**found, "name": name})
    await door.repository.write(change)
    conditional = Update(
        resource_type="Patient", criteria=(("family", "ptwo"),), body=body_of({**patient("p", "pthree")})
    )
    third = (await door.repository.write(conditional)).version
    assert third is not None
    for family, at in (("pone", first.last_updated_us), ("ptwo", third.last_updated_us - 1)):
        page = await door.search(f"Patient?family={family}", f"_at={render_instant(at)}")
        assert [version.logical_id for version in page.matches] == ["p"], family
        assert (await door.search(f"Patient?family={family}")).matches == ()


@pytest.mark.parametrize("sort", ["patient.family", "-patient.family", "patient._id", "-patient.birthdate,_id"])
async def test_a_chained_sort_follows_the_versions_of_then(door: Door, sort: str) -> None:
    for name, family, born in (("s", "b", "1990"), ("u", "a", "1980")):
        await put(door, {**patient(name, family), "birthDate": born})
        subject = {"reference": f"Patient/{name}"}
        resource = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject}
        last = await put(door, {**resource, "id": f"of-{name}"})
    query = f"Observation?patient=s,u&_sort={sort}"
    then = [v.logical_id for v in (await door.search(query)).matches]
    await put(door, {**patient("u", "z"), "birthDate": "2020"})
    at = f"_at={render_instant(last.last_updated_us)}"
    page = await door.search(query, at, "_count=1")
    found = [version.logical_id for version in page.matches]
    following = await door.search(query, at, "_count=1", f"_cursor={page.next_cursor}")
    assert [*found, *(version.logical_id for version in following.matches)] == then
    now = [v.logical_id for v in (await door.search(query)).matches]
    assert now == (then if sort == "patient._id" else then[::-1])


async def without_values(door: Door) -> None:
    """Leave the history as a server kept it that did not index it."""
    histories = door.services.store.histories
    await histories.update_many({}, {"$unset": dict.fromkeys((*INDEXED, "n"), "")})
    await histories.database["setting"].delete_one({"_id": INDEXED_HISTORY})


async def test_a_history_without_values_is_searched_once_they_are_computed(
    story: Story, mongodb_uri: str, knowledge: Knowledge
) -> None:
    door, queries = story.door, [pair(f"_at={story.at(name)}") for name in story.versions]
    services = door.services
    expected = [(await door.search("Patient", "=".join(at))).matches for at in queries]
    kept: list[dict[str, Any]] = await services.store.histories.find({}, {"n": 0}).sort("_id").to_list()
    await without_values(door)
    async with beside(mongodb_uri, knowledge, services.store.histories.database.name) as other:
        with pytest.raises(Unavailable):
            await other.search("Patient?_at=2020")
        assert (await other.repository.read_as_of("Patient", "a", (queries[0],))).version_id == 1
        store, reindexing, part = other.services.store, Reindexing(other.services.store), Part(earlier=True)
        done, after = 0, ""
        while True:
            batch = await reindexing.some(part, extract_of(other), after, 2)
            done += batch.done
            if batch.last is None:
                break
            after = batch.last
        assert done == len(kept)
        await reindexing.note_whole()
        assert [(await other.search("Patient", "=".join(at))).matches for at in queries] == expected
        assert await store.histories.find({}, {"n": 0}).sort("_id").to_list() == kept
        assert (await reindexing.some(part, extract_of(other), "", 100)).changed == 0


def extract_of(door: Door) -> Extract:
    async def extract(content: bytes) -> IndexValues:
        return door.services.extractor.extract(parse_json(content))

    return extract
