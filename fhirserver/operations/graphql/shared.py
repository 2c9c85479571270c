"""Work that several parts of a query ask for, and that is done once."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """The results of one execution, by what was asked."""

    def __init__(self) -> None:
        """Nothing has been asked."""
        self._tasks: dict[Hashable, asyncio.Task[T]] = {}

    async def get(self, key: Hashable, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the result under a key; ``begin`` is called where nobody has asked for it yet. Raises what it does."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.ensure_future(begin())
        return await asyncio.shield(task)

    def forget(self) -> None:
        """Do all anew from here on: something has changed."""
        self._tasks.clear()
