"""The leak matrix: nothing that a caller is answered betrays what is hidden from it — conformance.md §1.7.52, §8.1-19.

Two databases are filled alike, but that one has resources which the caller may not see. Whatever the caller asks, it is
answered the same by both, instants apart.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import pytest
import pytest_asyncio

from fhirserver.app.knowledge import Knowledge
from fhirserver.kernel.instant import render_instant
from tests.access.asks import Matrix, operations_in
from tests.access.situations import SITUATIONS, Situation
from tests.access.worlds import OPERATOR, Answer, Ask, World, delete, fill, opened, put, revised

ENOUGH: Final = 500
"""Cases that would tell something if it were not for the access, of those of which the operator asks."""
SAMPLE: Final = 3
"""Of how many cases the operator asks one."""


@dataclass(frozen=True)
class Twins:
    """A situation, the database with what is hidden, the one without, and what to ask."""

    situation: Situation
    world: World
    twin: World
    matrix: Matrix

    async def differences(self, asks: Iterable[Ask]) -> tuple[list[str], int]:
        """Return what differs, and how many of a sample of the asks the operator is answered differently."""
        found, telling = [], 0
        for number, ask in enumerate(asks):
            for caller in self.situation.callers:
                answers = await self._both(caller, ask, number)
                if answers[0] != answers[1]:
                    found.append(f"{caller}: {ask.what}: {ask.method} {ask.path} {ask.body!r}\n{_shown(*answers)}")
            if ask.method in ("GET", "HEAD") and number % SAMPLE == 0:
                theirs = await self._both(OPERATOR, ask, number)
                telling += theirs[0] != theirs[1]
        return found, telling

    async def differs(self, ask: Ask, number: int) -> bool:
        """Tell whether some caller is answered differently."""
        for caller in self.situation.callers:
            one, other = await self._both(caller, ask, number)
            if one != other:
                return True
        return False

    async def hidden_state(self) -> list[list[Answer]]:
        """Return what is hidden, as it is now."""
        asks = [Ask("read", "GET", f"{one['resourceType']}/{one['id']}") for one in self.situation.hidden]
        return [await self.world.ask(OPERATOR, ask) for ask in asks]

    async def _both(self, caller: str, ask: Ask, number: int) -> tuple[list[Answer], list[Answer]]:
        return await self.world.ask(caller, ask, number), await self.twin.ask(caller, ask, number)


def _shown(one: Sequence[Answer], other: Sequence[Answer]) -> str:
    for first, second in zip(one, other, strict=False):
        if first != second:
            return f"  with: {str(first)[:1500]}\n  without: {str(second)[:1500]}"
    return f"  {len(one)} pages with, {len(other)} without"


@asynccontextmanager
async def twins_of(situation: Situation, uri: str, knowledge: Knowledge) -> AsyncIterator[Twins]:
    """Open and fill the databases of a situation."""
    async with opened(uri, knowledge, situation.who) as world, opened(uri, knowledge, situation.who) as twin:
        await _fill(situation, world, twin)
        services = world.site.live.now
        moment = render_instant(services.clock())
        await asyncio.sleep(0.01)
        operations = await _operations_of(world)
        yield Twins(situation, world, twin, Matrix(services, situation.visible, situation.hidden, moment, operations))


async def _operations_of(world: World) -> dict[str, list[str]]:
    """Read what the table of interactions has off the CapabilityStatement, which is made from it."""
    response = await world.client.get("metadata", headers={"x-caller": OPERATOR})
    return operations_in(response.json())


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=SITUATIONS, ids=lambda one: one.name)
async def twins(request: pytest.FixtureRequest, mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Twins]:
    async with twins_of(request.param, mongodb_uri, knowledge) as found:
        yield found
        assert found.world.faults == found.twin.faults == []


async def _fill(situation: Situation, world: World, twin: World) -> None:
    """Fill both; what is hidden comes between what is not, has a history, and some of it is deleted."""
    for one in situation.visible:
        for both in (world, twin):
            await fill(both, [put(situation.as_shown(one, twin=both is twin))])
    for one in situation.hidden if not situation.is_mask else ():
        await fill(world, revised(one))
        if one["id"].startswith(situation.gone):
            await fill(world, [delete(one)])
    for one in (one for one in situation.visible[::3] if one["resourceType"] != "AuditEvent"):
        for both in (world, twin):
            await fill(both, revised(situation.as_shown(one, twin=both is twin)))


async def test_what_is_not_hidden_is_seen(twins: Twins) -> None:
    """A caller who saw nothing would be told nothing."""
    asks = [Ask("read", "GET", f"{one['resourceType']}/{one['id']}") for one in twins.situation.visible]
    for caller in twins.situation.callers:
        seen = [(await twins.world.ask(caller, ask))[0].status == 200 for ask in asks]
        assert sum(seen) >= 0.9 * len(seen), caller


TELLING: dict[str, int] = {}


async def test_reads_tell_nothing(twins: Twins) -> None:
    asks = list(twins.matrix.reads())
    found, telling = await twins.differences(asks)
    TELLING[twins.situation.name] = telling
    assert not found, f"{len(found)} of {len(asks)} leak:\n" + "\n".join(found[:12])


async def test_bundles_of_reads_tell_nothing(twins: Twins) -> None:
    asks = list(twins.matrix.bundles(twins.matrix.reads()))
    found, _ = await twins.differences(asks)
    assert not found, f"{len(found)} of {len(asks)} leak:\n" + "\n".join(found[:3])


async def test_writes_tell_nothing_and_change_nothing(twins: Twins) -> None:
    if twins.situation.is_mask:
        return
    before = await twins.hidden_state()
    asks = list(twins.matrix.writes())
    asks += list(twins.matrix.bundles(asks))
    found, _ = await twins.differences(asks)
    assert not found, f"{len(found)} of {len(asks)} leak:\n" + "\n".join(found[:12])
    assert await twins.hidden_state() == before


def test_there_were_enough_cases() -> None:
    """Runs after all situations, where they ran in this process."""
    if set(TELLING) >= {one.name for one in SITUATIONS}:
        assert sum(TELLING.values()) >= ENOUGH, TELLING
