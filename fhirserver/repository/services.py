"""What a repository works with: made once by the composition root, shared by all requests of a site."""

from dataclasses import dataclass, field

from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.ids import IdSource
from fhirserver.kernel.instant import UniqueClock
from fhirserver.repository.cursors import Cursors
from fhirserver.repository.forecast import Forecast
from fhirserver.search.bind import Binder
from fhirserver.search.extract import Extractor
from fhirserver.store.history import HistoryReader
from fhirserver.store.search import Searcher
from fhirserver.store.store import Store
from fhirserver.validation.links import LinkFinder
from fhirserver.validation.structure import StructureValidator


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
    delete_bound: int = 1000
    """Resources one conditional delete may delete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The floors below, wired."""

    definitions: Definitions
    binder: Binder
    extractor: Extractor
    validator: StructureValidator
    links: LinkFinder
    store: Store
    searcher: Searcher
    histories: HistoryReader
    clock: UniqueClock
    new_id: IdSource
    cursors: Cursors
    limits: Limits
    forecast: Forecast = field(default_factory=Forecast)
