"""The authorization server of one process: its records, its secret, its endpoints, and who bears its tokens."""

import time
from collections.abc import Collection
from functools import partial

from fhirserver.app.gateway import AsgiApp
from fhirserver.definitions.registry import Definitions
from fhirserver.outbound.client import Outbound
from fhirserver.outbound.guard import Allowed, Guard
from fhirserver.settings import Settings
from fhirserver.smart.access_tokens import AccessTokens
from fhirserver.smart.assertions import Assertions
from fhirserver.smart.bearer import Authenticator
from fhirserver.smart.client_auth import ClientAuthentication
from fhirserver.smart.clients import Clients
from fhirserver.smart.codes import Codes
from fhirserver.smart.fetch import fetch_by
from fhirserver.smart.grants import Grants
from fhirserver.smart.key_sets import KeySets
from fhirserver.smart.keys import SigningKeys
from fhirserver.smart.logins import Logins, Nobody
from fhirserver.smart.network import Network
from fhirserver.smart.refresh_tokens import RefreshTokens
from fhirserver.smart.revocations import Revocations
from fhirserver.smart.scopes import reader
from fhirserver.smart.secret import secret_of
from fhirserver.smart.server import authorization_server
from fhirserver.smart.services import Policy, Services
from fhirserver.smart.state import State
from fhirserver.store.connection import Connection


class Authorization:
    """Built over a connection; nothing is asked of the database before the first request."""

    def __init__(self, settings: Settings, connection: Connection, definitions: Definitions, network: Network) -> None:
        """Serve the sites of ``network``."""
        self.state = State(partial(connection.records, settings.network_database))
        self.services = services_of(settings, self.state, definitions, network, Nobody())
        self.authenticator = Authenticator(self.services.access_tokens)

    async def prepare(self) -> None:
        """Create the indexes that are missing, and the first keys. Raises Unavailable, WrongSecret."""
        await self.state.prepare()
        await self.services.keys.prepare()

    def endpoints(self, origins: Collection[str]) -> AsgiApp:
        """Return the application for ``/auth`` and ``/.well-known``; pages of ``origins`` may call it."""
        return authorization_server(self.services, origins)


def services_of(
    settings: Settings, state: State, definitions: Definitions, network: Network, logins: Logins
) -> Services:
    """Put the authorization server together."""
    keys = SigningKeys(state.keys, secret_of(settings.secret_key, settings.data_dir))
    clients = Clients(state.clients)
    access_tokens = AccessTokens(state.tokens, keys)
    session_s = settings.access_token_s + 24 * 3600
    refresh_tokens = RefreshTokens(state.refresh_tokens, offline_s=settings.refresh_token_s, online_s=session_s)
    grants = Grants(state.grants, settings.refresh_token_s)
    policy = Policy(
        access_token_s=settings.access_token_s,
        service_token_s=settings.service_token_s,
        registration=settings.registration,
        registration_scope=settings.registration_scope,
    )
    fetch = fetch_by(Outbound(Guard(Allowed.parse(settings.outbound_allow))))
    resource_types = frozenset(definitions.resource_types)
    return Services(
        network=network,
        policy=policy,
        state=state,
        keys=keys,
        clients=clients,
        authentication=ClientAuthentication(clients, Assertions(clients, KeySets(fetch), state.replays)),
        access_tokens=access_tokens,
        refresh_tokens=refresh_tokens,
        codes=Codes(state.codes, policy.code_s),
        grants=grants,
        revocations=Revocations(state.ended, access_tokens, refresh_tokens, grants),
        logins=logins,
        read_scopes=reader(resource_types.__contains__),
        clock=time.time,
    )
