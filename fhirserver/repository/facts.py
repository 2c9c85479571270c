"""The facts of access, read from the record itself: for nobody in particular, so without anybody's access.

``FactChanges`` tells what is new of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fhirserver.access.changes import EVERYTHING, FACT_TYPES, Changes
from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.resource import Resource
from fhirserver.repository.planning import anchored
from fhirserver.repository.services import Services
from fhirserver.search.bind import Binder
from fhirserver.search.plan import IN_RECORD, NONE, Plan
from fhirserver.store.as_of import AsOfSearcher
from fhirserver.store.changes import MOST_TOLD, changed_since, named_by
from fhirserver.store.search import Searcher
from fhirserver.store.sorting import Window

_WINDOW_US: Final = 120_000_000
"""No transaction lasts so long, and no machine's clock is so far behind."""
_PATIENT: Final = IN_RECORD[1:]
_MANY: Final = 1000
"""New changes that are told apart."""


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """The record of a site at one moment."""

    services: Services
    searcher: Searcher | AsOfSearcher
    now_us: int

    @property
    def binder(self) -> Binder:
        """The search parameters by which it is asked."""
        return self.services.binder

    async def resources(self, resource_type: str, plan: Plan, limit: int) -> list[Resource] | None:
        """Return what a plan selects of a type; None when that is more than ``limit``."""
        if plan == NONE:
            return []
        hits = await self.searcher.find(anchored(resource_type, plan), Window(limit + 1))
        if len(hits) > limit:
            return None
        return [parse_json(hit.version.content) for hit in hits if hit.version.content is not None]

    async def terms(self, resource_type: str, plan: Plan, prefixes: Sequence[str], limit: int) -> list[str] | None:
        """Return the terms under some prefixes of what a plan selects; None when that is more than ``limit``."""
        if plan == NONE:
            return []
        return await self.searcher.terms(anchored(resource_type, plan), prefixes, limit)


def facts_now(services: Services) -> RecordFacts:
    """Return the facts as they are."""
    return RecordFacts(services, services.searcher, services.clock())


def facts_at(services: Services, moment_us: int) -> RecordFacts:
    """Return the facts as they were at an instant."""
    return RecordFacts(services, services.histories.as_of(moment_us), moment_us)


class FactChanges:
    """The changes of one site's facts, as one worker sees them: what was not among those of the last minutes before.

    So nothing is missed that a transaction wrote with an earlier time than others which ended sooner; when nobody has
    asked for long, anything may have changed.
    """

    def __init__(self, services: Callable[[], Services]) -> None:
        """Watch the record of ``services``."""
        self._services = services
        self._known: set[tuple[str, int]] | None = None
        self._asked_us = 0

    async def poll(self) -> Changes:
        """Return what is new. Raises Unavailable."""
        services = self._services()
        asked_us = services.clock()
        known = self._known if asked_us - self._asked_us < _WINDOW_US else None
        last_us = asked_us if known is None else self._asked_us
        found = set(await changed_since(services.store, FACT_TYPES, last_us - _WINDOW_US))
        new = {key for key, _ in found - known} if known is not None else set()
        told = EVERYTHING if known is None or len(new) > _MANY else await self._told(services, new)
        self._known, self._asked_us = found, asked_us
        return replace(told, may_lack=len(found) >= MOST_TOLD)

    @staticmethod
    async def _told(services: Services, keys: set[str]) -> Changes:
        found = await named_by(services.store, keys) if keys else {}
        if len(found) < len(keys):  # whom it was about that is deleted is not said any more
            return EVERYTHING
        terms = {term for terms in found.values() for term in terms}
        named = {term[1:] if term.startswith(IN_RECORD) else term.partition("=")[2] for term in terms}
        patients = {value.removeprefix(_PATIENT) for value in named if value.startswith(_PATIENT)}
        return Changes(keys=frozenset(keys), named=frozenset(named), patients=frozenset(patients))
