"""The managed mongod, really run: https://www.mongodb.com/docs/manual/reference/program/mongod/"""

import os
import re
import signal
import socketserver
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pymongo import MongoClient

from fhirserver.store.mongod import ManagedMongod, MongodFailed

OWNER = """
import sys, time
from pathlib import Path
from fhirserver.store.mongod import ManagedMongod
mongod = ManagedMongod.start(Path(sys.argv[1]))
print(mongod.pid, mongod.owned, mongod.uri, flush=True)
sys.stdin.read()
mongod.stop()
"""
UNCLEAN = "Detected unclean shutdown"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def mongod(data_dir: Path) -> Iterator[ManagedMongod]:
    """One mongod for the tests that only talk to it."""
    with ManagedMongod.start(data_dir) as started:
        yield started


@contextmanager
def client_of(mongod: ManagedMongod) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongod.uri, serverSelectionTimeoutMS=5000) as client:
        yield client


@contextmanager
def owner_of(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Another process that starts, or attaches to, the mongod of a folder; with what it says about it."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().split()
        finally:
            process.kill()


@contextmanager
def stranger_on(port: int) -> Iterator[None]:
    """Something that listens on a port and hangs up on whoever connects."""
    with socketserver.TCPServer(("127.0.0.1", port), socketserver.BaseRequestHandler, False) as server:
        server.allow_reuse_address = True
        server.server_bind()
        server.server_activate()
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield
        server.shutdown()


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def has_ended(pid: int) -> bool:
    """Wait for the end of a process, long on a busy machine."""
    patience = time.monotonic() + 60
    while runs(pid) and time.monotonic() < patience:
        time.sleep(0.02)
    return not runs(pid)


def put(mongod: ManagedMongod, name: str) -> None:
    with client_of(mongod) as client:
        client.ward.bed.insert_one({"_id": name})


def names(mongod: ManagedMongod) -> list[str]:
    with client_of(mongod) as client:
        return [str(bed["_id"]) for bed in client.ward.bed.find().sort("_id")]


def log_of(data_dir: Path) -> str:
    return (data_dir / "mongod.log").read_text()


# ---- what it is, while it runs


def test_the_one_who_starts_it_owns_it(mongod: ManagedMongod) -> None:
    assert mongod.owned
    assert runs(mongod.pid)
    assert re.fullmatch(r"mongodb://127\.0\.0\.1:2\d{4}/\?replicaSet=fhirserver", mongod.uri)


def test_it_says_that_production_brings_its_own(mongod: ManagedMongod) -> None:
    (notice,) = mongod.notices
    assert "for demos, development and tests" in notice
    assert "Production brings its own MongoDB 7 or 8 replica set (`--mongodb-uri`)." in notice


def test_a_transaction_commits_all_or_nothing(mongod: ManagedMongod) -> None:
    with client_of(mongod) as client, client.start_session() as session:
        with session.start_transaction():
            client.tx.a.insert_one({"_id": 1}, session=session)
            client.tx.b.insert_one({"_id": 1}, session=session)
        with session.start_transaction():
            client.tx.a.insert_one({"_id": 2}, session=session)
            session.abort_transaction()
        assert [client.tx.a.count_documents({}), client.tx.b.count_documents({})] == [1, 1]


def test_a_change_stream_sees_a_write(mongod: ManagedMongod) -> None:
    with client_of(mongod) as client, client.changes.watch(max_await_time_ms=2000) as changes:
        client.changes.bed.insert_one({"_id": 7})
        assert next(changes)["documentKey"] == {"_id": 7}


def test_zlib_is_never_negotiated(mongod: ManagedMongod) -> None:
    with client_of(mongod) as client:
        hello = client.admin.command("hello", compression=["zlib", "zstd", "snappy"])
    assert sorted(hello["compression"]) == ["snappy", "zstd"]


def test_it_listens_on_loopback_only(mongod: ManagedMongod) -> None:
    own = {os.readlink(fd) for fd in Path(f"/proc/{mongod.pid}/fd").iterdir() if fd.is_symlink()}
    tcp = [line.split() for kind in ("tcp", "tcp6") for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]]
    listening = [row[1] for row in tcp if row[3] == "0A" and f"socket:[{row[9]}]" in own]
    assert [address.partition(":")[0] for address in listening] == ["0100007F"]
    unix = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    assert [row for row in unix if f"socket:[{row[6]}]" in own] == []


def test_it_may_open_as_many_files_as_are_allowed(mongod: ManagedMongod) -> None:
    limits = Path(f"/proc/{mongod.pid}/limits").read_text()
    soft, hard = re.findall(r"Max open files\s+(\S+)\s+(\S+)", limits)[0]
    assert soft == hard


def test_its_files_are_for_its_owner_alone(mongod: ManagedMongod, data_dir: Path) -> None:
    assert mongod.owned
    assert (data_dir / "mongodb").stat().st_mode & 0o077 == 0
    assert (data_dir / "mongod.log").stat().st_mode & 0o077 == 0


def test_a_slow_query_is_not_logged_with_its_values(mongod: ManagedMongod, data_dir: Path) -> None:
    with client_of(mongod) as client:
        client.admin.command("profile", 0, slowms=-1)
        client.ward.patient.find_one({"family": "Peeters-Dubois"})
    assert "Peeters-Dubois" not in log_of(data_dir)


# ---- attaching


def test_another_process_attaches_and_leaves_it_running(mongod: ManagedMongod, data_dir: Path) -> None:
    with owner_of(data_dir) as (process, said):
        assert said == [str(mongod.pid), "False", mongod.uri]
        process.communicate("")
    assert process.returncode == 0
    assert runs(mongod.pid)
    assert mongod.owned


def test_to_stop_an_attached_one_does_nothing(mongod: ManagedMongod, data_dir: Path) -> None:
    attached = ManagedMongod.start(data_dir)
    assert not attached.owned
    assert attached.notices == (f"The mongod of `{data_dir}` is shared with process {os.getpid()}, which started it.",)
    attached.stop()
    assert runs(mongod.pid)


def test_of_two_that_start_at_once_one_attaches(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        started = list(pool.map(ManagedMongod.start, [tmp_path, tmp_path]))
    try:
        assert sorted(one.owned for one in started) == [False, True]
        assert started[0].pid == started[1].pid
        assert {names(one) == [] for one in started} == {True}
    finally:
        for one in started:
            one.stop()


# ---- stopping and starting again


def test_a_stopped_one_starts_again_cleanly_with_its_data_and_port(tmp_path: Path) -> None:
    with ManagedMongod.start(tmp_path) as first:
        put(first, "kept")
    assert not runs(first.pid)
    with ManagedMongod.start(tmp_path) as second:
        assert second.uri == first.uri
        assert names(second) == ["kept"]
    second.stop()
    assert UNCLEAN not in log_of(tmp_path)


def test_it_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        mongod = pool.submit(ManagedMongod.start, tmp_path).result()
    with mongod:
        time.sleep(0.3)
        put(mongod, "written after the thread ended")


def test_kill_9_of_the_owner_leaves_no_mongod_and_a_clean_folder(tmp_path: Path) -> None:
    with owner_of(tmp_path) as (owner, said):
        pid = int(said[0])
        owner.kill()
        assert has_ended(pid)
    with ManagedMongod.start(tmp_path) as mongod:
        assert (mongod.owned, mongod.pid == pid) == (True, False)
    assert UNCLEAN not in log_of(tmp_path)


def test_a_start_right_after_kill_9_does_not_attach_to_the_one_that_is_ending(tmp_path: Path) -> None:
    with owner_of(tmp_path) as (owner, said):
        owner.kill()
        owner.wait()
        with ManagedMongod.start(tmp_path) as mongod:
            assert (mongod.owned, mongod.pid == int(said[0])) == (True, False)
            put(mongod, "written")
    assert UNCLEAN not in log_of(tmp_path)


def test_an_owner_that_forgets_to_stop_leaves_no_mongod(tmp_path: Path) -> None:
    program = OWNER.replace("mongod.stop()", "")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(tmp_path)],
        input="",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert has_ended(int(run.stdout.split()[0]))


def test_kill_9_of_the_mongod_loses_nothing_acknowledged(tmp_path: Path) -> None:
    first = ManagedMongod.start(tmp_path)
    put(first, "acknowledged")
    os.kill(first.pid, signal.SIGKILL)
    first.stop()
    with ManagedMongod.start(tmp_path) as second:
        assert names(second) == ["acknowledged"]
    assert UNCLEAN in log_of(tmp_path)


def test_a_port_taken_meanwhile_is_exchanged(tmp_path: Path) -> None:
    with ManagedMongod.start(tmp_path) as first:
        put(first, "kept")
    port = int(first.uri.rpartition(":")[2].partition("/")[0])
    with stranger_on(port), ManagedMongod.start(tmp_path) as second:
        assert second.uri != first.uri
        assert names(second) == ["kept"]
        put(second, "more")


# ---- refusals


@pytest.mark.parametrize("state", [b"", b"{}", b'{"port": "x"}'], ids=["empty", "no member", "wrong type"])
def test_an_unreadable_state_is_no_state(tmp_path: Path, state: bytes) -> None:
    (tmp_path / "mongod.json").write_bytes(state)
    with pytest.raises(MongodFailed, match="did not start"):
        ManagedMongod.start(tmp_path, cache_gb=-1)


def test_what_mongod_refuses_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(MongodFailed) as refused:
        ManagedMongod.start(tmp_path, cache_gb=-1)
    assert str(refused.value).startswith(f"The mongod of `{tmp_path}` did not start (")
    assert "cacheSizeGB" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_that_a_stranger_serves_is_refused(mongod: ManagedMongod, data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "mongodb").symlink_to(data_dir / "mongodb")
    with pytest.raises(MongodFailed, match=r"did not start \(DBPathInUse: "):
        ManagedMongod.start(tmp_path)
    assert runs(mongod.pid)
