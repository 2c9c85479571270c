"""Collections and indexes, made before the server listens and never inside a transaction.

Every index serves all types and all SearchParameters; docs/adr/0004-one-collection.md has their measure.
"""

from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, GEOSPHERE, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid

from fhirserver.store.layout import CLAIM, CLOSURE, CONTENT, HISTORY, JOB, RESOURCE, SETTING, VOCABULARY, WORKER

CLAIM_LIFE_S: Final = 3600
WORKER_LIFE_S: Final = 3600
"""What a worker that is gone has said last is forgotten after this time."""
JOB_LIFE_S: Final = 30 * 24 * 3600
"""Jobs that have ended are kept for this time."""

INDEXES: Final[dict[str, list[IndexModel]]] = {
    RESOURCE: [
        IndexModel([("t", ASCENDING), ("n", ASCENDING)], name="terms"),
        IndexModel([("r.p", ASCENDING), ("r.l", ASCENDING)], name="spans"),
        IndexModel([("y", ASCENDING), ("m", DESCENDING)], name="changes"),
        IndexModel([("g", GEOSPHERE)], name="positions", sparse=True),
    ],
    HISTORY: [
        IndexModel([("t", ASCENDING), ("n", ASCENDING), ("e", ASCENDING)], name="terms"),
        IndexModel([("r.p", ASCENDING), ("r.l", ASCENDING)], name="spans"),
        IndexModel([("y", ASCENDING), ("m", DESCENDING)], name="changes"),
        IndexModel([("g", GEOSPHERE)], name="positions", sparse=True),
    ],
    CLAIM: [IndexModel([("at", ASCENDING)], name="expiry", expireAfterSeconds=CLAIM_LIFE_S)],
    SETTING: [],
    JOB: [IndexModel([("ended", ASCENDING)], name="expiry", expireAfterSeconds=JOB_LIFE_S)],
    WORKER: [IndexModel([("at", ASCENDING)], name="expiry", expireAfterSeconds=WORKER_LIFE_S)],
    CLOSURE: [IndexModel([("expires", ASCENDING)], name="expiry", expireAfterSeconds=0)],
    VOCABULARY: [IndexModel([("n", ASCENDING)], name="news")],
    f"{CONTENT}.files": [IndexModel([("filename", ASCENDING), ("uploadDate", ASCENDING)], name="names")],
    f"{CONTENT}.chunks": [IndexModel([("files_id", ASCENDING), ("n", ASCENDING)], name="chunks", unique=True)],
}

_ZSTD: Final = {"wiredTiger": {"configString": "block_compressor=zstd"}}


async def ensure(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Create what is missing; what is there stays."""
    existing = set(await database.list_collection_names())
    for name, indexes in INDEXES.items():
        if name not in existing:
            await _create(database, name)
        if indexes:
            await database[name].create_indexes(indexes)


async def missing(database: AsyncDatabase[dict[str, Any]]) -> list[str]:
    """Name the indexes that are not there yet, as ``collection.index``."""
    absent: list[str] = []
    for name, indexes in INDEXES.items():
        present = await database[name].index_information()
        wanted = [str(index.document["name"]) for index in indexes]
        absent += [f"{name}.{index}" for index in wanted if index not in present]
    return absent


async def _create(database: AsyncDatabase[dict[str, Any]], name: str) -> None:
    try:
        await database.create_collection(name, storageEngine=_ZSTD)
    except CollectionInvalid:
        return  # another worker was first
