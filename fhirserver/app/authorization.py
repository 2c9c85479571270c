"""The authorization server of one process: its records, its secret, its endpoints, and who bears its tokens."""

import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from fhirserver.app.background import OnFault, repeating
from fhirserver.app.gateway import AsgiApp
from fhirserver.app.limiting import limiting
from fhirserver.app.people import OpenSite, page_services, people_of
from fhirserver.definitions.registry import Definitions
from fhirserver.outbound.client import Outbound
from fhirserver.outbound.guard import Allowed, Guard
from fhirserver.rest.quotas import Quotas
from fhirserver.settings import Settings
from fhirserver.smart.access_tokens import AccessTokens
from fhirserver.smart.assertions import Assertions
from fhirserver.smart.bearer import REFRESH_S, Authenticator
from fhirserver.smart.client_admin import check_token
from fhirserver.smart.client_auth import ClientAuthentication
from fhirserver.smart.client_metadata import ReadScopes
from fhirserver.smart.clients import Clients
from fhirserver.smart.codes import Codes
from fhirserver.smart.fetch import fetch_by
from fhirserver.smart.grants import Grants
from fhirserver.smart.key_sets import KeySets
from fhirserver.smart.keys import SigningKeys
from fhirserver.smart.launches import Launches
from fhirserver.smart.logins import AccountLogins
from fhirserver.smart.network import Network
from fhirserver.smart.page_answers import PageAuthorizations, PageGrants
from fhirserver.smart.pages.errors import error_page
from fhirserver.smart.pages.router import people_routes
from fhirserver.smart.pending import PendingAuthorizations
from fhirserver.smart.people.people import People
from fhirserver.smart.record_door import RepositoryFor
from fhirserver.smart.refresh_tokens import RefreshTokens
from fhirserver.smart.revocations import Revocations
from fhirserver.smart.scopes import reader
from fhirserver.smart.secret import Secret, secret_of
from fhirserver.smart.server import authorization_server
from fhirserver.smart.services import Policy, Services
from fhirserver.smart.state import State
from fhirserver.smart.trust import identity_of, trust_store_of
from fhirserver.smart.udap import Community, Udap
from fhirserver.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Doors:
    """How the authorization server reaches the records of the sites."""

    for_caller: RepositoryFor
    of_server: OpenSite
    """With the rights of the server itself; what is found so is shown to nobody."""


class Authorization:
    """Built over a connection; nothing is asked of the database before the first request."""

    def __init__(
        self,
        settings: Settings,
        connection: Connection,
        definitions: Definitions,
        network: Network,
        doors: Doors,
    ) -> None:
        """Serve the sites of ``network``. Raises BadLoginFile."""
        secret = secret_of(settings.secret_key, settings.data_dir)
        self._settings = settings
        self._doors = doors
        self.people = people_of(connection, settings, secret)
        self.state = State(partial(connection.records, settings.network_database))
        world = _World(network, definitions, secret, self.people, doors)
        self.services = services_of(settings, self.state, world)
        self.authenticator = Authenticator(self.services.access_tokens)
        self.people.listeners.append(self._hear)

    @asynccontextmanager
    async def serving(self, on_fault: OnFault) -> AsyncIterator[Quotas | None]:
        """Look at tokens and add up limits for as long as the context lasts; gives what callers may ask."""
        looking = repeating(self.authenticator.refresh, REFRESH_S, "tokens", on_fault)
        try:
            async with looking, limiting(self._settings, self.state.quotas, on_fault) as quotas:
                yield quotas
        finally:
            self.close()

    async def _hear(self, user_id: str, session_id: str | None) -> None:
        """End or change what was granted, as the account or the session has."""
        if session_id is not None:
            await self.services.revocations.end_session(session_id)
            return
        person = await self.services.logins.person(user_id)
        if person is None:
            await self.services.revocations.end_user(user_id)
        else:
            await self.services.revocations.change_person(person)

    async def prepare(self) -> None:
        """Create the indexes that are missing, and the first keys. Raises Unavailable, WrongSecret."""
        await self.state.prepare()
        await self.people.prepare()
        await self.services.keys.prepare()

    def endpoints(self, origins: Collection[str]) -> AsgiApp:
        """Return the application for ``/auth`` and ``/.well-known``; pages of ``origins`` may call it."""
        pages = page_services(
            self.people,
            self._settings,
            self.services.network,
            authorizations=PageAuthorizations(self.services),
            grants=PageGrants(self.services),
            repository_for=self._doors.for_caller,
            open_site=self._doors.of_server,
            check_token=partial(check_token, self.services),
        )

        def problem_page(request: Request, problem: str, status: int) -> Response:
            return error_page(pages, request, problem, status=status)

        return authorization_server(self.services, origins, people_routes(pages), problem_page)

    def close(self) -> None:
        """End the threads."""
        self.people.close()


@dataclass(frozen=True, slots=True)
class _World:
    """What the authorization server stands in."""

    network: Network
    definitions: Definitions
    secret: Secret
    people: People
    doors: Doors


def services_of(settings: Settings, state: State, world: _World) -> Services:
    """Put the authorization server together."""
    keys = SigningKeys(state.keys, world.secret)
    clients = Clients(state.clients)
    access_tokens = AccessTokens(state.tokens, keys)
    refresh_tokens = RefreshTokens(
        state.refresh_tokens, offline_s=settings.refresh_token_s, online_s=settings.session_longest_s
    )
    grants = Grants(state.grants, settings.refresh_token_s)
    policy = _policy_of(settings)
    fetch = fetch_by(Outbound(Guard(Allowed.parse(settings.outbound_allow))))
    resource_types = frozenset(world.definitions.resource_types)
    read_scopes = reader(resource_types.__contains__)
    udap = _udap_of(settings, clients, state, read_scopes)
    assertions = Assertions(clients, KeySets(fetch), state.replays)
    return Services(
        network=world.network,
        policy=policy,
        state=state,
        keys=keys,
        clients=clients,
        authentication=ClientAuthentication(clients, assertions, udap),
        udap=udap,
        access_tokens=access_tokens,
        refresh_tokens=refresh_tokens,
        codes=Codes(state.codes, policy.code_s),
        grants=grants,
        launches=Launches(state.launches, policy.launch_s),
        pending=PendingAuthorizations(state.pending, policy.pending_s, world.secret),
        revocations=Revocations(state.ended, access_tokens, refresh_tokens, grants),
        logins=AccountLogins(world.people),
        level_of_scopes=world.people.options.login.level_of_scopes,
        repository_for=world.doors.for_caller,
        open_site=world.doors.of_server,
        read_scopes=read_scopes,
        is_resource_type=resource_types.__contains__,
        clock=time.time,
    )


def _policy_of(settings: Settings) -> Policy:
    return Policy(
        access_token_s=settings.access_token_s,
        service_token_s=settings.service_token_s,
        online_token_s=settings.session_idle_s / 2,
        registration=settings.registration,
        registration_scope=settings.registration_scope,
        binds_certificates=settings.tls_ca is not None,
    )


def _udap_of(settings: Settings, clients: Clients, state: State, read_scopes: ReadScopes) -> Udap | None:
    """Let the clients of a trust community in, where the operator names one. Raises BadCertificates."""
    if settings.udap_trust_store is None or settings.udap_certificate is None:
        return None
    community = Community(
        trust_store=trust_store_of(settings.udap_trust_store),
        identity=identity_of(settings.udap_certificate),
        scope=settings.udap_scope,
        sites=settings.sites,
    )
    return Udap(community, clients, state.replays, read_scopes)
