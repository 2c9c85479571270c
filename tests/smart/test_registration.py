"""conformance §1.9: dynamic registration, RFC 7591 and 7592, and the policy of the operator."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from joserfc.jwk import ECKey, RSAKey

from fhirserver.app.knowledge import Knowledge
from fhirserver.settings import Auth, Registration
from fhirserver.smart.registration import new_initial_token
from tests.conftest import new_settings, running
from tests.smart.conftest import BASE, ORIGIN, App, Network, error_of

URL = f"{ORIGIN}/auth/register"
APP: dict[str, Any] = {
    "client_name": "An app",
    "redirect_uris": ["https://app.example.org/back"],
    "token_endpoint_auth_method": "none",
    "grant_types": ["authorization_code", "refresh_token"],
    "scope": "launch/patient openid fhirUser patient/*.rs",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def open_network(
    mongodb_uri: str, knowledge: Knowledge, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Network]:
    """A network where anybody may register."""
    settings = new_settings(
        auth=Auth.SMART, data_dir=tmp_path_factory.mktemp("data"), registration=Registration.OPEN, audit=False
    )
    async with running(settings, mongodb_uri, knowledge) as app:
        transport = httpx2.ASGITransport(app.asgi)
        async with httpx2.AsyncClient(transport=transport, base_url=f"{BASE}/") as http:
            yield Network(app, http)


async def register(network: Network, token: str | None = None, **changes: object) -> httpx2.Response:
    body = {name: value for name, value in {**APP, **changes}.items() if value is not None}
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return await network.http.post(URL, json=body, headers=headers)


async def test_1_9_58_a_public_client_is_registered_and_has_no_secret(open_network: Network) -> None:
    answer = await register(open_network)
    assert answer.status_code == 201
    body = answer.json()
    assert {**body, **APP} == body, "what was registered is repeated"
    assert body["client_id"]
    assert "client_secret" not in body
    assert "no-store" in answer.headers["cache-control"]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_1_9_58_a_confidential_client_is_told_its_secret_once(open_network: Network, method: str) -> None:
    body = (await register(open_network, token_endpoint_auth_method=method)).json()
    assert len(body["client_secret"]) >= 32
    assert body["client_secret_expires_at"] == 0
    headers = {"Authorization": f"Bearer {body['registration_access_token']}"}
    again = await open_network.http.get(body["registration_client_uri"], headers=headers)
    assert "client_secret" not in again.json()
    client = await open_network.services.clients.get(body["client_id"])
    assert client is not None
    assert body["client_secret"] not in repr(client)


async def test_1_9_58_registration_is_announced_where_it_is_on(open_network: Network, network: Network) -> None:
    path = ".well-known/smart-configuration"
    assert (await open_network.http.get(path)).json()["registration_endpoint"] == URL
    assert "registration_endpoint" not in (await network.http.get(path)).json()


REDIRECTIONS = [
    pytest.param("http://app.example.org/back", False, id="http"),
    pytest.param("http://127.0.0.1:8000/back", True, id="http on a loopback address"),
    pytest.param("http://localhost/back", True, id="http on localhost"),
    pytest.param("http://localhost.example.org/back", False, id="a name that begins with localhost"),
    pytest.param("https://app.example.org/back#x", False, id="a fragment"),
    pytest.param("https://user@app.example.org/", False, id="a user"),
    pytest.param("https://*.example.org/", False, id="a wildcard"),
    pytest.param("https:///back", False, id="no host"),
    pytest.param("https://app.example.org/ back", False, id="a space"),
    pytest.param("https://app.example.org:port/", False, id="a port that is no number"),
    pytest.param("javascript:alert(1)", False, id="javascript"),
    pytest.param("data:text/html,x", False, id="data"),
    pytest.param("file:///etc/passwd", False, id="file"),
    pytest.param("org.example.app:/back", True, id="an app's own scheme"),
    pytest.param("myapp:/back", False, id="a scheme without a domain"),
    pytest.param("/back", False, id="relative"),
    pytest.param("", False, id="empty"),
]


@pytest.mark.parametrize(("uri", "good"), REDIRECTIONS)
async def test_1_9_59_redirect_uris(open_network: Network, uri: str, good: bool) -> None:
    answer = await register(open_network, redirect_uris=[uri])
    if good:
        assert answer.status_code == 201
    else:
        assert (answer.status_code, error_of(answer)) == (400, "invalid_redirect_uri")


KEY = ECKey.generate_key("P-384", auto_kid=True)
PUBLIC = {**KEY.as_dict(private=False), "kid": "k"}
SMALL = {"kty": "RSA", "kid": "k", "e": "AQAB", "n": "x" * 171}
METADATA = [
    pytest.param({"client_name": None}, "invalid_client_metadata", id="no name"),
    pytest.param({"redirect_uris": None}, "invalid_redirect_uri", id="no redirect_uris"),
    pytest.param({"redirect_uris": "https://app.example.org"}, "invalid_redirect_uri", id="redirect_uris no array"),
    pytest.param({"grant_types": ["password"]}, "invalid_client_metadata", id="an unknown grant"),
    pytest.param({"grant_types": ["implicit"]}, "invalid_client_metadata", id="the implicit grant"),
    pytest.param({"grant_types": []}, "invalid_client_metadata", id="no grant"),
    pytest.param({"grant_types": ["refresh_token"]}, "invalid_client_metadata", id="refresh alone"),
    pytest.param({"response_types": ["token"]}, "invalid_client_metadata", id="response_type token"),
    pytest.param({"token_endpoint_auth_method": "tls"}, "invalid_client_metadata", id="an unknown method"),
    pytest.param({"jwks": {"keys": [PUBLIC]}, "jwks_uri": "https://a.example.org/k"}, "invalid_client_metadata",
                 id="both jwks and jwks_uri"),
    pytest.param({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata", id="no keys"),
    pytest.param({"jwks": {"keys": [PUBLIC]}}, "invalid_client_metadata", id="keys of a public client"),
    *(
        pytest.param({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks}, "invalid_client_metadata", id=why)
        for why, jwks in {
            "no set": {"kty": "EC"},
            "an empty set": {"keys": []},
            "a private key": {"keys": [{**KEY.as_dict(private=True), "kid": "k"}]},
            "a symmetric key": {"keys": [{"kty": "oct", "k": "AAAA", "kid": "k"}]},
            "a key without kid": {"keys": [{name: value for name, value in PUBLIC.items() if name != "kid"}]},
            "a small RSA key": {"keys": [SMALL]},
        }.items()
    ),
    pytest.param({"scope": "patient/Nothing.rs"}, "invalid_client_metadata", id="an unknown scope"),
    pytest.param({"scope": "system/*.rs"}, "invalid_client_metadata", id="scopes of a service for an app"),
    pytest.param({"scope": "user/*.cruds"}, "invalid_client_metadata", id="nothing within the ceiling"),
    pytest.param({"logo_uri": "javascript:alert(1)"}, "invalid_client_metadata", id="a logo that is no page"),
    pytest.param({"launch_uri": "http://app.example.org/"}, "invalid_client_metadata", id="an http launch_uri"),
    pytest.param({"grant_types": ["client_credentials"], "redirect_uris": None}, "invalid_client_metadata",
                 id="a service that proves nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "error"), METADATA)
async def test_1_9_59_what_is_wrong_is_named(open_network: Network, changes: dict[str, Any], error: str) -> None:
    answer = await register(open_network, **changes)
    assert (answer.status_code, error_of(answer)) == (400, error)


async def test_1_9_59_who_registers_itself_gets_the_ceiling_at_most_and_waits(open_network: Network) -> None:
    body = (await register(open_network, scope="openid patient/*.cruds user/*.rs")).json()
    assert body["scope"] == "openid patient/*.rs"
    client = await open_network.services.clients.get(body["client_id"])
    assert client is not None
    app = App(open_network, client)
    asked = await app.ask(await open_network.person(), "openid")
    assert asked.answer["error"] == "unauthorized_client", "no site has approved it"


async def test_1_9_59_an_initial_access_token_registers_one_approved_client(open_network: Network) -> None:
    token = await new_initial_token(open_network.services, scope="system/*.rs", sites=("main",))
    service = {
        "grant_types": ["client_credentials"],
        "redirect_uris": None,
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [{**RSAKey.generate_key(2048).as_dict(private=False), "kid": "k"}]},
        "scope": "system/*.rs",
    }
    body = (await register(open_network, token, **service)).json()
    client = await open_network.services.clients.get(body["client_id"])
    assert client is not None
    assert client.sites == ("main",)
    again = await register(open_network, token, **service)
    assert (again.status_code, error_of(again)) == (401, "invalid_token")


async def test_1_9_59_where_registration_is_off_it_is_refused(network: Network) -> None:
    answer = await register(network)
    assert (answer.status_code, error_of(answer)) == (403, "access_denied")


async def test_rfc_7592_a_client_reads_changes_and_deletes_its_registration(open_network: Network) -> None:
    http = open_network.http
    body = (await register(open_network)).json()
    url, headers = body["registration_client_uri"], {"Authorization": f"Bearer {body['registration_access_token']}"}
    assert (await http.get(url, headers=headers)).json()["client_name"] == "An app"
    await open_network.services.clients.change(body["client_id"], sites=("main",))
    changed = await http.put(url, json={**APP, "client_name": "A better app"}, headers=headers)
    assert changed.json()["client_name"] == "A better app"
    client = await open_network.services.clients.get(body["client_id"])
    assert client is not None
    assert client.sites == (), "what was approved was another"
    more = await http.put(url, json={**APP, "scope": "openid offline_access patient/*.rs"}, headers=headers)
    assert "offline_access" not in more.json()["scope"]
    assert (await http.get(url, headers={"Authorization": "Bearer wrong"})).status_code == 401
    assert (await http.get(url)).status_code == 401
    assert (await http.delete(url, headers=headers)).status_code == 204
    assert (await http.get(url, headers=headers)).status_code == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"x" * 70_000])
async def test_what_is_no_json_object_is_refused(open_network: Network, body: bytes) -> None:
    answer = await open_network.http.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 413)
    assert error_of(answer) == "invalid_request"
