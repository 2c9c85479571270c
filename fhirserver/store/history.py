"""History: current and earlier versions in the order they were made, newest first unless asked otherwise.

An instance is read by the order of its version ids; a type and the whole system by ``meta.lastUpdated``, which is
unique within a worker. Spec: http://hl7.org/fhir/R4/http.html#history
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo.asynchronous.collection import AsyncCollection

from fhirserver.kernel.version import Method, Version
from fhirserver.search.plan import ALL, Plan
from fhirserver.store.as_of import AsOfSearcher, of_versions
from fhirserver.store.compile import Filter, compile_plan
from fhirserver.store.documents import version_of
from fhirserver.store.errors import translated
from fhirserver.store.layout import SERVED, Document, history_id
from fhirserver.store.store import INDEXED_HISTORY, Store

Place = tuple[int, str]
"""Where a page ends: lastUpdated in µs, and ``Type/id/version`` to tell apart what shares it."""

_TIES: Final = 64
"""More versions than this never share one µs: a worker gives each its own."""


@dataclass(frozen=True, slots=True)
class Period:
    """Which versions: made in [since, before), and current at some moment of [at_low, at_high); None is open."""

    since: int | None = None
    before: int | None = None
    at_low: int | None = None
    at_high: int | None = None


@dataclass(frozen=True, slots=True)
class HistoryWindow:
    """Which part of them: at most ``limit`` beyond a place."""

    limit: int
    oldest_first: bool = False
    after: Place | None = None


class HistoryReader:
    """Reads histories of a store."""

    def __init__(self, store: Store, time_limit_ms: int) -> None:
        """Let no history take longer than ``time_limit_ms``."""
        self._store = store
        self._time_limit_ms = time_limit_ms
        self._is_indexed = False

    async def version_at(self, key: str, moment: int) -> Version | None:
        """Return the version of one instance that was current at a moment, a deletion too; None before the first."""
        current = await self._store.current(key)
        if current is None or current.version.last_updated_us <= moment:
            return None if current is None else current.version
        # What an update supersedes just now is in the history before the new version is what is current.
        wanted = {**_versions(key), "m": {"$lte": moment}, "e": {"$gt": moment}}
        with translated():
            fields = await self._store.histories.find_one(wanted, SERVED, max_time_ms=self._time_limit_ms)
            return None if fields is None else version_of(await self._whole(fields), self._store.contents)

    def as_of(self, moment: int, now: Plan = ALL) -> AsOfSearcher:
        """Return a searcher of the record as it stood at a moment, where the instances of today match ``now``."""
        return AsOfSearcher(self._store, self._time_limit_ms, moment, now)

    async def is_indexed(self) -> bool:
        """Tell whether every earlier version has its index values: a history that has them keeps them."""
        if not self._is_indexed:
            self._is_indexed = await self._store.setting(INDEXED_HISTORY) is not None
        return self._is_indexed

    async def of_instance(self, key: str, period: Period, window: HistoryWindow, seen: Plan = ALL) -> list[Version]:
        """Return the versions of one instance that match ``seen``, and deletions."""
        now, past = _seen(seen)
        return await self._merged(({"_id": key, **now}, {**_versions(key), **past}), period, window)

    async def of_types(
        self, types: Sequence[str], period: Period, window: HistoryWindow, seen: Plan = ALL
    ) -> list[Version]:
        """Return the versions of all instances of some types that match ``seen``, and deletions."""
        now, past = _seen(seen)
        wanted: Filter = {"y": types[0] if len(types) == 1 else {"$in": list(types)}}
        return await self._merged(({**wanted, **now}, {**wanted, **past}), period, window)

    async def count_instance(self, key: str, seen: Plan = ALL) -> int:
        """Count the versions of one instance that match ``seen``, and deletions."""
        if seen == ALL:
            current = await self._store.current(key)
            return 0 if current is None else current.version.version_id
        now, past = _seen(seen)
        options: dict[str, Any] = {"maxTimeMS": self._time_limit_ms}
        with translated():
            current_count = await self._store.resources.count_documents({"_id": key, **now}, **options)
            return current_count + await self._store.histories.count_documents({**_versions(key), **past}, **options)

    async def seen_now(self, versions: Sequence[Version], seen: Plan) -> list[Version]:
        """Return those of some versions whose instances match ``seen`` as they are now; deleted ones as they were last.

        A deletion is one of those if the version before it is.
        """
        keys = list({version.key for version in versions})
        selected = compile_plan(seen)
        with translated():
            found = await self._store.resources.find(
                {"$and": [{"_id": {"$in": keys}}, {"$or": [selected, _DELETION]}]}, {"v": 1, "o": 1}
            ).to_list()
            deleted = {fields["_id"]: int(fields["v"]) for fields in found if fields["o"] == Method.DELETE.value}
            marks = {(version.key, version.version_id) for version in versions if version.content is None}
            before = [history_id(key, number - 1) for key, number in {*deleted.items(), *marks}]
            past = compile_plan(of_versions(seen))
            last = self._store.histories.find({"$and": [{"_id": {"$in": before}}, past]}, {"_id": 1})
            shown = {fields["_id"] async for fields in last}
        living = {fields["_id"] for fields in found} - deleted.keys()
        living |= {key for key, number in deleted.items() if history_id(key, number - 1) in shown}
        return [
            version
            for version in versions
            if version.key in living
            and (version.content is not None or history_id(version.key, version.version_id - 1) in shown)
        ]

    async def count_types(self, types: Sequence[str], period: Period, limit: int) -> int:
        """Count the versions of some types, up to ``limit``."""
        wanted: Filter = {"y": {"$in": list(types)}}
        options: dict[str, Any] = {"maxTimeMS": self._time_limit_ms, "limit": limit}
        with translated():
            current = await self._store.resources.count_documents({**wanted, **_made(period)}, **options)
            earlier = await self._store.histories.count_documents({**wanted, **_superseded(period)}, **options)
        return current + earlier

    async def _merged(self, wanted: tuple[Filter, Filter], period: Period, window: HistoryWindow) -> list[Version]:
        with translated():
            current = await self._fetch(self._store.resources, {**wanted[0], **_made(period)}, window)
            earlier = await self._fetch(self._store.histories, {**wanted[1], **_superseded(period)}, window)
            found = sorted(current + earlier, key=_place, reverse=not window.oldest_first)
            # A version stands in both collections for an instant while its successor is being committed.
            unique = {_place(fields): fields for fields in found if _is_beyond(_place(fields), window)}
            page = list(unique.values())[: window.limit]
            return [version_of(await self._whole(fields), self._store.contents) for fields in page]

    async def _whole(self, fields: Document) -> Document:
        return await self._store.contents.whole(fields)

    async def _fetch(
        self, collection: AsyncCollection[Document], wanted: Filter, window: HistoryWindow
    ) -> list[Document]:
        if window.after is not None:
            bound = {"$gte" if window.oldest_first else "$lte": window.after[0]}
            wanted = {"$and": [wanted, {"m": bound}]}
        cursor = collection.find(
            wanted,
            SERVED,
            sort=[("m", 1 if window.oldest_first else -1)],
            limit=window.limit + _TIES,
            max_time_ms=self._time_limit_ms,
        )
        return await cursor.to_list()


_DELETION: Final[Filter] = {"o": Method.DELETE.value}


def _seen(plan: Plan) -> tuple[Filter, Filter]:
    """Return what selects, of current versions and of earlier ones, those that match a plan and deletions."""
    if plan == ALL:
        return {}, {}
    now, past = ({"$or": [compile_plan(one), _DELETION]} for one in (plan, of_versions(plan)))
    return {"$and": [now]}, {"$and": [past]}


def _versions(key: str) -> Filter:
    """Select the earlier versions of an instance."""
    return {"_id": {"$gte": f"{key}/", "$lt": f"{key}0"}}  # "0" follows "/"


def _place(fields: Document) -> Place:
    parts = fields["_id"].split("/")
    return fields["m"], history_id(f"{parts[0]}/{parts[1]}", fields["v"])


def place_of(version: Version) -> Place:
    """Return where a version stands in a history."""
    return version.last_updated_us, history_id(version.key, version.version_id)


def _is_beyond(place: Place, window: HistoryWindow) -> bool:
    if window.after is None:
        return True
    return place > window.after if window.oldest_first else place < window.after


def _made(period: Period) -> Filter:
    """Select current versions of the period."""
    lowest = period.since
    highest = min((x for x in (period.before, period.at_high) if x is not None), default=None)
    bounds = {k: v for k, v in (("$gte", lowest), ("$lt", highest)) if v is not None}
    return {"m": bounds} if bounds else {}


def _superseded(period: Period) -> Filter:
    """Select earlier versions of the period; one that was replaced before ``at`` was not current then."""
    ended = {} if period.at_low is None else {"e": {"$gt": period.at_low}}
    return {**_made(period), **ended}
