"""The chain of audit events in the database: appended in batches to a head that exactly one writer moves at a time.

An event is a resource like any other, stored with ``k``, its link: the number in the chain and the code that
authenticates the event and everything before it. The places (``n``) of events rise with their numbers, so that the
index of terms is the order of the chain.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pymongo.errors import BulkWriteError, DuplicateKeyError

from fhirserver.search.index import IndexValues
from fhirserver.store.documents import Draft, document
from fhirserver.store.errors import DuplicateKey, translated
from fhirserver.store.layout import SETTING, Document, index_fields
from fhirserver.store.store import Session, Store, is_duplicate, place_at

AUDIT_EVENT: Final = "AuditEvent"
_HEAD: Final = "audit chain"
_MARK: Final = "audit mark"
_READ: Final = 500


class Link(NamedTuple):
    """A place in the chain: ``mac`` authenticates the event and, through its predecessor's, all before it."""

    number: int
    mac: bytes


class Head(NamedTuple):
    """The end of the chain: the last link, the place of its event, and the seal of both."""

    link: Link
    place: int
    seal: bytes


class Linked(NamedTuple):
    """An event ready to be stored."""

    draft: Draft
    place: int
    link: Link


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as it is found; one that came from another system has no link."""

    key: str
    place: int
    updated_us: int
    content: bytes | None
    link: Link | None
    terms: frozenset[str] = frozenset()
    """What it is found by."""


class HeadMoved(Exception):
    """Another writer has lengthened the chain."""


class AuditStore:
    """The chain of one site."""

    def __init__(self, store: Store) -> None:
        """Keep it in the site's database."""
        self._store = store
        self._settings = store.collection(SETTING)

    async def head(self) -> Head | None:
        """Return the end of the chain; None before the first event."""
        with translated():
            found = await self._settings.find_one({"_id": _HEAD})
        return None if found is None else _head_of(found)

    async def append(
        self, before: Head | None, after: Head, events: Sequence[Linked], others: Sequence[Draft] = ()
    ) -> None:
        """Store events and what belongs to them, and move the head, all or nothing.

        Raises HeadMoved, DuplicateKey when one of them is there already, Unavailable.
        """
        documents = [{**document(one.draft, one.place), "k": [*one.link]} for one in events]
        documents += [document(draft, self._store.new_place()) for draft in others]
        await self._store.vocabulary.learn({term for one in documents for term in one.get("t", ())})

        async def run(session: Session) -> None:
            await self._move(before, after, session)
            try:
                await self._store.resources.insert_many(documents, ordered=True, session=session.driver)
            except (BulkWriteError, DuplicateKeyError) as error:
                if is_duplicate(error):
                    raise DuplicateKey from error
                raise

        await self._store.transaction(run)

    async def _move(self, before: Head | None, after: Head, session: Session) -> None:
        fields = {"number": after.link.number, "mac": after.link.mac, "place": after.place, "seal": after.seal}
        if before is None:
            try:
                await self._settings.insert_one({"_id": _HEAD, **fields}, session=session.driver)
            except (BulkWriteError, DuplicateKeyError) as error:
                if is_duplicate(error):
                    raise HeadMoved from error
                raise
            return
        expected = {"_id": _HEAD, "number": before.link.number, "mac": before.link.mac}
        moved = await self._settings.update_one(expected, {"$set": fields}, session=session.driver)
        if moved.matched_count != 1:
            raise HeadMoved

    async def known(self, keys: Sequence[str]) -> set[str]:
        """Return those of some instances that are there."""
        with translated():
            found = await self._store.resources.find({"_id": {"$in": list(keys)}}, {"_id": 1}).to_list()
        return {fields["_id"] for fields in found}

    async def last_before(self, place: int) -> Stored | None:
        """Return the last event of the chain that lies before a place."""
        wanted: Document = {"t": AUDIT_EVENT, "n": {"$lt": place}, "k": {"$exists": True}}
        with translated():
            found = await self._store.resources.find(wanted, sort=[("n", -1)], limit=1, hint="terms").to_list()
        return _stored_of(found[0]) if found else None

    async def events(self, since: int, until: int | None = None) -> AsyncIterator[Stored]:
        """Yield the AuditEvents after a place and up to another, in the order of the chain."""
        bounds: Document = {"$gt": since} if until is None else {"$gt": since, "$lte": until}
        projection = {"n": 1, "m": 1, "x": 1, "f": 1, "k": 1, "t": 1}
        with translated():
            cursor = self._store.resources.find(
                {"t": AUDIT_EVENT, "n": bounds}, projection, sort=[("n", 1)], batch_size=_READ, hint="terms"
            )
            async with cursor:
                async for fields in cursor:
                    yield _stored_of(await self._store.contents.whole(fields))

    async def count(self, since: int, until: int | None = None) -> int:
        """Count the AuditEvents after a place and up to another."""
        bounds: Document = {"$gt": since} if until is None else {"$gt": since, "$lte": until}
        with translated():
            return await self._store.resources.count_documents({"t": AUDIT_EVENT, "n": bounds}, hint="terms")

    async def take_mark(self, name: str, owner: str, lease_s: float) -> int | None:
        """Take what goes through the events once, for a while; return after which place it goes on, None when taken."""
        key = f"{_MARK}: {name}"
        free: Document = {"$or": [{"until": {"$exists": False}}, {"$expr": {"$lt": ["$until", "$$NOW"]}}]}
        lease: Document = {"owner": {"$literal": owner}, "until": {"$add": ["$$NOW", int(lease_s * 1000)]}}
        await self._store.set_once(key, {"place": 0})
        with translated():
            taken = await self._settings.find_one_and_update(
                {"_id": key, "$or": [*free["$or"], {"owner": owner}]}, [{"$set": lease}]
            )
        return None if taken is None else int(taken["place"])

    async def move_mark(self, name: str, owner: str, place: int) -> bool:
        """Note how far the owner has come; False when it is not the owner any more."""
        mine = {"_id": f"{_MARK}: {name}", "owner": owner}
        with translated():
            moved = await self._settings.update_one(mine, {"$set": {"place": place}})
        return moved.matched_count == 1


def place_of(instant_us: int) -> int:
    """Return the place before which everything lies that was stored before an instant."""
    return place_at(instant_us)


def _head_of(fields: Document) -> Head:
    return Head(Link(int(fields["number"]), bytes(fields["mac"])), int(fields["place"]), bytes(fields["seal"]))


def _stored_of(fields: dict[str, Any]) -> Stored:
    number, mac = fields.get("k") or (None, b"")
    link = None if number is None else Link(int(number), bytes(mac))
    terms = frozenset(fields.get("t", ()))
    return Stored(fields["_id"], int(fields["n"]), int(fields["m"]), fields.get("x"), link, terms)


def indexed_terms(values: IndexValues) -> frozenset[str]:
    """Return the terms that an event with these index values is stored with."""
    return frozenset(index_fields(values)["t"])
