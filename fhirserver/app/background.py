"""What a worker does for a site beside its requests: it watches search parameters, does chores and jobs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final, TypeAlias

from fhirserver.jobs.parameter_watch import ParameterWatch
from fhirserver.jobs.runner import Runner
from fhirserver.kernel.outcome import FhirError, Unavailable

_EVERY_S: Final = 1.0
_SOON_S: Final = 0.2
"""While a parameter waits for its index, and workers for each other."""
_LEAVING_S: Final = 1.0
_AGAIN_S: Final = 0.5

Chore: TypeAlias = Callable[[], Awaitable[None]]
"""What a worker does for a site again and again. Raises Unavailable."""
OnFault = Callable[[BaseException, str], None]
"""Hears of a defect: the exception and what was being done."""


async def ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended: a wait of the driver's may swallow a cancellation (asyncio before 3.12)."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_S)


async def repeat(
    work: Callable[[], Awaitable[float]],
    again_s: float,
    on_fault: Callable[[BaseException], None],
    *,
    waits_for: type[FhirError] = Unavailable,
    leaving: asyncio.Event | None = None,
) -> None:
    """Do some work again and again, each time after as many seconds as it said, until ``leaving`` happens.

    Work that ends with ``waits_for`` is tried again after ``again_s`` without a word: by default while the database is
    away.
    """
    end = leaving or asyncio.Event()
    pause_s = 0.0
    while not await _happens(end, pause_s):
        pause_s = again_s
        try:
            pause_s = await work()
        except waits_for:
            continue
        except Exception as problem:  # what went wrong once must not end it for good
            on_fault(problem)


@asynccontextmanager
async def repeating(
    work: Callable[[], Awaitable[None]], every_s: float, name: str, on_fault: OnFault
) -> AsyncIterator[None]:
    """Do some work again and again for as long as the context lasts; a database that is away is waited for.

    What is under way at the end is let finish: the driver leaves open what it was opening when it is cancelled.
    """
    leaving = asyncio.Event()

    async def once() -> float:
        await work()
        return every_s

    task = asyncio.create_task(repeat(once, every_s, lambda problem: on_fault(problem, name), leaving=leaving))
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

    def __init__(
        self, watch: ParameterWatch, runner: Runner | None, chores: Mapping[str, Chore], on_fault: OnFault
    ) -> None:
        """Nothing runs before ``begin``; ``chores`` are done each second."""
        self._watch = watch
        self._chores = chores
        self._runner = runner
        self._on_fault = on_fault
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Learn what there is, then go on in the background. Raises Unavailable."""
        await self._watch.begin()
        for name, chore in self._chores.items():
            self._begin(partial(self._do, chore), name)
        self._begin(self._refresh, "search parameters")
        if self._runner is not None:
            self._begin(partial(self._run_next, self._runner), "jobs")

    async def end(self) -> None:
        """Stop; a job under way is left to the next worker."""
        await ended(self._tasks)
        with suppress(FhirError, TimeoutError):
            async with asyncio.timeout(_LEAVING_S):
                await self._watch.end()

    def _begin(self, work: Callable[[], Awaitable[float]], name: str) -> None:
        told = partial(self._told, name)
        self._tasks.append(asyncio.create_task(repeat(work, _EVERY_S, told)))

    def _told(self, name: str, problem: BaseException) -> None:
        self._on_fault(problem, name)

    async def _do(self, chore: Chore) -> float:
        await chore()
        return _EVERY_S

    async def _refresh(self) -> float:
        await self._watch.refresh()
        if self._runner is not None:
            await self._watch.request_reindex()
        return self._pause_s

    async def _run_next(self, runner: Runner) -> float:
        return 0.0 if await runner.run_next() else self._pause_s

    @property
    def _pause_s(self) -> float:
        return _SOON_S if self._watch.is_waiting else _EVERY_S
