"""Work that takes long, done beside the event loop.

``asyncio.to_thread`` leaves a circle of futures behind, which keeps what the work gave, or the frames of what it
raised, until garbage is collected: with them the files of code systems that were removed. Here futures have nothing.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Return what some work gives, or raise what it raises, while the event loop goes on."""
    found: list[T] = []
    raised: list[Exception] = []

    def run() -> None:
        try:
            found.append(work(*arguments, **named))
        except Exception as problem:
            raised.append(problem)

    await asyncio.to_thread(run)
    if raised:
        raise raised.pop()
    return found.pop()
