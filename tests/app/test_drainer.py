"""The process that drains the audit trail lives as long as its server, and leaves nothing that was recorded."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from tests.audit.rounds import drain_of
from tests.server_process import ServerProcess, await_end, descendants, serving
from tests.wire import Wire

READS = 300


@pytest.fixture(params=[1, 2])
def server(mongodb_uri: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """A server with a trail, of one worker or two."""
    own = ServerProcess(tmp_path, mongodb_uri, workers=request.param, environment={"AUDIT": "true"})
    with serving(own) as started:
        yield started


def read_often(server: ServerProcess) -> None:
    with Wire(server.port) as wire:
        for number in range(READS):
            assert wire.get(f"Patient/{number}").status == 404


def events(server: ServerProcess, uri: str) -> int:
    with MongoClient[dict[str, object]](uri) as client:
        return client[server.database]["resource"].count_documents({"t": "AuditEvent"})


def test_a_server_that_is_stopped_has_stored_what_it_answered(server: ServerProcess, mongodb_uri: str) -> None:
    started = descendants(server.pid)
    read_often(server)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert await_end(started, 5) == set()
    assert events(server, mongodb_uri) == READS
    assert list((server.folder / "data" / "audit").iterdir()) == []


def test_one_that_every_process_of_which_is_told_to_end_has_too(server: ServerProcess, mongodb_uri: str) -> None:
    read_often(server)
    for process in (server.pid, *descendants(server.pid)):
        signal.pidfd_send_signal(os.pidfd_open(process), signal.SIGTERM)
    assert server.wait() == 0
    assert events(server, mongodb_uri) == READS


def test_nothing_is_left_running_of_a_server_that_is_killed(server: ServerProcess) -> None:
    started = descendants(server.pid)
    assert drain_of(server) in started
    server.signal(signal.SIGKILL)
    server.wait()
    assert await_end(started, 30) == set()


def test_a_dead_drain_is_replaced(server: ServerProcess, mongodb_uri: str) -> None:
    signal.pidfd_send_signal(os.pidfd_open(drain_of(server)), signal.SIGKILL)
    read_often(server)
    deadline = time.monotonic() + 20
    while events(server, mongodb_uri) < READS and time.monotonic() < deadline:
        time.sleep(0.1)
    assert events(server, mongodb_uri) == READS
    assert "is started anew" in server.log.read_text()
