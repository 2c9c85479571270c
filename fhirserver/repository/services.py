"""What a repository works with: made once by the composition root, shared by all requests of a site."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.structures import Structures
from fhirserver.identifiers.changes import Identities
from fhirserver.kernel.ids import IdSource
from fhirserver.kernel.instant import UniqueClock
from fhirserver.kernel.outcome import Issue
from fhirserver.kernel.resource import Resource
from fhirserver.repository.cursors import Cursors
from fhirserver.repository.forecast import Forecast
from fhirserver.repository.structures import StoredStructures
from fhirserver.search.bind import Binder
from fhirserver.search.extract import Extractor
from fhirserver.search.parameters import SearchParameters
from fhirserver.store.as_of import AsOfSearcher
from fhirserver.store.history import HistoryReader
from fhirserver.store.search import Searcher
from fhirserver.store.store import Store
from fhirserver.terminology.elsewhere import Elsewhere
from fhirserver.terminology.terms import Terms
from fhirserver.validation.links import LinkFinder
from fhirserver.validation.policy import ValidationPolicy
from fhirserver.validation.structure import StructureValidator
from fhirserver.validation.validator import Validator


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of single requests, each a setting."""

    default_count: int = 50
    max_count: int = 1000
    total_bound: int = 1000
    """Totals are exact up to here unless ``_total=accurate`` asks for more."""
    chain_bound: int = 10_000
    """Resources one link of a chain may select."""
    include_bound: int = 2000
    """Included resources of one page."""
    sort_bound: int = 100_000
    """Matches that one search may sort."""
    scan_bound: int = 100_000
    """Resources that a search may look at for what no index answers."""
    slow_search_s: float = 1.0
    """A search that takes longer is told to ``on_slow``."""
    delete_bound: int = 1000
    """Resources one conditional delete may delete."""


Check: TypeAlias = Callable[[Resource], Iterable[Issue]]
"""Says what is wrong with a resource that is valid by its structure."""


@dataclass(frozen=True, slots=True)
class SlowSearch:
    """A search that took long: its types, its plan without values, its seconds."""

    types: tuple[str, ...]
    plan: str
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The floors below, wired."""

    definitions: Definitions
    binder: Binder
    extractor: Extractor
    validator: StructureValidator
    """By the base types alone: what every write is judged by."""
    links: LinkFinder
    store: Store
    searcher: Searcher | AsOfSearcher
    """Of what is current, or of the record as it stood at an instant: includes and chains ask the same one."""
    histories: HistoryReader
    clock: UniqueClock
    new_id: IdSource
    cursors: Cursors
    limits: Limits
    forecast: Forecast = field(default_factory=Forecast)
    on_slow: Callable[[SlowSearch], None] | None = None
    is_audited: bool = False
    """AuditEvents are the trail of this server: they are only added to."""
    terms: Terms = field(default_factory=Terms)
    stored_structures: StoredStructures | None = None
    """The StructureDefinitions of the record."""
    structures: Structures = field(default_factory=lambda: Structures(()))
    """All StructureDefinitions that the site validates by."""
    profiled: Validator | None = None
    """By base types and profiles."""
    validation: ValidationPolicy = field(default_factory=ValidationPolicy)
    """Which profiles a write must meet."""
    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    """Other terminology servers."""
    identities: Identities = field(default_factory=Identities)
    """The rules that the identities of patients follow."""
    checks: Mapping[str, Check] = field(default_factory=dict)
    """By resource type: what a resource must be beside valid, for the server to be able to do what it says."""

    async def learn_structures(self) -> None:
        """Learn which StructureDefinitions are stored now, and let go of those that are gone. Raises Unavailable."""
        if self.stored_structures is not None:
            await self.stored_structures.refresh()
        if self.profiled is not None:
            self.profiled.refresh()


class LiveServices:
    """The services of a site as they are now: replaced as a whole when its search parameters change.

    Who answers a request takes them once, at its beginning, so that it sees one state of them. A write must not be
    indexed by a state that is out of date: it takes them when they are fresh, within ``clock.writing()``.
    """

    def __init__(self, now: Services) -> None:
        """Begin with ``now``, which stays fresh until there is someone to refresh it."""
        self.now = now
        self._fresh_until_s: float | None = None
        self._refresh: Callable[[], Awaitable[None]] | None = None
        self._refresh_if_stale: Callable[[], Awaitable[None]] | None = None

    def kept_by(self, refresh: Callable[[], Awaitable[None]], if_stale: Callable[[], Awaitable[None]]) -> None:
        """Name what refreshes; from now on freshness ends."""
        self._refresh, self._refresh_if_stale = refresh, if_stale
        self._fresh_until_s = 0.0

    def confirm(self, until_s: float) -> None:
        """Say that ``now`` is fresh until a moment of ``time.monotonic``."""
        self._fresh_until_s = until_s

    @property
    def is_fresh(self) -> bool:
        """Whether nothing that a write must know can have changed unseen."""
        return self._fresh_until_s is None or time.monotonic() <= self._fresh_until_s

    async def fresh(self) -> Services:
        """Return the services for a write. Raises Unavailable."""
        if self._refresh_if_stale is not None and not self.is_fresh:
            await self._refresh_if_stale()
        return self.now

    async def newest(self) -> Services:
        """Return the services as everything makes them that was written before. Raises Unavailable."""
        if self._refresh is not None:
            await self._refresh()
        return self.now

    def adopt(self, parameters: SearchParameters) -> None:
        """Bind and index by other parameters from now on."""
        now = self.now
        extractor = now.extractor if parameters.customs == now.binder.parameters.customs else None
        self.now = replace(
            now,
            binder=replace(now.binder, parameters=parameters),
            extractor=extractor or now.extractor.over(parameters),
        )
