"""Jobs: long work that is asked for once, done by one worker at a time and taken over when that one is gone.

A job is a document with what was asked, how far it has come, and the lease of who works on it. Times are the
database's own, so that the clocks of workers do not matter.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pymongo.errors import DuplicateKeyError

from fhirserver.store.errors import translated
from fhirserver.store.layout import JOB, Document
from fhirserver.store.store import Store

LEASE_S: Final = 6
"""A worker that has not kept its lease for so long has lost its job."""


class JobState(StrEnum):
    """How a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen any more."""
        return self in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


_UNFINISHED: Final = [state.value for state in JobState if not state.is_final]
_ACTIVE: Final = [JobState.QUEUED.value, JobState.RUNNING.value]


@dataclass(frozen=True, slots=True)
class Job:
    """One job; ``asked`` and ``progress`` belong to its kind."""

    id: str
    kind: str
    state: JobState
    asked: Document
    created: datetime
    progress: Document = field(default_factory=dict)
    problem: str | None = None
    ended: datetime | None = None


class Jobs:
    """The jobs of one site."""

    def __init__(self, store: Store) -> None:
        """Keep them in the site's database."""
        self._jobs = store.collection(JOB)

    async def add(self, job_id: str, kind: str, asked: Document) -> bool:
        """Enter a job; tells whether there was none of this id."""
        fields: Document = {"kind": kind, "state": JobState.QUEUED.value, "asked": asked}
        try:
            with translated():
                await self._jobs.update_one(
                    {"_id": job_id, "state": {"$exists": False}},
                    {"$setOnInsert": fields, "$currentDate": {"created": True}},
                    upsert=True,
                )
        except DuplicateKeyError:
            return False
        return True

    async def get(self, job_id: str) -> Job | None:
        """Return a job."""
        with translated():
            fields = await self._jobs.find_one({"_id": job_id})
        return None if fields is None else _job_of(fields)

    async def latest(self, kind: str, limit: int) -> list[Job]:
        """Return jobs of a kind, the newest first."""
        with translated():
            found = await self._jobs.find({"kind": kind}, sort=[("created", -1)], limit=limit).to_list()
        return [_job_of(fields) for fields in found]

    async def unfinished(self) -> list[Job]:
        """Return the jobs that have not ended, the oldest first."""
        with translated():
            found = await self._jobs.find({"state": {"$in": _UNFINISHED}}, sort=[("created", 1)]).to_list()
        return [_job_of(fields) for fields in found]

    async def pause(self, job_id: str) -> bool:
        """Let nobody work on a job for now; tells whether it was queued or running."""
        return await self._change_state(job_id, _ACTIVE, JobState.PAUSED)

    async def resume(self, job_id: str) -> bool:
        """Go on with a job; tells whether it was paused."""
        return await self._change_state(job_id, [JobState.PAUSED.value], JobState.QUEUED)

    async def cancel(self, job_id: str) -> bool:
        """End a job where it is; tells whether it had not ended."""
        return await self._change_state(job_id, _UNFINISHED, JobState.CANCELLED)

    async def _change_state(self, job_id: str, before: list[str], after: JobState) -> bool:
        states = {"$in": before}
        change: Document = {"$set": {"state": after.value}, "$unset": {"owner": "", "until": ""}}
        if after.is_final:
            change["$currentDate"] = {"ended": True}
        with translated():
            changed = await self._jobs.update_one({"_id": job_id, "state": states}, change)
        return changed.matched_count == 1

    async def claim(self, kinds: Collection[str], owner: str) -> Job | None:
        """Take the oldest job that is to be done; None when there is none, or somebody works on it."""
        with translated():
            wanted: Document = {"state": {"$in": _ACTIVE}, "kind": {"$in": list(kinds)}}
            oldest = await self._jobs.find_one(wanted, {"_id": 1}, sort=[("created", 1)])
            if oldest is None:
                return None
            free: Document = {"$or": [{"until": {"$exists": False}}, {"$expr": {"$lt": ["$until", "$$NOW"]}}]}
            taken = {"state": JobState.RUNNING.value, "owner": {"$literal": owner}, "until": _LEASE}
            mine = {**wanted, "_id": oldest["_id"], **free}
            claimed = await self._jobs.update_one(mine, [{"$set": taken}])
        return await self.get(oldest["_id"]) if claimed.matched_count else None

    async def keep(self, job_id: str, owner: str, progress: Document) -> bool:
        """Note progress and keep the lease; False when the job is not the owner's to do any more."""
        return await self._keep(job_id, owner, {"progress": {"$literal": progress}})

    async def renew(self, job_id: str, owner: str) -> bool:
        """Keep the lease; False as for ``keep``."""
        return await self._keep(job_id, owner, {})

    async def _keep(self, job_id: str, owner: str, noted: Document) -> bool:
        with translated():
            kept = await self._jobs.update_one(_held(job_id, owner), [{"$set": {**noted, "until": _LEASE}}])
        return kept.matched_count == 1

    async def release(self, job_id: str, owner: str) -> None:
        """Leave a job to the next worker."""
        with translated():
            await self._jobs.update_one(_held(job_id, owner), {"$unset": {"owner": "", "until": ""}})

    async def end(self, job_id: str, owner: str, progress: Document | None, problem: str | None = None) -> None:
        """End a job: completed, or failed with a ``problem``."""
        state = JobState.COMPLETED if problem is None else JobState.FAILED
        ended: Document = {"state": state.value}
        if problem is not None:
            ended["problem"] = problem
        if progress is not None:
            ended["progress"] = progress
        change: Document = {"$set": ended, "$unset": {"owner": "", "until": ""}, "$currentDate": {"ended": True}}
        with translated():
            await self._jobs.update_one(_held(job_id, owner), change)


_LEASE: Final[Any] = {"$add": ["$$NOW", LEASE_S * 1000]}


def _held(job_id: str, owner: str) -> Document:
    return {"_id": job_id, "owner": owner, "state": JobState.RUNNING.value}


def _job_of(fields: Document) -> Job:
    return Job(
        id=fields["_id"],
        kind=fields["kind"],
        state=JobState(fields["state"]),
        asked=fields["asked"],
        created=fields["created"],
        progress=fields.get("progress", {}),
        problem=fields.get("problem"),
        ended=fields.get("ended"),
    )
