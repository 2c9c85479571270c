"""Users see and withdraw the apps they let in, administrators see and rotate keys, by JSON."""

import asyncio
import time

import pytest
import pytest_asyncio

from tests.smart.conftest import ORIGIN, App, Browser, Network, bearer, error_of

SCOPE = "launch/patient patient/Observation.rs offline_access"
GRANTS, KEYS = f"{ORIGIN}/auth/grants", f"{ORIGIN}/auth/admin/keys"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(network: Network) -> App:
    await network.put({"resourceType": "Patient", "id": "g1"}, {"resourceType": "Patient", "id": "g2"})
    return await network.app_client(SCOPE, client_name="Growth chart", owner="Example Ltd")


async def patient(network: Network, logical_id: str = "g1") -> Browser:
    return await network.person(f"Patient/{logical_id}", roles=("patient",))


async def test_a_patient_sees_the_apps_let_in_and_withdraws_one_within_a_second(app: App, network: Network) -> None:
    own = await patient(network)
    granted = await app.tokens(own, SCOPE)
    (entry,) = (await network.http.get(GRANTS, headers=own.headers)).json()
    assert (entry["client_id"], entry["client_name"]) == (app.client.client_id, "Growth chart")
    assert (entry["owner"], entry["patient"]) == ("Example Ltd", "g1")
    assert set(entry["scope"].split()) == set(granted["scope"].split())
    url, headers = f"{GRANTS}/{entry['id']}", bearer(granted["access_token"])
    assert (await network.http.get("Observation", headers=headers)).status_code == 200
    assert (await network.http.delete(url, headers=own.headers)).status_code == 204
    ended_s = time.monotonic()
    while (await network.http.get("Observation", headers=headers)).status_code != 401:
        assert time.monotonic() - ended_s < 1.0
        await asyncio.sleep(0.02)
    assert error_of(await app.refresh(granted["refresh_token"])) == "invalid_grant"
    assert (await network.http.get(GRANTS, headers=own.headers)).json() == []
    assert (await network.http.delete(url, headers=own.headers)).status_code == 404


async def test_nobody_sees_or_withdraws_what_another_has_granted(app: App, network: Network) -> None:
    own, other = await patient(network), await patient(network, "g2")
    await app.tokens(own, SCOPE)
    (entry,) = (await network.http.get(GRANTS, headers=own.headers)).json()
    assert (await network.http.get(GRANTS, headers=other.headers)).json() == []
    assert (await network.http.delete(f"{GRANTS}/{entry['id']}", headers=other.headers)).status_code == 404
    assert len((await network.http.get(GRANTS, headers=own.headers)).json()) == 1


async def test_only_an_app_of_this_network_acts_for_the_user(app: App, network: Network) -> None:
    own = await patient(network)
    token = (await app.tokens(own, SCOPE))["access_token"]
    assert (await network.http.get(GRANTS, headers=bearer(token))).status_code == 403
    portal = await network.app_client(SCOPE, trusted=True)
    trusted = (await portal.tokens(own, SCOPE))["access_token"]
    listed = (await network.http.get(GRANTS, headers=bearer(trusted))).json()
    assert app.client.client_id in {one["client_id"] for one in listed}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_who_has_not_logged_in_here_is_refused(network: Network, method: str) -> None:
    url = GRANTS if method == "GET" else f"{GRANTS}/x"
    assert (await network.http.request(method, url)).status_code == 401
    service = await network.backend()
    assert (await network.http.request(method, url, headers=bearer(await service.token()))).status_code == 401
    own = await patient(network)
    foreign = {**own.headers, "Origin": "https://evil.example"}
    assert (await network.http.request(method, url, headers=foreign)).status_code == 403


async def test_an_administrator_lists_and_rotates_keys(network: Network) -> None:
    admin = await network.person(fhir_user=None, amr=("pwd", "otp"), is_admin=True)
    before = (await network.http.get(KEYS, headers=admin.headers)).json()
    assert {one["alg"] for one in before} == {"RS256", "ES256"}
    after = (await network.http.post(f"{KEYS}/rotate", json={}, headers=admin.headers)).json()
    assert {one["kid"] for one in before} < {one["kid"] for one in after}
    published = (await network.http.get(f"{ORIGIN}/auth/keys")).json()["keys"]
    assert {one["kid"] for one in published} == {one["kid"] for one in after}
    assert not any(name in one for one in after for name in ("d", "p", "q", "private"))


async def test_who_is_no_administrator_sees_no_keys(network: Network) -> None:
    own = await patient(network)
    for method, url in (("GET", KEYS), ("POST", f"{KEYS}/rotate")):
        assert (await network.http.request(method, url, json={}, headers=own.headers)).status_code == 403
        assert (await network.http.request(method, url, json={})).status_code == 401
