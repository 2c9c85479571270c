"""What was loaded for a caller is loaded again once something has changed that it was read from."""

import asyncio
from collections.abc import Collection

import pytest

from fhirserver.access.freshness import ASKED_EVERY_S, Change, Changes


class Record:
    """Changes as a database has them, and how often it was asked."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.asked: list[frozenset[str]] = []
        self.gate: asyncio.Event | None = None

    def write(self, key: str, version_id: int = 1) -> None:
        self.changes.append((key, version_id))

    async def changed(self, resource_types: Collection[str], since_s: float) -> Collection[Change]:
        self.asked.append(frozenset(resource_types))
        if self.gate is not None:
            await self.gate.wait()
        return [change for change in self.changes if change[0].partition("/")[0] in resource_types]


class World:
    def __init__(self) -> None:
        self.record, self.now_s = Record(), 0.0
        self.changes = Changes(lambda: self.record, lambda: self.now_s)

    def later(self) -> None:
        self.now_s += ASKED_EVERY_S + 0.01


@pytest.fixture
def world() -> World:
    return World()


async def test_a_change_is_counted_once(world: World) -> None:
    before = await world.changes.counts({"Consent"})
    world.record.write("Consent/1")
    world.later()
    after = await world.changes.counts({"Consent"})
    world.later()
    assert after["Consent"] == before["Consent"] + 1
    assert await world.changes.counts({"Consent"}) == after


async def test_a_new_version_is_a_change(world: World) -> None:
    world.record.write("Consent/1", 1)
    before = await world.changes.counts({"Consent"})
    world.record.write("Consent/1", 2)
    world.later()
    assert await world.changes.counts({"Consent"}) != before


async def test_changes_of_other_types_do_not_count(world: World) -> None:
    before = await world.changes.counts({"Consent"})
    await world.changes.counts({"Consent", "Encounter"})
    world.record.write("Encounter/1")
    world.later()
    assert await world.changes.counts({"Consent"}) == before
    assert (await world.changes.known())["Encounter"] == 1


async def test_callers_share_one_question_for_a_while(world: World) -> None:
    await asyncio.gather(*(world.changes.counts({"Consent"}) for _ in range(20)))
    await world.changes.counts({"Consent"})
    assert len(world.record.asked) == 1


async def test_a_type_that_was_not_asked_about_is_asked_about_at_once(world: World) -> None:
    await world.changes.counts({"Consent"})
    await world.changes.counts({"CareTeam"})
    assert world.record.asked == [{"Consent"}, {"Consent", "CareTeam"}]


async def test_who_comes_with_another_type_meanwhile_waits_for_its_own_answer(world: World) -> None:
    world.record.gate = asyncio.Event()
    world.record.write("CareTeam/1")
    first = asyncio.create_task(world.changes.counts({"Consent"}))
    await asyncio.sleep(0)
    second = asyncio.create_task(world.changes.counts({"CareTeam"}))
    await asyncio.sleep(0)
    world.record.gate.set()
    assert await first == {"Consent": 0}
    assert await second == {"CareTeam": 1}


async def test_nothing_is_asked_about_no_type(world: World) -> None:
    assert await world.changes.known() == {}
    assert not world.record.asked
