"""The JSON API of administrators over clients: who may, what is kept, and that what is taken away ends."""

from typing import Any

import httpx2
import pytest
import pytest_asyncio

from fhirserver.smart.clients import AuthMethod
from tests.smart.conftest import ORIGIN, App, Browser, Network, bearer, error_of

URL = f"{ORIGIN}/auth/admin/clients"
APP: dict[str, Any] = {
    "client_name": "An app",
    "redirect_uris": ["https://app.example.org/back"],
    "scope": "openid online_access user/*.rs",
    "owner": "Organization/1",
    "sites": ["main"],
}


@pytest_asyncio.fixture(loop_scope="session")
async def admin(network: Network) -> Browser:
    return await network.person(fhir_user=None, amr=("pwd", "otp"), is_admin=True)


async def call(network: Network, who: Browser, method: str, path: str = "", body: object = None) -> httpx2.Response:
    return await network.http.request(method, f"{URL}{path}", json=body, headers=who.headers)


async def test_an_administrator_enters_finds_changes_and_removes_a_client(network: Network, admin: Browser) -> None:
    answer = await call(network, admin, "POST", body={**APP, "client_id": "growth-chart"})
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    entry = answer.json()
    assert {**entry, **APP, "client_id": "growth-chart"} == entry
    assert entry["client_secret"] is None
    listed = (await call(network, admin, "GET")).json()
    assert "growth-chart" in {one["client_id"] for one in listed}
    changed = await call(network, admin, "PATCH", "/growth-chart", {"client_name": "Growth", "trusted": True})
    assert (changed.json()["client_name"], changed.json()["trusted"]) == ("Growth", True)
    assert changed.json()["owner"] == "Organization/1", "what is not named stays"
    assert (await call(network, admin, "DELETE", "/growth-chart")).status_code == 204
    assert (await call(network, admin, "GET", "/growth-chart")).status_code == 404


async def test_a_client_id_is_taken_once(network: Network, admin: Browser) -> None:
    assert (await call(network, admin, "POST", body={**APP, "client_id": "once"})).status_code == 201
    for taken in ("once", "fhirserver"):
        again = await call(network, admin, "POST", body={**APP, "client_id": taken})
        assert error_of(again) == "invalid_client_metadata"


BAD = [
    pytest.param({"redirect_uris": ["http://app.example.org"]}, id="a redirection by http"),
    pytest.param({"sites": ["nowhere"]}, id="a site that is none"),
    pytest.param({"scope": "patient/Nothing.rs"}, id="an unknown scope"),
    pytest.param({"purpose": "for fun"}, id="a purpose that is no code"),
    pytest.param({"secret_digest": "x"}, id="a member that is none"),
    pytest.param({"client_id": "a b"}, id="a client_id with a space"),
]


@pytest.mark.parametrize("changes", BAD)
async def test_what_is_wrong_is_refused(network: Network, admin: Browser, changes: dict[str, Any]) -> None:
    answer = await call(network, admin, "POST", body={**APP, **changes})
    assert answer.status_code == 400
    error_of(answer)


async def test_a_secret_is_told_once_and_can_be_renewed(network: Network, admin: Browser) -> None:
    body = {**APP, "client_id": "with-secret", "token_endpoint_auth_method": "client_secret_basic"}
    secret = (await call(network, admin, "POST", body=body)).json()["client_secret"]
    assert secret not in (await call(network, admin, "GET", "/with-secret")).text
    renewed = (await call(network, admin, "POST", "/with-secret/secret")).json()["client_secret"]
    form = {"token": "x"}
    for given, status in ((secret, 401), (renewed, 200)):
        assert (await network.post("/auth/introspect", form, auth=("with-secret", given))).status_code == status


async def test_approval_is_of_each_site_and_its_end_ends_tokens(network: Network, admin: Browser) -> None:
    app = await network.app_client("online_access user/*.rs", sites=())
    browser = await network.person()
    assert (await app.ask(browser, "user/*.rs")).answer["error"] == "unauthorized_client"
    path = f"/{app.client.client_id}/sites/main"
    assert (await call(network, admin, "PUT", path)).json()["sites"] == ["main"]
    granted = await app.tokens(browser, "online_access user/*.rs")
    assert (await network.http.get("Patient", headers=bearer(granted["access_token"]))).status_code == 200
    assert (await call(network, admin, "DELETE", path)).json()["sites"] == []
    assert error_of(await app.refresh(granted["refresh_token"])) == "invalid_grant"
    headers = bearer((await app_token(network, app, browser, admin, path))["access_token"])
    assert (await network.http.get("Patient", headers=headers)).status_code == 200, "approved anew"


async def app_token(network: Network, app: App, browser: Browser, admin: Browser, path: str) -> dict[str, Any]:
    await call(network, admin, "PUT", path)
    return await app.tokens(browser, "online_access user/*.rs")


async def test_a_blocked_client_has_nothing_any_more(network: Network, admin: Browser) -> None:
    app = await network.app_client("online_access user/*.rs", AuthMethod.BASIC)
    granted = await app.tokens(await network.person(), "online_access user/*.rs")
    assert (await call(network, admin, "PATCH", f"/{app.client.client_id}", {"blocked": True})).status_code == 200
    assert error_of(await app.refresh(granted["refresh_token"])) == "invalid_client"
    assert (await network.http.get("Patient", headers=bearer(granted["access_token"]))).status_code == 401


async def test_an_initial_access_token_is_made_for_a_client_to_register_itself(
    network: Network, admin: Browser
) -> None:
    body = {"scope": "system/*.rs", "sites": ["main"]}
    answer = await call(network, admin, "POST", "/initial-access-tokens", body)
    assert answer.status_code == 201
    assert answer.json()["initial_access_token"]


async def test_who_is_no_administrator_is_refused(network: Network, admin: Browser) -> None:
    assert (await network.http.get(URL)).status_code == 401
    assert (await call(network, await network.person(), "GET")).status_code == 403
    unsure = await network.person(fhir_user=None, is_admin=True)
    assert (await call(network, unsure, "GET")).status_code == 403, "by password alone"
    foreign = {**admin.headers, "Origin": "https://evil.example.org"}
    assert (await network.http.get(URL, headers=foreign)).status_code == 403


async def test_an_app_acts_for_an_administrator_when_it_is_trusted_and_was_granted_all(
    network: Network, admin: Browser
) -> None:
    scope = "user/*.cruds"
    for trusted, asked, status in ((True, scope, 200), (True, "user/*.rs", 403), (False, scope, 403)):
        app = await network.app_client(scope, trusted=trusted)
        token = (await app.tokens(admin, asked))["access_token"]
        assert (await network.http.get(URL, headers=bearer(token))).status_code == status
    other = await network.app_client(scope, trusted=True)
    token = (await other.tokens(await network.person(), scope))["access_token"]
    assert (await network.http.get(URL, headers=bearer(token))).status_code == 403, "of nobody who is one"


REFUSED = [
    pytest.param("POST", "/auth/admin/clients", b"\xc3", 400, id="a body that is no text"),
    pytest.param("POST", "/auth/admin/users", b"\x00", 400, id="a body that is no JSON"),
    pytest.param("POST", "/auth/admin/users", b"{}", 400, id="a body that lacks something"),
    pytest.param("GET", "/auth/admin/users/nobody", b"", 404, id="nobody of this name"),
    pytest.param("GET", f"/auth/admin/users/{'a' * 129}", b"", 400, id="too long an id"),
    pytest.param("PUT", "/auth/admin/users", b"", 405, id="a method that is not there"),
]


@pytest.mark.parametrize(("method", "path", "content", "status"), REFUSED)
async def test_every_refusal_has_the_shape_of_oauth(
    network: Network, method: str, path: str, content: bytes, status: int
) -> None:
    administrator = await network.person(None, is_admin=True, exempt=True)
    headers = {**administrator.headers, "Content-Type": "application/json"}
    answer = await network.http.request(method, f"{ORIGIN}{path}", content=content, headers=headers)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.headers["cache-control"] == "no-store"


PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Er"
    "kJggg=="
)


async def test_pages_show_the_logo_of_the_catalogue_and_ask_nobody_for_it(network: Network, admin: Browser) -> None:
    await call(network, admin, "POST", body={**APP, "client_id": "with-logo", "logo": PNG})
    shown = (await call(network, admin, "GET", "/with-logo")).json()["logo"]
    assert shown.startswith("/auth/logos/with-logo?")
    picture = await network.http.get(f"{ORIGIN}{shown}")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert picture.content.startswith(b"\x89PNG")
    assert picture.headers["x-content-type-options"] == "nosniff"
    client = await network.services.clients.get("with-logo")
    assert client is not None
    person = await network.person()
    asked = await App(network, client).ask(person, "user/*.rs")
    page = await person.get(asked.location)
    assert f'src="{shown}"' in page.text
    assert "img-src 'self'" in page.headers["content-security-policy"]
    changed = await call(network, admin, "PATCH", "/with-logo", {"description": "x"})
    assert changed.json()["logo"] == shown, "what is not named stays"
    assert (await network.http.get(f"{ORIGIN}/auth/logos/nobody")).status_code == 404


LOGOS = [
    pytest.param("https://elsewhere.example.org/logo.png", id="an address elsewhere"),
    pytest.param("data:image/svg+xml;base64,PHN2Zy8+", id="SVG: it may hold scripts"),
    pytest.param("data:image/png;base64,PHN2Zy8+", id="something else under the name of a picture"),
    pytest.param("data:image/png;base64,iVBORw0KGgo" + "A" * 24_000 + "=", id="too large"),
    pytest.param("data:image/png;base64,iVB", id="half of it"),
]


@pytest.mark.parametrize("logo", LOGOS)
async def test_what_is_no_small_picture_is_no_logo(network: Network, admin: Browser, logo: str) -> None:
    refused = await call(network, admin, "POST", body={**APP, "client_id": "no-logo", "logo": logo})
    assert error_of(refused) == "invalid_client_metadata"
    assert "`logo`" in refused.text
