"""When what was loaded for a caller must be loaded again: once a resource has changed of a type that it was read from.

Every worker asks now and then which resources have changed of those types, once for all callers. A change is one that
was not among those of the last minutes before: nothing is missed that a transaction wrote with an earlier time than
others which ended sooner.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Protocol

from fhirserver.access.fact_source import FactSource
from fhirserver.kernel.resource import Resource
from fhirserver.search.bind import Binder
from fhirserver.search.plan import Plan

ASKED_EVERY_S: Final = 0.3
WINDOW_S: Final = 120
"""No transaction lasts so long, and no machine's clock is so far behind."""

Change = tuple[str, int]
"""An instance, as ``Type/id``, and its version."""


class ChangeSource(Protocol):
    """The record of a site, asked for what has changed."""

    async def changed(self, resource_types: Collection[str], since_s: float) -> Collection[Change]:
        """Return the changes of some types within the last seconds."""
        ...


class Noting:
    """A source of facts that remembers of which types it was asked."""

    def __init__(self, source: FactSource) -> None:
        """Ask ``source``."""
        self._source = source
        self.types: set[str] = set()

    @property
    def binder(self) -> Binder:
        """The search parameters by which it is asked."""
        return self._source.binder

    @property
    def now_us(self) -> int:
        """The moment that it answers of."""
        return self._source.now_us

    async def resources(self, resource_type: str, plan: Plan, limit: int) -> list[Resource] | None:
        """Return what a plan selects of a type."""
        self.types.add(resource_type)
        return await self._source.resources(resource_type, plan, limit)

    async def terms(self, resource_type: str, plan: Plan, prefixes: Sequence[str], limit: int) -> list[str] | None:
        """Return the terms under some prefixes of what a plan selects."""
        self.types.add(resource_type)
        return await self._source.terms(resource_type, plan, prefixes, limit)


class Changes:
    """Counts the changes of the types that are asked about; the counts are at most ``ASKED_EVERY_S`` old."""

    def __init__(self, source: Callable[[], ChangeSource], clock: Callable[[], float] = time.monotonic) -> None:
        """Ask ``source``."""
        self._source = source
        self._clock = clock
        self._known: set[Change] = set()
        self._types: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._asked_s: float | None = None
        self._asking: asyncio.Task[None] | None = None

    async def known(self) -> Mapping[str, int]:
        """Return how many changes were seen of all types that were ever asked about. Raises Unavailable."""
        return await self.counts(frozenset(self._types))

    async def counts(self, resource_types: Collection[str]) -> Mapping[str, int]:
        """Return how many changes were seen of some types. Raises Unavailable."""
        is_recent = self._asked_s is not None and self._clock() - self._asked_s <= ASKED_EVERY_S
        if resource_types and not (is_recent and self._types.issuperset(resource_types)):
            await self._ask(resource_types)
        return {name: self._counts[name] for name in resource_types}

    async def _ask(self, resource_types: Collection[str]) -> None:
        """Ask once for all who wait; of types that are new to it, after who asks now."""
        while self._asking is not None:
            await asyncio.shield(self._asking)
            if self._types.issuperset(resource_types):
                return
        self._types.update(resource_types)
        self._asking = asyncio.create_task(self._look())
        self._asking.add_done_callback(self._looked)
        await asyncio.shield(self._asking)

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._asking = None
        if not task.cancelled():
            task.exception()  # who waits is told

    async def _look(self) -> None:
        began_s = self._clock()
        found = set(await self._source().changed(tuple(self._types), WINDOW_S))
        for key, _ in found - self._known:
            self._counts[key.partition("/")[0]] += 1
        self._known, self._asked_s = found, began_s
