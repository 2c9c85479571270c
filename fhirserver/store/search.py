"""Searching: a resolved plan becomes one query, paged by keys that never change."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from bson.decimal128 import Decimal128
from pymongo.errors import AutoReconnect, PyMongoError

from fhirserver.kernel.version import Version
from fhirserver.search.plan import Plan
from fhirserver.store.coalesce import Coalescer
from fhirserver.store.compile import Filter, compile_plan, is_bounded
from fhirserver.store.documents import Contents, version_of
from fhirserver.store.errors import translated
from fhirserver.store.explain import Explanation, explain
from fhirserver.store.layout import RESOURCE, Document, exact_decimal
from fhirserver.store.sorting import Position, Window, ordered_stages, projection_of, walk, walk_of, walked_type, within
from fhirserver.store.store import Session, Store


class Hit(NamedTuple):
    """One match: the version, its position in the order and, when asked for, its terms."""

    version: Version
    position: Position
    terms: tuple[str, ...] = ()
    score: float | None = None
    """How relevant it is, below 1, where the window says to what."""


VersionOf: TypeAlias = tuple[str, int, int]
"""``Type/id``, version id and instant of the last change, µs."""
WHICH: Final = {"v": 1, "m": 1}
"""The projection of what tells a version."""


@dataclass(frozen=True, slots=True)
class _Query:
    """One page in the default order, as the driver takes it."""

    wanted: Filter
    projection: Document
    limit: int
    direction: int

    @property
    def pipeline(self) -> list[Document]:
        return [
            {"$match": self.wanted},
            {"$sort": {"n": self.direction}},
            {"$limit": self.limit},
            {"$project": self.projection},
        ]


_SAMPLE: Final = 2000
"""Documents that an estimate looks at."""
_TOGETHER: Final = 8
"""Searches that share one call: few enough for none to wait long for the others."""
_LINES: Final = 2
"""Such calls at a time, so that the database works on one while the results of the other are written."""


class Searcher:
    """Runs plans on a store."""

    def __init__(self, store: Store, time_limit_ms: int) -> None:
        """Let no search take longer than ``time_limit_ms``."""
        self._store = store
        self._time_limit_ms = time_limit_ms
        self._find = Coalescer(self._find_together, _TOGETHER, store.observer("search"), lines=_LINES)
        self._count = Coalescer(self._count_together, _TOGETHER, store.observer("count"), lines=_LINES)

    async def find(
        self, plan: Plan, window: Window, *, with_terms: bool = False, session: Session | None = None
    ) -> list[Hit]:
        """Return the matches of a window, in order."""
        projection = projection_of(window, with_terms=with_terms)
        with translated(within_transaction=session is not None):
            if window.sort:
                found = await self._sorted(plan, window, projection, session)
            else:
                query = _Query(
                    within(compile_plan(plan), window), projection, window.limit, -1 if window.backward else 1
                )
                shares = session is None and is_bounded(plan)
                found = await (self._find(query) if shares else self._run(query, session))
            whole = self._store.contents.whole
            contents, keys = self._store.contents, len(window.sort)
            hits = [hit_of(await whole(one) if "f" in one else one, keys, contents) for one in found]
        return hits[::-1] if window.backward else hits

    async def count(self, plan: Plan, limit: int | None = None) -> int:
        """Count the matches, up to ``limit`` when there is one."""
        wanted = compile_plan(plan)
        with translated():
            if limit is not None and is_bounded(plan):
                return await self._count((wanted, limit))
            return await self._count_alone(wanted, limit)

    async def estimate(self, plan: Plan) -> int:
        """Return about how many matches there are, from a sample of the collection and its size."""
        match: Document = {"$match": compile_plan(plan)}
        with translated():
            size = await self._store.resources.estimated_document_count()
            if size <= _SAMPLE:
                return await self._count_alone(match["$match"], None)
            pipeline = [{"$sample": {"size": _SAMPLE}}, match, {"$count": "c"}]
            cursor = await self._store.resources.aggregate(pipeline, maxTimeMS=self._time_limit_ms)
            found = await cursor.to_list()
        return round(size * found[0]["c"] / _SAMPLE) if found else 0

    async def explain(self, plan: Plan, window: Window) -> Explanation:
        """Return how the database finds a page."""
        return await explain(self._store, plan, window, self._time_limit_ms)

    async def keys(self, plan: Plan, limit: int, session: Session | None = None) -> list[str]:
        """Return ``Type/id`` of at most ``limit`` matches."""
        with translated(within_transaction=session is not None):
            cursor = self._store.resources.find(
                compile_plan(plan), {"_id": 1}, limit=limit, max_time_ms=self._time_limit_ms, session=_driver(session)
            )
            return [fields["_id"] async for fields in cursor]

    async def versions(self, plan: Plan, limit: int, session: Session | None = None) -> list[VersionOf]:
        """Return which versions at most ``limit`` matches are."""
        with translated(within_transaction=session is not None):
            cursor = self._store.resources.find(
                compile_plan(plan), WHICH, limit=limit, max_time_ms=self._time_limit_ms, session=_driver(session)
            )
            return [(fields["_id"], fields["v"], fields["m"]) async for fields in cursor]

    async def terms(
        self, plan: Plan, prefixes: Sequence[str], limit: int, session: Session | None = None
    ) -> list[str] | None:
        """Return the terms of the matches under ``prefixes``; None when there are more than ``limit`` matches."""
        with translated(within_transaction=session is not None):
            cursor = self._store.resources.find(
                compile_plan(plan), {"t": 1}, limit=limit + 1, max_time_ms=self._time_limit_ms, session=_driver(session)
            )
            found = await cursor.to_list()
        if len(found) > limit:
            return None
        wanted = tuple(prefixes)
        return [term for fields in found for term in fields.get("t", ()) if term.startswith(wanted)]

    async def _run(self, query: _Query, session: Session | None = None) -> list[Document]:
        cursor = self._store.resources.find(
            query.wanted,
            query.projection,
            sort={"n": query.direction},
            limit=query.limit,
            batch_size=query.limit + 1,
            max_time_ms=self._time_limit_ms,
            session=_driver(session),
        )
        return await cursor.to_list()

    async def _walked(
        self, resource_type: str, window: Window, projection: Document, session: Session | None
    ) -> list[Document]:
        wanted, order = walk_of(resource_type, window)
        batch = window.limit + 2
        options: dict[str, Any] = {"max_time_ms": self._time_limit_ms, "session": _driver(session)}
        return await walk(
            self._store.resources.find(wanted, projection, sort=order, batch_size=batch, **options), window
        )

    async def _find_together(self, queries: Sequence[_Query]) -> Sequence[list[Document] | BaseException]:
        if len(queries) == 1:
            return [await self._run(queries[0])]
        try:
            return await self._union([query.pipeline for query in queries], sum(query.limit for query in queries))
        except PyMongoError:  # of one of them, perhaps: each for itself then
            return await asyncio.gather(*(self._run(query) for query in queries), return_exceptions=True)

    async def _count_alone(self, wanted: Filter, limit: int | None) -> int:
        options: dict[str, Any] = {"maxTimeMS": self._time_limit_ms}
        if limit is not None:
            options["limit"] = limit
        resources = self._store.resources
        command = {"count": RESOURCE, "query": wanted, **options, "readConcern": {"level": "majority"}}
        try:  # half the cost of the aggregation behind `count_documents`, which the driver tries again
            return int((await resources.database.command(command))["n"])
        except AutoReconnect:
            return await resources.count_documents(wanted, **options)

    async def _count_together(self, counts: Sequence[tuple[Filter, int]]) -> Sequence[int | BaseException]:
        if len(counts) == 1:
            return [await self._count_alone(*counts[0])]
        pipelines: list[list[Document]] = [
            [{"$match": wanted}, {"$limit": limit}, {"$count": "c"}] for wanted, limit in counts
        ]
        try:
            answers = await self._union(pipelines, len(pipelines))
        except PyMongoError:
            return await asyncio.gather(*(self._count_alone(*one) for one in counts), return_exceptions=True)
        return [answer[0]["c"] if answer else 0 for answer in answers]

    async def _union(self, pipelines: Sequence[list[Document]], size: int) -> list[list[Document]]:
        """Run pipelines as one call; ``q`` tells their results, ``size`` at most, apart."""
        numbered = [[*pipeline, {"$set": {"q": number}}] for number, pipeline in enumerate(pipelines)]
        union = [{"$unionWith": {"coll": RESOURCE, "pipeline": pipeline}} for pipeline in numbered[1:]]
        cursor = await self._store.resources.aggregate(
            [*numbered[0], *union], batchSize=size + 1, maxTimeMS=self._time_limit_ms
        )
        answers: list[list[Document]] = [[] for _ in pipelines]
        for fields in await cursor.to_list():
            answers[fields["q"]].append(fields)
        return answers

    async def _sorted(
        self, plan: Plan, window: Window, projection: Document, session: Session | None
    ) -> list[Document]:
        walked = walked_type(plan, window.sort)
        if walked is not None:
            return await self._walked(walked, window, projection, session)
        stages = ordered_stages(compile_plan(plan), window, projection)
        cursor = await self._store.resources.aggregate(
            stages, maxTimeMS=self._time_limit_ms, session=_driver(session), allowDiskUse=True
        )
        return await cursor.to_list()


def hit_of(fields: Document, keys: int, contents: Contents) -> Hit:
    """Read a match; it was sorted by so many ``keys``."""
    position: Position = (int(fields["n"]),)
    if keys:
        parts = (part for number in range(keys) for part in (fields[f"k{number}m"], fields.get(f"k{number}")))
        position = (*(_plain(part) for part in parts), *position)
    return Hit(version_of(fields, contents), position, tuple(fields.get("t", ())), fields.get("s"))


def _plain(part: Any) -> Any:  # noqa: ANN401 - a sort key's own type
    """Return a sort key without the driver's types."""
    if isinstance(part, Decimal128):
        return exact_decimal(part)
    return int(part) if isinstance(part, int) else part


def _driver(session: Session | None) -> Any:  # noqa: ANN401 - the driver's own type stays in the store
    return None if session is None else session.driver
