"""Two servers over one database: no version is lost or given twice, no conditional create is doubled.

Spec: http://hl7.org/fhir/R4/http.html#concurrency, #ccreate
"""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from tests.faults.checks import check_all
from tests.faults.ledger import SYSTEM, Ledger, resource_of
from tests.faults.writers import Crew
from tests.server_process import ServerProcess, free_port, serving
from tests.wire import Answer, Wire

AT_ONCE = 8
LOAD_S = 3.0


@pytest.fixture(scope="module")
def ports(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    """The ports of two servers, strangers to each other, over one database."""
    first = ServerProcess(tmp_path_factory.mktemp("first"), mongodb_uri)
    second = replace(first, folder=tmp_path_factory.mktemp("second"), port=free_port())
    with serving(first), serving(second):
        yield [first.port, second.port]


def at_once(ports: list[int], method: str, path: str, markers: list[str], **headers: str) -> list[Answer]:
    """Send one request each from many callers of both servers at the same moment."""
    start = Barrier(len(markers))

    def send(number: int) -> Answer:
        identity = {} if "?" in path or "/" not in path else {"id": path.partition("/")[2]}
        resource = resource_of("Patient", markers[number], **identity)
        with Wire(ports[number % len(ports)]) as wire:
            wire.get("metadata")  # connects
            start.wait()
            return wire.send(method, path, resource, **headers)

    with ThreadPoolExecutor(len(markers)) as callers:
        return list(callers.map(send, range(len(markers))))


def test_under_load_both_servers_keep_every_promise(ports: list[int]) -> None:
    ledger = Ledger()
    crew = Crew(ports, ledger, "race")
    crew.start()
    time.sleep(LOAD_S)
    crew.stop()
    for port in ports:
        assert check_all(port, ledger) == []
        ledger.unsettle()
    assert ledger.counts["acknowledged"] > 20
    assert ledger.counts["412"] > 0, "nobody raced"
    assert ledger.counts["in doubt"] == 0


@pytest.mark.parametrize("attempt", range(5))
def test_of_updates_of_one_version_one_succeeds(ports: list[int], attempt: int) -> None:
    path = f"Patient/race{attempt}"
    with Wire(ports[0]) as wire:
        assert wire.send("PUT", path, resource_of("Patient", "first", id=path.partition("/")[2])).status == 201
    answers = at_once(ports, "PUT", path, [f"u{attempt}-{n}" for n in range(AT_ONCE)], If_Match='W/"1"')
    assert Counter(answer.status for answer in answers) == {200: 1, 412: AT_ONCE - 1}


@pytest.mark.parametrize("attempt", range(3))
def test_updates_without_a_condition_all_succeed_as_versions_of_their_own(ports: list[int], attempt: int) -> None:
    path = f"Patient/busy{attempt}"
    answers = at_once(ports, "PUT", path, [f"b{attempt}-{n}" for n in range(AT_ONCE)])
    assert Counter(answer.status for answer in answers) == {201: 1, 200: AT_ONCE - 1}
    assert sorted(answer.version for answer in answers) == list(range(1, AT_ONCE + 1))


@pytest.mark.parametrize("attempt", range(5))
def test_conditional_creates_create_once(ports: list[int], attempt: int) -> None:
    condition = f"identifier={SYSTEM}|only{attempt}"
    answers = at_once(ports, "POST", "Patient", [f"only{attempt}"] * AT_ONCE, If_None_Exist=condition)
    assert Counter(answer.status for answer in answers) == {201: 1, 200: AT_ONCE - 1}
    assert len({answer.location for answer in answers}) == 1


@pytest.mark.parametrize("attempt", range(3))
def test_conditional_updates_create_once_and_then_update(ports: list[int], attempt: int) -> None:
    answers = at_once(ports, "PUT", f"Patient?identifier={SYSTEM}|cu{attempt}", [f"cu{attempt}"] * AT_ONCE)
    with Wire(ports[1]) as wire:
        found = wire.get(f"Patient?identifier={SYSTEM}|cu{attempt}").json
    assert Counter(answer.status for answer in answers) == {201: 1, 200: AT_ONCE - 1}
    assert found["total"] == 1
