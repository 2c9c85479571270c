"""Coalescing: requests that arrive while driver calls are in flight share the next one.

The first request runs at once, alone; nothing ever waits for company. Each batch is sent after every
request in it has arrived, so a read sees all that was acknowledged before it was asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")

Batch = Callable[[Sequence[In]], Awaitable[Sequence[Out | BaseException]]]
"""Runs a batch: one result or one error for each item, in order. What it raises is everybody's error."""


class Coalescer(Generic[In, Out]):
    """Runs items through one batch call at a time, or a few."""

    def __init__(
        self, run: Batch[In, Out], limit: int, observe: Callable[[int], None] | None = None, *, lines: int = 1
    ) -> None:
        """Send at most ``limit`` items together, in ``lines`` calls at a time; ``observe`` hears each batch's size."""
        self._run = run
        self._limit = limit
        self._observe = observe
        self._waiting: list[tuple[In, asyncio.Future[Out]]] = []
        self._free = lines
        self._drains: set[asyncio.Task[None]] = set()

    async def __call__(self, item: In) -> Out:
        """Return the item's own result, or raise its own error."""
        if not self._free:
            future: asyncio.Future[Out] = asyncio.get_running_loop().create_future()
            self._waiting.append((item, future))
            return await future
        self._free -= 1
        try:
            result = (await self._send([item]))[0]
        finally:
            self._release()
        if isinstance(result, BaseException):
            raise result
        return result

    async def _send(self, items: Sequence[In]) -> Sequence[Out | BaseException]:
        if self._observe is not None:
            self._observe(len(items))
        return await self._run(items)

    def _release(self) -> None:
        """Let go of a line, or hand it to a task that serves those who came meanwhile."""
        if self._waiting:
            drain = asyncio.get_running_loop().create_task(self._serve_waiting())
            self._drains.add(drain)
            drain.add_done_callback(self._drains.discard)
        else:
            self._free += 1

    async def _serve_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                await self._serve(batch)
        except asyncio.CancelledError:
            _abandon(self._waiting)
            self._waiting = []
            raise
        finally:
            self._free += 1

    async def _serve(self, batch: list[tuple[In, asyncio.Future[Out]]]) -> None:
        try:
            results = await self._send([item for item, _ in batch])
        except Exception as error:
            results = [error] * len(batch)
        except BaseException:
            _abandon(batch)
            raise
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)


def _abandon(batch: list[tuple[In, asyncio.Future[Out]]]) -> None:
    for _, future in batch:
        future.cancel()
