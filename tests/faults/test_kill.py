"""``kill -9`` of the database, the server, a worker, while writers write: the short form of ``python -m tests.faults``.

What was acknowledged stays, what was not is there as a whole or not at all.
"""

import os
import signal
from pathlib import Path

from tests.faults.ledger import resource_of
from tests.faults.rounds import SHORT, Target, stage
from tests.server_process import ServerProcess, await_end, descendants, serving
from tests.wire import Wire


def test_nothing_acknowledged_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    with stage(tmp_path, seed=7) as set_up:
        rounds = [set_up.play(number, target, SHORT) for number, target in enumerate(Target, 1)]
    assert [problem for played in rounds for problem in played.problems] == []
    assert all(played.counts["acknowledged"] > 5 for played in rounds), "there was load before and after each kill"


def test_a_killed_server_starts_again_at_once_on_its_own_database(tmp_path: Path) -> None:
    with serving(ServerProcess(tmp_path)) as server:
        for kill in range(2):
            with Wire(server.port) as wire:
                assert wire.send("POST", "Patient", resource_of("Patient", f"mark{kill}")).status == 201
            server.signal(signal.SIGKILL)
            server.wait()
            server.start()  # its mongod is still shutting down
        with Wire(server.port) as wire:
            assert wire.get("Patient?_summary=count").json["total"] == 2
        assert len(descendants(server.pid)) == 1, "there is one mongod, the newest"


def test_a_killed_mongod_of_the_servers_own_is_started_again(tmp_path: Path) -> None:
    with serving(ServerProcess(tmp_path)) as server, Wire(server.port) as wire:
        assert wire.send("POST", "Patient", resource_of("Patient", "before")).status == 201
        (mongod,) = descendants(server.pid)
        os.kill(mongod, signal.SIGKILL)
        assert await_end({mongod}, 5) == set()
        server.await_status("/readyz", 200)
        assert wire.send("POST", "Patient", resource_of("Patient", "after")).status == 201
        assert wire.get("Patient?_summary=count").json["total"] == 2
        assert len(descendants(server.pid)) == 1
