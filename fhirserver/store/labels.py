"""What is in use under one key of the index: its distinct terms, at one seek each, however many resources have them."""

from typing import Any, Final

from fhirserver.store.compile import prefix_range
from fhirserver.store.errors import translated
from fhirserver.store.layout import Document
from fhirserver.store.store import Store

_INDEX: Final = "terms"


async def types_in_use(store: Store) -> list[str]:
    """Return the resource types of which there are instances, deleted ones too."""
    with translated():
        return sorted(await store.resources.distinct("y"))


async def distinct_terms(store: Store, prefix: str, limit: int, time_limit_ms: int) -> list[str]:
    """Return the terms that start with ``prefix``, in order, ``limit`` at most."""
    end = prefix_range(prefix)["$lt"]
    found: list[str] = []
    bounds: Document = {"$gte": prefix, "$lt": end}
    with translated():
        while len(found) < limit and (term := await _first(store, bounds, time_limit_ms)) is not None:
            found.append(term)
            bounds = {"$gt": term, "$lt": end}
    return found


async def _first(store: Store, bounds: Document, time_limit_ms: int) -> str | None:
    """Return the first term within bounds: that of the first document in the order of the index."""
    cursor = store.resources.find(
        {"t": {"$elemMatch": bounds}}, {"t": 1}, limit=1, hint=_INDEX, max_time_ms=time_limit_ms
    )
    fields: list[Any] = await cursor.to_list()
    low = bounds.get("$gt")
    inside = (
        term
        for term in (fields[0]["t"] if fields else ())
        if term < bounds["$lt"] and (term > low if low is not None else term >= bounds["$gte"])
    )
    return min(inside, default=None)
