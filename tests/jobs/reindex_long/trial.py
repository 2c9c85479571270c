"""The run: a parameter is posted over what is stored; its job is killed and paused on its way, and must end exact."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fhirserver.store.mongod import ManagedMongod
from tests.jobs.reindex_long.checks import check_all
from tests.jobs.reindex_long.clients import Crew, Ledger, Phase
from tests.jobs.reindex_long.record import CODE, PARAMETER, load
from tests.server_process import ServerProcess, await_end, descendants
from tests.wire import Answer, Wire

_ASK_S: Final = 0.1
_STALLED_S: Final = 120.0
"""A job that gets no further for so long is stuck; a killed transaction may hold its documents for 30."""
_ORPHANS_S: Final = 40.0
_PAUSED_S: Final = 2.0
_AFTER_S: Final = 3.0
_TOLD_EVERY_S: Final = 15.0
_PROGRESS: Final = re.compile(r"(\d+) %, (\d+) of (\d+) versions")

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    resources: int
    kills: int
    workers: int
    before_s: float
    cache_gb: float


@dataclass
class Status:
    """How the job stands, as ``$reindex-status`` says."""

    id: str = ""
    state: str = ""
    total: int = 0
    done: int = 0
    changed: int = 0

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1."""
        return self.done / self.total if self.total else 0.0

    def __str__(self) -> str:
        """Write how far it is."""
        return f"{self.done:,} of {self.total:,}"


@dataclass
class Result:
    """What the run found; ``problems`` is empty when all is as it must be."""

    loading_s: float = 0.0
    lasted_s: float = 0.0
    """From the answer to the SearchParameter until searches by it are served."""
    worked_s: float = 0.0
    """Of this, while the job ran."""
    done: int = 0
    """Versions it looked at in that time."""
    kills: list[str] = field(default_factory=list)
    pause: str = ""
    refusals: int = 0
    problems: list[str] = field(default_factory=list)


class Trial:
    """A server over a database of its own, the clients and the job."""

    def __init__(self, server: ServerProcess, ledger: Ledger, options: Options, tell: Tell) -> None:
        """Run nothing yet."""
        self.server = server
        self.ledger = ledger
        self.result = Result()
        self._options = options
        self._tell = tell
        self._status = Status()
        self._wire = Wire(server.port)
        self._served = False

    def run(self) -> None:
        """Post the parameter and see its job through; then compare."""
        crew = Crew(self.server.port, self.ledger)
        crew.start()
        try:
            time.sleep(self._options.before_s)
            self._do_job()
            time.sleep(_AFTER_S)
        finally:
            crew.stop()
        self._tell("comparing")
        self.result.problems += [*self.ledger.problems, *check_all(self.server.port, self.ledger)]
        self._check_counts()

    def _do_job(self) -> None:
        self.ledger.phase = Phase.DURING
        posted = self._wire.send("PUT", f"SearchParameter/{CODE}", PARAMETER)
        assert posted.status == 201, posted.body
        started = time.monotonic()
        for share, event in self._events():
            self._watch_until(lambda share=share: self._status.share >= share)  # type: ignore[misc]
            event()
        self._watch_until(lambda: self._served)
        self.result.lasted_s = time.monotonic() - started
        self.ledger.phase = Phase.ELSE
        self._ask_status()
        if self._status.state != "completed":
            self.result.problems.append(f"searches are served while the job is {self._status.state}")

    def _events(self) -> list[tuple[float, Callable[[], None]]]:
        """Return what happens, each with the share of the job after which it does: the pause between the kills."""
        kills = self._options.kills
        events = [((number + 1) / (kills + 1), self._kill) for number in range(kills)]
        return sorted([*events, (0.5 / (kills + 1), self._pause)], key=lambda event: event[0])

    def _watch_until(self, is_over: Callable[[], bool]) -> None:
        """Follow the job; what it does in this time is counted. Raises AssertionError when it does nothing."""
        moved, told = time.monotonic(), time.monotonic()
        while not is_over() and not self._served:
            done = self._status.done
            time.sleep(_ASK_S)
            self._ask_status()
            self._search()
            now = time.monotonic()
            if self._status.done != done:
                self.result.worked_s += now - moved
                self.result.done += self._status.done - done
                moved = now
            assert now - moved < _STALLED_S, f"the job does not get on: {self._status}, {self._status.state}"
            if now - told > _TOLD_EVERY_S:
                told = now
                self._tell(f"{self._status}, {self._rate():,.0f} a second")

    def _rate(self) -> float:
        return self.result.done / self.result.worked_s if self.result.worked_s else 0.0

    def _ask_status(self) -> None:
        answer = self._wire.get("$reindex-status")
        assert answer.status == 200, answer.body
        jobs = answer.json.get("parameter", ())
        if not jobs:
            return
        found = _status_of(jobs[0]["part"])
        if self._status.id not in ("", found.id):
            self.result.problems.append(f"another job was begun: {found.id} after {self._status.id}")
        if found.done < self._status.done:
            self.result.problems.append(f"the job fell back from {self._status} to {found}")
        self._status = found

    def _search(self) -> None:
        """Search by the parameter: refused with the progress, until it is served."""
        answer = self._wire.get(f"Observation?{CODE}=H&_count=1")
        if answer.status == 200:
            self._served = True
            return
        self.result.refusals += 1
        problem = self._refusal_problem(answer)
        if problem:
            self.result.problems.append(problem)

    def _refusal_problem(self, answer: Answer) -> str | None:
        issue = answer.json["issue"][0]
        if (answer.status, issue["code"]) != (400, "not-supported"):
            return f"a search by the parameter answers {answer.status} {issue['code']}"
        said = _PROGRESS.search(issue["diagnostics"])
        if said is None and "paused" not in issue["diagnostics"] and self._status.share > 0.05:
            return f"a refusal says no progress: {issue['diagnostics']}"
        return None

    def _kill(self) -> None:
        """Kill the server and its workers; the job goes on where it was."""
        self._ask_status()
        before = self._status
        self.ledger.phase = Phase.ELSE
        processes = {self.server.pid, *descendants(self.server.pid)}
        killed = time.monotonic()
        for pid in processes:
            os.kill(pid, signal.SIGKILL)
        self.server.wait()
        await_end(processes, _ORPHANS_S)
        self._wire.close()
        self.server.start()
        ready_s = time.monotonic() - killed
        self._ask_status()
        found = self._status
        self.ledger.phase = Phase.DURING
        self._await_progress(found)
        text = f"killed at {before}; ready after {ready_s:.1f} s at {found.done:,}; went on after "
        self.result.kills.append(f"{text}{time.monotonic() - killed:.1f} s, at {self._status.done:,}")
        self._tell(self.result.kills[-1])

    def _await_progress(self, found: Status) -> None:
        since = time.monotonic()
        while self._status.done == found.done and not self._served:
            assert time.monotonic() - since < _STALLED_S, f"the job does not go on at {found}"
            time.sleep(_ASK_S / 5)
            self._ask_status()
            self._search()

    def _pause(self) -> None:
        """Pause the job and go on with it."""
        self.ledger.phase = Phase.ELSE
        self._control("pause", "paused")
        before = self._status
        time.sleep(_PAUSED_S)
        self._ask_status()
        self._search()
        if (self._status.done, self._status.state) != (before.done, "paused"):
            self.result.problems.append(
                f"a paused job is {self._status.state} and went from {before} to {self._status}"
            )
        self._control("resume", "queued")
        self.ledger.phase = Phase.DURING
        self._await_progress(before)
        self.result.pause = f"paused at {before} for {_PAUSED_S:g} s; went on at {self._status.done:,}"
        self._tell(self.result.pause)

    def _control(self, verb: str, state: str) -> None:
        answer = self._wire.call("POST", f"$reindex-{verb}?job={self._status.id}")
        assert answer.status == 200, answer.body
        self._status = _status_of(answer.json["parameter"][0]["part"])
        if self._status.state != state:
            self.result.problems.append(f"$reindex-{verb} answers a job that is {self._status.state}")

    def _check_counts(self) -> None:
        """Each version that was there is looked at once, however often the job was killed."""
        loaded, done = self.ledger.loaded, self._status.done
        most = loaded + self.ledger.counts["write"] + len(self.ledger.doubted)
        if not loaded <= done <= most:
            self.result.problems.append(f"the job looked at {done:,} versions, of {loaded:,} to {most:,}")


def _status_of(parts: list[dict[str, Any]]) -> Status:
    values = {part["name"]: next(value for name, value in part.items() if name != "name") for part in parts}
    return Status(*(values[name] for name in ("id", "state", "total", "done", "changed")))


@contextmanager
def prepared(folder: Path, options: Options, tell: Tell) -> Iterator[Trial]:
    """Load a database of its own and serve it for as long as the context lasts."""
    mongod = ManagedMongod.start(folder / "database", cache_gb=options.cache_gb)
    server = ServerProcess(folder / "server", mongod.uri, workers=options.workers)
    try:
        started = time.monotonic()
        load(server, mongod.uri, folder / "loading", options.resources, _Meter(options.resources, tell).count)
        loading_s = time.monotonic() - started
        server.start()
        trial = Trial(server, Ledger(options.resources), options, tell)
        trial.result.loading_s = loading_s
        yield trial
    finally:
        server.end()
        mongod.stop()


class _Meter:
    """Tells now and then how much is loaded."""

    def __init__(self, total: int, tell: Tell) -> None:
        self._total = total
        self._tell = tell
        self._done = 0
        self._told = time.monotonic()

    def count(self, more: int) -> None:
        self._done += more
        if time.monotonic() - self._told > _TOLD_EVERY_S:
            self._told = time.monotonic()
            self._tell(f"loaded {self._done:,} of {self._total:,}")
