"""What the database knows of custom search parameters: their definitions, their indexes, and who indexes by them.

Three facts, each written so that no order of events makes a search miss a resource:

* the definitions are the stored SearchParameters themselves; ``edition`` grows with every write of one
* the ledger says under which marks (``search.custom.mark_of``) all resources have their values, and which a reindex is
  working on; when a worker stops to index by such a mark, it takes it out *before* and raises the ``epoch``, so that
  the reindex under way cannot call it complete
* every worker says, every second, by which marks all its writes index, those under way included, and since which
  ``turn``; one that is silent is gone, and writes nothing before it has spoken again
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from pymongo import ReturnDocument

from fhirserver.store.errors import translated
from fhirserver.store.layout import SETTING, WORKER, Document
from fhirserver.store.store import Store

SILENCE_S: Final = 8
"""A worker that has not spoken for so long is gone."""

_LEDGER: Final = "search parameters"
_TYPE: Final = "SearchParameter"


@dataclass(frozen=True, slots=True)
class Ledger:
    """The state of the indexes of custom parameters; ``turn`` counts the moments that workers are asked about."""

    ready: frozenset[str] = frozenset()
    indexing: frozenset[str] = frozenset()
    epoch: int = 0
    turn: int = 0


class ParameterStore:
    """Reads and writes these facts for one site."""

    def __init__(self, store: Store) -> None:
        """Keep them in the site's database."""
        self._store = store
        self._settings = store.collection(SETTING)
        self._workers = store.collection(WORKER)

    async def edition(self) -> int:
        """Return a number that is another one after every write of a SearchParameter."""
        versions: list[Document] = [{"$match": {"y": _TYPE}}, {"$group": {"_id": None, "v": {"$sum": "$v"}}}]
        with translated():
            found = await (await self._store.resources.aggregate(versions)).to_list()
        return int(found[0]["v"]) if found else 0

    async def definitions(self) -> list[bytes]:
        """Return the JSON of all stored SearchParameters, in the order of their creation."""
        wanted = {"y": _TYPE, "o": {"$ne": "DELETE"}}
        with translated():
            found = await self._store.resources.find(wanted, {"x": 1, "f": 1, "n": 1}, sort=[("n", 1)]).to_list()
            whole = [await self._store.contents.whole(fields) for fields in found]
        return [fields["x"] for fields in whole if "x" in fields]

    async def ledger(self) -> Ledger:
        """Return the ledger as it is."""
        with translated():
            return _ledger_of(await self._settings.find_one({"_id": _LEDGER}))

    async def settle(self, marks: Collection[str]) -> None:
        """Enter marks as ready in a new database: nothing is stored that lacks a value."""
        with translated():
            for collection in (self._store.resources, self._store.histories):
                if await collection.find_one({}, {"_id": 1}) is not None:
                    return
            new: Document = {"$setOnInsert": {"ready": sorted(marks)}}
            await self._settings.update_one({"_id": _LEDGER}, new, upsert=True)

    async def withdraw(self, marks: Collection[str]) -> None:
        """Take marks out of the ledger: from now on somebody writes without them."""
        gone = {"ready": list(marks), "indexing": list(marks)}
        with translated():
            await self._settings.update_one({"_id": _LEDGER}, {"$pullAll": gone, "$inc": {"epoch": 1}})

    async def begin(self, marks: Collection[str]) -> Ledger:
        """Begin a turn, and enter marks that a reindex will complete; returns the ledger of that moment."""
        change: Document = {"$inc": {"turn": 1}, "$addToSet": {"indexing": {"$each": list(marks)}}}
        with translated():
            return _ledger_of(
                await self._settings.find_one_and_update(
                    {"_id": _LEDGER}, change, upsert=True, return_document=ReturnDocument.AFTER
                )
            )

    async def complete(self, marks: Collection[str], epoch: int) -> bool:
        """Enter marks as ready, unless somebody has written without one since ``epoch``; tells whether it did."""
        filter_: Document = {"_id": _LEDGER, "epoch": epoch} if epoch else {"_id": _LEDGER, "epoch": {"$exists": False}}
        with translated():
            change: Document = {"$addToSet": {"ready": {"$each": list(marks)}}}
            done = await self._settings.update_one(filter_, change)
            await self._settings.update_one({"_id": _LEDGER}, {"$pullAll": {"indexing": list(marks)}})
        return done.matched_count == 1

    async def speak(self, worker: str, marks: Collection[str], turn: int) -> None:
        """Say for a worker by which marks all its writes index, and which turn none of them began before."""
        said: Document = {"$set": {"marks": sorted(marks), "turn": turn}, "$currentDate": {"at": True}}
        with translated():
            await self._workers.update_one({"_id": worker}, said, upsert=True)

    async def leave(self, worker: str) -> None:
        """Forget a worker that writes nothing any more."""
        with translated():
            await self._workers.delete_one({"_id": worker})

    async def is_behind(self, marks: Collection[str], turn: int) -> bool:
        """Tell whether some worker may still write without one of the marks, or what it began before a turn."""
        now: Any = {"$gt": ["$at", {"$subtract": ["$$NOW", SILENCE_S * 1000]}]}
        lacks: list[Document] = [{"turn": {"$lt": turn}}]
        if marks:
            lacks.append({"marks": {"$not": {"$all": list(marks)}}})
        with translated():
            return await self._workers.find_one({"$expr": now, "$or": lacks}, {"_id": 1}) is not None


def _ledger_of(fields: Document | None) -> Ledger:
    known = fields or {}
    return Ledger(
        ready=frozenset(known.get("ready", ())),
        indexing=frozenset(known.get("indexing", ())),
        epoch=known.get("epoch", 0),
        turn=known.get("turn", 0),
    )
