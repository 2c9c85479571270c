"""The server with its authorization server, and clients of all kinds to ask it for tokens."""

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from fhirserver.settings import Auth
from fhirserver.smart.clients import AuthMethod, Client, digest_of, new_client_id, new_secret
from fhirserver.smart.services import Services
from tests.conftest import FHIR_JSON, new_settings, running

ORIGIN = "http://localhost"
BASE = f"{ORIGIN}/fhir"
TOKEN = f"{ORIGIN}/auth/token"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Network:
    """A server in this process, as its clients see it."""

    app: Application
    http: httpx2.AsyncClient
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def services(self) -> Services:
        """The authorization server behind the endpoints: where an operator's command line would be."""
        assert self.app.authorization is not None
        return self.app.authorization.services

    async def register(self, **changes: object) -> Client:
        """Enter a client as an operator does."""
        secret = new_secret()
        method = AuthMethod(changes.get("token_endpoint_auth_method", AuthMethod.NONE))
        known: dict[str, Any] = {
            "client_id": new_client_id(),
            "client_name": "A client",
            "token_endpoint_auth_method": AuthMethod.NONE,
            "grant_types": ("authorization_code", "refresh_token"),
            "scope": "",
            "sites": ("main",),
            "secret_digest": digest_of(secret) if method.by_secret else None,
        }
        client = Client(**{**known, **changes})
        assert await self.services.clients.add(client)
        self.secrets[client.client_id] = secret
        return client

    async def backend(
        self, scope: str = "system/*.cruds", key: RSAKey | ECKey | None = None, **changes: object
    ) -> "Backend":
        """Enter a backend service with a key of its own."""
        own = key or ECKey.generate_key("P-384", auto_kid=True)
        known: dict[str, Any] = {
            "client_name": "A service",
            "token_endpoint_auth_method": AuthMethod.PRIVATE_KEY,
            "grant_types": ("client_credentials",),
            "scope": scope,
            "jwks": {"keys": [{**own.as_dict(private=False), "kid": own.kid}]},
        }
        return Backend(self, await self.register(**{**known, **changes}), own)

    async def post(
        self,
        path: str,
        form: Mapping[str, Any],
        *,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Send a form below the origin."""
        own = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return await self.http.post(f"{ORIGIN}{path}", content=urlencode(form), auth=auth, headers=own)


@dataclass
class Backend:
    """A backend service: it signs assertions."""

    network: Network
    client: Client
    key: RSAKey | ECKey

    @property
    def algorithm(self) -> str:
        return "RS384" if isinstance(self.key, RSAKey) else "ES384"

    def assertion(self, header: Mapping[str, Any] | None = None, **claims: object) -> str:
        """Sign an assertion; members that are None are left out."""
        now = int(time.time())
        known = {
            "iss": self.client.client_id,
            "sub": self.client.client_id,
            "aud": TOKEN,
            "exp": now + 300,
            "jti": new_secret(),
            **claims,
        }
        head = {"alg": self.algorithm, "kid": self.key.kid, "typ": "JWT", **(header or {})}
        return jwt.encode(
            {name: value for name, value in head.items() if value is not None},
            {name: value for name, value in known.items() if value is not None},
            self.key,
            algorithms=[head["alg"]],
            default_type=None,
        )

    def form(self, scope: str | None = "system/*.rs", **changes: object) -> dict[str, Any]:
        """Return a request for a token; parameters that are None are left out."""
        known = {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": ASSERTION,
            "client_assertion": changes.get("client_assertion") or self.assertion(),
            **changes,
        }
        return {name: value for name, value in known.items() if value is not None}

    async def ask(self, scope: str | None = "system/*.rs", **changes: object) -> httpx2.Response:
        """Ask for a token."""
        return await self.network.post("/auth/token", self.form(scope, **changes))

    async def token(self, scope: str = "system/*.rs", **changes: object) -> str:
        """Return an access token."""
        answer = await self.ask(scope, **changes)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


def bearer(token: str) -> dict[str, str]:
    """Return the headers of a FHIR request with a token."""
    return {**FHIR_JSON, "Authorization": f"Bearer {token}"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def network(
    mongodb_uri: str, knowledge: Knowledge, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Network]:
    settings = new_settings(auth=Auth.SMART, data_dir=tmp_path_factory.mktemp("data"), sites="main,second")
    async with running(settings, mongodb_uri, knowledge) as app:
        transport = httpx2.ASGITransport(app.asgi)
        async with httpx2.AsyncClient(transport=transport, base_url=f"{BASE}/") as http:
            yield Network(app, http)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(network: Network) -> Backend:
    """A backend service that may do everything."""
    return await network.backend()
