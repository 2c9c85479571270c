"""conformance §1.8: introspection and revocation; what ends rights, and that it does so within a second.

Spec: RFC 7662, RFC 7009, https://hl7.org/fhir/smart-app-launch/STU2.2/token-introspection.html
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
import pytest_asyncio

from fhirserver.kernel.outcome import LoginRequired
from fhirserver.smart.authorization import Person
from fhirserver.smart.bearer import RECHECK_S, Authenticator
from fhirserver.smart.clients import AuthMethod
from tests.smart.conftest import ORIGIN, App, Backend, Browser, Network, bearer, claims_of, error_of

SCOPE = "openid fhirUser launch/patient offline_access patient/*.rs user/*.rs"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(network: Network) -> App:
    await network.put({"resourceType": "Patient", "id": "p1"})
    return await network.app_client(SCOPE, AuthMethod.BASIC)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reader(network: Network) -> Backend:
    """A server of resources: it may ask about all tokens."""
    return await network.backend("system/*.rs", introspects=True)


@pytest_asyncio.fixture(loop_scope="session")
async def doctor(network: Network) -> Browser:
    return await network.person()


async def test_1_8_54_an_active_token_is_described(app: App, reader: Backend, doctor: Browser) -> None:
    granted = await app.tokens(doctor, SCOPE)
    headers = {"Authorization": f"Bearer {await reader.token()}"}
    answer = await app.network.post("/auth/introspect", {"token": granted["access_token"]}, headers=headers)
    body = answer.json()
    assert body["active"] is True
    assert body["client_id"] == app.client.client_id
    assert sorted(body["scope"].split()) == sorted(granted["scope"].split())
    assert isinstance(body["exp"], int)
    assert body["patient"] == granted["patient"]
    own = claims_of(granted["id_token"])
    assert (body["iss"], body["sub"], body["fhirUser"]) == (own["iss"], own["sub"], own["fhirUser"])
    assert "no-store" in answer.headers["cache-control"]


async def test_1_8_54_a_client_may_ask_about_its_own_tokens(app: App, doctor: Browser) -> None:
    granted = await app.tokens(doctor, SCOPE)
    for token in (granted["access_token"], granted["refresh_token"]):
        answer = await app.token_request({"token": token}, "/auth/introspect")
        assert answer.json()["active"] is True


@pytest.mark.parametrize("token", ["invalid_token_value", "a.b.c", "x" * 5000])
async def test_1_8_55_an_unknown_token_is_inactive_and_no_more(app: App, token: str) -> None:
    answer = await app.token_request({"token": token}, "/auth/introspect")
    assert (answer.status_code, answer.json()) == (200, {"active": False})


async def test_1_8_55_another_clients_token_is_inactive_to_who_may_not_know(
    network: Network, app: App, doctor: Browser
) -> None:
    granted = await app.tokens(doctor, SCOPE)
    other = await network.app_client(SCOPE, AuthMethod.BASIC)
    answer = await other.token_request({"token": granted["access_token"]}, "/auth/introspect")
    assert answer.json() == {"active": False}


async def test_1_8_56_who_asks_must_say_who_they_are(network: Network, app: App, doctor: Browser) -> None:
    token = (await app.tokens(doctor, SCOPE))["access_token"]
    public = await network.app_client(SCOPE)
    for more, headers in (
        ({}, {}),
        ({"client_id": public.client.client_id}, {}),
        ({}, {"Authorization": "Bearer invalid"}),
    ):
        answer = await network.post("/auth/introspect", {"token": token, **more}, headers=headers)
        assert answer.status_code == 401
    assert (await network.http.get(f"{ORIGIN}/auth/introspect?token={token}")).status_code == 405


async def test_1_8_57_revoking_an_access_token_ends_it(app: App, doctor: Browser) -> None:
    granted = await app.tokens(doctor, SCOPE)
    form = {"token": granted["access_token"], "token_type_hint": "access_token"}
    assert (await app.token_request(form, "/auth/revoke")).status_code == 200
    assert (await app.network.http.get("Patient/p1", headers=bearer(granted["access_token"]))).status_code == 401
    assert (await app.refresh(granted["refresh_token"])).status_code == 200


async def test_1_8_57_revoking_a_refresh_token_ends_all_of_its_authorization(app: App, doctor: Browser) -> None:
    granted = await app.tokens(doctor, SCOPE)
    assert (await app.token_request({"token": granted["refresh_token"]}, "/auth/revoke")).status_code == 200
    assert (await app.network.http.get("Patient/p1", headers=bearer(granted["access_token"]))).status_code == 401
    assert error_of(await app.refresh(granted["refresh_token"])) == "invalid_grant"


async def test_1_8_57_an_unknown_token_is_as_good_as_revoked(app: App) -> None:
    assert (await app.token_request({"token": "unknown"}, "/auth/revoke")).status_code == 200


async def test_1_8_57_another_clients_token_is_not_revoked(network: Network, app: App, doctor: Browser) -> None:
    granted = await app.tokens(doctor, SCOPE)
    other = await network.app_client(SCOPE, AuthMethod.BASIC)
    for name in ("access_token", "refresh_token"):
        error_of(await other.token_request({"token": granted[name]}, "/auth/revoke"))
    assert (await app.network.http.get("Patient/p1", headers=bearer(granted["access_token"]))).status_code == 200
    assert (await network.post("/auth/revoke", {"token": granted["access_token"]})).status_code == 401


Ending = Callable[[Network, App, Browser], Awaitable[None]]


async def _lock(network: Network, app: App, browser: Browser) -> None:
    assert network.app.authorization is not None
    people = network.app.authorization.people
    await people.accounts.change(browser.account, locked=True)
    await people.tell(browser.account.id)


async def _end_session(network: Network, app: App, browser: Browser) -> None:
    assert network.app.authorization is not None
    await network.app.authorization.people.end_session(browser.account.id, browser.session_id)


async def _withdraw(network: Network, app: App, browser: Browser) -> None:
    (grant,) = await network.services.grants.of_user(browser.account.id)
    assert await network.services.revocations.withdraw(grant["key"], browser.account.id)


async def _end_client(network: Network, app: App, browser: Browser) -> None:
    await network.services.clients.change(app.client.client_id, blocked=True)
    await network.services.revocations.end_client(app.client.client_id)


ENDINGS = [
    pytest.param(_lock, id="the account is locked"),
    pytest.param(_end_session, id="the session ends"),
    pytest.param(_withdraw, id="the user withdraws the grant"),
    pytest.param(_end_client, id="the client is blocked"),
]


async def counts(worker: Authenticator, headers: dict[bytes, bytes]) -> bool:
    try:
        await worker.caller_of(headers, "main")
    except LoginRequired:
        return False
    return True


@pytest.mark.parametrize("end", ENDINGS)
async def test_what_ends_rights_counts_on_every_worker_within_a_second(network: Network, end: Ending) -> None:
    app = await network.app_client("online_access user/*.rs")
    browser = await network.person()
    granted = await app.tokens(browser, "online_access user/*.rs")
    headers = {b"authorization": f"Bearer {granted['access_token']}".encode()}
    workers = [Authenticator(network.services.access_tokens) for _ in range(3)]
    for worker in workers:
        assert (await worker.caller_of(headers, "main")).client_id == app.client.client_id
    await end(network, app, browser)
    ended_s = time.monotonic()
    for worker in workers:
        while await counts(worker, headers):
            assert time.monotonic() - ended_s < 1.0
            await asyncio.sleep(0.02)
    assert error_of(await app.refresh(granted["refresh_token"])) in ("invalid_grant", "invalid_client")


async def test_a_change_of_roles_counts_within_a_second(network: Network, app: App) -> None:
    browser = await network.person(roles=("nurse",))
    granted = await app.tokens(browser, "user/*.rs")
    headers = {b"authorization": f"Bearer {granted['access_token']}".encode()}
    worker = Authenticator(network.services.access_tokens)
    assert (await worker.caller_of(headers, "main")).roles == ("nurse",)
    person = Person(user_id=browser.account.id, site="main", name="Dr A", roles=("physician",))
    await network.services.revocations.change_person(person)
    await asyncio.sleep(RECHECK_S + 0.05)
    assert (await worker.caller_of(headers, "main")).roles == ("physician",)


async def test_requests_of_one_token_share_the_look_at_its_record(network: Network, app: App, doctor: Browser) -> None:
    granted = await app.tokens(doctor, "user/*.rs")
    headers = {b"authorization": f"bearer {granted['access_token']}".encode()}
    now = [time.time()]
    worker = Authenticator(network.services.access_tokens, lambda: now[0])
    await worker.caller_of(headers, "main")
    now[0] += RECHECK_S + 0.01
    callers = await asyncio.gather(*(worker.caller_of(headers, "main") for _ in range(50)))
    assert len({id(caller) for caller in callers}) == 1


NO_TOKENS = [
    pytest.param(lambda token: {}, id="none"),
    pytest.param(lambda token: {"Authorization": "Bearer"}, id="no token after Bearer"),
    pytest.param(lambda token: {"Authorization": f"Basic {token}"}, id="another scheme"),
    pytest.param(lambda token: {"Authorization": f"Bearer {token}x"}, id="a changed signature"),
    pytest.param(lambda token: {"Authorization": f"Bearer {token}, Bearer {token}"}, id="two tokens"),
    pytest.param(lambda token: {"Authorization": f"Bearer {token.rpartition('.')[0]}."}, id="no signature"),
]


@pytest.mark.parametrize("headers_of", NO_TOKENS)
async def test_1_7_53_what_is_no_valid_token_is_401(
    network: Network, app: App, doctor: Browser, headers_of: Callable[[str], dict[str, str]]
) -> None:
    token = (await app.tokens(doctor, "user/*.rs"))["access_token"]
    answer = await network.http.get("Patient/p1", headers=headers_of(token))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="fhirserver"')
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert token not in answer.text


async def test_a_token_counts_in_the_header_only(network: Network, app: App, doctor: Browser) -> None:
    granted = await app.tokens(doctor, "openid user/*.rs")
    token = granted["access_token"]
    assert (await network.http.get(f"Patient/p1?access_token={token}")).status_code == 401
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await network.http.post("Patient/_search", content=f"access_token={token}", headers=headers)
    assert answer.status_code == 401
    with_id_token = await network.http.get("Patient/p1", headers=bearer(granted["id_token"]))
    assert with_id_token.status_code == 401, "an ID token is no access token"
