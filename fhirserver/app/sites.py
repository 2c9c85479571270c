"""Establishments: each has a database of its own, and one table of interactions over it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from fhirserver.access.access import Unrestricted
from fhirserver.access.granted import Grants
from fhirserver.access.rule_book import SiteRuleBook
from fhirserver.app.authorization import Authorization, Doors
from fhirserver.app.background import Background, Chore
from fhirserver.app.installations import watching
from fhirserver.app.knowledge import Knowledge
from fhirserver.app.logs import log_slow_search
from fhirserver.app.policies import policy_file, rule_book
from fhirserver.app.shared_count import SharedCount
from fhirserver.app.site_packages import PackageSources, package_sources
from fhirserver.app.terminologies import shelf_of
from fhirserver.app.timed_dispatch import TimedDispatch
from fhirserver.app.validation_policies import validation_policy
from fhirserver.definitions.registry import Definitions
from fhirserver.dispatch import Dispatch
from fhirserver.identifiers.policies import identities_of
from fhirserver.interactions.capabilities import ORIGIN_HERE, ServerDescription
from fhirserver.interactions.entries import BundleLimits, bundle_interaction
from fhirserver.jobs.installation_watch import InstallationWatch
from fhirserver.jobs.pace import IsAwaited, Pace, always
from fhirserver.jobs.package_guides import GuideKeeper
from fhirserver.jobs.parameter_watch import ParameterWatch
from fhirserver.jobs.reindex import REINDEX, Reindexer
from fhirserver.jobs.reindex_control import ReindexControl
from fhirserver.jobs.runner import Runner
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.exchange import FHIR_JSON, FhirRequest, Target
from fhirserver.kernel.ids import random_id
from fhirserver.kernel.instant import UniqueClock
from fhirserver.kernel.outcome import Unavailable
from fhirserver.kernel.version_order import order_key
from fhirserver.operations import OPERATIONS
from fhirserver.operations.framework import Operation
from fhirserver.operations.reindex import reindex_operations
from fhirserver.outbound.client import Outbound
from fhirserver.outbound.guard import Allowed, Guard
from fhirserver.repository.cursors import Cursors
from fhirserver.repository.repository import Repository
from fhirserver.repository.services import Limits, LiveServices, Services
from fhirserver.repository.structures import StoredStructures
from fhirserver.repository.trail import Trail
from fhirserver.rest.negotiate import FORMATS
from fhirserver.search.bind import Binder
from fhirserver.search.custom import check_custom
from fhirserver.search.extract import Extractor, IndexingRules
from fhirserver.search.parameters import LiveParameters
from fhirserver.settings import Auth, Settings
from fhirserver.smart.capability import security
from fhirserver.smart.network import Network
from fhirserver.store.connection import Connection
from fhirserver.store.history import HistoryReader
from fhirserver.store.jobs import Jobs
from fhirserver.store.parameters import ParameterStore
from fhirserver.store.reindex import Reindexing
from fhirserver.store.search import Searcher
from fhirserver.store.store import Store
from fhirserver.terminology.elsewhere import Elsewhere
from fhirserver.terminology.implicit import Implicit
from fhirserver.terminology.index.installed import Installed, Shelf
from fhirserver.terminology.terms import Terms

RELEASED: Final = "2026-11-21"
"""The day this version of the CapabilityStatement was made."""

_CURSOR_KEY: Final = "cursor key"
_CHANGES: Final = "changes"
"""Below the data folder: a file a site, whose number is another one after every change of a definition."""
_KEY_BYTES: Final = 32
_WORKER_BYTES: Final = 8

ObserveBatch = Callable[[str, int], None]
"""Hears (operation, size) of every call to the database that several requests shared."""


@dataclass(frozen=True, slots=True)
class Site:
    """One establishment, ready to serve."""

    name: str
    store: Store
    live: LiveServices
    repository: Repository
    dispatch: Dispatch
    base_url: str
    """Stands for the base of requests that come over no network."""
    watch: ParameterWatch
    reindexes: ReindexControl
    rules: SiteRuleBook
    """What the site's policy lets callers do, by the record as it is."""
    grants: Grants
    """What callers may see of this site: these rules, and their scopes."""

    async def execute(self, bundle: bytes) -> bytes:
        """Process a batch or transaction Bundle; raises FhirError."""
        request = FhirRequest(
            target=Target(bundle_interaction(bundle)),
            base_url=self.base_url,
            is_post=True,
            body=bundle,
            content_type=FHIR_JSON,
        )
        return (await self.dispatch.run(request, self.repository)).content or b""


@dataclass(frozen=True, slots=True)
class Builder:
    """What all sites are built from."""

    settings: Settings
    knowledge: Knowledge
    connection: Connection
    clock: UniqueClock
    observe_batch: ObserveBatch | None = None
    jobs_rest: float | None = None
    """How long jobs rest after a piece of work, in times of what it took; None: jobs are left to other processes."""
    is_awaited: IsAwaited = always
    """Whether they rest at all."""
    operations_of: Callable[[str], tuple[Operation, ...]] = lambda name: ()
    """Operations of a site that need more than its repository."""
    background: list[Background] = field(default_factory=list)
    shelf: Shelf = field(init=False)
    """The versions of code systems on this machine."""
    packages: PackageSources = field(init=False)
    terms: list[Terms] = field(default_factory=list)
    """The terminology of each site that is open."""

    def __post_init__(self) -> None:
        """Find what this machine has."""
        object.__setattr__(self, "shelf", shelf_of(self.settings))
        object.__setattr__(self, "packages", package_sources(self.settings))

    def look(self) -> None:
        """Let go of what was remembered of what is not installed any more."""
        for one in self.terms:
            one.look()

    async def prepare(self, name: str) -> None:
        """Create a site's collections and indexes where they are missing; raises Unavailable, PolicyProblem."""
        policy_file(
            self.settings, name, Binder(self.knowledge.definitions, self.knowledge.parameters, self._rules(name))
        )
        validation_policy(self.settings, name, self.knowledge.definitions)
        store = self._store(name)
        await store.prepare()
        known = self.knowledge
        await ParameterStore(store).settle(self.packages.of(name).parameters.marks(known.parameters, known.definitions))

    async def prepare_network(self) -> None:
        """Create what belongs to no site: collections, indexes, keys. Raises Unavailable, WrongSecret."""
        if self.settings.auth is Auth.SMART:
            authorization = self.authorization()
            try:
                await authorization.prepare()
            finally:
                authorization.close()

    def authorization(self, doors: Doors | None = None) -> Authorization:
        """Build the authorization server of all sites; it needs no database yet, and no record for commands."""
        return authorization_of(self.settings, self.connection, self.knowledge.definitions, doors)

    async def open(self, name: str) -> Site:
        """Build a site, whose indexes are another's concern; raises Unavailable."""
        return await self.open_with(name, self.dispatch(name))

    async def open_with(self, name: str, dispatch: Dispatch) -> Site:
        """Build a site over a table of interactions; raises Unavailable."""
        store = self._store(name)
        stored = await store.set_once(_CURSOR_KEY, {"key": secrets.token_bytes(_KEY_BYTES)})
        live = LiveServices(self._services(name, store, Cursors(bytes(stored["key"])), dispatch.parameters))
        repository = Repository(live, Unrestricted())
        base_url = own_bases(self.settings, name)[0]
        watch = await self._begin_background(name, store, live, dispatch.parameters)
        reindexes = self._reindexes(store, dispatch.parameters)
        rules = rule_book(self.settings, name, live)
        return Site(name, store, live, repository, dispatch, base_url, watch, reindexes, rules, Grants(rules))

    async def _begin_background(
        self, name: str, store: Store, live: LiveServices, parameters: LiveParameters
    ) -> ParameterWatch:
        """Let this process be one of the site's workers."""
        log, worker = structlog.get_logger(), secrets.token_hex(_WORKER_BYTES)
        stored, jobs, runner = ParameterStore(store), Jobs(store), None
        if self.jobs_rest is not None:
            reindexer = Reindexer(live, Reindexing(store), stored, pace=Pace(self.jobs_rest, self.is_awaited))
            failed = partial(log.error, "job failed")
            runner = Runner(jobs, worker, {REINDEX: reindexer}, lambda problem, job: failed(job=job, exc_info=problem))
        watch = ParameterWatch(
            live=live,
            parameters=parameters,
            stored=stored,
            jobs=jobs,
            worker=worker,
            on_refused=lambda logical_id, problem: log.warning("search parameter not served", problem=problem),
            packaged=self.packages.of(name).parameters,
        )
        chores: dict[str, Chore] = {"structures": live.now.learn_structures}
        if runner is not None:
            chores["packages"] = GuideKeeper(Repository(live, Unrestricted()), self.packages.of(name).active).keep
        background = Background(
            watch, runner, chores, lambda problem, what: log.error("fault", doing=what, exc_info=problem)
        )
        self.background.append(background)
        await live.now.learn_structures()
        await background.begin()
        return watch

    def _reindexes(self, store: Store, parameters: LiveParameters) -> ReindexControl:
        return ReindexControl(Jobs(store), self.knowledge.definitions, parameters, random_id)

    def _store(self, name: str) -> Store:
        return self.connection.store(self.settings.database(name), self.clock, self.observe_batch)

    def _services(self, name: str, store: Store, cursors: Cursors, parameters: LiveParameters) -> Services:
        known, settings = self.knowledge, self.settings
        rules = self._rules(name)
        time_limit_ms = int(settings.request_timeout_s * 1000)
        packages, stored = self.packages.of(name), StoredStructures(store, self.clock)
        structures = packages.structures(stored, known.definitions)
        return Services(
            definitions=known.definitions,
            binder=Binder(known.definitions, known.parameters, rules),
            extractor=Extractor(known.definitions, known.parameters, rules),
            validator=known.validator,
            links=known.links,
            store=store,
            searcher=Searcher(store, time_limit_ms),
            histories=HistoryReader(store, time_limit_ms),
            clock=self.clock,
            new_id=random_id,
            cursors=cursors,
            limits=_limits(settings),
            checks={
                "SearchParameter": lambda resource: check_custom(
                    known.definitions, resource, parameters.now.customs.stored_but(resource.get("id"))
                )
            },
            identities=identities_of(settings.identity_rules, is_production=name in settings.production_sites),
            on_slow=log_slow_search,
            stored_structures=stored,
            structures=structures,
            profiled=known.profiled(structures, packages.terms),
            validation=validation_policy(settings, name, known.definitions),
            elsewhere=_elsewhere(settings),
            is_audited=self.settings.is_audited,
            terms=self._terms(name),
        )

    def _terms(self, name: str) -> Terms:
        known = self.knowledge
        sources = (known.builtin, self.packages.of(name).terms, known.packaged, Installed(self.shelf, name), Implicit())
        found = Terms(sources, SharedCount(self.settings.data_dir / _CHANGES / name))
        self.terms.append(found)
        return found

    def _code_systems(self, name: str) -> dict[str, list[str]]:
        """Return the code systems that everybody can use at a site, with their versions, the last first."""
        systems = {url: {one} for url, one in self.knowledge.definitions.code_systems().items()}
        for source in (self.knowledge.builtin, self.packages.of(name).terms, Installed(self.shelf, name)):
            for url, one in source.versions():
                systems.setdefault(url, set()).add(one)
        return {url: sorted(versions, key=order_key, reverse=True) for url, versions in systems.items()}

    def _rules(self, name: str) -> IndexingRules:
        bases = tuple(f"{base}/" for base in own_bases(self.settings, name))
        zone = None if self.settings.time_zone == "UTC" else ZoneInfo(self.settings.time_zone)
        return IndexingRules(ucum=self.knowledge.ucum, own_bases=bases, zone=zone)

    def dispatch(self, name: str) -> Dispatch:
        """Return the table of interactions of a site; it needs no database."""
        limits = BundleLimits(max_entries=self.settings.max_bundle_entries)
        description = ServerDescription(
            name="fhirserver",
            version=version("fhirserver"),
            since=RELEASED,
            formats=FORMATS,
            security=security(ORIGIN_HERE) if self.settings.auth is Auth.SMART else {},
            code_systems=partial(self._code_systems, name),
            packages=self.packages.of(name).described,
        )
        bases = own_bases(self.settings, name)
        parameters = LiveParameters(self.knowledge.parameters)
        reindexing = reindex_operations(self._reindexes(self._store(name), parameters))
        dispatch = TimedDispatch(
            self.knowledge.definitions,
            description,
            operations=(*OPERATIONS, *reindexing, *self.operations_of(name)),
            limits=limits,
            own_bases=bases,
            parameters=parameters,
        )
        dispatch.limit_s = self.settings.request_timeout_s
        return dispatch


@asynccontextmanager
async def sites_of(
    settings: Settings,
    uri: str,
    knowledge: Knowledge,
    observe_batch: ObserveBatch | None = None,
    *,
    jobs_rest: float | None = None,
    is_awaited: IsAwaited = always,
    operations_of: Callable[[str], tuple[Operation, ...]] = lambda name: (),
) -> AsyncIterator[Builder]:
    """Connect to a database for as long as the context lasts; raises BadConnection."""
    connection, clock = Connection(uri), UniqueClock()
    builder = Builder(
        settings, knowledge, connection, clock, observe_batch, jobs_rest, is_awaited, operations_of=operations_of
    )
    try:
        terminologies = InstallationWatch(connection.terminologies(settings.network_database), builder.shelf)
        packages = InstallationWatch(connection.packages(settings.network_database), builder.packages.shelf)
        async with (
            watching(terminologies, "terminology", builder.look),
            watching(packages, "packages", builder.packages.look),
        ):
            yield builder
    finally:
        await asyncio.gather(*(background.end() for background in builder.background))
        await connection.close()


def authorization_of(
    settings: Settings, connection: Connection, definitions: Definitions, doors: Doors | None = None
) -> Authorization:
    """Build the authorization server of all sites; without ``doors`` it opens no record. Raises BadLoginFile."""
    network = Network(settings.base_url, {name: mounts(settings, name) for name in settings.sites})
    return Authorization(settings, connection, definitions, network, doors or _NO_DOORS)


async def _no_record(caller: Caller, trail: Trail) -> Repository:
    raise Unavailable("Commands open no record for a caller.")


def _no_site(name: str) -> Repository:
    raise Unavailable("Commands open no record.")


_NO_DOORS: Final = Doors(_no_record, _no_site)


def mounts(settings: Settings, name: str) -> tuple[str, ...]:
    """List the paths at which a site is served: ``/{site}/fhir``, and for the first one ``/fhir`` before it."""
    own = f"/{name}/fhir"
    return ("/fhir", own) if name == settings.sites[0] else (own,)


def own_bases(settings: Settings, name: str) -> tuple[str, ...]:
    """List the base URLs under which absolute references name resources of the site."""
    hosts = dict.fromkeys((settings.host, "localhost", "127.0.0.1"))
    origins = [*([settings.base_url] if settings.base_url else []), *(_origin(settings, host) for host in hosts)]
    return tuple(origin + mount for origin in origins for mount in mounts(settings, name))


def _origin(settings: Settings, host: str) -> str:
    return f"{settings.scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _elsewhere(settings: Settings) -> Elsewhere:
    entries = (entry.partition("=") for entry in settings.terminology_servers)
    sending = Outbound(Guard(Allowed.parse(settings.outbound_allow)))
    return Elsewhere([(prefix, base) for prefix, _, base in entries], sending)


def _limits(settings: Settings) -> Limits:
    return Limits(
        default_count=settings.default_count,
        max_count=settings.max_count,
        total_bound=settings.total_bound,
        chain_bound=settings.chain_bound,
        include_bound=settings.include_bound,
        sort_bound=settings.sort_bound,
        scan_bound=settings.scan_bound,
        slow_search_s=settings.slow_search_s,
        delete_bound=settings.delete_bound,
    )
