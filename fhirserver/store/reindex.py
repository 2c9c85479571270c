"""Index values computed anew for what is stored, in the order of keys, while the server serves.

A document is rewritten only in the version that was read: one that a writer changes meanwhile has its new
index values from that write.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pymongo import UpdateOne

from fhirserver.search.index import IndexValues
from fhirserver.store.errors import translated
from fhirserver.store.layout import Document, index_fields
from fhirserver.store.store import Store

_FIELDS: Final = ("t", "l", "r", "c", "g")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reindex has come: ``last`` is the key to go on after, None when all is done."""

    done: int
    changed: int
    last: str | None


async def reindex_some(
    store: Store, extract: Callable[[bytes], IndexValues], after: str = "", limit: int = 500
) -> Progress:
    """Recompute the index values of the next ``limit`` instances after a key."""
    with translated():
        projection = {name: 1 for name in ("x", "f", "v", *_FIELDS)}
        wanted = {"_id": {"$gt": after}}
        found = await store.resources.find(wanted, projection, sort=[("_id", 1)], limit=limit).to_list()
        operations = [operation for fields in found if (operation := await _operation(store, extract, fields))]
        if operations:
            await store.resources.bulk_write(operations, ordered=False)
    return Progress(len(found), len(operations), found[-1]["_id"] if len(found) == limit else None)


async def _operation(store: Store, extract: Callable[[bytes], IndexValues], fields: Document) -> UpdateOne | None:
    content = (await store.contents.whole(fields)).get("x")
    if content is None:
        return None
    new: Document = index_fields(extract(content))
    if all(fields.get(name) == new.get(name) for name in _FIELDS):
        return None
    absent = {name: "" for name in _FIELDS if name in fields and name not in new}
    change: dict[str, Any] = {"$set": new, **({"$unset": absent} if absent else {})}
    return UpdateOne({"_id": fields["_id"], "v": fields["v"]}, change)
