"""Searching the record as it stood at an instant: what is current since before it, and what was superseded after it.

    m <= T          in ``resource``
    m <= T < e      in ``history``

Both collections have the same index values, so that one plan selects from both, chains and includes as of T too. Each
query reads them in one snapshot: a version that an update moves from one to the other is seen once.
docs/adr/0011-as-of.md has the measure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fhirserver.kernel.version import Method
from fhirserver.search.plan import ALL, And, HasTerm, IsOneOf, Not, Or, Plan, any_of
from fhirserver.store.compile import Filter, compile_plan
from fhirserver.store.errors import translated
from fhirserver.store.layout import HISTORY, RESOURCE, Document, instance_term
from fhirserver.store.search import WHICH, Hit, VersionOf, hit_of
from fhirserver.store.sorting import Window, order_of, ordered_stages, projection_of
from fhirserver.store.store import Session, Store, place_at

_LATE_US: Final = 3_600_000_000
"""How long after its instant a version may have got its place, at most: a request ends long before."""

_SUFFIX_BYTES: Final = len("/00000001")
_KEY_OF_VERSION: Final[Document] = {
    "$set": {"_id": {"$substrBytes": ["$_id", 0, {"$subtract": [{"$strLenBytes": "$_id"}, _SUFFIX_BYTES]}]}}
}
"""Gives an earlier version the ``_id`` of its instance."""


@dataclass(frozen=True, slots=True)
class AsOfSearcher:
    """What a ``Searcher`` does, as of ``moment``, µs."""

    store: Store
    time_limit_ms: int
    moment: int
    now: Plan = ALL
    """What an instance must match as it is now, for its versions of then to be found; a deleted one by its last."""

    async def find(
        self, plan: Plan, window: Window, *, with_terms: bool = False, session: Session | None = None
    ) -> list[Hit]:
        """Return the matches of a window, in order."""
        projection = projection_of(window, with_terms=with_terms)
        order: list[Document] = [{"$sort": dict(order_of(window))}, {"$limit": window.limit}]
        with translated():
            now, past = (
                ordered_stages(wanted, window, projection, before, self._join, narrows=len(before) > 1)
                for wanted, before in zip(self._filters(plan), ([], self._of_the_past()), strict=True)
            )
            found = await self._aggregate([*now, _union(past), *order])
            whole, contents = self.store.contents.whole, self.store.contents
            hits = [hit_of(await whole(fields), len(window.sort), contents) for fields in found]
        return hits[::-1] if window.backward else hits

    async def count(self, plan: Plan, limit: int | None = None) -> int:
        """Count the matches, up to ``limit`` when there is one."""
        bounded: list[Document] = [] if limit is None else [{"$limit": limit}]
        with translated():
            now, past = (
                [{"$match": wanted}, *before, {"$project": {"_id": 1}}, *bounded]
                for wanted, before in zip(self._filters(plan), ([], self._of_the_past()), strict=True)
            )
            found = await self._aggregate([*now, _union(past), *bounded, {"$count": "c"}])
        return int(found[0]["c"]) if found else 0

    async def keys(self, plan: Plan, limit: int, session: Session | None = None) -> list[str]:
        """Return ``Type/id`` of at most ``limit`` matches."""
        return [fields["_id"] for fields in await self._some(plan, {"_id": 1}, limit)]

    async def versions(self, plan: Plan, limit: int, session: Session | None = None) -> list[VersionOf]:
        """Return which versions at most ``limit`` matches are."""
        return [(fields["_id"], fields["v"], fields["m"]) for fields in await self._some(plan, WHICH, limit)]

    async def terms(
        self, plan: Plan, prefixes: Sequence[str], limit: int, session: Session | None = None
    ) -> list[str] | None:
        """Return the terms of the matches under ``prefixes``; None when there are more than ``limit`` matches."""
        found = await self._some(plan, {"t": 1}, limit + 1)
        if len(found) > limit:
            return None
        wanted = tuple(prefixes)
        return [term for fields in found for term in fields.get("t", ()) if term.startswith(wanted)]

    async def _some(self, plan: Plan, projection: Document, limit: int) -> list[Document]:
        """Return at most ``limit`` matches in any order."""
        shown: list[Document] = [{"$limit": limit}, {"$project": projection}]
        with translated():
            now, past = self._filters(plan)
            earlier = [{"$match": past}, *self._of_the_past(), *shown]
            return await self._aggregate([{"$match": now}, *shown, _union(earlier), {"$limit": limit}])

    def _join(self, field: str, plan: Plan, pipeline: list[Document]) -> list[Document]:
        """Follow references to the versions of then of what they lead to."""
        now, past = self._filters(plan)
        earlier = f"{field}e"
        named = {"$map": {"input": f"${field}", "in": {"$concat": [instance_term(""), "$$this"]}}}
        return [
            {"$addFields": {earlier: named}},
            _lookup(RESOURCE, "_id", field, [{"$match": now}, *pipeline]),
            _lookup(HISTORY, "t", earlier, [{"$match": past}, *self._of_the_past(), *pipeline]),
            {"$addFields": {field: {"$concatArrays": [f"${field}", f"${earlier}"]}}},
        ]

    def _filters(self, plan: Plan) -> tuple[Filter, Filter]:
        """Select what is current since before the moment, and what was superseded after it.

        The bound of places spares the index what was created later.
        """
        created = {"n": {"$lt": place_at(self.moment + _LATE_US)}, "m": {"$lte": self.moment}}
        now = {"$and": [compile_plan(plan), created]}
        past = {"$and": [compile_plan(of_versions(plan)), {**created, "e": {"$gt": self.moment}}]}
        return now, past

    def _of_the_past(self) -> list[Document]:
        """Give earlier versions the ``_id`` of their instance; keep those whose instance matches ``now``.

        Of a deleted instance that is the version before the deletion.
        """
        if self.now == ALL:
            return [_KEY_OF_VERSION]
        last = {"$and": [{"$eq": ["$o", Method.DELETE.value]}, {"$eq": ["$v", {"$add": ["$$version", 1]}]}]}
        seen: Document = {"$or": [compile_plan(self.now), {"$expr": last}]}
        lookup = {
            **_lookup(RESOURCE, "_id", "_id", [{"$match": seen}, {"$project": {"_id": 1}}])["$lookup"],
            "let": {"version": "$v"},
            "as": "seen",
        }
        return [_KEY_OF_VERSION, {"$lookup": lookup}, {"$match": {"seen": {"$ne": []}}}, {"$unset": "seen"}]

    async def _aggregate(self, stages: list[Document]) -> list[Document]:
        options: dict[str, Any] = {"maxTimeMS": self.time_limit_ms, "allowDiskUse": True}
        async with self.store.snapshot() as session:
            cursor = await self.store.resources.aggregate(stages, session=session.driver, **options)
            return await cursor.to_list()


def _lookup(collection: str, key: str, field: str, pipeline: list[Document]) -> Document:
    lookup = {"from": collection, "localField": field, "foreignField": key, "pipeline": pipeline, "as": field}
    return {"$lookup": lookup}


def _union(stages: list[Document]) -> Document:
    return {"$unionWith": {"coll": HISTORY, "pipeline": stages}}


def of_versions(plan: Plan) -> Plan:
    """Return the plan as it is asked of earlier versions, whose ``_id`` is not that of their instance."""
    match plan:
        case And(plans):
            return And(tuple(of_versions(part) for part in plans))
        case Or(plans):
            return any_of(*(of_versions(part) for part in plans))
        case Not(negated):
            return Not(of_versions(negated))
        case IsOneOf(keys):
            return HasTerm(tuple(instance_term(key) for key in keys))
        case _:
            return plan
