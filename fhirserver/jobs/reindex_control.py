"""Asking for reindexes, and what becomes of them: the one set of rules behind ``$reindex`` and the command."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.jobs.reindex import REINDEX
from fhirserver.kernel.ids import IdSource
from fhirserver.kernel.outcome import BadSearchValue, Conflict, NotFound
from fhirserver.search.parameters import LiveParameters
from fhirserver.store.jobs import Job, Jobs

_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class ReindexStatus:
    """How a reindex stands."""

    id: str
    state: str
    is_final: bool
    types: tuple[str, ...]
    """None: all."""
    dry_run: bool
    total: int
    """Versions there are to look at, the earlier ones too; an estimate."""
    done: int
    changed: int
    """Versions whose index values were other ones; of a dry run, would be."""
    problem: str | None

    @property
    def percent(self) -> int:
        """How much is done; 100 only at the end."""
        if self.is_final and self.problem is None:
            return 100
        return min(99, 100 * self.done // self.total) if self.total else 0


class ReindexControl:
    """Starts, watches, pauses, resumes and cancels the reindexes of one site."""

    def __init__(self, jobs: Jobs, definitions: Definitions, parameters: LiveParameters, new_id: IdSource) -> None:
        """Enter them as ``jobs``."""
        self._jobs = jobs
        self._definitions = definitions
        self._parameters = parameters
        self._new_id = new_id

    async def start(self, types: Collection[str], parameters: Collection[str], *, dry_run: bool) -> ReindexStatus:
        """Ask for a reindex of some types, those of some parameters (by url) too; of neither: of everything.

        One that is asked for already is joined. Raises BadSearchValue.
        """
        named = sorted({*self._checked(types), *self._types_of(parameters)})
        asked = {"types": named, "dry_run": dry_run}
        for job in await self._jobs.unfinished():
            if job.kind == REINDEX and job.asked == asked:
                return _status_of(job)
        job_id = self._new_id()
        await self._jobs.add(job_id, REINDEX, asked)
        return await self.status(job_id)

    async def status(self, job_id: str) -> ReindexStatus:
        """Return how a reindex stands. Raises NotFound."""
        job = await self._jobs.get(job_id)
        if job is None or job.kind != REINDEX:
            raise NotFound("There is no such reindex job; those that ended are kept for 30 days.")
        return _status_of(job)

    async def latest(self) -> list[ReindexStatus]:
        """Return the reindexes of late, the newest first."""
        return [_status_of(job) for job in await self._jobs.latest(REINDEX, _LISTED)]

    async def pause(self, job_id: str) -> ReindexStatus:
        """Pause a reindex. Raises NotFound, Conflict."""
        return await self._changed(job_id, "paused", done=await self._jobs.pause(job_id))

    async def resume(self, job_id: str) -> ReindexStatus:
        """Go on with a paused one. Raises NotFound, Conflict."""
        return await self._changed(job_id, "resumed", done=await self._jobs.resume(job_id))

    async def cancel(self, job_id: str) -> ReindexStatus:
        """End a reindex where it is. Raises NotFound, Conflict."""
        return await self._changed(job_id, "cancelled", done=await self._jobs.cancel(job_id))

    async def _changed(self, job_id: str, what: str, *, done: bool) -> ReindexStatus:
        status = await self.status(job_id)
        if not done:
            raise Conflict(f"The reindex is {status.state}; it cannot be {what}.")
        return status

    def _checked(self, types: Collection[str]) -> Collection[str]:
        if not all(self._definitions.is_resource_type(name) for name in types):
            raise BadSearchValue("`type` names an unknown resource type.", expression=["http.type"])
        return types

    def _types_of(self, urls: Collection[str]) -> Sequence[str]:
        """Return the types that the parameters are for."""
        found = {url: self._types_with(url) for url in urls}
        if not all(found.values()):
            message = "`parameter` names no search parameter of this server by its url; a new one needs a second."
            raise BadSearchValue(message, expression=["http.parameter"])
        return [name for names in found.values() for name in names]

    def _types_with(self, url: str) -> list[str]:
        customs = self._parameters.now.customs
        names = self._definitions.resource_types
        packaged = (n for n in names if any(p.url == url for p in self._definitions.search_parameters(n).values()))
        return [*packaged, *(name for name in customs.types if any(p.url == url for p in customs.of(name)))]


def _status_of(job: Job) -> ReindexStatus:
    return ReindexStatus(
        id=job.id,
        state=job.state.value,
        is_final=job.state.is_final,
        types=tuple(job.asked["types"]),
        dry_run=bool(job.asked.get("dry_run")),
        total=job.progress.get("total", 0),
        done=job.progress.get("done", 0),
        changed=job.progress.get("changed", 0),
        problem=job.problem,
    )
