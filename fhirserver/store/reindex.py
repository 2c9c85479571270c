"""Index values computed anew for what is stored, in the order of keys, while the server serves.

A document is rewritten only with the content that was read: one that a writer changes meanwhile has its new
index values from that write. Earlier versions have index values too, and stay as they are otherwise.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor

from fhirserver.search.index import IndexValues
from fhirserver.store.errors import translated
from fhirserver.store.layout import INDEXED, Document, history_id, index_fields, instance_term
from fhirserver.store.store import INDEXED_HISTORY, Store, place_at

Extract = Callable[[bytes], Awaitable[IndexValues]]

_FIELDS: Final = ("x", "f", "v", "n", *INDEXED)
_PLACE: Final = "n"
_FETCHED: Final = 50
_WRITTEN: Final = 50
"""Documents written in one call."""
_ENOUGH: Final = 8 * 1024 * 1024
"""Bytes of JSON that one batch may reach."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of what is stored: the versions of some types, current ones or earlier ones."""

    earlier: bool
    resource_type: str | None = None
    """None: every type."""

    def bounds(self, after: str) -> Document:
        """Return the condition on the keys that follow one."""
        if self.resource_type is None:
            return {"$gt": after}
        return {"$gt": after or f"{self.resource_type}/", "$lt": f"{self.resource_type}0"}  # "0" follows "/"


def parts_of(types: Sequence[str]) -> list[Part]:
    """List the parts to reindex in their order: what becomes an earlier version meanwhile is seen as one later."""
    named = tuple(types) or (None,)
    return [Part(earlier, name) for earlier in (False, True) for name in named]


@dataclass(frozen=True, slots=True)
class Batch:
    """What was done: ``last`` is the key to go on after, None when the part is done."""

    done: int
    changed: int
    last: str | None


class Reindexing:
    """Reads and rewrites the documents of a store."""

    def __init__(self, store: Store) -> None:
        """Work on ``store``."""
        self._store = store

    async def count(self, part: Part) -> int:
        """Return how many documents a part has: the estimate of the database where it is all of them."""
        collection = self._collection(part)
        with translated():
            if part.resource_type is None:
                return await collection.estimated_document_count()
            return await collection.count_documents({"y": part.resource_type})

    async def some(self, part: Part, extract: Extract, after: str, limit: int, *, dry_run: bool = False) -> Batch:
        """Recompute the index values of the next ``limit`` documents of a part, after a key."""
        collection = self._collection(part)
        projection = dict.fromkeys(_FIELDS, 1)
        with translated():
            wanted = {"_id": part.bounds(after)}
            cursor = collection.find(wanted, projection, sort=[("_id", 1)], limit=limit, batch_size=_FETCHED)
            found = await self._read(cursor)
            places = await self._places(found) if part.earlier else {}
        changed = await self._rewrite(found, extract, places, None if dry_run else collection)
        is_end = len(found) < limit and sum(map(_size, found)) < _ENOUGH
        return Batch(len(found), changed, None if is_end else found[-1]["_id"])

    async def _rewrite(
        self,
        found: Sequence[Document],
        extract: Extract,
        places: dict[str, int],
        into: AsyncCollection[Document] | None,
    ) -> int:
        """Return how many documents have other index values; while some are written, those of the next are computed."""
        changed = 0
        try:
            async with asyncio.TaskGroup() as writes:
                for start in range(0, len(found), _WRITTEN):
                    some = found[start : start + _WRITTEN]
                    changes = [change for fields in some if (change := await self._change(fields, extract, places))]
                    changed += len(changes)
                    if changes and into is not None:
                        writes.create_task(_write(into, changes))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return changed

    async def _read(self, cursor: AsyncCursor[Document]) -> list[Document]:
        """Read documents until their JSON becomes more than should be in memory together."""
        found: list[Document] = []
        size = 0
        async with cursor:
            async for fields in cursor:
                found.append(await self._store.contents.whole(fields))
                size += _size(fields)
                if size >= _ENOUGH:
                    break
        return found

    async def note_whole(self) -> None:
        """Note that every version has its index values, and every code is among those in use."""
        await self._store.set_once(INDEXED_HISTORY, {})
        await self._store.vocabulary.note_complete()

    def _collection(self, part: Part) -> AsyncCollection[Document]:
        return self._store.histories if part.earlier else self._store.resources

    async def _places(self, found: Sequence[Document]) -> dict[str, int]:
        """Return the places of the instances whose earlier versions have none: an older server kept none.

        They are those of the instant of the first version: the present one may be later, of an instance that came back.
        """
        firsts = {history_id(_instance(fields["_id"]), 1) for fields in found if _PLACE not in fields}
        if not firsts:
            return {}
        versions = self._store.histories.find({"_id": {"$in": list(firsts)}}, {"m": 1})
        return {_instance(fields["_id"]): place_at(fields["m"]) async for fields in versions}

    async def _change(self, fields: Document, extract: Extract, places: dict[str, int]) -> UpdateOne | None:
        content = fields.get("x")
        if content is None:
            return None
        new: Document = index_fields(await extract(content))
        await self._store.vocabulary.learn(new["t"])
        key = _instance(fields["_id"])
        if key != fields["_id"]:
            new["t"] = [*new["t"], instance_term(key)]
        if key in places:
            new[_PLACE] = places[key]
        other = {name: value for name, value in new.items() if fields.get(name) != value}
        absent = {name: "" for name in INDEXED if name in fields and name not in new}
        change = {name: values for name, values in (("$set", other), ("$unset", absent)) if values}
        held = "f" if "f" in fields else "x"  # beside the version: labels change without a new one
        return UpdateOne({name: fields[name] for name in ("_id", "v", held)}, change) if change else None


async def _write(collection: AsyncCollection[Document], changes: Sequence[UpdateOne]) -> None:
    with translated():
        await collection.bulk_write(changes, ordered=False)


def _size(fields: Document) -> int:
    return len(fields.get("x", b""))


def _instance(key: str) -> str:
    """Return ``Type/id`` of a key of either collection."""
    return "/".join(key.split("/", 2)[:2])
