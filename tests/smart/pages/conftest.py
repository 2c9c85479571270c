"""The pages of people over a real database, asked over HTTP as a browser asks: with cookies, forms and redirects."""

import re
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from html import unescape
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest_asyncio
from fastapi import FastAPI
from pymongo import MongoClient
from starlette.requests import Request

from fhirserver.app.composition import Application
from fhirserver.app.people import RecordDirectory, people_of
from fhirserver.kernel.caller import Caller
from fhirserver.outbound.client import GuardedTransport
from fhirserver.outbound.guard import Allowed, Guard
from fhirserver.repository.repository import Repository
from fhirserver.repository.trail import Trail
from fhirserver.settings import Settings
from fhirserver.smart.errors import OAuthError
from fhirserver.smart.pages.contracts import ClientCard, GrantCard, Pending
from fhirserver.smart.pages.router import people_routes
from fhirserver.smart.pages.services import PageServices
from fhirserver.smart.people.account import Account
from fhirserver.smart.people.federation import Federation
from fhirserver.smart.people.issuers import Issuer
from fhirserver.smart.people.linking import Linking
from fhirserver.smart.people.people import People
from fhirserver.smart.people.session import Session
from fhirserver.smart.people.totp import code_at
from fhirserver.smart.secret import Secret
from fhirserver.store.connection import Connection
from tests.conftest import new_settings

ORIGIN = "http://localhost"
PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live as long as a test


class Clock:
    """The time of day, which a test can move."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@dataclass
class Asked:
    """The other side of the contract: authorizations that wait, in memory, and what the pages made of them."""

    waiting: dict[str, Pending] = field(default_factory=dict)
    granted: dict[str, tuple[str, ...] | None] = field(default_factory=dict)
    grants: dict[str, list[GrantCard]] = field(default_factory=dict)
    withdrawn: list[str] = field(default_factory=list)

    def ask(self, *scopes: str, **fields: object) -> Pending:
        client = ClientCard(id="app", name="Growth chart", owner="Example Ltd")
        pending = Pending(id=secrets.token_urlsafe(8), client=client, scopes=scopes, **fields)
        self.waiting[pending.id] = pending
        return pending

    async def pending(self, request_id: str, session: Session) -> Pending | None:
        return self.waiting.get(request_id)

    async def choose_patient(self, request_id: str, session: Session, patient: str) -> None:
        self.waiting[request_id] = replace(self.waiting[request_id], patient=patient)

    async def choose_encounter(self, request_id: str, session: Session, encounter: str | None) -> None:
        self.waiting[request_id] = replace(self.waiting[request_id], encounter=encounter)

    async def decide(self, request_id: str, session: Session, granted: tuple[str, ...] | None) -> None:
        self.granted[request_id] = granted

    async def of_user(self, user_id: str) -> Sequence[GrantCard]:
        return self.grants.get(user_id, [])

    async def withdraw(self, user_id: str, grant_id: str) -> bool:
        self.withdrawn.append(grant_id)
        self.grants[user_id] = [grant for grant in self.grants[user_id] if grant.id != grant_id]
        return True


@dataclass
class Place:
    """A server of pages."""

    people: People
    services: PageServices
    asked: Asked
    clock: Clock
    app: FastAPI
    told: list[tuple[str, str | None]]
    where: list[str]
    """The one origin that it is seen at."""

    async def add(self, password: str | None = PASSWORD, **fields: object) -> Account:
        known = {"id": "", "username": f"u{secrets.token_hex(5)}", "name": "Anna Peeters", "site": "main"}
        return await self.services.management.add(Account(**{**known, **fields}), password)

    async def patient(self, **fields: object) -> Account:
        """Enter somebody of whom one factor is enough."""
        return await self.add(fhir_user="Patient/p1", **fields)

    def browser(self, address: str | None = None, language: str = "en") -> "Browser":
        where = address or f"192.0.2.{secrets.randbelow(250) + 1}"
        transport = httpx2.ASGITransport(self.app, client=(where, 4711))
        headers = {"Accept-Language": language}
        return Browser(self, httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers))

    def code(self, secret: bytes) -> str:
        return code_at(secret, int(self.clock() // 30))


@dataclass
class Browser:
    """Who looks at pages."""

    place: Place
    http: httpx2.AsyncClient
    page: httpx2.Response | None = None

    @property
    def text(self) -> str:
        assert self.page is not None
        return self.page.text

    @property
    def url(self) -> str:
        assert self.page is not None
        return str(self.page.url).removeprefix(ORIGIN)

    async def get(self, path: str) -> httpx2.Response:
        self.page = await self.http.get(path, follow_redirects=True)
        return self.page

    async def post(self, path: str, *, follow: bool = True, **fields: object) -> httpx2.Response:
        """Send a form of the present page."""
        if self.page is None:
            await self.get("/auth/login")
        return await self.send(path, {"token": self.hidden("token"), **fields}, follow=follow)

    async def send(self, path: str, fields: dict[str, Any], *, follow: bool = True, **headers: str) -> httpx2.Response:
        own = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        content = urlencode(fields, doseq=True)
        self.page = await self.http.post(path, content=content, headers=own, follow_redirects=follow)
        return self.page

    def hidden(self, name: str) -> str:
        """Return the value of a hidden field of the present page."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found, f"no field {name} at {self.url}"
        return unescape(found[1])

    async def log_in(self, account: Account, password: str = PASSWORD, path: str = "/auth/login") -> httpx2.Response:
        await self.get(path)
        return await self.post(path, username=account.username, password=password)

    async def session(self) -> Session | None:
        """Return the session that the browser's cookie proves."""
        request = self.http.build_request("GET", "/auth/account")
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": headers,
            "query_string": b"",
            "scheme": "http",
        }
        return await self.place.people.current_session(Request({**scope, "server": ("localhost", 80)}))


async def no_token(token: str) -> None:
    """Here are no tokens."""
    raise OAuthError("invalid_token", "The access token is not valid.", status=401)


def place_of(
    connection: Connection, settings: Settings, application: Application, issuers: tuple[Issuer, ...]
) -> Place:
    clock, asked, where = Clock(), Asked(), [ORIGIN]
    people = people_of(connection, settings, Secret(secrets.token_urlsafe(32)), clock)
    site = application.sites["main"]

    async def repository_for(caller: Caller, trail: Trail) -> Repository:
        return Repository(site.live, await site.grants.access_of(caller, site.live.now.binder), trail)

    guard = Guard(Allowed.parse(settings.outbound_allow))
    services = PageServices(
        people=people,
        federation=Federation(issuers, GuardedTransport(guard), clock),
        linking=Linking(people.accounts, RecordDirectory(lambda name: site.repository), "main"),
        authorizations=asked,
        grants=asked,
        repository_for=repository_for,
        origin_of=lambda connection: where[0],
        check_token=no_token,
        sites=("main",),
        name="Beffroi",
    )
    told: list[tuple[str, str | None]] = []

    async def listen(user: str, session: str | None) -> None:
        told.append((user, session))

    people.listeners.append(listen)
    app = FastAPI()
    app.router.routes.extend(people_routes(services))
    return Place(people, services, asked, clock, app, told, where)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(mongodb_uri: str, application: Application) -> AsyncIterator[Place]:
    """The pages, with a database of their own."""
    settings = new_settings()
    connection = Connection(mongodb_uri)
    made = place_of(connection, settings, application, ())
    await made.people.prepare()
    yield made
    made.people.close()
    await connection.close()
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client.drop_database(settings.network_database)


@pytest_asyncio.fixture(loop_scope="session")
async def browser(place: Place) -> Browser:
    """A browser that was never here."""
    return place.browser()
