"""Histories: which versions, in which order, in pages — http://hl7.org/fhir/R4/http.html#history"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
import pytest_asyncio

from fhirserver.kernel.instant import render_instant
from fhirserver.kernel.outcome import BadSearchValue, NotFound, UnknownParameter
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version import Version
from fhirserver.repository.requests import Create, Delete, HistoryPage, HistoryRequest, Update
from tests.door import Door, body_of


def patient(name: str, mark: int) -> Resource:
    return {"resourceType": "Patient", "id": name, "birthDate": f"{1900 + mark}"}


async def put(door: Door, name: str, mark: int) -> Version:
    update = Update(resource_type="Patient", logical_id=name, body=body_of(patient(name, mark)))
    version = (await door.repository.write(update)).version
    assert version is not None
    return version


async def delete(door: Door, name: str) -> Version:
    version = (await door.repository.write(Delete(resource_type="Patient", logical_id=name))).version
    assert version is not None
    return version


async def history(door: Door, of: str, *parameters: str, lenient: bool = False) -> HistoryPage:
    parts = [*of.split("/"), None, None] if of else [None, None]
    pairs = tuple((name, value) for name, _, value in (parameter.partition("=") for parameter in parameters))
    request = HistoryRequest(resource_type=parts[0], logical_id=parts[1], parameters=pairs, lenient=lenient)
    return await door.repository.history(request)


async def pages(door: Door, of: str, *parameters: str) -> list[HistoryPage]:
    found = [await history(door, of, *parameters)]
    while (cursor := found[-1].next_cursor) is not None:
        found.append(await history(door, of, *parameters, f"_cursor={cursor}"))
    return found


def names(versions: list[Version] | tuple[Version, ...]) -> list[str]:
    return [f"{version.logical_id}{version.version_id}" for version in versions]


@dataclass(frozen=True)
class Story:
    """a1 b1 a2 b2 (deleted) a3 b3 (back), and a Group; the moments between them."""

    door: Door
    versions: dict[str, Version]

    def at(self, name: str, *, plus_us: int = 0) -> str:
        return render_instant(self.versions[name].last_updated_us + plus_us)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def story(door: Door) -> AsyncIterator[Story]:
    await door.clear()
    group = body_of({"resourceType": "Group", "type": "person", "actual": True})
    made = [await put(door, "a", 1), await put(door, "b", 1), await put(door, "a", 2), await delete(door, "b")]
    made += [await put(door, "a", 3), await put(door, "b", 3)]
    await door.repository.write(Create(resource_type="Group", body=group))
    yield Story(door, {f"{version.logical_id}{version.version_id}": version for version in made})


async def test_an_instance_has_its_versions_newest_first(story: Story) -> None:
    page = await history(story.door, "Patient/b")
    assert (names(page.versions), page.total) == (["b3", "b2", "b1"], 3)
    assert [(v.method, v.content is None, v.revives) for v in page.versions] == [
        ("PUT", False, True), ("DELETE", True, False), ("PUT", False, False),
    ]  # fmt: skip
    assert [v.content for v in page.versions] == [story.versions[n].content for n in ("b3", "b2", "b1")]


async def test_a_type_and_the_system(story: Story) -> None:
    assert names((await history(story.door, "Patient")).versions) == ["b3", "a3", "b2", "a2", "b1", "a1"]
    assert (await history(story.door, "Patient")).total == 6
    system = await history(story.door, "")
    assert ([v.resource_type for v in system.versions], system.total) == (["Group", *["Patient"] * 6], 7)
    assert [v.resource_type for v in (await history(story.door, "", "_type=Group")).versions] == ["Group"]
    assert len((await history(story.door, "", "_type=Group,Patient")).versions) == 7
    assert (await history(story.door, "Practitioner")).versions == ()


SINCE = [
    pytest.param("_since={a2}", ["b3", "a3", "b2", "a2"], id="_since: created at or after the given instant"),
    pytest.param("_since={a2+}", ["b3", "a3", "b2"], id="_since: a µs later"),
    pytest.param("_since=2000", ["b3", "a3", "b2", "a2", "b1", "a1"], id="_since: a year"),
    pytest.param("_since=2999-01-01T00:00:00Z", [], id="_since: the future"),
    pytest.param("_before={a2}", ["b1", "a1"], id="_before: not the instant itself"),
    pytest.param("_before={a2+}", ["a2", "b1", "a1"], id="_before: a µs later"),
    pytest.param("_since={b1}&_before={b2}", ["a2", "b1"], id="_since and _before"),
    pytest.param("_sort=_lastUpdated", ["a1", "b1", "a2", "b2", "a3", "b3"], id="_sort: oldest first"),
    pytest.param("_sort=-_lastUpdated", ["b3", "a3", "b2", "a2", "b1", "a1"], id="_sort: newest first"),
    pytest.param("_sort=none", ["b3", "a3", "b2", "a2", "b1", "a1"], id="_sort: none"),
    pytest.param("_since={a2}&_sort=_lastUpdated", ["a2", "b2", "a3", "b3"], id="_since, oldest first"),
    pytest.param("_at={a2}", ["a2", "b1"], id="_at: current at that instant"),
    pytest.param("_at={b2}", ["b2", "a2"], id="_at: a deletion is what is current"),
    pytest.param("_at={a1}", ["a1"], id="_at: the first"),
    pytest.param("_at=2000", [], id="_at: before everything"),
    pytest.param("_at=2999", ["b3", "a3"], id="_at: after everything"),
]


@pytest.mark.parametrize("count", [100, 1, 2])
@pytest.mark.parametrize(("parameters", "expected"), SINCE)
async def test_which_versions(story: Story, parameters: str, expected: list[str], count: int) -> None:
    instants = {name: story.at(name) for name in story.versions}
    later = {f"{name}+": story.at(name, plus_us=1) for name in story.versions}
    given = [part.format_map({**instants, **later}) for part in parameters.split("&")]
    found = await pages(story.door, "Patient", *given, f"_count={count}")
    assert [name for page in found for name in names(page.versions)] == expected
    assert all(len(page.versions) <= count for page in found)
    for letter in "ab":
        own = await pages(story.door, f"Patient/{letter}", *given, f"_count={count}")
        assert [n for page in own for n in names(page.versions)] == [n for n in expected if n[0] == letter]


async def test_at_is_a_period_when_it_is_not_an_instant(story: Story) -> None:
    second = story.at("a1")[:19] + "Z"
    assert "a1" in names((await history(story.door, "Patient", f"_at={second}")).versions)
    today = datetime.fromtimestamp(story.versions["a1"].last_updated_us / 1e6, UTC).date().isoformat()
    assert len((await history(story.door, "Patient", f"_at={today}")).versions) == 6


async def test_an_instant_in_another_zone(story: Story) -> None:
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=story.versions["a2"].last_updated_us)
    local = moment.astimezone(timezone(timedelta(hours=2))).isoformat()
    for text in (local, local.replace("+", " ")):  # a plus that the client did not escape
        assert names((await history(story.door, "Patient", f"_since={text}")).versions) == ["b3", "a3", "b2", "a2"]


@pytest.mark.parametrize("parameter", ["_summary=count", "_count=0"])
async def test_a_count_alone(story: Story, parameter: str) -> None:
    for of, total in (("Patient/a", 3), ("Patient", 6), ("", 7)):
        page = await history(story.door, of, parameter)
        assert (page.versions, page.total, page.next_cursor) == ((), total, None)


async def test_what_was_applied_is_said(story: Story) -> None:
    page = await history(story.door, "Patient", "_count=2", "nothing=1", "_since=2000", lenient=True)
    assert page.applied == (("_count", "2"), ("_since", "2000"))
    assert [issue.expression for issue in page.issues] == [("http.nothing",)]


UNREADABLE = ("_since=x", "_since=", "_before=2020-13", "_at=yesterday", "_sort=family", "_type=Nothing", "_count=-1")


@pytest.mark.parametrize("parameter", [*UNREADABLE, "_count=x", "_cursor=x"])
async def test_a_bad_value_is_refused(story: Story, parameter: str) -> None:
    with pytest.raises(BadSearchValue) as refused:
        await history(story.door, "", parameter, lenient=True)
    assert refused.value.issues[0].expression == (f"http.{parameter.partition('=')[0]}",)


@pytest.mark.parametrize(
    ("of", "parameter"), [("Patient", "_type=Patient"), ("Patient", "gender=male"), ("", "_since:x=2000")]
)
async def test_an_unknown_parameter_is_refused(story: Story, of: str, parameter: str) -> None:
    with pytest.raises(UnknownParameter):
        await history(story.door, of, parameter)


async def test_a_history_of_what_never_was(story: Story) -> None:
    for name in ("nobody", "%", "a" * 65):
        with pytest.raises(NotFound):
            await history(story.door, f"Patient/{name}")
    with pytest.raises(NotFound):
        await history(story.door, "Patient/nobody", "_since=2000")
    assert (await history(story.door, "Patient/a", "_since=2999")).versions == ()


async def test_a_cursor_belongs_to_its_history(story: Story) -> None:
    cursor = (await history(story.door, "Patient", "_count=2")).next_cursor
    for of, parameters in (("", ()), ("Patient/a", ()), ("Patient", ("_since=2000",)), ("Patient", ("_count=3",))):
        with pytest.raises(BadSearchValue):
            await history(story.door, of, *(parameters or ("_count=2",)), f"_cursor={cursor}")


async def test_ids_that_begin_alike_have_their_own_histories(door: Door) -> None:
    for name in ("x", "x-1", "x.1", "x1", "x0"):
        await put(door, name, 1)
        await put(door, name, 2)
    for name in ("x", "x-1", "x.1", "x1", "x0"):
        assert names((await history(door, f"Patient/{name}")).versions) == [f"{name}2", f"{name}1"]


@pytest.mark.parametrize("sort", ["_lastUpdated", "-_lastUpdated"])
@pytest.mark.parametrize("of", ["Patient", ""])
async def test_pages_neither_repeat_nor_drop_a_version_while_others_write(door: Door, sort: str, of: str) -> None:
    await door.clear()
    for mark in range(1, 9):
        for name in "pqr":
            await put(door, name, mark)
    before = [version.last_updated_us for page in await pages(door, of, f"_sort={sort}") for version in page.versions]
    assert len(before) == 24

    async def write() -> None:
        for mark in range(10, 40):
            await put(door, "pqrstu"[mark % 6], mark)
            if mark % 7 == 0:
                await delete(door, "pqrstu"[mark % 6])

    writers = [asyncio.create_task(write()) for _ in range(2)]
    for _ in range(3):
        found = [v for page in await pages(door, of, f"_sort={sort}", "_count=5") for v in page.versions]
        instants = [version.last_updated_us for version in found]
        assert len(set(names(found))) == len(found)
        assert all((older < newer) is (sort == "_lastUpdated") for older, newer in pairwise(instants))
        assert [instant for instant in instants if instant in set(before)] == before
    await asyncio.gather(*writers)


async def test_a_harvester_misses_nothing(door: Door) -> None:
    """Ask again and again for what is newer than the newest that was seen, while others write."""
    await door.clear()
    written: set[str] = set()

    async def write(name: str) -> None:
        for mark in range(1, 20):
            version = await put(door, name, mark)
            written.add(f"{version.logical_id}{version.version_id}")

    seen: set[str] = set()
    since = 0
    writers = [asyncio.create_task(write(f"h-{letter}-")) for letter in "abcdef"]
    while True:
        finished = all(writer.done() for writer in writers)
        page = await history(door, "Patient", f"_since={render_instant(since)}", "_sort=_lastUpdated", "_count=1000")
        seen |= set(names(page.versions))
        since = max([since, *(version.last_updated_us for version in page.versions)])
        if finished:
            break
    assert seen == written
    assert len(seen) == 6 * 19
