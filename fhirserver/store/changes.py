"""Which resources have changed lately, by the index of changes; deletions are changes."""

from collections.abc import Collection
from typing import Any, Final

from fhirserver.kernel.version import Method
from fhirserver.store.errors import translated
from fhirserver.store.store import Store

MOST_TOLD: Final = 10_000


async def changed_since(store: Store, resource_types: Collection[str], moment_us: int) -> list[tuple[str, int]]:
    """Return instance and version of what was written of some types since a moment. Raises Unavailable.

    Of more than ``MOST_TOLD`` these are the latest: the others have been seen before, but for those long under way.
    """
    wanted = {"y": {"$in": list(resource_types)}, "m": {"$gte": moment_us}}
    with translated():
        cursor = store.resources.find(wanted, {"_id": 1, "v": 1}, sort=[("m", -1)], limit=MOST_TOLD)
        found: list[Any] = await cursor.to_list()
    return [(one["_id"], int(one["v"])) for one in found]


async def named_by(store: Store, keys: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the index terms of some instances (``Type/id``) that are there. Raises Unavailable."""
    wanted = {"_id": {"$in": list(keys)}, "o": {"$ne": Method.DELETE.value}}
    with translated():
        found: list[Any] = await store.resources.find(wanted, {"t": 1}).to_list()
    return {one["_id"]: tuple(one.get("t", ())) for one in found}
