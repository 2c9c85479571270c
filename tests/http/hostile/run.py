"""Sends hostile requests to a server process, a few at a time, and watches its answers, its time and its memory."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Self

from tests.http.hostile.bodies import RESOURCES
from tests.http.hostile.case import Case, Resource
from tests.http.hostile.judge import problems_of
from tests.server_process import ServerProcess
from tests.wire import NoAnswer, Wire, in_parallel

LONGEST_S = 2.0
"""What takes longer is sent once more, alone, before it counts: other work may have this machine."""
IN_FLIGHT = 4
RESTORED_EVERY = 500
"""Requests after which what they are about is stored anew."""
STORED: tuple[Resource, ...] = (
    {**RESOURCES[0], "id": "p"},
    {"resourceType": "Patient", "id": "q", "link": [{"other": {"reference": "Patient/p"}, "type": "seealso"}]},
    {**RESOURCES[1], "id": "o"},
    *(
        {
            **RESOURCES[1],
            "id": f"o{number}",
            "effectivePeriod": {"start": f"2020-01-{number + 1:02}"},
            "category": [{"coding": [{"code": "vital-signs"}]}],
            "valueQuantity": {"value": number, "system": "http://unitsofmeasure.org", "code": "m"},
        }
        for number in range(20)
    ),
    {
        **RESOURCES[4],
        "id": "g",
        "member": [{"entity": {"reference": "Patient/p"}}, {"entity": {"reference": "Group/g"}}],
    },
    {**RESOURCES[5], "id": "l", "entry": [{"item": {"reference": "Patient/p"}}]},
    {**RESOURCES[3], "id": "v"},
    {
        "resourceType": "Encounter",
        "id": "e",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/p"},
    },
)
"""What the requests are about."""


@dataclass(frozen=True, slots=True)
class Result:
    """How one request was answered; status 0: it was not."""

    case: Case
    status: int
    seconds: float
    problems: tuple[str, ...]


@dataclass
class Tally:
    """The results of one kind."""

    count: int = 0
    slowest: Result | None = None
    statuses: Counter[int] = field(default_factory=Counter)
    alone_s: float = 0.0
    """What the slowest took when it was sent once more, alone, as ``alone`` measures it."""

    def add(self, result: Result) -> None:
        """Count a result."""
        self.count += 1
        self.statuses[result.status] += 1
        if self.slowest is None or result.seconds > self.slowest.seconds:
            self.slowest = result


@dataclass
class Report:
    """What a run found."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    waited: list[str] = field(default_factory=list)
    """What was too slow in company, but not alone."""
    memory_mb: list[float] = field(default_factory=list)
    """Of the server, before the first and after every ``RESTORED_EVERY`` requests."""
    read_s: list[float] = field(default_factory=list)
    """How long a plain read took meanwhile, again and again."""

    @property
    def growth_mb(self) -> float:
        """What the last fifth of the run has more than the second: the first warms up."""
        fifth = max(1, len(self.memory_mb) // 5)
        return median(self.memory_mb[-fifth:]) - median(self.memory_mb[fifth : 2 * fifth] or self.memory_mb)

    def add(self, result: Result) -> None:
        """Count a result."""
        self.tallies.setdefault(result.case.kind, Tally()).add(result)
        self.problems += [f"{problem} — {result.case}" for problem in result.problems]


class Reader(threading.Thread):
    """Reads one resource again and again, as somebody would who has nothing to do with all this."""

    def __init__(self, port: int, found: list[float]) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._found = found
        self._done = threading.Event()

    def run(self) -> None:
        """Read until the end."""
        with Wire(self._port) as wire:
            while not self._done.wait(0.05):
                started = time.perf_counter()
                wire.get("Encounter/e")
                self._found.append(time.perf_counter() - started)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self.join()


class Trap:
    """A port that the server is told of in a hundred ways, and must not call."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]

    def called(self) -> bool:
        """Tell whether anybody did."""
        try:
            self._listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Listen no longer."""
        self._listener.close()


@contextmanager
def trap() -> Iterator[Trap]:
    """Listen for as long as the context lasts."""
    set_up = Trap()
    try:
        yield set_up
    finally:
        set_up.close()


def play(server: ServerProcess, cases: Iterable[Case], report: Report | None = None) -> Report:
    """Send all cases and what is slow once more; return what was found."""
    report = report or Report()
    with trap() as aside:
        store(server.port)
        report.memory_mb.append(server.memory_mb)
        slow: list[Result] = []
        waiting = iter(cases)
        with Reader(server.port, report.read_s):
            while part := list(islice(waiting, RESTORED_EVERY)):
                slow += _round(server, part, aside, report)
        _repeat(server, slow, report)
        if aside.called():
            report.problems.append("the server called where a request sent it")
    report.problems += log_problems(server.log)
    return report


def _round(server: ServerProcess, part: Sequence[Case], aside: Trap, report: Report) -> list[Result]:
    """Send some cases; return those that were slow."""
    results = in_parallel(server.port, send, [case.aimed(aside.port) for case in part], width=IN_FLIGHT)
    for result in results:
        report.add(result)
    store(server.port)
    report.memory_mb.append(server.memory_mb)
    return [result for result in results if result.seconds > LONGEST_S]


def _repeat(server: ServerProcess, slow: Iterable[Result], report: Report) -> None:
    """Send alone what was too slow, and the slowest of each kind."""
    with Wire(server.port) as wire:
        for tally in report.tallies.values():
            if tally.slowest is not None:
                tally.alone_s = alone(server, wire, tally.slowest.case)
        for result in slow:
            seconds = alone(server, wire, result.case)
            found = report.problems if seconds > LONGEST_S else report.waited
            found.append(f"it takes {result.seconds:.1f} s, alone {seconds:.1f} s — {result.case}")


def alone(server: ServerProcess, wire: Wire, case: Case) -> float:
    """Send a case when nothing else is sent; return its time without that in which others had the processor."""
    processes = (f"/proc/{server.pid}", "/proc/thread-self")  # of which one waits for the other
    before = [kept_waiting_s(each) for each in processes]
    seconds = send(wire, case).seconds
    after = [kept_waiting_s(each) for each in processes]
    return max(0.0, seconds - max(late - soon for soon, late in zip(before, after, strict=True)))


def kept_waiting_s(process: str) -> float:
    """Return how long a process could have run, and did not: see proc(5), ``schedstat``."""
    return int(Path(f"{process}/schedstat").read_text().split()[1]) / 1e9


def send(wire: Wire, case: Case) -> Result:
    """Send one case."""
    started = time.perf_counter()
    try:
        answer = wire.call(case.method, case.path, case.body, case.headers)
    except NoAnswer as problem:
        return Result(case, 0, time.perf_counter() - started, (f"it has no answer: {problem}",))
    return Result(case, answer.status, time.perf_counter() - started, tuple(problems_of(case, answer)))


def store(port: int) -> None:
    """Store what the cases are about."""
    with Wire(port) as wire:
        for resource in STORED:
            answer = wire.send("PUT", f"{resource['resourceType']}/{resource['id']}", resource)
            assert answer.status in (200, 201), answer.body


def log_problems(log: Path) -> list[str]:
    """Return what the server's log has of defects."""
    return [f"the log has: {line[:600]}" for line in log.read_text(errors="replace").splitlines() if _is_defect(line)]


def _is_defect(line: str) -> bool:
    """Tell whether a line, in JSON or not, is about an error."""
    if not line.startswith("{"):
        return any(word in line for word in ("Traceback", "Exception", "Error", "exception"))
    return json.loads(line)["level"] not in ("debug", "info", "warning")
