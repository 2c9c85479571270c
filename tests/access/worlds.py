"""A database with hidden resources and its twin in which they never were, and callers of both, over HTTP.

What a caller is answered must be the same in both, but for instants: nothing betrays what is hidden.
"""

import asyncio
import json
import re
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx2

from fhirserver.access.access import Access, Unrestricted
from fhirserver.access.granted import Grants
from fhirserver.access.masks import hidden_keys
from fhirserver.access.rules import NoRules, Rules
from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from fhirserver.app.policies import rule_book
from fhirserver.app.sites import Site
from fhirserver.kernel.caller import Caller, Emergency
from fhirserver.repository.repository import Repository
from fhirserver.repository.services import LiveServices
from fhirserver.repository.trail import Trail
from fhirserver.rest.formats import Formats
from fhirserver.rest.lane import App, LaneServices, fhir_lane
from fhirserver.search.bind import Binder
from fhirserver.settings import Auth
from tests.access.records import Json
from tests.conftest import new_settings, running
from tests.smart.conftest import Network

OPERATOR: Final = "operator"
HEADER: Final = b"x-caller"
_OPENING_S: Final = 120
BASE: Final = "http://localhost/fhir/"

_INSTANT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+\-]\d\d:\d\d)")
_LASTED = re.compile(r"in \d+ ms")
_CURSOR = re.compile(r"_cursor=[A-Za-z0-9_\-]+")
_SEALED = re.compile(r'"(?:cursor|first|next|previous)":"[A-Za-z0-9_\-]+"')
_KEPT_HEADERS = ("etag", "location", "content-location", "content-type", "allow", "www-authenticate", "x-progress")


@dataclass(frozen=True)
class Ask:
    """One request; ``what`` says in words what it tries."""

    what: str
    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    follows: bool = False
    """The pages after the first are read as well."""
    number: int = 0
    """What the server calls the resource that is created: ``new-{number}-1``."""


@dataclass(frozen=True)
class Answer:
    """What is compared of a response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


class Book:
    """Rules by the client that calls."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        self._rules = rules

    async def rules_for(self, caller: Caller) -> Rules:
        return self._rules.get(caller.client_id, NoRules())


class Numbers:
    """Ids of new resources: the same in a world and its twin, however often each asks."""

    def __init__(self) -> None:
        self.round = 0
        self._next = 0

    def begin(self, number: int) -> None:
        self.round, self._next = number, 0

    def __call__(self) -> str:
        self._next += 1
        return f"new-{self.round}-{self._next}"


@dataclass(frozen=True)
class World:
    """One database and those who call it."""

    site: Site
    client: httpx2.AsyncClient
    numbers: Numbers
    faults: list[BaseException]
    desk: "Desk"

    async def ask(self, caller: str, ask: Ask, number: int = 0) -> list[Answer]:
        """Return the answer and, where the ask follows links, those of further pages."""
        self.numbers.begin(number)
        answers = [await self._send(caller, ask.method, ask.path, ask.body, ask.headers)]
        while ask.follows and len(answers) < 30 and (path := _next(answers[-1][1])):
            answers.append(await self._send(caller, "GET", path, None, ask.headers))
        return [answer for answer, _ in answers]

    async def _send(
        self, caller: str, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[Answer, bytes]:
        own = {"accept": "application/fhir+json", "x-caller": caller, **headers}
        if body is not None:
            own = {"content-type": "application/fhir+json", **own}
        response = await self.client.request(method, path, content=body, headers=own)
        found = tuple((n, _blank(v)) for n in _KEPT_HEADERS if (v := response.headers.get(n)) is not None)
        return Answer(response.status_code, found, _blank(response.text)), response.content


def _next(body: bytes) -> str | None:
    """Return the path of the next page."""
    try:
        links = json.loads(body).get("link", ())
    except (ValueError, AttributeError):
        return None
    urls = [link["url"] for link in links if link.get("relation") == "next"]
    return urls[0].removeprefix(BASE) if urls else None


def _blank(text: str) -> str:
    """Leave out what differs between two runs of the same: instants, durations and sealed cursors."""
    return _SEALED.sub("sealed", _CURSOR.sub("_cursor=", _LASTED.sub("in some ms", _INSTANT.sub("instant", text))))


@dataclass(frozen=True)
class Login:
    """Somebody with an account, who lets an app have some scopes."""

    fhir_user: str
    roles: tuple[str, ...]
    scope: str
    patient: str | None = None
    emergency: str | None = None
    """The patient for whom they have broken the glass."""


@dataclass(frozen=True)
class Callers:
    """Who calls, and what the site's rules are for each; those who log in are held to the rules that ship."""

    callers: Mapping[str, Caller]
    rules: Mapping[str, Rules]
    logins: Mapping[str, Login] = field(default_factory=dict)


class Desk:
    """Knows the callers, and what they are granted."""

    def __init__(self, app: Application, callers: Callers) -> None:
        self._app = app
        self._callers = callers
        self._tokens: dict[str, str] = {}
        self.renew()

    def renew(self) -> None:
        """Forget what was compiled of their access."""
        site = self._app.sites["main"]
        own = not self._callers.logins
        self._grants = Grants(Book(self._callers.rules) if own else rule_book(self._app.settings, "main", site.live))
        hidden_keys.cache_clear()

    async def access_of(self, name: str, binder: Binder) -> Access:
        """Return what a caller is granted; the operator, everything."""
        if name == OPERATOR:
            return Unrestricted()
        caller = self._callers.callers.get(name) or await self._logged_in(name)
        return await self._grants.access_of(caller, binder)

    async def _logged_in(self, name: str) -> Caller:
        """Return the caller of a token that was issued as tokens are."""
        assert self._app.authorization is not None
        if name not in self._tokens:
            self._tokens[name] = await self._issued(self._callers.logins[name])
        header = {b"authorization": f"Bearer {self._tokens[name]}".encode()}
        return await self._app.authorization.authenticator.caller_of(header, "main")

    async def _issued(self, login: Login) -> str:
        transport = httpx2.ASGITransport(self._app.asgi)
        async with httpx2.AsyncClient(transport=transport, base_url=BASE) as http:
            network = Network(self._app, http)
            client = await network.app_client(login.scope)
            browser = await network.person(login.fhir_user, roles=login.roles)
            answer = await client.tokens(browser, login.scope, patient=login.patient)
            token = str(answer["access_token"])
            return token if login.emergency is None else await _in_emergency(network, token, login.emergency)


async def _in_emergency(network: Network, token: str, patient: str) -> str:
    """Return the token of who has broken the glass, without the notices that are written of it."""
    tokens = network.services.access_tokens
    emergency = Emergency(reason="Unconscious, alone", patient=patient, until_s=time.time() + 3600)
    found = await tokens.for_emergency(await tokens.jti_of(token) or "", emergency, lambda issuer, site: BASE)
    assert found is not None
    return found


@asynccontextmanager
async def opened(uri: str, knowledge: Knowledge, callers: Callers) -> AsyncIterator[World]:
    """Open a world with an empty database."""
    with tempfile.TemporaryDirectory() as folder:
        smart = {"auth": Auth.SMART, "audit": False} if callers.logins else {}
        async with running(new_settings(data_dir=Path(folder), **smart), uri, knowledge) as app:
            async with asyncio.timeout(_OPENING_S):
                while not app.sites:  # noqa: ASYNC110 - a machine that is busy
                    await asyncio.sleep(0.1)
            yield world_of(app, knowledge, callers)


def world_of(app: Application, knowledge: Knowledge, callers: Callers) -> World:
    site, numbers, faults = app.sites["main"], Numbers(), list[BaseException]()
    live = LiveServices(replace(site.live.now, new_id=numbers))
    desk = Desk(app, callers)

    async def repository_for(scope: Any, headers: Mapping[bytes, bytes], trail: Trail) -> Repository:  # noqa: ANN401
        access = await desk.access_of(headers.get(HEADER, b"").decode(), live.now.binder)
        return Repository(live, access, trail)

    lane: App = fhir_lane(
        LaneServices(
            dispatch=site.dispatch,
            repository_for=repository_for,
            formats=Formats(knowledge.definitions),
            on_request=lambda record: None,
            on_fault=lambda problem, request_id: faults.append(problem),
        )
    )
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(lane), base_url=BASE)
    return World(site, client, numbers, faults, desk)


async def fill(world: World, writes: Iterable[Ask]) -> None:
    """Let the operator write."""
    for ask in writes:
        answer = (await world.ask(OPERATOR, ask, ask.number))[0]
        assert answer.status < 300, (ask.what, answer, world.faults)


def put(resource: Json) -> Ask:
    """Write a resource under its id; one of the audit trail, which is only added to, under that of its number."""
    if resource["resourceType"] == "AuditEvent":
        number = int(resource["id"].split("-")[1])
        return Ask("post an AuditEvent", "POST", "AuditEvent", json.dumps(resource).encode(), number=number)
    key = f"{resource['resourceType']}/{resource['id']}"
    return Ask(f"put {key}", "PUT", key, json.dumps(resource).encode())


def delete(resource: Json) -> Ask:
    """Delete a resource."""
    key = f"{resource['resourceType']}/{resource['id']}"
    return Ask(f"delete {key}", "DELETE", key)


def revised(resource: Json) -> Sequence[Ask]:
    """Write a resource twice, the first time in another language; the audit trail is written once."""
    if resource["resourceType"] == "AuditEvent":
        return (put(resource),)
    return (put({**resource, "language": "en"}), put(resource))
