"""Tokens bound to the certificate of their client — https://www.rfc-editor.org/rfc/rfc8705#section-3"""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from fhirserver.app.gateway import Receive, Scope, Send
from fhirserver.smart.certificates import thumbprint_of
from tests.certificates import certify
from tests.smart.conftest import BASE, Backend, Network, bearer, claims_of, error_of


def extension(folder: Path, name: str) -> dict[str, object]:
    """Return what the scope of a connection holds whose client has shown a certificate."""
    return {"tls": {"client_cert_chain": [certify(folder, name)[0].read_text()]}}


@pytest.fixture
def shown(tmp_path: Path) -> dict[str, object]:
    return extension(tmp_path, "client")


@pytest_asyncio.fixture(loop_scope="session")
async def over_tls(network: Network, shown: dict[str, object]) -> AsyncIterator[Network]:
    """The same server over connections that show a certificate, as the server's own TLS says it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await network.app.asgi({**scope, "extensions": shown}, receive, send)

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=f"{BASE}/") as http:
        yield Network(network.app, http, network.secrets)


async def test_a_token_asked_for_with_a_certificate_is_bound_to_it(
    network: Network, over_tls: Network, shown: dict[str, object]
) -> None:
    service = await network.backend()
    token = await Backend(over_tls, service.client, service.key).token()
    assert claims_of(token)["cnf"] == {"x5t#S256": thumbprint_of({"extensions": shown})}
    assert (await over_tls.http.get("Patient?_count=1", headers=bearer(token))).status_code == 200
    refused = await network.http.get("Patient?_count=1", headers=bearer(token))
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


async def test_introspection_says_what_a_token_is_bound_to(network: Network, over_tls: Network) -> None:
    service = await network.backend()
    token = await Backend(over_tls, service.client, service.key).token()
    asker = await network.backend(introspects=True)
    headers = {"Authorization": f"Bearer {await asker.token()}"}
    answer = await network.post("/auth/introspect", {"token": token}, headers=headers)
    assert answer.json()["cnf"] == claims_of(token)["cnf"]


async def test_another_certificate_is_none(network: Network, over_tls: Network, tmp_path: Path) -> None:
    service = await network.backend()
    token = await Backend(over_tls, service.client, service.key).token()
    other = extension(tmp_path, "other")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await network.app.asgi({**scope, "extensions": other}, receive, send)

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=f"{BASE}/") as http:
        assert (await http.get("Patient?_count=1", headers=bearer(token))).status_code == 401


async def test_a_token_asked_for_without_one_is_bound_to_none(network: Network, over_tls: Network) -> None:
    token = await (await network.backend()).token()
    assert "cnf" not in claims_of(token)
    assert (await over_tls.http.get("Patient?_count=1", headers=bearer(token))).status_code == 200


async def test_a_refresh_token_is_bound_as_well(network: Network, over_tls: Network) -> None:
    scope = "launch/patient offline_access patient/*.rs"
    await network.put({"resourceType": "Patient", "id": "p1"})
    app = await network.app_client(scope)
    bound = replace(app, network=over_tls)
    granted = await bound.tokens(await network.person(), scope)
    assert error_of(await app.refresh(granted["refresh_token"])) == "invalid_grant"
    assert (await bound.refresh(granted["refresh_token"])).status_code == 200
