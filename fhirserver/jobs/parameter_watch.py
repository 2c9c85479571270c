"""Keeps the search parameters of a site as its stored SearchParameters say, in every worker.

Each worker looks every second whether some were written. It indexes by a new one at once, and tells so; when all
workers do, a reindex gives the value to what is stored already, and then it is served.
``store.parameters`` says how the workers agree. Spec: http://hl7.org/fhir/R4/searchparameter.html
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeAlias

from fhirserver.codec.fhir_json import parse_json
from fhirserver.jobs.reindex import REINDEX, covered_by
from fhirserver.kernel.resource import Resource
from fhirserver.repository.services import LiveServices
from fhirserver.search.custom import NO_CUSTOMS, Customs, collect_customs, with_packaged
from fhirserver.search.parameters import LiveParameters
from fhirserver.store.jobs import Job, Jobs, JobState
from fhirserver.store.parameters import Ledger, ParameterStore

FRESH_S: Final = 4.0
"""What a worker has learned counts for this time; half of the time after which it is taken for gone."""


class PackagedParameters(Protocol):
    """The SearchParameters of the packages that a site uses."""

    @property
    def mark(self) -> str:
        """Another text after every change, the same on every machine."""
        ...

    def definitions(self) -> list[Resource]:
        """Return them, of those with the same code the one that counts first."""
        ...


class NoPackages:
    """Stands for packages where there are none."""

    mark = ""

    def definitions(self) -> list[Resource]:
        """Return nothing."""
        return []


OnRefused: TypeAlias = Callable[[str, str], None]
"""Hears of a stored SearchParameter that cannot be served: its id and why."""


class ParameterWatch:
    """One worker's watch over the parameters of one site."""

    def __init__(
        self,
        *,
        live: LiveServices,
        parameters: LiveParameters,
        stored: ParameterStore,
        jobs: Jobs,
        worker: str,
        on_refused: OnRefused,
        packaged: PackagedParameters | None = None,
    ) -> None:
        """Keep ``live`` and ``parameters`` up to date in the name of a worker."""
        self._live = live
        self._parameters = parameters
        self._stored = stored
        self._jobs = jobs
        self._worker = worker
        self._on_refused = on_refused
        self._packaged = packaged or NoPackages()
        self._packages = ""
        self._lock = asyncio.Lock()
        self._edition = 0
        self._customs: Customs = NO_CUSTOMS
        self._marks: frozenset[str] = frozenset()
        """Those that every write indexes which began at or after ``_since``; older ones may lack what is new."""
        self._kept: frozenset[str] = frozenset()
        """Those that every write under way indexes."""
        self._since = 0
        self._turn = 0
        self._turn_since = 0
        self._spoken_turn = 0
        live.kept_by(self.refresh, self._refresh_if_stale)

    async def begin(self) -> None:
        """Speak before anything is known, so that no reindex ends without this worker; then learn."""
        await self._stored.speak(self._worker, (), 0)
        await self.refresh()

    async def end(self) -> None:
        """Say that nothing will be written any more."""
        await self._stored.leave(self._worker)

    @property
    def is_waiting(self) -> bool:
        """Whether a parameter is not served yet."""
        return not self._marks <= self._parameters.now.served

    async def refresh(self) -> None:
        """Learn what has changed, and tell what all writes index. Raises Unavailable."""
        async with self._lock:
            await self._refresh()

    async def _refresh(self) -> None:
        began_s = time.monotonic()
        edition = await self._stored.edition()
        packages = self._packaged.mark
        if (edition, packages) != (self._edition, self._packages):
            await self._reload(edition, packages)
        ledger = await self._stored.ledger()
        await self._serve(ledger)
        await self._speak(ledger)
        self._live.confirm(began_s + FRESH_S)

    async def _refresh_if_stale(self) -> None:
        """Refresh for a write that found its services stale; many such writes wait for one."""
        async with self._lock:
            if not self._live.is_fresh:
                await self._refresh()

    async def request_reindex(self) -> None:
        """Ask for a reindex when a parameter waits for one and none is under way. Raises Unavailable."""
        ledger = await self._stored.ledger()
        waiting = self._marks - ledger.ready
        if not waiting:
            return
        for job in await self._jobs.unfinished():
            waiting -= covered_by(job, waiting)
        if waiting:
            state = "\n".join([f"{self._edition} {self._packages} {ledger.epoch}", *sorted(waiting)])
            job_id = f"auto-{hashlib.sha256(state.encode()).hexdigest()[:24]}"  # the same from every worker
            types = sorted({mark.partition(".")[0] for mark in waiting})
            await self._jobs.add(job_id, REINDEX, {"types": types, "dry_run": False})

    async def _reload(self, edition: int, packages: str) -> None:
        """Take over the stored definitions; what is dropped is withdrawn from the ledger before it is not indexed."""
        definitions = self._live.now.definitions
        resources = [parse_json(content) for content in await self._stored.definitions()]
        refused: list[tuple[str, str]] = []
        customs = collect_customs(definitions, resources, refused)
        customs = with_packaged(definitions, customs, self._packaged.definitions())
        parameters = self._parameters.now.extended(customs, frozenset(), {})
        marks = parameters.marks()
        self._kept &= marks
        await self._stored.speak(self._worker, self._kept, self._spoken_turn)
        ledger = await self._stored.ledger()
        gone = (ledger.ready | ledger.indexing) - marks
        if gone:
            await self._stored.withdraw(gone)
        self._customs, self._marks, self._edition, self._packages = customs, marks, edition, packages
        self._adopt(ledger.ready & marks, {})
        self._since = self._live.now.clock()
        for logical_id, problem in refused:
            self._on_refused(logical_id, problem)

    async def _serve(self, ledger: Ledger) -> None:
        """Serve what is ready, and say how far the others are."""
        waiting = self._marks - ledger.ready
        said = _progress(waiting, await self._jobs.unfinished()) if waiting else {}
        self._adopt(ledger.ready & self._marks, said)

    def _adopt(self, served: frozenset[str], waiting: Mapping[str, str]) -> None:
        now = self._parameters.now
        if (self._customs, served, waiting) == (now.customs, now.served, now.waiting):
            return
        self._parameters.now = now.extended(self._customs, served, waiting)
        self._live.adopt(self._parameters.now)

    async def _speak(self, ledger: Ledger) -> None:
        clock = self._live.now.clock
        if ledger.turn != self._turn:
            self._turn, self._turn_since = ledger.turn, clock()
        horizon = clock.index_horizon()
        if horizon >= self._since:
            self._kept = self._marks
        if horizon >= self._turn_since:
            self._spoken_turn = self._turn
        await self._stored.speak(self._worker, self._kept, self._spoken_turn)


def _progress(waiting: frozenset[str], jobs: list[Job]) -> dict[str, str]:
    """Say for each mark how far the job is that will complete it."""
    said = dict.fromkeys(waiting, "Its index is not complete: a reindex of its resource types completes it.")
    for job in jobs:
        said.update(dict.fromkeys(covered_by(job, waiting), _sentence(job)))
    return said


def _sentence(job: Job) -> str:
    if job.state is JobState.PAUSED:
        return f"The reindex that completes its index is paused (job `{job.id}`)."
    done, total = job.progress.get("done", 0), job.progress.get("total", 0)
    percent = min(99, 100 * done // total) if total else 0
    return f"Its index is being completed: {percent} %, {done} of {total} versions (job `{job.id}`)."
