"""The connection to MongoDB: one client per process, shared by the stores of all sites."""

from collections.abc import Callable, Collection

from pymongo import AsyncMongoClient
from pymongo.errors import ConfigurationError, InvalidURI

from fhirserver.kernel.instant import Clock
from fhirserver.store.database import database_of
from fhirserver.store.errors import translated
from fhirserver.store.installations import Installations
from fhirserver.store.layout import Document
from fhirserver.store.records import Records
from fhirserver.store.store import Store


class BadConnection(Exception):
    """The MongoDB cannot serve; the text is one sentence for the operator."""


class Connection:
    """One process's client; made inside the event loop that uses it."""

    def __init__(self, uri: str, *, patience_s: float = 3.0, pool: int = 100) -> None:
        """Connect to a replica set on first use; give up on a lost one after ``patience_s``. Raises BadConnection."""
        self._client = _client(uri, patience_ms=int(patience_s * 1000), pool=pool)

    def store(self, database: str, clock: Clock, observe_batch: Callable[[str, int], None] | None = None) -> Store:
        """Return the store of one site's database."""
        return Store(self._client, database, clock, observe_batch)

    def records(self, database: str, collection: str, indexes: Collection[str] = ()) -> Records:
        """Return a collection of records; ``indexes`` are the fields by which many are found at once."""
        return Records(database_of(self._client, database)[collection], indexes)

    def terminologies(self, database: str) -> Installations:
        """Return the versions of code systems that all machines share."""
        return Installations(database_of(self._client, database), "terminology")

    def packages(self, database: str) -> Installations:
        """Return the packages that all machines share."""
        return Installations(database_of(self._client, database), "package")

    async def ping(self) -> None:
        """Raises Unavailable when the database does not answer."""
        with translated():
            await self._client.admin.command("ping")

    async def check(self) -> str:
        """Return the version of the MongoDB that answers. Raises Unavailable, BadConnection without transactions."""
        with translated():
            hello = await self._client.admin.command("hello")
            info = await self._client.server_info()
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise BadConnection("The MongoDB is not a replica set, which transactions need (`mongod --replSet`).")
        return str(info["version"])

    async def close(self) -> None:
        """End the connections."""
        await self._client.close()


def _client(uri: str, *, patience_ms: int, pool: int) -> AsyncMongoClient[Document]:
    try:
        return AsyncMongoClient(
            uri,
            appname="fhirserver",
            connectTimeoutMS=patience_ms,
            maxPoolSize=pool,
            retryReads=True,
            retryWrites=True,
            serverSelectionTimeoutMS=patience_ms,
            tz_aware=True,
        )
    except (ConfigurationError, InvalidURI, ValueError) as problem:  # the text of any may quote a password
        raise BadConnection(f"The MongoDB connection string cannot be used ({type(problem).__name__}).") from None
