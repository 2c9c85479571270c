"""Searching: a resolved plan becomes one query, paged by keys that never change."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NamedTuple

from bson.decimal128 import Decimal128
from pymongo.errors import AutoReconnect, PyMongoError

from fhirserver.kernel.version import Version
from fhirserver.search.index import VARIANT_END
from fhirserver.search.plan import Plan
from fhirserver.store.coalesce import Coalescer
from fhirserver.store.compile import Filter, compile_plan, is_bounded, prefix_range
from fhirserver.store.documents import version_of
from fhirserver.store.errors import translated
from fhirserver.store.layout import PLACED, RESOURCE, WIDE, Document, exact_decimal, stored_bound
from fhirserver.store.store import Session, Store

Position = tuple[Any, ...]
"""Where a page ends: the values of the sort keys, then the place."""


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key to sort by: ``source`` is terms, spans, updated or id; ``prefixes`` bound the terms that count."""

    source: str
    keys: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of the matches: at most ``limit`` of them after (or, ``backward``, before) a position."""

    limit: int
    sort: tuple[SortKey, ...] = ()
    position: Position | None = None
    backward: bool = False


class Hit(NamedTuple):
    """One match: the version, its position in the order and, when asked for, its terms."""

    version: Version
    position: Position
    terms: tuple[str, ...] = ()


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


_MISSING: Final = "missing"
_WITH_TERMS: Final = {**PLACED, "t": 1}
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
        projection = _WITH_TERMS if with_terms else PLACED
        with translated(within_transaction=session is not None):
            if window.sort:
                found = await self._sorted(compile_plan(plan), window, projection, session)
            else:
                query = _Query(
                    _within(compile_plan(plan), window), projection, window.limit, -1 if window.backward else 1
                )
                shares = session is None and is_bounded(plan)
                found = await (self._find(query) if shares else self._run(query, session))
            whole = self._store.contents.whole
            hits = [self._hit(await whole(one) if "f" in one else one, len(window.sort)) for one in found]
        return hits[::-1] if window.backward else hits

    async def count(self, plan: Plan, limit: int | None = None) -> int:
        """Count the matches, up to ``limit`` when there is one."""
        wanted = compile_plan(plan)
        with translated():
            if limit is not None and is_bounded(plan):
                return await self._count((wanted, limit))
            return await self._count_alone(wanted, limit)

    async def keys(self, plan: Plan, limit: int, session: Session | None = None) -> list[str]:
        """Return ``Type/id`` of at most ``limit`` matches."""
        with translated(within_transaction=session is not None):
            cursor = self._store.resources.find(
                compile_plan(plan), {"_id": 1}, limit=limit, max_time_ms=self._time_limit_ms, session=_driver(session)
            )
            return [fields["_id"] async for fields in cursor]

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
        self, wanted: Filter, window: Window, projection: Document, session: Session | None
    ) -> list[Document]:
        stages: list[Document] = [{"$match": wanted}, {"$addFields": _sort_fields(window.sort)}]
        order = _order(window)
        if window.position is not None:
            stages.append({"$match": _beyond(order, window.position)})
        stages += [{"$sort": dict(order)}, {"$limit": window.limit}]
        shown = {**projection, **{name: 1 for name, _ in order}}
        stages.append({"$project": shown})
        cursor = await self._store.resources.aggregate(
            stages, maxTimeMS=self._time_limit_ms, session=_driver(session), allowDiskUse=True
        )
        return await cursor.to_list()

    def _hit(self, fields: Document, keys: int) -> Hit:
        position: Position = (int(fields["n"]),)
        if keys:
            parts = (part for number in range(keys) for part in (fields[f"k{number}m"], fields.get(f"k{number}")))
            position = (*(_plain(part) for part in parts), *position)
        return Hit(version_of(fields, self._store.contents), position, tuple(fields.get("t", ())))


def _within(wanted: Filter, window: Window) -> Filter:
    """Narrow a filter to what lies beyond the position, in the default order."""
    if window.position is None:
        return wanted
    beyond = {"n": {"$lt" if window.backward else "$gt": window.position[-1]}}
    return {"$and": [wanted, beyond]} if "n" in wanted else {**wanted, **beyond}


def _plain(part: Any) -> Any:  # noqa: ANN401 - a sort key's own type
    """Return a sort key without the driver's types."""
    if isinstance(part, Decimal128):
        return exact_decimal(part)
    return int(part) if isinstance(part, int) else part


def _driver(session: Session | None) -> Any:  # noqa: ANN401 - the driver's own type stays in the store
    return None if session is None else session.driver


def _sort_fields(sort: Sequence[SortKey]) -> Document:
    """Compute each key (``k0``) and whether it is missing (``k0m``): missing values come last either way."""
    fields: Document = {}
    for number, key in enumerate(sort):
        value = _sort_value(key)
        fields[f"k{number}"] = value
        fields[f"k{number}m"] = {"$cond": [{"$eq": [{"$ifNull": [value, _MISSING]}, _MISSING]}, 1, 0]}
    return fields


def _sort_value(key: SortKey) -> Any:  # noqa: ANN401 - a MongoDB expression
    best = "$max" if key.descending else "$min"
    if key.source == "updated":
        return "$m"
    if key.source == "id":
        return "$_id"
    if key.source == "spans":
        keys = [*key.keys, *(k + WIDE for k in key.keys)]
        wanted = {"$filter": {"input": {"$ifNull": ["$r", []]}, "cond": {"$in": ["$$this.p", keys]}}}
        bound = "h" if key.descending else "l"
        return {best: {"$map": {"input": wanted, "in": f"$$this.{bound}"}}}
    values = [_values_under(prefix) for prefix in key.prefixes]
    return {best: values[0] if len(values) == 1 else {"$concatArrays": values}}


def _values_under(prefix: str) -> Document:
    """Return what follows ``prefix`` in the resource's own terms that start with it."""
    matching = {"$filter": {"input": {"$ifNull": ["$t", []]}, "cond": _under(prefix)}}
    return {"$map": {"input": matching, "in": {"$substrBytes": ["$$this", len(prefix.encode()), -1]}}}


def _under(prefix: str) -> Document:
    bounds = prefix_range(prefix)
    own = {"$not": [{"$regexMatch": {"input": "$$this", "regex": f"{VARIANT_END}$"}}]}
    return {"$and": [{"$gte": ["$$this", bounds["$gte"]]}, {"$lt": ["$$this", bounds["$lt"]]}, own]}


def _order(window: Window) -> list[tuple[str, int]]:
    turn = -1 if window.backward else 1
    order = []
    for number, key in enumerate(window.sort):
        order += [(f"k{number}m", turn), (f"k{number}", -turn if key.descending else turn)]
    return [*order, ("n", turn)]


def _beyond(order: list[tuple[str, int]], position: Position) -> Filter:
    """Select what comes after a position: beyond it in one key, equal in those before."""
    position = tuple(stored_bound(p, upper=False) if isinstance(p, Decimal) else p for p in position)
    alternatives = []
    for index, (name, direction) in enumerate(order):
        if position[index] is None:
            continue
        equal: Filter = {order[i][0]: position[i] for i in range(index)}
        alternatives.append({**equal, name: {"$gt" if direction > 0 else "$lt": position[index]}})
    return {"$or": alternatives}
