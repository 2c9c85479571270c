"""Weighted limits — https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/, RFC 6585 §4"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import pytest

from fhirserver.kernel.caller import Caller
from fhirserver.kernel.exchange import Interaction, Target
from fhirserver.kernel.outcome import Throttled, Unavailable
from fhirserver.rest.quotas import Limit, Quotas, cost_of

ANNE = Caller(client_id="portal", scopes=(), fhir_user="Patient/anne")
BEA = Caller(client_id="portal", scopes=(), fhir_user="Patient/bea")
HARVESTER = Caller(client_id="harvester", scopes=())


class World:
    """Workers that share a count, and a clock that stands."""

    def __init__(self, *limits: Limit) -> None:
        self.now = 6_000.0
        self.counts: dict[str, float] = defaultdict(float)
        self.is_away = False
        self.limits = limits

    def worker(self) -> Quotas:
        return Quotas(self.limits, self.count, lambda: self.now)

    async def count(self, amounts: Mapping[str, float], expires_s: float) -> Mapping[str, float]:
        if self.is_away:
            raise Unavailable("The database cannot be reached.")
        for key, amount in amounts.items():
            self.counts[key] += amount
        return {key: self.counts[key] for key in amounts}


def is_admitted(worker: Quotas, caller: Caller) -> bool:
    try:
        worker.admit(caller)
    except Throttled:
        return False
    return True


def charge(worker: Quotas, caller: Caller, points: float) -> Sequence[tuple[bytes, bytes]]:
    """Let a caller in and take the points of its request."""
    return worker.charge(worker.admit(caller), points)


def test_a_caller_is_let_in_while_there_are_points() -> None:
    worker = World(Limit("client", 10)).worker()
    charge(worker, ANNE, 9.9)
    assert is_admitted(worker, ANNE)
    charge(worker, ANNE, 0.1)
    assert not is_admitted(worker, ANNE)


def test_a_refusal_says_when_to_come_back() -> None:
    world = World(Limit("client", 10))
    worker = world.worker()
    charge(worker, ANNE, 10)
    world.now += 12.5
    with pytest.raises(Throttled, match="client has used the 10 points") as refused:
        worker.admit(ANNE)
    assert refused.value.headers["Retry-After"] == "48"
    assert refused.value.headers["RateLimit"] == '"client";r=0;t=48'


def test_a_new_window_begins_with_all_points() -> None:
    world = World(Limit("client", 10))
    worker = world.worker()
    charge(worker, ANNE, 10)
    world.now += 60
    assert is_admitted(worker, ANNE)


def test_a_request_that_outlasts_its_window_is_charged_to_the_next() -> None:
    world = World(Limit("client", 10))
    worker = world.worker()
    account = worker.admit(ANNE)
    world.now += 60
    assert worker.charge(account, 10)[1] == (b"ratelimit", b'"client";r=0;t=60')
    assert not is_admitted(worker, ANNE)


def test_a_clock_that_is_set_back_begins_a_window() -> None:
    world = World(Limit("client", 10))
    worker = world.worker()
    charge(worker, ANNE, 10)
    world.now -= 120
    assert is_admitted(worker, ANNE)


def test_users_of_a_client_share_its_points_and_have_their_own() -> None:
    worker = World(Limit("client", 100), Limit("user", 10)).worker()
    charge(worker, ANNE, 10)
    assert not is_admitted(worker, ANNE)
    assert is_admitted(worker, BEA)
    charge(worker, BEA, 5)
    assert charge(worker, BEA, 0) == (
        (b"ratelimit-policy", b'"client";q=100;w=60, "user";q=10;w=60'),
        (b"ratelimit", b'"user";r=5;t=60'),
    )


def test_a_client_without_user_has_no_user_limit() -> None:
    worker = World(Limit("user", 10)).worker()
    assert charge(worker, HARVESTER, 1000) == ()
    assert is_admitted(worker, HARVESTER)


def test_all_callers_share_the_points_of_a_site() -> None:
    worker = World(Limit("site", 10)).worker()
    charge(worker, HARVESTER, 10)
    assert not is_admitted(worker, ANNE)


async def test_workers_add_up() -> None:
    world = World(Limit("client", 10))
    one, other = world.worker(), world.worker()
    charge(one, ANNE, 6)
    charge(other, ANNE, 5)
    assert is_admitted(one, ANNE)
    assert is_admitted(other, ANNE)
    await one.share()
    await other.share()
    assert not is_admitted(other, ANNE)
    charge(one, ANNE, 0.5)
    await one.share()
    assert not is_admitted(one, ANNE)
    assert sum(world.counts.values()) == 11.5


async def test_what_is_little_is_not_counted() -> None:
    world = World(Limit("client", 1000))
    worker = world.worker()
    charge(worker, ANNE, 9.9)
    await worker.share()
    assert not world.counts
    charge(worker, ANNE, 0.1)
    await worker.share()
    assert sum(world.counts.values()) == 10


async def test_what_could_not_be_added_up_is_added_later() -> None:
    world = World(Limit("client", 10))
    worker = world.worker()
    charge(worker, ANNE, 6)
    world.is_away = True
    with pytest.raises(Unavailable):
        await worker.share()
    world.is_away = False
    await worker.share()
    assert sum(world.counts.values()) == 6


async def test_windows_that_passed_are_forgotten() -> None:
    world = World(Limit("client", 10))
    worker = world.worker()
    charge(worker, ANNE, 6)
    world.now += 61
    await worker.share()
    assert not world.counts


@pytest.mark.parametrize(
    ("interaction", "resources", "points"),
    [
        pytest.param(Interaction.READ, 1, 1.1, id="a read"),
        pytest.param(Interaction.SEARCH_TYPE, 50, 8.0, id="a search pays for what it finds"),
        pytest.param(Interaction.TRANSACTION, 100, 15.0, id="a transaction pays for its entries"),
        pytest.param(Interaction.OPERATION, 0, 10.0, id="an operation"),
    ],
)
def test_a_request_costs_by_what_it_does_and_lets_out(interaction: Interaction, resources: int, points: float) -> None:
    assert cost_of(Target(interaction, "Patient"), resources) == pytest.approx(points)
