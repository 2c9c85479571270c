"""The ASGI application of one process: sites opened at its start, lanes over them, pages beside them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from importlib.metadata import version
from typing import Any, Final

import structlog

from fhirserver.access.access import Unrestricted
from fhirserver.app.access_office import Office, Running
from fhirserver.app.auditing import Auditing
from fhirserver.app.authorization import Authorization, Doors
from fhirserver.app.background import ended
from fhirserver.app.gateway import AsgiApp, Gateway, LocalCallers, Receive, Scope, Send
from fhirserver.app.knowledge import Knowledge
from fhirserver.app.logs import request_log
from fhirserver.app.metrics import Metrics
from fhirserver.app.pages import build_pages
from fhirserver.app.sites import Builder, Site, mounts, sites_of
from fhirserver.audit.auditor import UNAUDITED, Auditor
from fhirserver.dispatch import Dispatch
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.outcome import FhirError, Unavailable
from fhirserver.operations.access_explain import explain_operation
from fhirserver.operations.emergency_access import emergency_operations
from fhirserver.operations.framework import Operation
from fhirserver.repository.repository import Repository
from fhirserver.repository.trail import Trail
from fhirserver.rest.cors import Cors
from fhirserver.rest.formats import Formats
from fhirserver.rest.lane import LaneServices, RequestRecord, fhir_lane
from fhirserver.rest.limits import Limits
from fhirserver.rest.quotas import Quotas
from fhirserver.settings import Auth, Settings
from fhirserver.smart.audited import AuditedEndpoints
from fhirserver.smart.certificates import thumbprint_of

_READY_S: Final = 3.0
_OPENING_S: Final = 5.0
_RETRY_S: Final = 1.0
_JOBS_REST: Final = 1.0
"""While there are requests, half of the time is without jobs: they must not starve."""
_AWAY: Final = "The database cannot be reached."
_UNKNOWN: Final = "unknown"
_OF_AUTHORIZATION: Final = ("/auth", "/.well-known")


class Application:
    """One process's server."""

    def __init__(self, settings: Settings, uri: str, knowledge: Knowledge) -> None:
        """Serve the databases of ``uri``; nothing is connected before ``lifespan``."""
        self.settings = settings
        self.metrics = Metrics()
        self.sites: dict[str, Site] = {}
        self.auditing: Auditing | None = None
        """The audit trail of this process, while it serves."""
        self.authorization: Authorization | None = None
        """The authorization server, once the application lives and where there is one."""
        self._uri = uri
        self._knowledge = knowledge
        self.open_requests = 0
        """FHIR requests being answered by this process."""
        self._formats = Formats(knowledge.definitions)
        self._log = structlog.get_logger()
        self._write_request = request_log(settings)
        pages = build_pages(version("fhirserver"), settings.sites, self.problems, self.metrics)
        self.gateway = Gateway(self.lifespan, pages)

    @property
    def asgi(self) -> AsgiApp:
        """The ASGI application."""
        if self.settings.auth is Auth.OFF:
            return LocalCallers(self.gateway, self.settings.base_url, self._allowed_origins)
        return self.gateway

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[Mapping[str, AsgiApp]]:
        """Yield the lanes by path; a database that is away at the start is waited for while they answer 503."""
        async with self._connected() as builder:
            tables = {name: builder.dispatch(name) for name in self.settings.sites}
            auditing = self.auditing = Auditing(self.settings, self._on_audit_problem)
            auditing.begin()
            opening = asyncio.create_task(self._open_all(builder, tables))
            try:
                await asyncio.wait([opening], timeout=_OPENING_S)
                if opening.done():
                    opening.result()  # a defect ends the start
                endpoints = self._endpoints(builder)
                async with self._limits() as quotas:
                    lanes = [self._lane(name, table, auditing.auditor, quotas) for name, table in tables.items()]
                    yield {**{path: lane for found in lanes for path, lane in found.items()}, **endpoints}
            finally:
                await ended([opening])
                await auditing.end()

    def _limits(self) -> AbstractAsyncContextManager[Quotas | None]:
        """Run what goes on beside the requests of callers who log in; gives what they may ask."""
        return nullcontext() if self.authorization is None else self.authorization.serving(self._on_fault)

    def _operations_of(self, name: str) -> tuple[Operation, ...]:
        """Return the operations of a site that need all of the server."""
        office = Office(name, self._running)
        breaking = emergency_operations(office) if self.settings.auth is Auth.SMART else ()
        return (explain_operation(office), *breaking)

    def _running(self) -> Running:
        auditor = self.auditing.auditor if self.auditing is not None else UNAUDITED
        return Running(self._site, self.authorization, auditor)

    def _site(self, name: str) -> Site:
        """Return a site. Raises Unavailable."""
        site = self.sites.get(name)
        if site is None:
            raise Unavailable(_AWAY)
        return site

    def _connected(self) -> AbstractAsyncContextManager[Builder]:
        return sites_of(
            self.settings,
            self._uri,
            self._knowledge,
            self.metrics.count_batch,
            jobs_rest=_JOBS_REST,
            is_awaited=lambda: self.open_requests > 0,
            operations_of=self._operations_of,
        )

    async def problems(self) -> list[str]:
        """Say what keeps the server from serving: nothing, or sentences."""
        if len(self.sites) < len(self.settings.sites):
            return [_AWAY]
        try:
            async with asyncio.timeout(_READY_S):
                missing = [index for site in self.sites.values() for index in await site.store.problems()]
        except (FhirError, TimeoutError):
            return [_AWAY]
        return [f"The index {name} is missing." for name in missing]

    async def _open_all(self, builder: Builder, tables: Mapping[str, Dispatch]) -> None:
        while len(self.sites) < len(tables):
            try:
                for name in tables.keys() - self.sites.keys():
                    self.sites[name] = await builder.open_with(name, tables[name])
            except Unavailable:
                self._log.warning("waiting for the database")
                await asyncio.sleep(_RETRY_S)

    async def _repository(self, name: str, scope: Scope, headers: Mapping[bytes, bytes], trail: Trail) -> Repository:
        """Return the door for the caller of a request. Raises LoginRequired, Unavailable."""
        site = self.sites.get(name) or self._site(name)
        if self.authorization is None:
            return Repository(site.live, Unrestricted(), trail)
        authenticator, certificate = self.authorization.authenticator, thumbprint_of(scope)
        caller = authenticator.known(headers, name, certificate)
        if caller is None:
            caller = await authenticator.caller_of(headers, name, certificate)
        access = site.grants.at_hand(caller, site.live.now.binder)
        if access is None:
            return await self._repository_for(caller, trail)
        trail.decided(access.decision)
        return Repository(site.live, access, trail)

    async def _repository_for(self, caller: Caller, trail: Trail) -> Repository:
        """Return the door of a caller's site with what the caller is granted. Raises Unavailable."""
        site = self._site(caller.site)
        access = await site.grants.access_of(caller, site.live.now.binder)
        trail.decided(access.decision)
        return Repository(site.live, access, trail)

    def _repository_of(self, name: str) -> Repository:
        """Return the door of a site with the rights of the server itself. Raises Unavailable."""
        return self._site(name).repository

    def _endpoints(self, builder: Builder) -> dict[str, AsgiApp]:
        """Return the authorization server, where there is one."""
        if self.settings.auth is Auth.OFF:
            return {}
        self.authorization = builder.authorization(Doors(self._repository_for, self._repository_of))
        endpoints = self.authorization.endpoints(self._allowed_origins)
        audited = AuditedEndpoints(endpoints, self._running().auditor, self.settings.sites[0])
        return dict.fromkeys(_OF_AUTHORIZATION, audited)

    def _lane(self, name: str, dispatch: Dispatch, auditor: Auditor, quotas: Quotas | None) -> dict[str, AsgiApp]:
        paths = mounts(self.settings, name)
        services = LaneServices(
            dispatch=dispatch,
            repository_for=partial(self._repository, name),
            formats=self._formats,
            on_request=self._on_request(name),
            on_fault=self._on_fault,
            limits=Limits(
                max_body_bytes=self.settings.max_body_bytes,
                max_binary_bytes=self.settings.max_binary_bytes,
                max_url_bytes=self.settings.max_url_bytes,
            ),
            cors=Cors(self._allowed_origins),
            audit=auditor,
            quotas=quotas,
            site=name,
            mounts=paths,
            origin=self.settings.base_url,
        )
        lane = self._counted(fhir_lane(services))
        return dict.fromkeys(paths, lane)

    def _counted(self, lane: AsgiApp) -> AsgiApp:
        in_flight = self.metrics.in_flight

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            in_flight.inc()
            self.open_requests += 1
            try:
                await lane(scope, receive, send)
            finally:
                self.open_requests -= 1
                in_flight.dec()

        return counted

    def _on_request(self, site: str) -> Callable[[RequestRecord], None]:
        count, write = self.metrics.count, self._write_request

        def record(request: RequestRecord) -> None:
            interaction = request.interaction.value if request.interaction else _UNKNOWN
            count(interaction, request.status, request.duration_s)
            fields: dict[str, Any] = {
                "request_id": request.request_id,
                "site": site,
                "interaction": interaction,
                "resource_type": request.resource_type,
                "status": request.status,
                "duration_ms": round(request.duration_s * 1000, 3),
            }
            if request.operation is not None and request.status < 400:  # else it may be any text
                fields["operation"] = request.operation
            write(fields)

        return record

    def _on_audit_problem(self, problem: str, defect: BaseException | None) -> None:
        self._log.error("audit", problem=problem, exc_info=defect)

    def _on_fault(self, problem: BaseException, request_id: str) -> None:
        self._log.error("fault", request_id=request_id, exc_info=problem)

    @property
    def _allowed_origins(self) -> frozenset[str]:
        """The web pages that may call: any that has a token, where tokens are asked for."""
        if self.settings.cors_origins is not None:
            return frozenset(self.settings.cors_origins)
        return frozenset() if self.settings.auth is Auth.OFF else frozenset("*")
