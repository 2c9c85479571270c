"""What is new of the facts of access: nothing is missed, however long nobody asks — docs/access-policy.md."""

from dataclasses import replace

import pytest

from fhirserver.access.changes import EVERYTHING, Changes
from fhirserver.repository import facts
from fhirserver.repository.facts import FactChanges
from fhirserver.repository.requests import Delete
from tests.door import Door, Json

SECOND_US = 1_000_000
CONSENT: Json = {
    "resourceType": "Consent",
    "id": "c",
    "status": "active",
    "scope": {"coding": [{"code": "patient-privacy"}]},
    "category": [{"coding": [{"code": "59284-0"}]}],
    "patient": {"reference": "Patient/1"},
    "policy": [{"uri": "https://policies.example.org/consent"}],
}
OF_THE_CONSENT = {"keys": frozenset({"Consent/c"}), "patients": frozenset({"1"})}


class Later:
    """A clock that is as far ahead as it is set."""

    def __init__(self, door: Door) -> None:
        self.clock, self.ahead_us = door.services.clock, 0

    def __call__(self) -> int:
        return self.clock() + self.ahead_us


@pytest.fixture
def later(door: Door) -> Later:
    return Later(door)


@pytest.fixture
def watch(door: Door, later: Later) -> FactChanges:
    return FactChanges(lambda: replace(door.services, clock=later))  # type: ignore[arg-type]


def told(found: Changes) -> dict[str, object]:
    return {name: getattr(found, name) for name in OF_THE_CONSENT}


async def test_at_first_anything_may_be_new(door: Door, watch: FactChanges) -> None:
    await door.clear()
    assert await watch.poll() == EVERYTHING
    assert await watch.poll() == Changes()


async def test_what_was_written_is_told_once(door: Door, watch: FactChanges) -> None:
    await door.clear()
    await watch.poll()
    await door.put(CONSENT)
    assert told(await watch.poll()) == OF_THE_CONSENT
    assert await watch.poll() == Changes()


async def test_a_deletion_does_not_say_whom_it_was_about(door: Door, watch: FactChanges) -> None:
    await door.clear()
    await door.put(CONSENT)
    await watch.poll()
    await door.repository.write(Delete(resource_type="Consent", logical_id="c"))
    assert await watch.poll() == EVERYTHING


@pytest.mark.parametrize("pause_s", [30, 119])
async def test_what_was_written_in_a_pause_is_told(door: Door, watch: FactChanges, later: Later, pause_s: int) -> None:
    """As if it had been written when nobody had asked for long, with a time from before the last question."""
    await door.clear()
    await watch.poll()
    await door.put(CONSENT)
    later.ahead_us = pause_s * SECOND_US
    assert told(await watch.poll()) == OF_THE_CONSENT


async def test_after_a_long_pause_anything_may_be_new(door: Door, watch: FactChanges, later: Later) -> None:
    await door.clear()
    await watch.poll()
    later.ahead_us = 121 * SECOND_US
    assert await watch.poll() == EVERYTHING
    assert await watch.poll() == Changes()


@pytest.mark.parametrize(("room", "lacks"), [(3, False), (2, True), (1, True)])
async def test_changes_that_there_is_no_room_for_may_lack(
    door: Door, watch: FactChanges, monkeypatch: pytest.MonkeyPatch, room: int, lacks: bool
) -> None:
    await door.clear()
    await watch.poll()
    await door.put(CONSENT, {**CONSENT, "id": "d"})
    monkeypatch.setattr(facts, "MOST_TOLD", room)
    assert (await watch.poll()).may_lack is lacks
