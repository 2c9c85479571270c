"""The latest matches of each group, found in the database: only keys, groups and times leave it.

``$rank`` gives equal times equal ranks, so that ties are all there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fhirserver.search.plan import Plan
from fhirserver.store.compile import compile_plan
from fhirserver.store.errors import translated
from fhirserver.store.layout import WIDE, Document
from fhirserver.store.store import Store

_TIME_LIMIT_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class Grouping:
    """What matches are grouped and ordered by: the terms under some prefixes, the spans under some keys."""

    prefixes: tuple[str, ...]
    dates: tuple[str, ...]
    most: int
    """Of one group, by rank."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One of the latest of its group."""

    key: str
    terms: tuple[str, ...]
    """Those it is grouped by; none: it stands alone."""
    when: tuple[int, int] | None
    """The end and the beginning of its latest time."""


async def latest(store: Store, plan: Plan, grouping: Grouping, limit: int) -> list[Ranked]:
    """Return the latest matches of each group of equal terms, at most ``limit`` in all, in no order."""
    alone = {"$cond": [{"$eq": ["$c", []]}, "$_id", None]}
    pipeline: list[Document] = [
        {"$match": compile_plan(plan)},
        {"$project": {"c": _terms(grouping.prefixes), "w": _when(grouping.dates)}},
        {
            "$setWindowFields": {
                "partitionBy": {"c": "$c", "alone": alone},
                "sortBy": {"w": -1},
                "output": {"rank": {"$rank": {}}},
            }
        },
        {"$match": {"rank": {"$lte": grouping.most}}},
        {"$limit": limit},
    ]
    with translated():
        cursor = await store.resources.aggregate(pipeline, maxTimeMS=_TIME_LIMIT_MS, allowDiskUse=True)
        return [_ranked(fields) async for fields in cursor]


def _terms(prefixes: Sequence[str]) -> Document:
    starts = [{"$eq": [{"$indexOfBytes": ["$$this", prefix]}, 0]} for prefix in prefixes]
    own = {"$filter": {"input": {"$ifNull": ["$t", []]}, "cond": {"$or": starts}}}
    return {"$sortArray": {"input": {"$setUnion": [own, []]}, "sortBy": 1}}


def _when(dates: Sequence[str]) -> Document:
    keys = [*dates, *(date + WIDE for date in dates)]
    own = {"$filter": {"input": {"$ifNull": ["$r", []]}, "cond": {"$in": ["$$this.p", keys]}}}
    return {"$max": {"$map": {"input": own, "in": {"h": "$$this.h", "l": "$$this.l"}}}}


def _ranked(fields: Document) -> Ranked:
    when = fields.get("w")
    return Ranked(fields["_id"], tuple(fields["c"]), None if when is None else (int(when["h"]), int(when["l"])))
