"""The codes in use: every code that a coded element of any resource of the site has, or had once.

A search for all codes below one asks for those of them that are in use: a record has thousands of codes, a terminology
hundreds of thousands. A code is here before the resource that brings it is stored, so that no search misses it; codes
whose last resource is gone stay, and do no harm.

==== ==================================================
_id  the index term of the code, as resources have it
n    when it came, by the clock of the database
==== ==================================================
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from fhirserver.search.index import SEPARATOR
from fhirserver.store.coalesce import Coalescer
from fhirserver.store.errors import translated
from fhirserver.store.layout import Document

COMPLETE: Final = "vocabulary"
"""The setting that says that every resource has its codes here."""
_OVERLAP: Final = timedelta(seconds=10)
"""A code may become visible so much later than one that came after it."""
_MAX_SEEN: Final = 500_000
_TOGETHER: Final = 100


class Vocabulary:
    """The codes in use of one site, remembered as far as this process has seen them."""

    def __init__(self, codes: AsyncCollection[Document], settings: AsyncCollection[Document]) -> None:
        """Keep them in ``codes``; ``settings`` tells whether all are there."""
        self._codes = codes
        self._settings = settings
        self._seen: set[str] = set()
        self._known: dict[tuple[str, str], set[str]] = {}
        self._until: datetime | None = None  # when it was read last, by the clock of the database
        self._is_complete = False
        self._refreshed = Coalescer(self._refresh, _TOGETHER)
        self.size = 0
        """Codes that are known here: another number, another answer."""

    async def learn(self, terms: Collection[str]) -> None:
        """Keep the codes among the terms of a resource that is about to be stored; raises Unavailable."""
        new = [term for term in terms if SEPARATOR in term and term not in self._seen]
        fresh = list(_coded(new, terms)) if new else []
        if fresh:
            await self._keep(fresh)

    async def codes(self, keys: Iterable[str], system: str) -> frozenset[str] | None:
        """Return the codes of a system that are in use under some keys; None where nobody has counted them all."""
        if not await self._has_all():
            return None
        await self._refreshed(None)
        return frozenset().union(*(self._known.get((key, system), ()) for key in keys))

    async def note_complete(self) -> None:
        """Say that every resource has its codes here."""
        with translated():
            await self._settings.update_one({"_id": COMPLETE}, {"$setOnInsert": {}}, upsert=True)

    async def _has_all(self) -> bool:
        if not self._is_complete:
            with translated():
                self._is_complete = await self._settings.find_one({"_id": COMPLETE}) is not None
        return self._is_complete

    async def _keep(self, fresh: list[str]) -> None:
        came: Any = [{"$set": {"n": {"$ifNull": ["$n", "$$NOW"]}}}]
        with translated():
            await self._codes.bulk_write([UpdateOne({"_id": term}, came, upsert=True) for term in fresh], ordered=False)
        if len(self._seen) + len(fresh) > _MAX_SEEN:
            self._seen.clear()
        self._seen.update(fresh)

    async def _refresh(self, askers: Sequence[None]) -> list[None]:
        """Read what has become visible since it was read last: nothing as a rule."""
        since = {} if self._until is None else {"n": {"$gte": self._until - _OVERLAP}}
        with translated():
            async with self._codes.database.client.start_session(causal_consistency=False) as session:
                found = await self._codes.find(since, session=session).to_list()
                seen = session.operation_time
        for one in found:
            key, _, rest = one["_id"].partition("=")
            code, _, system = rest.rpartition(SEPARATOR)
            codes = self._known.setdefault((key, system), set())
            self.size += code not in codes
            codes.add(code)
        if seen is not None:
            self._until = seen.as_datetime()
        return [None] * len(askers)


def _coded(new: Iterable[str], terms: Collection[str]) -> Iterator[str]:
    """Yield the terms that are a code with its system; an identifier looks alike, but has no term for a code alone."""
    all_terms = frozenset(terms)
    for term in new:
        key, _, rest = term.partition("=")
        code, _, system = rest.rpartition(SEPARATOR)
        if system and f"{key}:code={code}" in all_terms:
            yield term
