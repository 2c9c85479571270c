"""The store: a dozen operations over plans, keys and bytes; all of MongoDB stays below this line.

Reads and writes are those of the primary: what a client was told is written, it reads. Writes are
acknowledged by the majority, journaled.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

from gridfs.asynchronous import AsyncGridFSBucket
from pymongo import AsyncMongoClient, ReplaceOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from fhirserver.kernel.instant import Clock
from fhirserver.kernel.outcome import Conflict, TooLong, Unavailable
from fhirserver.kernel.version import Method, Version
from fhirserver.search.needs import Extent
from fhirserver.store import schema
from fhirserver.store.coalesce import Coalescer
from fhirserver.store.database import database_of
from fhirserver.store.documents import LARGE, Contents, Draft, document, index_size, version_of
from fhirserver.store.errors import DuplicateKey, translate, translated
from fhirserver.store.layout import (
    BARE,
    CLAIM,
    CONTENT,
    HISTORY,
    KEPT,
    PLACED,
    RESOURCE,
    SERVED,
    SETTING,
    TERMS,
    VOCABULARY,
    Document,
    history_id,
    spans_under,
    superseded,
)
from fhirserver.store.transactions import transact
from fhirserver.store.vocabulary import Vocabulary

T = TypeVar("T")

_READ_BATCH: Final = 500
_CREATE_BATCH: Final = 200
_FIELDS: Final = {Extent.TERMS: TERMS, Extent.SPANS: {**TERMS, "r": 1}, Extent.ALL: KEPT}
_SHAPES: Final = 64
"""Of spans that are read by themselves."""
_NODE_BITS: Final = 10

INDEXED_HISTORY: Final = "history indexed"
"""The setting that is there when every earlier version has its index values: an older server kept none."""


@dataclass(frozen=True, slots=True)
class Current:
    """The current version of an instance and its place in the default order."""

    version: Version
    place: int
    stored: Document
    """What was read of it: the whole of what the history keeps, where it is to be replaced."""

    @property
    def is_deletion(self) -> bool:
        """Whether the instance is deleted: content may be missing for other reasons."""
        return self.version.method is Method.DELETE

    @property
    def is_indexed(self) -> bool:
        """Whether it has its index values: an older server kept none of earlier versions."""
        return "t" in self.stored


class Session:
    """One transaction under way; handed to the store's operations, opened by nobody else."""

    def __init__(self, driver: AsyncClientSession) -> None:
        """Wrap the driver's session."""
        self.driver = driver


class Store:
    """One site's database."""

    def __init__(
        self,
        client: AsyncMongoClient[Document],
        database: str,
        clock: Clock,
        observe_batch: Callable[[str, int], None] | None = None,
    ) -> None:
        """Serve ``database``; ``observe_batch`` hears (operation, size) of every coalesced call."""
        self._client = client
        self._database = database_of(client, database)
        self.resources: AsyncCollection[Document] = self._database[RESOURCE]
        self.histories: AsyncCollection[Document] = self._database[HISTORY]
        self.vocabulary = Vocabulary(self._database[VOCABULARY], self._database[SETTING])
        self.contents = Contents(AsyncGridFSBucket(self._database, CONTENT))
        self._clock = clock
        self._node = random.getrandbits(_NODE_BITS)
        self._observe_batch = observe_batch
        self._read = Coalescer(partial(self._read_batch, PLACED), _READ_BATCH, self.observer("read"))
        self._read_kept = Coalescer(partial(self._read_batch, KEPT), _READ_BATCH, self.observer("read"))
        self._find = {
            extent: Coalescer(partial(self._find_batch, fields), _READ_BATCH, self.observer("read"))
            for extent, fields in _FIELDS.items()
        }
        self._find_spans: dict[frozenset[str], Coalescer[str, Current | None]] = {}
        self._create = Coalescer(self._create_batch, _CREATE_BATCH, self.observer("create"))

    def collection(self, name: str) -> AsyncCollection[Document]:
        """Return a collection that another module of this floor keeps."""
        return self._database[name]

    def observer(self, name: str) -> Callable[[int], None] | None:
        """Return what hears the sizes of the coalesced calls of one operation."""
        observe = self._observe_batch
        return None if observe is None else lambda size: observe(name, size)

    async def prepare(self) -> None:
        """Create collections and indexes."""
        with translated():
            await schema.ensure(self._database)
            if await self.histories.find_one({}, {"_id": 1}) is None:
                await self.set_once(INDEXED_HISTORY, {})
            if await self.resources.find_one({}, {"_id": 1}) is None:
                await self.vocabulary.note_complete()

    async def problems(self) -> list[str]:
        """Say what keeps the store from serving: nothing, or the indexes that are missing. Raises Unavailable."""
        with translated():
            return await schema.missing(self._database)

    def new_place(self) -> int:
        """Return a place after all that this worker gave before; the low bits tell workers apart."""
        return place_at(self._clock()) | self._node

    async def current(self, key: str) -> Current | None:
        """Return the current version of ``Type/id``, a deletion too; None when it never existed."""
        return await self._read(key)

    def indexed(self, key: str, extent: Extent, spans: frozenset[str] = frozenset()) -> Awaitable[Current | None]:
        """Return the current version with some of the index values that it is found by.

        ``spans``: the keys of those that are read where nothing beside terms and spans is, none for all. One whose JSON
        is too large for a document is without it, until it is ``loaded``: nobody waits for what may not be seen.
        """
        if spans and extent is Extent.SPANS:
            return (self._find_spans.get(spans) or self._finder(spans))(key)
        return self._find[extent](key)

    def _finder(self, spans: frozenset[str]) -> Coalescer[str, Current | None]:
        """Return what reads the spans under some keys: to read numbers that nobody asks for takes longest of all."""
        if len(self._find_spans) >= _SHAPES:
            return self._find[Extent.SPANS]
        finder = self._find_spans[spans] = Coalescer(
            partial(self._find_batch, {**TERMS, "r": spans_under(spans)}), _READ_BATCH, self.observer("read")
        )
        return finder

    async def before(self, key: str, version_id: int, session: Session | None = None) -> Current | None:
        """Return what a version before the current one is found by, without its content."""
        driver = None if session is None else session.driver
        with translated(within_transaction=session is not None):
            fields: Any = await self.histories.find_one({"_id": history_id(key, version_id)}, BARE, session=driver)
            return None if fields is None else self._bare(fields)

    async def earlier_indexed(self, key: str, version_id: int) -> Current | None:
        """Return a version before the current one as ``indexed`` does, with all its index values."""
        with translated():
            fields: Any = await self.histories.find_one({"_id": history_id(key, version_id)}, KEPT)
            return None if fields is None else self._bare(fields)

    async def loaded(self, current: Current) -> Version:
        """Return a version of ``indexed`` or ``earlier_indexed`` with its content."""
        if "f" not in current.stored:
            return current.version
        return version_of(await self.contents.whole({**current.stored}), self.contents)

    async def replaceable(self, key: str, session: Session | None = None) -> Current | None:
        """Return the same with what the history will keep of it; only such a version can be replaced."""
        if session is None:
            return await self._read_kept(key)
        fields: Any = await self.resources.find_one({"_id": key}, KEPT, session=session.driver)
        return None if fields is None else await self._current(fields)

    async def earlier(self, key: str, version_id: int) -> Version | None:
        """Return one version before the current one."""
        with translated():
            fields = await self.histories.find_one({"_id": history_id(key, version_id)}, SERVED)
            return None if fields is None else version_of(await self.contents.whole(fields), self.contents)

    async def create(self, draft: Draft) -> None:
        """Store the first version of an instance. Raises DuplicateKey when the instance exists."""
        await self._create(await self._document(draft, self.new_place()))

    async def current_many(self, keys: Sequence[str], session: Session) -> dict[str, Current]:
        """Return the current versions of many instances to be replaced within a transaction, deletions too."""
        cursor = self.resources.find({"_id": {"$in": list(keys)}}, KEPT, session=session.driver)
        return {fields["_id"]: await self._current(fields) async for fields in cursor}

    async def replace_many(self, changes: Sequence[tuple[Current, Draft]], session: Session) -> None:
        """Store next versions within a transaction and keep the previous ones.

        Raises Conflict when an instance is not in its expected version any more.
        """
        operations: list[ReplaceOne[Document]] = []
        previous: list[Document] = []
        for current, draft in changes:
            place = self.new_place() if current.version.content is None else current.place
            expected = {"_id": current.version.key, "v": current.version.version_id}
            operations.append(ReplaceOne(expected, await self._document(draft, place)))
            previous.append(_superseded(current, draft.version.last_updated_us))
        replaced = await self.resources.bulk_write(operations, ordered=True, session=session.driver)
        if replaced.matched_count != len(operations):
            raise Conflict("An instance was changed by another writer at the same time; try again.")
        await self.histories.insert_many(previous, ordered=True, session=session.driver)
        beside = [one for _, draft in changes for one in draft.beside]
        if beside:
            await self.create_many(beside, session)

    async def relabel(self, current: Current, draft: Draft, session: Session) -> None:
        """Put other labels on a version within a transaction; nothing else of it changes, and none is kept before it.

        Raises Conflict when the instance is not in its expected version any more.
        """
        fields = await self._document(draft, current.place)
        if "b" in current.stored:
            fields["b"] = current.stored["b"]
        expected = {"_id": current.version.key, "v": current.version.version_id}
        replaced = await self.resources.replace_one(expected, fields, session=session.driver)
        if replaced.matched_count != 1:
            raise Conflict("The instance was changed by another writer at the same time; try again.")

    async def create_many(self, drafts: Sequence[Draft], session: Session) -> None:
        """Store first versions within a transaction. Raises DuplicateKey when one exists."""
        documents = [await self._document(draft, self.new_place()) for draft in drafts]
        try:
            await self.resources.insert_many(documents, ordered=True, session=session.driver)
        except (BulkWriteError, DuplicateKeyError) as error:
            if is_duplicate(error):
                raise DuplicateKey from error
            raise

    async def claim(self, name: str, session: Session) -> None:
        """Make transactions that claim the same name run one after the other."""
        now = datetime.now(UTC)
        await self._database[CLAIM].update_one(
            {"_id": name}, {"$set": {"at": now}, "$inc": {"n": 1}}, upsert=True, session=session.driver
        )

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Session]:
        """Let reads see all collections as they are at one moment."""
        async with self._client.start_session(snapshot=True) as driver:
            yield Session(driver)

    async def transaction(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run ``work`` as one transaction, again from the start whenever it meets a passing conflict.

        ``work`` must let the driver's errors pass: they say whether to try again.
        """
        with translated():
            async with self._client.start_session() as driver:
                session = Session(driver)
                return await transact(driver, lambda: work(session))

    async def setting(self, name: str) -> Document | None:
        """Return a document of the site's settings."""
        with translated():
            return await self._database[SETTING].find_one({"_id": name})

    async def set_once(self, name: str, value: Document) -> Document:
        """Store a setting unless it is there; return what is there."""
        with translated():
            await self._database[SETTING].update_one({"_id": name}, {"$setOnInsert": value}, upsert=True)
        return await self.setting(name) or {}

    async def _document(self, draft: Draft, place: int) -> Document:
        fields = document(draft, place)
        await self.vocabulary.learn(fields.get("t", ()))
        beside = index_size(fields)
        if beside > LARGE:
            raise TooLong("The resource has more values to search by than the database can keep of one resource.")
        if len(fields.get("x", b"")) + beside > LARGE:
            fields["f"] = await self.contents.put_bytes(draft.version.key, fields.pop("x"))
        return fields

    async def _current(self, fields: Document) -> Current:
        stored = fields.copy()
        return Current(version_of(await self.contents.whole(fields), self.contents), fields["n"], stored)

    def _bare(self, fields: Document) -> Current:
        return Current(version_of(fields, self.contents), fields.get("n", 0), fields)

    async def _find_batch(self, projection: Document, keys: Sequence[str]) -> Sequence[Current | None]:
        with translated():
            if len(keys) == 1:
                one: Any = await self.resources.find_one({"_id": keys[0]}, projection)
                return [None if one is None else self._bare(one)]
            found = await self.resources.find({"_id": {"$in": list(set(keys))}}, projection).to_list()
        versions = {fields["_id"]: self._bare(fields) for fields in found}
        return [versions.get(key) for key in keys]

    async def _read_batch(self, projection: Document, keys: Sequence[str]) -> Sequence[Current | None]:
        with translated():
            if len(keys) == 1:
                one: Any = await self.resources.find_one({"_id": keys[0]}, projection)
                return [None if one is None else await self._current(one)]
            found = await self.resources.find({"_id": {"$in": list(set(keys))}}, projection).to_list()
            versions = {fields["_id"]: await self._current(fields) for fields in found}
        return [versions.get(key) for key in keys]

    async def _create_batch(self, documents: Sequence[Document]) -> Sequence[BaseException | None]:
        try:
            if len(documents) == 1:
                await self.resources.insert_one(documents[0])
            else:
                await self.resources.insert_many(documents, ordered=False)
        except DuplicateKeyError:
            return [DuplicateKey()]
        except BulkWriteError as error:
            return _errors_of(error, len(documents))
        except PyMongoError as error:
            known = translate(error)
            return [known if known is not None else error] * len(documents)
        return [None] * len(documents)


def _superseded(current: Current, ended_us: int) -> Document:
    if current.version.content is not None and "t" not in current.stored:
        raise ValueError("a version that is to be replaced is read by `replaceable` or `current_many`")
    return superseded(current.stored, ended_us)


def place_at(instant_us: int) -> int:
    """Return the first place of what was created at an instant; nothing was before 1970, where places begin."""
    return max(instant_us, 0) << _NODE_BITS


def _errors_of(error: BulkWriteError, count: int) -> list[BaseException | None]:
    """Give each document of an unordered insert its own error; a concern that failed is everybody's."""
    details: Any = error.details or {}
    if details.get("writeConcernErrors"):
        return [Unavailable("The database did not confirm the write; try again.")] * count
    errors: list[BaseException | None] = [None] * count
    for failure in details.get("writeErrors", ()):
        errors[failure["index"]] = DuplicateKey() if failure["code"] == 11000 else error
    return errors


def is_duplicate(error: BulkWriteError | DuplicateKeyError) -> bool:
    """Tell whether a write failed because of what is there already."""
    if isinstance(error, DuplicateKeyError):
        return True
    details: Any = error.details or {}
    return any(failure["code"] == 11000 for failure in details.get("writeErrors", ()))
