"""What a worker does for a site beside its requests: it watches the search parameters, and does jobs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final

from fhirserver.jobs.parameter_watch import ParameterWatch
from fhirserver.jobs.runner import Runner
from fhirserver.kernel.outcome import FhirError, Unavailable

_EVERY_S: Final = 1.0
_SOON_S: Final = 0.2
"""While a parameter waits for its index, and workers for each other."""
_LEAVING_S: Final = 1.0
_AGAIN_S: Final = 0.5

OnFault = Callable[[BaseException, str], None]
"""Hears of a defect: the exception and what was being done."""


async def ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended: a wait of the driver's may swallow a cancellation (asyncio before 3.12)."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_S)


@asynccontextmanager
async def repeating(
    work: Callable[[], Awaitable[None]], every_s: float, name: str, on_fault: OnFault
) -> AsyncIterator[None]:
    """Do some work again and again for as long as the context lasts; a database that is away is waited for.

    What is under way at the end is let finish: the driver leaves open what it was opening when it is cancelled.
    """
    leaving = asyncio.Event()

    async def repeat() -> None:
        while not await _happens(leaving, every_s):
            try:
                await work()
            except Unavailable:
                continue
            except Exception as problem:  # what went wrong once must not end it for good
                on_fault(problem, name)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        leaving.set()
        await asyncio.wait([task], timeout=_LEAVING_S)
        await ended([task])


async def _happens(event: asyncio.Event, within_s: float) -> bool:
    """Wait for an event, for so long; tell whether it happened."""
    try:
        async with asyncio.timeout(within_s):
            return await event.wait()
    except TimeoutError:
        return False


class Background:
    """The tasks of one site in one worker; without a ``runner`` it leaves jobs to others."""

    def __init__(self, watch: ParameterWatch, runner: Runner | None, on_fault: OnFault) -> None:
        """Nothing runs before ``begin``."""
        self._watch = watch
        self._runner = runner
        self._on_fault = on_fault
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Learn what there is, then go on in the background. Raises Unavailable."""
        await self._watch.begin()
        self._tasks.append(asyncio.create_task(self._repeat(self._refresh, "search parameters")))
        if self._runner is not None:
            self._tasks.append(asyncio.create_task(self._repeat(self._runner.run_next, "jobs")))

    async def end(self) -> None:
        """Stop; a job under way is left to the next worker."""
        await ended(self._tasks)
        with suppress(FhirError, TimeoutError):
            async with asyncio.timeout(_LEAVING_S):
                await self._watch.end()

    async def _refresh(self) -> bool:
        await self._watch.refresh()
        if self._runner is not None:
            await self._watch.request_reindex()
        return False

    async def _repeat(self, work: Callable[[], Awaitable[bool]], name: str) -> None:
        """Do the work every second, and again at once where it says so; a database that is away is waited for."""
        while True:
            again = False
            try:
                again = await work()
            except Unavailable:
                pass
            except Exception as problem:  # what went wrong once must not end it for good
                self._on_fault(problem, name)
            if not again:
                await asyncio.sleep(_SOON_S if self._watch.is_waiting else _EVERY_S)
