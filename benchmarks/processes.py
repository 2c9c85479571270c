"""The processes that are measured: our server, the bare ceiling, their mongod; what they cost, by proc(5).

Each ends with the benchmark, by its own pid.
"""

import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

from load import HOST

CHECKOUT: Final = Path(__file__).resolve().parents[1]
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_READY_S: Final = 120.0
_STOP_S: Final = 30.0
_POLL_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Server:
    """A process that serves HTTP on a port."""

    name: str
    port: int
    pid: int
    ready_s: float
    """From the start of the process to the first 200 of ``/readyz``."""


@contextmanager
def served(
    name: str, command: Sequence[str], port: int, folder: Path, settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a server for as long as the context lasts; what it says goes to ``folder``."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FHIRSERVER_")}
    environment |= {f"FHIRSERVER_{key}": value for key, value in (settings or {}).items()}
    started = time.monotonic()
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=CHECKOUT, env=environment)
    try:
        _await_ready(process, name, port)
        yield Server(name, port, process.pid, time.monotonic() - started)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def fhirserver_command(
    port: int, folder: Path, uri: str | None, sites: str = "main", *, auth: str = "off"
) -> list[str]:
    """Return the command of our server: its defaults but for login and the demo record."""
    options = ["--port", str(port), "--data-dir", str(folder), "--auth", auth, "--no-demo", "--sites", sites]
    if uri is not None:
        options += ["--mongodb-uri", uri]
    return [sys.executable, "-m", "fhirserver", "serve", *options]


def ref_command(port: int, uri: str) -> list[str]:
    """Return the command of the bare ceiling."""
    return [sys.executable, str(CHECKOUT / "benchmarks" / "ref.py"), str(port), uri, "benchmark_ref"]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _await_ready(process: subprocess.Popen[bytes], name: str, port: int) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"{name} ended with {process.returncode} before it was ready; see its log")
        with suppress(OSError, HTTPException):
            if get(port, "/readyz")[0] == 200:
                return
        time.sleep(_POLL_S)
    raise SystemExit(f"{name} is not ready after {_READY_S:g} s")


def get(port: int, path: str) -> tuple[int, bytes]:
    """Answer one GET, outside any measure."""
    connection = HTTPConnection(HOST, port, timeout=30)
    try:
        connection.request("GET", path, headers={"accept": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds spent so far."""

    server: float
    database: float
    machine: float
    """By all processes of the machine."""
    stolen: float
    """Taken by the hypervisor."""
    at: float


def cpu_now(server_pid: int, database_pid: int) -> Cpu:
    """Read the clocks of exactly these processes, and of what drains the audit trail of the server."""
    fields = [int(text) / _TICKS for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _, _, irq, softirq, steal, *_ = fields
    busy = user + nice + system + irq + softirq
    return Cpu(_with_children(server_pid), _seconds(database_pid), busy, steal, time.monotonic())


def _with_children(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(text) for task in tasks for text in (task / "children").read_text().split()]
    return sum(_seconds(one) for one in (pid, *children))


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mb(pid: int) -> tuple[float, float]:
    """Return the resident memory of a process, now and at its highest."""
    return _status_mb(pid, "VmRSS"), _status_mb(pid, "VmHWM")


def private_mb(pid: int) -> float:
    """Return the memory of a process that it shares with no other: without the pages of mapped files."""
    return _status_mb(pid, "RssAnon")


def _status_mb(pid: int, name: str) -> float:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return int(status[name].split()[0]) / 1024


def machine() -> Mapping[str, Any]:
    """Describe where a measure was taken, and of what."""
    cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    return {
        "cpu": cpu.partition(":")[2].strip(),
        "cores": os.cpu_count(),
        "memory_gib": memory,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "changed": bool(_git("status", "--porcelain", "--untracked-files=no", "--", "fhirserver")),
    }


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
