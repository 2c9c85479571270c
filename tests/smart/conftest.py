"""The server with its authorization server, and clients of all kinds to ask it for tokens."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx2
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from fhirserver.settings import Auth
from fhirserver.smart.clients import AuthMethod, Client, digest_of, new_client_id, new_secret
from fhirserver.smart.decisions import Decisions
from fhirserver.smart.jose import look_at
from fhirserver.smart.people.account import Account
from fhirserver.smart.people.cookies import SESSION
from fhirserver.smart.people.session import Place, Proof
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

    async def app_client(self, scope: str, method: AuthMethod = AuthMethod.NONE, **changes: object) -> "App":
        """Enter an app."""
        known: dict[str, Any] = {
            "client_name": "An app",
            "token_endpoint_auth_method": method,
            "redirect_uris": ("https://app.example.org/back",),
            "launch_uri": "https://app.example.org/launch",
            "scope": scope,
        }
        return App(self, await self.register(**{**known, **changes}))

    async def person(
        self, fhir_user: str | None = "Practitioner/doctor", amr: tuple[str, ...] = ("pwd",), **changes: object
    ) -> "Browser":
        """Enter an account and log in."""
        assert self.app.authorization is not None
        people = self.app.authorization.people
        roles = ("physician",) if (fhir_user or "").startswith("Practitioner/") else ()
        login = {"username": new_client_id().lower(), "name": "Dr A", "site": "main", "roles": roles}
        known: dict[str, Any] = {**login, **changes}
        account = await people.accounts.add(Account(id="", fhir_user=fhir_user, **known))
        session_id, cookie = await people.sessions.begin(account, Proof(amr), Place())
        return Browser(self, account, session_id, cookie)

    async def put(self, *resources: Mapping[str, Any]) -> None:
        """Enter resources as the operator does."""
        entries = [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in resources
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        await self.app.sites["main"].execute(json.dumps(bundle).encode())

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


@dataclass
class Browser:
    """The browser of a person who has logged in; it keeps what it is told to."""

    network: Network
    account: Account
    session_id: str
    cookie: str

    async def get(self, url: str) -> httpx2.Response:
        """Open a URL of this server; redirects are not followed."""
        return await self.network.http.get(f"{ORIGIN}{url.removeprefix(ORIGIN)}", headers=self.headers)

    async def post(self, path: str, form: Mapping[str, Any]) -> httpx2.Response:
        """Send a form, as a page of another origin has the browser do."""
        return await self.network.post(path, form, headers=self.headers)

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": f"{SESSION}={self.cookie}"}


@dataclass
class Asked:
    """Where an authorization stands: at a page for people, or back at the app with these parameters."""

    page: str | None
    answer: dict[str, str]
    location: str

    @property
    def request_id(self) -> str:
        """What names the pending authorization."""
        return parse_qs(urlsplit(self.location).query)["request"][0]


@dataclass
class App:
    """An app in a browser, or one with a server behind it."""

    network: Network
    client: Client
    redirect_uri: str = "https://app.example.org/back"
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    key: RSAKey | ECKey | None = None
    """Of one that proves itself by assertions."""

    def query(self, scope: str, **changes: object) -> dict[str, str]:
        """Return the parameters of an authorization request; those that are None are left out."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        known = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": scope,
            "state": "a state & more",
            "aud": BASE,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: str(value) for name, value in known.items() if value is not None}

    async def ask(self, browser: Browser, scope: str, **changes: object) -> Asked:
        """Ask for an authorization by GET, as far as it goes without the user."""
        return await self.follow(browser, f"/auth/authorize?{urlencode(self.query(scope, **changes))}")

    async def follow(self, browser: Browser, url: str) -> Asked:
        """Open a URL and go where it leads: to the app, or to a page that asks the user something."""
        for _ in range(10):
            answer = await browser.get(url)
            assert answer.status_code in (302, 303), f"{answer.status_code} {answer.text}"
            url = answer.headers["location"]
            if url.startswith(self.redirect_uri):
                return Asked(None, dict(parse_qsl(urlsplit(url).query)), url)
            page = urlsplit(url).path
            if page != "/auth/authorize/resume":
                return Asked(page, {}, url)
        raise AssertionError("too many redirects")

    async def authorize(
        self, browser: Browser, scope: str, *, patient: str | None = None, granted: str | None = None, **changes: object
    ) -> Asked:
        """Ask for an authorization; its user chooses a patient and grants what is asked for, or ``granted``."""
        asked = await self.ask(browser, scope, **changes)
        decisions = Decisions(self.network.services)
        if asked.page == "/auth/pick/patient":
            await decisions.choose_patient(asked.request_id, browser.session_id, patient or "p1")
            asked = await self.resume(browser, asked)
        if asked.page == "/auth/consent":
            pending = await decisions.pending(asked.request_id, browser.session_id)
            assert pending is not None
            wanted = tuple((granted or pending.asked).split())
            await decisions.decide(asked.request_id, browser.session_id, wanted)
            asked = await self.resume(browser, asked)
        return asked

    async def resume(self, browser: Browser, asked: Asked) -> Asked:
        """Go on after a page."""
        return await self.follow(browser, f"/auth/authorize/resume?request={asked.request_id}")

    async def exchange(self, code: str, **changes: object) -> httpx2.Response:
        """Show a code at the token endpoint."""
        known = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }
        return await self.token_request({name: value for name, value in known.items() if value is not None})

    async def refresh(self, token: str, **changes: object) -> httpx2.Response:
        """Show a refresh token at the token endpoint."""
        return await self.token_request({"grant_type": "refresh_token", "refresh_token": token, **changes})

    async def token_request(self, form: Mapping[str, Any], path: str = "/auth/token") -> httpx2.Response:
        """Send a form, proving who the client is in its way."""
        secret = self.network.secrets[self.client.client_id]
        match self.client.token_endpoint_auth_method:
            case AuthMethod.BASIC:
                return await self.network.post(path, form, auth=(self.client.client_id, secret))
            case AuthMethod.POST:
                return await self.network.post(
                    path, {"client_id": self.client.client_id, "client_secret": secret, **form}
                )
            case AuthMethod.PRIVATE_KEY:
                assert self.key is not None
                assertion = Backend(self.network, self.client, self.key).assertion()
                return await self.network.post(
                    path, {"client_assertion_type": ASSERTION, "client_assertion": assertion, **form}
                )
            case AuthMethod.NONE:
                return await self.network.post(path, {"client_id": self.client.client_id, **form})

    async def tokens(self, browser: Browser, scope: str, **changes: object) -> dict[str, Any]:
        """Return what the token endpoint answers after all of it."""
        asked = await self.authorize(browser, scope, **changes)
        assert "code" in asked.answer, asked
        answer = await self.exchange(asked.answer["code"])
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def bearer(token: str) -> dict[str, str]:
    """Return the headers of a FHIR request with a token."""
    return {**FHIR_JSON, "Authorization": f"Bearer {token}"}


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a signed token, without checking it."""
    return dict(look_at(token, ("ES256", "RS256")).claims)


def error_of(answer: httpx2.Response) -> str:
    """Return the error of a refusal that is as OAuth says."""
    body = answer.json()
    assert 400 <= answer.status_code < 500
    assert isinstance(body["error_description"], str)
    assert "no-store" in answer.headers["cache-control"]
    assert set(body) <= {"error", "error_description", "error_uri"}
    return str(body["error"])


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
