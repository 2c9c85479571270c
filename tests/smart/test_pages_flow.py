"""From an app's link to its tokens with the pages of people between: login, picker, consent; §1.2 19 and §1.7 51.

The forms are read from the pages and sent as a browser would.
"""

import re
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest_asyncio

from fhirserver.smart.people.account import Account
from tests.smart.conftest import ORIGIN, App, Network

PASSWORD = "a long way to tipperary 7"  # noqa: S105 - of this test
_INPUT = re.compile(r"<input\b[^>]*>")
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(network: Network) -> App:
    await network.put({"resourceType": "Patient", "id": "p1", "name": [{"family": "Dubois", "given": ["Anne"]}]})
    return await network.app_client("openid fhirUser launch/patient patient/*.rs", client_name="Growth chart")


def fields(page: str) -> list[tuple[str, str]]:
    """Return what the form of a page sends as it stands: hidden fields, and boxes that are ticked."""
    found = []
    for tag in _INPUT.findall(page):
        attributes = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
        kind = attributes.get("type", "text")
        if "name" in attributes and (kind == "hidden" or (kind == "checkbox" and re.search(r"\bchecked\b", tag))):
            found.append((attributes["name"], attributes["value"]))
    return found


class Person:
    """Somebody with a browser that keeps cookies and follows redirects on this server, not off it."""

    def __init__(self, network: Network) -> None:
        self.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(network.app.asgi), base_url=ORIGIN)
        self.left_for = ""

    async def open(self, url: str) -> httpx2.Response:
        return await self._follow(await self.http.get(url))

    async def send(
        self, page: httpx2.Response, form: list[tuple[str, str]], path: str | None = None
    ) -> httpx2.Response:
        url = path or page.request.url.raw_path.decode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": ORIGIN}
        return await self._follow(await self.http.post(url, content=urlencode(form), headers=headers))

    async def _follow(self, answer: httpx2.Response) -> httpx2.Response:
        while answer.is_redirect:
            location = answer.headers["location"]
            if location.startswith("https://app.example.org/"):
                self.left_for = location
                return answer
            answer = await self.http.get(location)
        return answer


async def test_1_7_51_an_app_gets_what_a_person_grants_on_the_pages(app: App, network: Network) -> None:
    assert network.app.authorization is not None
    people = network.app.authorization.people
    hashed = await people.passwords.hash(PASSWORD)
    account = Account(id="", username="dr.a", name="Dr A", site="main", fhir_user="Practitioner/doctor", exempt=True)
    await people.accounts.add(replace(account, password_hash=hashed, roles=("physician",)))
    person = Person(network)
    scope = "openid fhirUser launch/patient patient/Patient.rs patient/Observation.rs patient/Condition.rs"
    page = await person.open(f"/auth/authorize?{urlencode(app.query(scope))}")
    assert (page.status_code, page.request.url.path) == (200, "/auth/login")
    page = await person.send(page, [*fields(page.text), ("username", "dr.a"), ("password", PASSWORD)])
    assert page.request.url.path == "/auth/pick/patient"
    page = await person.send(page, [*fields(page.text), ("name", "Dubois")])
    assert "Anne" in page.text
    page = await person.send(page, [*fields(page.text), ("patient", "p1")])
    assert page.request.url.path == "/auth/consent"
    _check_hardened(page)
    kept = [(name, value) for name, value in fields(page.text) if name != "choice" or value.endswith(":laboratory")]
    await person.send(page, [*_without_condition(page.text, kept), ("decision", "allow")])
    answer = dict(parse_qsl(urlsplit(person.left_for).query))
    granted = (await app.exchange(answer["code"])).json()
    assert granted["patient"] == "p1"
    assert set(granted["scope"].split()) == {
        *("openid", "fhirUser", "launch/patient", "patient/Patient.rs"),
        f"patient/Observation.rs?category={_CATEGORY}",
    }


def _without_condition(page: str, kept: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Untick the box of Condition: the last of the three scopes of resources."""
    keys = [value for name, value in kept if name == "grant" and value.startswith("s")]
    assert len(keys) == 3
    return [(name, value) for name, value in kept if not (name == "grant" and value == keys[2])]


def _check_hardened(page: httpx2.Response) -> None:
    """1.2.19: the consent page is in no frame, tells no address, and has a token of its own."""
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "no-store" in page.headers["cache-control"]
    assert any(name not in ("grant", "choice") for name, _ in fields(page.text))


async def test_1_2_19_a_form_without_its_token_changes_nothing(app: App, network: Network) -> None:
    browser = await network.person()
    asked = await app.ask(browser, "openid")
    answer = await browser.post(f"/auth/consent?request={asked.request_id}", {"decision": "allow", "grant": "openid"})
    assert answer.status_code in (400, 403)
    assert (await app.resume(browser, asked)).page == "/auth/consent"


async def test_1_2_13_what_an_app_does_wrong_is_told_to_its_user_on_a_page(app: App, network: Network) -> None:
    answer = await network.http.get(f"{ORIGIN}/auth/authorize?client_id=nobody")
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")
