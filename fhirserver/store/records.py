"""Records: small documents found by a key, most of which expire; the state of logins, tokens and limits.

Every step is one call to the database that happens as a whole or not at all, so that of several workers that use
one code, one launch or one identifier at the same time exactly one has it.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import bson
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS
from pymongo import ASCENDING, IndexModel, ReturnDocument, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from fhirserver.store.errors import translated
from fhirserver.store.layout import Document

KEY: Final = "key"
"""What the key is named in a record that was read."""
EXPIRES: Final = "expires"
"""When a record stops being one, an aware ``datetime``; absent in those that stay."""
_REMEMBERED: Final = 4000


class Records:
    """One collection of them; what has expired is absent, whether the database has removed it yet or not."""

    def __init__(self, collection: AsyncCollection[Document], indexes: Collection[str] = ()) -> None:
        """Keep them in ``collection``; ``indexes`` are the fields by which many are found at once."""
        self._collection = collection
        self._unread = collection.with_options(DEFAULT_RAW_BSON_OPTIONS)
        self._known: OrderedDict[bytes, Mapping[str, Any]] = OrderedDict()
        """Records that were read of many, as they were written."""
        self._indexes = tuple(indexes)

    async def prepare(self) -> None:
        """Create the indexes that are missing."""
        expiry = IndexModel([(EXPIRES, ASCENDING)], name="expiry", expireAfterSeconds=0)
        found_by = [IndexModel([(name, ASCENDING)], name=name, sparse=True) for name in self._indexes]
        with translated():
            await self._collection.create_indexes([expiry, *found_by])

    async def insert(self, key: str, fields: Mapping[str, Any], expires_s: float | None = None) -> bool:
        """Enter a record; tells whether there was none of this key."""
        gone = {"_id": key, EXPIRES: {"$lte": _now()}}
        try:
            with translated():
                await self._collection.replace_one(gone, _document(key, fields, expires_s), upsert=True)
        except DuplicateKeyError:
            return False
        return True

    async def put(self, key: str, fields: Mapping[str, Any], expires_s: float | None = None) -> None:
        """Enter a record in the place of what there was."""
        with translated():
            await self._collection.replace_one({"_id": key}, _document(key, fields, expires_s), upsert=True)

    async def get(self, key: str) -> dict[str, Any] | None:
        """Return a record: its fields, its ``key`` and when it ``expires``."""
        with translated():
            found = await self._collection.find_one(_living({}, key))
        return None if found is None else _record(found)

    async def get_many(self, keys: Collection[str]) -> list[Mapping[str, Any]]:
        """Return those of the records that there are, in no order; one that is as it was, as the same object."""
        with translated():
            found = await self._unread.find({"_id": {"$in": list(keys)}, **_living({})}).to_list()
        written = [bytes(one.raw) for one in found]
        return [self._known.get(one) or self._read(one) for one in written]

    def _read(self, written: bytes) -> Mapping[str, Any]:
        """Read a record: that takes far longer than to see that it is as it was."""
        record = self._known[written] = _record(bson.decode(written, self._collection.codec_options))
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return record

    async def take(self, key: str) -> dict[str, Any] | None:
        """Return a record and delete it: of all who ask at the same time one has it."""
        with translated():
            taken = await self._collection.find_one_and_delete(_living({}, key))
        return None if taken is None else _record(taken)

    async def change(
        self,
        key: str,
        fields: Mapping[str, Any],
        *,
        where: Mapping[str, Any] | None = None,
        expires_s: float | None = None,
    ) -> dict[str, Any] | None:
        """Set fields of a record that is as ``where`` says, and its expiry where one is given.

        Return the new state, or None when there is no such record.
        """
        changes = dict(fields) if expires_s is None else {**fields, EXPIRES: _after(expires_s)}
        with translated():
            changed = await self._collection.find_one_and_update(
                _living(where or {}, key), {"$set": changes}, return_document=ReturnDocument.AFTER
            )
        return None if changed is None else _record(changed)

    async def change_where(self, where: Mapping[str, Any], fields: Mapping[str, Any]) -> int:
        """Set fields of the records that are as ``where`` says; return how many there are."""
        with translated():
            changed = await self._collection.update_many(_living(where), {"$set": dict(fields)})
        return changed.matched_count

    async def count(self, amounts: Mapping[str, float], expires_s: float) -> Mapping[str, float]:
        """Add to the numbers under some keys, and return what they are then; one begins at 0, and once it expired.

        Two calls, however many there are: what others add between them is in what is returned.
        """
        now, ends = _now(), _after(expires_s)
        with translated():
            await self._collection.bulk_write(
                [
                    UpdateOne({"_id": key}, [{"$replaceWith": _added(key, amount, now, ends)}], upsert=True)
                    for key, amount in amounts.items()
                ],
                ordered=False,
            )
            found = await self._collection.find({"_id": {"$in": list(amounts)}}, {"count": 1}).to_list()
        return {**amounts, **{fields["_id"]: float(fields["count"]) for fields in found}}

    async def find(self, where: Mapping[str, Any], limit: int = 1000) -> list[dict[str, Any]]:
        """Return records by their fields, in the order of their keys; a set of values means any of them."""
        with translated():
            found = await self._collection.find(_living(where), sort=[("_id", ASCENDING)], limit=limit).to_list()
        return [_record(fields) for fields in found]

    async def delete(self, key: str) -> bool:
        """Delete a record; tells whether there was one."""
        with translated():
            deleted = await self._collection.delete_one({"_id": key})
        return deleted.deleted_count == 1

    async def delete_where(self, where: Mapping[str, Any]) -> int:
        """Delete records by their fields; return how many there were."""
        with translated():
            deleted = await self._collection.delete_many(_selected(where))
        return deleted.deleted_count


def _now() -> datetime:
    return datetime.now(UTC)


def _after(seconds: float) -> datetime:
    return _now() + timedelta(seconds=seconds)


def _document(key: str, fields: Mapping[str, Any], expires_s: float | None) -> Document:
    expiry = {} if expires_s is None else {EXPIRES: _after(expires_s)}
    return {"_id": key, **{name: value for name, value in fields.items() if name not in (KEY, EXPIRES)}, **expiry}


def _added(key: str, amount: float, now: datetime, ends: datetime) -> Document:
    """Return the record of a number that something is added to, where it lives, or which begins."""
    lives = {"$gt": [f"${EXPIRES}", now]}
    sum_of = {"$add": [{"$cond": [lives, "$count", 0]}, amount]}
    return {"_id": {"$literal": key}, "count": sum_of, EXPIRES: {"$cond": [lives, f"${EXPIRES}", ends]}}


def _record(document: Document) -> dict[str, Any]:
    return {KEY: document.pop("_id"), **document}


def _selected(where: Mapping[str, Any]) -> Document:
    """Compare values and nothing else: no operator of the database comes in with what a caller sent."""
    return {
        name: {"$in": list(value)} if isinstance(value, set | frozenset) else {"$eq": value}
        for name, value in where.items()
    }


def _living(where: Mapping[str, Any], key: str | None = None) -> Document:
    own = {} if key is None else {"_id": key}
    return {**own, **_selected(where), "$or": [{EXPIRES: {"$exists": False}}, {EXPIRES: {"$gt": _now()}}]}
