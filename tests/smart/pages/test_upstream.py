"""Login at another OpenID provider that runs for real: oidc-provider from npm — OpenID Connect Core §3.1."""

import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import pytest_asyncio
from joserfc.jwk import RSAKey
from pymongo import MongoClient

from fhirserver.app.composition import Application
from fhirserver.smart.people.issuers import login_file_of
from fhirserver.store.connection import Connection
from tests.conftest import client_of, new_settings
from tests.programs import node_with
from tests.smart.pages.conftest import ORIGIN, PASSWORD, Browser, Place, place_of

FOLDER = Path(__file__).parents[1] / "people" / "node"
RPPS = "https://rpps.example.org"
CALLBACK = f"{ORIGIN}/auth/upstream/idp/callback"


@dataclass
class Provider:
    """The other provider."""

    issuer: str

    async def log_in(self, url: str, sub: str, *, acr: str | None = None, deny: bool = False, **claims: Any) -> str:  # noqa: ANN401
        """Log somebody in where a browser was sent; return where it is sent back to."""
        amr = claims.pop("amr", None)
        async with httpx2.AsyncClient() as http:
            told = {"sub": sub, "acr": acr, "amr": amr, "deny": deny, "claims": claims}
            await http.post(f"{self.issuer}/next", content=json.dumps(told))
            while not url.startswith(ORIGIN):
                answer = await http.get(url)
                assert answer.is_redirect, answer.text
                url = str(answer.url.join(answer.headers["location"]))
        return url


@pytest.fixture(scope="module")
def signer() -> RSAKey:
    return RSAKey.generate_key(2048, auto_kid=True)


@pytest.fixture(scope="module")
def provider(signer: RSAKey) -> Iterator[Provider]:
    """The provider, on a port of its own."""
    node = node_with(FOLDER)
    public = {**signer.as_dict(private=False), "kid": signer.kid, "alg": "RS256", "use": "sig"}
    environment = {**os.environ, "REDIRECT_URI": CALLBACK, "SIGNER_JWK": json.dumps(public), "NODE_NO_WARNINGS": "1"}
    command = [node, "provider.mjs"]
    with subprocess.Popen(command, cwd=FOLDER, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Provider(process.stdout.readline().strip())
        finally:
            process.kill()


@pytest.fixture(scope="module")
def tables(provider: Provider, signer: RSAKey, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Issuers of a login file: the same provider, used in several ways."""
    key = tmp_path_factory.mktemp("keys") / "key.pem"
    key.write_bytes(signer.as_pem(private=True))
    mapped: dict[str, Any] = {
        "id": "idp",
        "name": "Staff login",
        "issuer": provider.issuer,
        "client_id": "basic",
        "client_secret": "a-secret-of-a-test",
        "scopes": ["openid", "profile", "staff"],
        "acr_values": {"1fa": "silver", "2fa": "gold"},
        "levels": {"gold": "2fa"},
        "link": "provision",
        "userinfo": True,
        "username_claim": "preferred_username",
        "identifiers": [{"claim": "rpps", "system": RPPS, "type": "Practitioner"}],
        "roles_claim": "groups",
        "roles": {"doctors": ["physician"]},
    }
    return [mapped, {"key": str(key)}]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def connection(mongodb_uri: str) -> AsyncIterator[Connection]:
    made = Connection(mongodb_uri)
    yield made
    await made.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def record(application: Application) -> None:
    """Two practitioners, two of one number."""
    async with client_of(application) as http:
        for logical_id, number in (("d1", "101"), ("d2", "202"), ("d3", "303"), ("d4", "303")):
            resource = {
                "resourceType": "Practitioner",
                "id": logical_id,
                "identifier": [{"system": RPPS, "value": number}],
                "name": [{"family": logical_id.upper(), "prefix": ["Dr"]}],
            }
            assert (await http.put(f"Practitioner/{logical_id}", json=resource)).status_code == 201


class Door:
    """Makes servers of pages with this or that login file."""

    def __init__(self, connection: Connection, application: Application, provider: Provider, uri: str) -> None:
        self.connection, self.application, self.provider, self.uri = connection, application, provider, uri
        self.names: list[str] = []

    async def open(self, table: dict[str, Any], **changes: Any) -> Place:  # noqa: ANN401
        host = urlsplit(self.provider.issuer).netloc
        settings = new_settings(outbound_allow=host)
        self.names.append(settings.network_database)
        issuers = login_file_of({"issuer": [{**table, **changes}]}, Path("/")).issuers
        place = place_of(self.connection, settings, self.application, issuers)
        await place.people.prepare()
        return place


@pytest_asyncio.fixture(loop_scope="session")
async def door(
    connection: Connection, application: Application, provider: Provider, mongodb_uri: str
) -> AsyncIterator[Door]:
    made = Door(connection, application, provider, mongodb_uri)
    yield made
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        for name in made.names:
            client.drop_database(name)


async def leave(browser: Browser, query: str = "") -> str:
    """Follow the link to the other provider; return where it leads."""
    answer = await browser.http.get(f"/auth/upstream/idp?next=/auth/account/apps{query}")
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def log_in(place: Place, provider: Provider, sub: str, query: str = "", **claims: Any) -> Browser:  # noqa: ANN401
    browser = place.browser()
    await browser.get("/auth/login")
    await browser.get(await provider.log_in(await leave(browser, query), sub, **claims))
    return browser


async def test_the_request_is_a_code_flow_with_pkce_state_and_nonce(
    door: Door, tables: list[dict[str, Any]], provider: Provider
) -> None:
    browser = (await door.open(tables[0])).browser(language="nl")
    await browser.get("/auth/login")
    assert "Staff login" in browser.text
    sent = {name: values[0] for name, values in parse_qs(urlsplit(await leave(browser)).query).items()}
    expected = {
        "response_type": "code",
        "client_id": "basic",
        "redirect_uri": CALLBACK,
        "scope": "openid profile staff",
        "code_challenge_method": "S256",
        "acr_values": "silver",
        "ui_locales": "nl",
    }
    assert {name: sent[name] for name in expected} == expected
    assert all(len(sent[name]) >= 20 for name in ("state", "nonce", "code_challenge"))
    fresh = parse_qs(urlsplit(await leave(browser, "&acr=2fa&fresh=1")).query)
    assert (fresh["acr_values"], fresh["prompt"], fresh["max_age"]) == (["gold"], ["login"], ["0"])


async def test_a_person_whose_number_one_practitioner_has_gets_an_account_with_mapped_roles(
    door: Door, tables: list[dict[str, Any]], provider: Provider
) -> None:
    place = await door.open(tables[0])
    browser = await log_in(
        place, provider, "s1", acr="gold", rpps="101", groups=["doctors", "root"], preferred_username="d.one"
    )
    session = await browser.session()
    assert browser.url == "/auth/account/apps"
    assert session is not None
    assert (session.fhir_user, session.roles, session.name) == ("Practitioner/d1", ("physician",), "Dr D1")
    assert (session.acr, session.amr) == ("2fa", ("fed",))
    again = await (await log_in(place, provider, "s1", acr="gold", rpps="101", groups=[])).session()
    assert again is not None
    assert (again.user_id, again.roles) == (session.user_id, ())


async def test_a_login_below_the_level_that_a_role_needs_goes_on_here(
    door: Door, tables: list[dict[str, Any]], provider: Provider
) -> None:
    place = await door.open(tables[0])
    browser = await log_in(place, provider, "s2", acr="silver", rpps="202")
    assert browser.url.startswith("/auth/login/enrol")
    assert await browser.session() is None


REFUSED = [
    pytest.param({"link": "existing"}, {"rpps": "101"}, "is linked to no account here", id="who is not linked"),
    pytest.param({}, {"rpps": "999"}, "nobody with your number", id="whose number nobody has"),
    pytest.param({}, {"rpps": "303"}, "or more than one", id="whose number two have"),
    pytest.param({}, {}, "nobody with your number", id="who has no number"),
    pytest.param({"minimum": "2fa"}, {"rpps": "101", "acr": "silver"}, "not strong enough", id="below the minimum"),
    pytest.param({}, {"deny": True}, "did not sign you in", id="who is refused there"),
]


@pytest.mark.parametrize(("changes", "claims", "text"), REFUSED)
async def test_who_is_not_let_in(
    door: Door, tables: list[dict[str, Any]], changes: dict[str, Any], claims: dict[str, Any], text: str
) -> None:
    place = await door.open(tables[0], **changes)
    browser = await log_in(place, door.provider, "s9", **claims)
    assert text in browser.text
    assert await browser.session() is None


async def test_a_locked_account_stays_outside(door: Door, tables: list[dict[str, Any]], provider: Provider) -> None:
    place = await door.open(tables[0])
    session = await (await log_in(place, provider, "s1", acr="gold", rpps="101")).session()
    assert session is not None
    account = await place.people.account(session.user_id)
    assert account is not None
    await place.services.management.lock(account)
    browser = await log_in(place, provider, "s1", acr="gold", rpps="101")
    assert "account is locked" in browser.text


async def test_two_logins_begun_at_once_by_somebody_new_make_one_account(
    door: Door, tables: list[dict[str, Any]], provider: Provider
) -> None:
    place = await door.open(tables[0])
    first, second = place.browser(), place.browser()
    ways = []
    for browser in (first, second):
        await browser.get("/auth/login")
        ways.append(await provider.log_in(await leave(browser), "s1", acr="gold", rpps="101"))
    await first.get(ways[0])
    await second.get(ways[1])
    assert len(await place.people.accounts.find()) == 1


async def test_an_answer_is_good_once_and_in_the_browser_that_asked(
    door: Door, tables: list[dict[str, Any]], provider: Provider
) -> None:
    place = await door.open(tables[0])
    browser, thief = place.browser(), place.browser()
    for one in (browser, thief):
        await one.get("/auth/login")
    way = await provider.log_in(await leave(browser), "s1", acr="gold", rpps="101")
    assert (await thief.get(way)).status_code == 400
    await browser.get(way)
    assert await browser.session() is not None
    assert await thief.session() is None
    assert (await browser.get(way)).status_code == 400


FORGED = [
    pytest.param("code", "forged", 403, id="another code"),
    pytest.param("state", "forged", 400, id="another state"),
    pytest.param("iss", "https://evil.example", 403, id="another issuer (RFC 9207)"),
]


@pytest.mark.parametrize(("name", "value", "status"), FORGED)
async def test_a_forged_answer_lets_nobody_in(
    door: Door, tables: list[dict[str, Any]], name: str, value: str, status: int
) -> None:
    place = await door.open(tables[0])
    browser = place.browser()
    await browser.get("/auth/login")
    way = httpx2.URL(await door.provider.log_in(await leave(browser), "s1", acr="gold", rpps="101"))
    page = await browser.get(str(way.copy_set_param(name, value)))
    assert page.status_code == status
    assert await browser.session() is None


async def test_an_account_is_linked_by_its_owner_and_by_nobody_else(
    door: Door, tables: list[dict[str, Any]], provider: Provider
) -> None:
    place = await door.open(tables[0], link="existing")
    account, other = await place.patient(), await place.patient()
    browser = place.browser()
    await browser.log_in(account, PASSWORD)
    await browser.get(await provider.log_in(await leave(browser, "&link=1"), "s7"))
    assert "The sign-in is linked" in browser.text
    session = await (await log_in(place, provider, "s7")).session()
    assert session is not None
    assert session.user_id == account.id
    thief = place.browser()
    await thief.log_in(other, PASSWORD)
    await thief.get(await provider.log_in(await leave(thief, "&link=1"), "s7"))
    assert "linked to another account" in thief.text


async def test_a_client_can_prove_itself_by_a_key(door: Door, tables: list[dict[str, Any]], provider: Provider) -> None:
    signs = {"client_id": "signer", "client_auth": "private_key_jwt", "private_key_file": tables[1]["key"]}
    place = await door.open(tables[0], **signs)
    browser = await log_in(place, provider, "s1", acr="gold", rpps="101")
    assert await browser.session() is not None


async def test_a_wrong_secret_is_a_refusal(door: Door, tables: list[dict[str, Any]], provider: Provider) -> None:
    place = await door.open(tables[0], client_secret="another")  # noqa: S106
    browser = await log_in(place, provider, "s1", acr="gold", rpps="101")
    assert "The other service refused" in browser.text


UNREACHABLE = [
    pytest.param({"issuer": "http://127.0.0.1:9"}, id="a private address that is not allowed"),
    pytest.param({"metadata_url": "http://169.254.169.254/x"}, id="the address of a cloud's metadata"),
    pytest.param(
        {"issuer": "https://other.example", "metadata_url": "{issuer}/.well-known/openid-configuration"},
        id="metadata of another issuer",
    ),
]


@pytest.mark.parametrize("changes", UNREACHABLE)
async def test_what_is_not_asked(door: Door, tables: list[dict[str, Any]], changes: dict[str, str]) -> None:
    known = {name: value.format(issuer=door.provider.issuer) for name, value in changes.items()}
    place = await door.open(tables[0], **known)
    browser = place.browser()
    await browser.get("/auth/login")
    assert (await browser.get("/auth/upstream/idp")).status_code == 502
