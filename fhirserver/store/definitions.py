"""The definitions of one type that a site has stored, for those who keep them at hand in every worker."""

from collections.abc import Collection
from typing import Any

from fhirserver.kernel.version import Method
from fhirserver.store.errors import translated
from fhirserver.store.layout import Document
from fhirserver.store.store import Store


async def stored_versions(store: Store, resource_type: str, limit: int) -> dict[str, int]:
    """Return instance (``Type/id``) and version of what is there, what was stored first. Raises Unavailable."""
    wanted = {"y": resource_type, "o": {"$ne": Method.DELETE.value}}
    with translated():
        found: list[Any] = await store.resources.find(
            wanted, {"_id": 1, "v": 1}, sort=[("n", 1)], limit=limit
        ).to_list()
    return {one["_id"]: int(one["v"]) for one in found}


async def stored_contents(store: Store, keys: Collection[str]) -> dict[str, tuple[int, bytes]]:
    """Return version and JSON of some instances that are there. Raises Unavailable."""
    wanted: Document = {"_id": {"$in": list(keys)}, "o": {"$ne": Method.DELETE.value}}
    with translated():
        found = await store.resources.find(wanted, {"x": 1, "f": 1, "v": 1}).to_list()
        whole = [await store.contents.whole(fields) for fields in found]
    return {fields["_id"]: (int(fields["v"]), fields["x"]) for fields in whole if "x" in fields}
