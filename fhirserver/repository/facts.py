"""The facts of access, read from the record itself: for nobody in particular, so without anybody's access."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.resource import Resource
from fhirserver.repository.planning import anchored
from fhirserver.repository.services import Services
from fhirserver.search.bind import Binder
from fhirserver.search.plan import NONE, Plan
from fhirserver.store.as_of import AsOfSearcher
from fhirserver.store.changes import changed_since
from fhirserver.store.search import Searcher
from fhirserver.store.sorting import Window


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


@dataclass(frozen=True, slots=True)
class RecordChanges:
    """What has changed in the record of a site."""

    services: Services

    async def changed(self, resource_types: Collection[str], since_s: float) -> Collection[tuple[str, int]]:
        """Return instance and version of the changes of some types within the last seconds. Raises Unavailable."""
        moment_us = self.services.clock() - int(since_s * 1_000_000)
        return await changed_since(self.services.store, resource_types, moment_us)


def facts_now(services: Services) -> RecordFacts:
    """Return the facts as they are."""
    return RecordFacts(services, services.searcher, services.clock())


def facts_at(services: Services, moment_us: int) -> RecordFacts:
    """Return the facts as they were at an instant."""
    return RecordFacts(services, services.histories.as_of(moment_us), moment_us)
