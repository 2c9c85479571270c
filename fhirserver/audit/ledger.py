"""The ledger of one site: takes records, writes the events they are as the next links of the chain.

A batch is there as a whole or not at all, and once: the ids of events are those of the places of their records, so that
a drain which was killed after its batch was stored finds it there.
"""

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from fhirserver.audit.agents import Observer
from fhirserver.audit.balp import Composer
from fhirserver.audit.chain import GENESIS, Chain
from fhirserver.audit.provenance import provenances
from fhirserver.audit.record import CallerEntry, Record
from fhirserver.kernel.outcome import Conflict
from fhirserver.repository.services import LiveServices
from fhirserver.store.audit import AuditStore, HeadMoved, Linked
from fhirserver.store.documents import Draft
from fhirserver.store.errors import DuplicateKey
from fhirserver.store.store import Store

_ATTEMPTS: Final = 20
_WAY_S: Final = 0.02
"""By how much longer each further wait may be."""


@dataclass(slots=True)
class Batch:
    """What is to be stored together."""

    events: list[Draft]
    provenances: list[Draft]

    def __len__(self) -> int:
        """Return how many resources it has."""
        return len(self.events) + len(self.provenances)

    def add(self, other: "Batch") -> None:
        """Take what another batch has."""
        self.events += other.events
        self.provenances += other.provenances

    def without(self, known: set[str]) -> "Batch":
        """Return what is not there yet."""
        return Batch(
            [draft for draft in self.events if draft.version.key not in known],
            [draft for draft in self.provenances if draft.version.key not in known],
        )


class Ledger:
    """Writes the trail of one site."""

    def __init__(
        self, live: LiveServices, store: Store, observer: Observer, secret: bytes, *, with_provenance: bool = True
    ) -> None:
        """Write into ``store`` what ``observer`` has recorded; ``with_provenance``: also where writes came from."""
        self.store = AuditStore(store)
        self.chain = Chain(secret, observer.site)
        self._live = live
        self._observer = observer
        self._with_provenance = with_provenance
        self._new_place = store.new_place
        self._composer: Composer | None = None

    async def composer(self) -> Composer:
        """Return what writes events by the search parameters as they are. Raises Unavailable."""
        services = await self._live.fresh()
        if self._composer is None or self._composer.extractor is not services.extractor:
            bases = services.binder.rules.own_bases
            self._composer = Composer(self._observer, services.extractor, bases, services.clock)
        return self._composer

    def compose(self, composer: Composer, record: Record, caller: CallerEntry | None, base_id: str) -> Batch:
        """Write the events and Provenances of a record."""
        services = self._live.now
        parameters = services.binder.parameters
        exact = any(one.is_custom for one in parameters.of("AuditEvent").indexed)
        batch = Batch(composer.events(record, caller, base_id, exact=exact), [])
        if self._with_provenance and not record.has_provenance:
            made: Iterable[Draft] = provenances(record, caller, base_id, composer)
            batch.provenances.extend(made)
        return batch

    async def store_batch(self, batch: Batch, *, is_known: bool = False) -> int:
        """Store what is not there yet and return how much it was; ``is_known``: some may well be. Raises FhirError."""
        with self._live.now.clock.writing():
            for attempt in range(_ATTEMPTS):
                if is_known:
                    batch = batch.without(await self.store.known(_keys(batch)))
                if not len(batch):
                    return 0
                try:
                    await self._append(batch)
                except HeadMoved:  # those who met give way for different times, and do not meet again
                    await asyncio.sleep(random.random() * _WAY_S * attempt)  # noqa: S311 - no secret
                except DuplicateKey:
                    is_known = True
                else:
                    return len(batch)
        raise Conflict("The audit trail is being written by many workers; it is tried again.")

    async def _append(self, batch: Batch) -> None:
        before = await self.store.head()
        link, place = (GENESIS, 0) if before is None else (before.link, before.place)
        linked: list[Linked] = []
        for draft in batch.events:
            place = max(place + 1, self._new_place())
            link = self.chain.follow(link, draft.version, place)
            linked.append(Linked(draft, place, link))
        await self.store.append(before, self.chain.head(link, place), linked, batch.provenances)


def _keys(batch: Batch) -> Sequence[str]:
    return [draft.version.key for draft in (*batch.events, *batch.provenances)]
