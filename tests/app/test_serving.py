"""`fhirserver serve` as a process: what it prints, how it ends, what it leaves behind."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.server_process import ServerProcess, await_end, descendants, free_port, serving
from tests.wire import Wire


@pytest.fixture
def server(mongodb_uri: str, tmp_path: Path) -> Iterator[ServerProcess]:
    """One process with a database of its own."""
    with serving(ServerProcess(tmp_path, mongodb_uri, environment={"LOG_LEVEL": "info"})) as started:
        yield started


def logged(server: ServerProcess, awaited: str) -> str:
    """Return the log once it has a text; a line is written after its answer."""
    deadline = time.monotonic() + 10
    while awaited not in server.log.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    return server.log.read_text()


def test_it_prints_the_urls_to_open_and_a_first_curl_line(server: ServerProcess) -> None:
    printed = logged(server, "fhirserver is ready")
    for url in (f":{server.port}/\n", f":{server.port}/fhir\n", f":{server.port}/fhir/metadata\n"):
        assert url in printed
    assert re.search(rf"curl 'http://\S+:{server.port}/fhir/Patient\?\S+'", printed)


def test_it_names_neither_the_web_server_nor_its_version(server: ServerProcess) -> None:
    with Wire(server.port) as wire:
        headers = wire.get("metadata").headers
    assert "server" not in headers
    assert headers["date"]


def test_a_stopping_server_finishes_the_requests_under_way(server: ServerProcess) -> None:
    head = "POST /fhir/Binary HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 10\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head.encode() + b"first")
        time.sleep(0.3)
        server.signal(signal.SIGTERM)
        time.sleep(0.7)
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", server.port), timeout=5)
        connection.sendall(b"final")
        assert connection.recv(4096).startswith(b"HTTP/1.1 201 ")
    assert server.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_with_its_own_mongod_ends_with_it(tmp_path: Path, number: signal.Signals) -> None:
    with serving(ServerProcess(tmp_path)) as server:
        started = descendants(server.pid)
        assert started, "no mongod was started"
        server.signal(number)
        assert server.wait() == 0
        assert await_end(started, 5) == set()


def test_a_background_job_of_a_shell_ends_too(mongodb_uri: str, tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what a shell does to its background jobs; it is inherited
    try:
        server = ServerProcess(tmp_path, mongodb_uri)
        with serving(server):
            server.signal(signal.SIGTERM)
            assert server.wait(20) == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_killed_supervisor_leaves_neither_workers_nor_mongod(tmp_path: Path) -> None:
    with serving(ServerProcess(tmp_path, workers=2)) as server:
        started = descendants(server.pid)
        assert len(started) >= 3
        server.signal(signal.SIGKILL)
        server.wait()
        assert await_end(started, 30) == set()


def test_workers_serve_the_same_record_and_add_up_their_counts(mongodb_uri: str, tmp_path: Path) -> None:
    with serving(ServerProcess(tmp_path, mongodb_uri, workers=2)) as server:
        with Wire(server.port) as wire:
            wire.send("PUT", "Patient/a", {"resourceType": "Patient", "id": "a"})
        for _ in range(20):
            with Wire(server.port) as wire:  # a new connection each: any worker may take it
                assert wire.get("Patient/a").status == 200
        counts = {scrape(server, 'fhirserver_requests_total{interaction="read",status="200"}') for _ in range(5)}
    assert counts == {20.0}


def scrape(server: ServerProcess, sample: str) -> float:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return float(text.partition(f"{sample} ")[2].partition("\n")[0])


def test_a_dead_worker_is_replaced(mongodb_uri: str, tmp_path: Path) -> None:
    with serving(ServerProcess(tmp_path, mongodb_uri, workers=2)) as server:
        before = workers_of(server)
        victim = before.pop()
        subprocess.run(["kill", "-9", str(victim)], check=True)
        deadline = time.monotonic() + 20
        while len(workers_of(server)) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(workers_of(server)) == 2
        server.await_status("/readyz", 200)


def workers_of(server: ServerProcess) -> set[int]:
    def is_worker(pid: int) -> bool:
        try:
            return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False

    return {pid for pid in descendants(server.pid) if is_worker(pid)}


def run_serve(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fhirserver", "serve", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_with_login_another_host_is_served_under_a_public_origin_only() -> None:
    answer = run_serve("--auth", "smart", "--host", "0.0.0.0")  # noqa: S104 - refused
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert "auth `smart` on `0.0.0.0` needs base_url" in answer.stderr


def test_without_login_only_a_loopback_host_is_served() -> None:
    answer = run_serve("--auth", "off", "--host", "0.0.0.0")  # noqa: S104 - refused
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert "accepted on a loopback host only; `0.0.0.0` is none" in answer.stderr


def test_a_taken_port_is_one_line_and_starts_no_mongod(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = str(taken.getsockname()[1])
        answer = run_serve("--auth", "off", "--port", port, "--data-dir", str(tmp_path))
    assert answer.returncode == 1
    assert answer.stderr == f"fhirserver: `127.0.0.1` port {port} cannot be listened on: Address already in use.\n"
    assert list(tmp_path.iterdir()) == []


def test_the_log_of_a_process_is_json_lines(server: ServerProcess) -> None:
    with Wire(server.port) as wire:
        wire.get("Patient?name=somebody")
    text = logged(server, "search-type")
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    searches = [line for line in lines if line.get("interaction") == "search-type"]
    assert len(searches) == 1
    assert "somebody" not in text
