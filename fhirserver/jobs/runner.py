"""Runs the jobs of one site, one at a time: of all workers, the one that holds the lease does the oldest."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeAlias

from fhirserver.kernel.outcome import FhirError, Unavailable
from fhirserver.store.jobs import LEASE_S, Job, Jobs
from fhirserver.store.layout import Document

Checkpoint: TypeAlias = Callable[[Document], Awaitable[None]]
"""Notes progress; raises Interrupted. To be called every few seconds at least."""
Work: TypeAlias = Callable[[Job, Checkpoint], Awaitable[Document]]
"""Does a job from where its progress says, and returns the progress at its end."""
OnFault: TypeAlias = Callable[[BaseException, str], None]
"""Hears of a defect that ended a job: the exception and the id of the job."""


class Interrupted(Exception):
    """The job was paused or cancelled, or another worker has taken it over."""


class Runner:
    """Does jobs in the name of one worker."""

    def __init__(self, jobs: Jobs, worker: str, kinds: Mapping[str, Work], on_fault: OnFault) -> None:
        """Do the ``kinds`` of jobs that there is work for."""
        self._jobs = jobs
        self._worker = worker
        self._kinds = kinds
        self._on_fault = on_fault

    async def run_next(self) -> bool:
        """Do the oldest job to its end or interruption; tells whether there was one. Raises Unavailable."""
        job = await self._jobs.claim(self._kinds.keys(), self._worker)
        if job is None:
            return False
        ended = False
        renewing = asyncio.create_task(self._renew(job.id))
        try:
            ended = await self._run(job)
        finally:
            renewing.cancel()
            if not ended:
                await self._jobs.release(job.id, self._worker)
        return True

    async def _renew(self, job_id: str) -> None:
        """Keep the lease while a long piece of work is under way."""
        while True:
            await asyncio.sleep(LEASE_S / 3)
            with suppress(Unavailable):
                if not await self._jobs.renew(job_id, self._worker):
                    return

    async def _run(self, job: Job) -> bool:
        """Tell whether the job has ended."""

        async def checkpoint(progress: Document) -> None:
            if not await self._jobs.keep(job.id, self._worker, progress):
                raise Interrupted

        try:
            progress = await self._kinds[job.kind](job, checkpoint)
        except Interrupted:
            return False
        except Unavailable:
            raise  # the job waits for the database
        except Exception as problem:  # the worker lives on, and so do other jobs
            self._on_fault(problem, job.id)
            said = problem.diagnostics if isinstance(problem, FhirError) else f"{type(problem).__name__}; see the log."
            await self._jobs.end(job.id, self._worker, None, said)
            return True
        await self._jobs.end(job.id, self._worker, progress)
        return True
