"""The connection to MongoDB: one client per process, shared by the stores of all sites."""

from collections.abc import Callable

from pymongo import AsyncMongoClient

from fhirserver.kernel.instant import Clock
from fhirserver.store.errors import translated
from fhirserver.store.layout import Document
from fhirserver.store.store import Store


class Connection:
    """One process's client; made inside the event loop that uses it."""

    def __init__(self, uri: str, *, patience_s: float = 3.0, pool: int = 100) -> None:
        """Connect to a replica set on first use; give up on a lost one after ``patience_s``."""
        self._client: AsyncMongoClient[Document] = AsyncMongoClient(
            uri,
            appname="fhirserver",
            compressors="zstd,snappy" if "127.0.0.1" not in uri else None,
            connectTimeoutMS=int(patience_s * 1000),
            maxPoolSize=pool,
            retryReads=True,
            retryWrites=True,
            serverSelectionTimeoutMS=int(patience_s * 1000),
            tz_aware=True,
        )

    def store(self, database: str, clock: Clock, observe_batch: Callable[[str, int], None] | None = None) -> Store:
        """Return the store of one site's database."""
        return Store(self._client, database, clock, observe_batch)

    async def ping(self) -> None:
        """Raises Unavailable when the database does not answer."""
        with translated():
            await self._client.admin.command("ping")

    async def close(self) -> None:
        """End the connections."""
        await self._client.close()
