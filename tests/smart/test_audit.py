"""conformance §6.4 item 13: failed and refused attempts, logins and tokens are audited too, and hold no secret."""

import asyncio
import json
import re
from typing import Any

import pytest

from fhirserver.audit.record import Kind
from fhirserver.smart.audited import kind_of
from fhirserver.store.audit import AuditStore
from tests.smart.conftest import ORIGIN, Backend, Network, bearer

Event = dict[str, Any]
TOKEN_EVENT = "ITI-71"  # noqa: S105 - a code
LOGIN_EVENT = "110122"


async def events_of(network: Network, text: str, subtype: str, count: int = 1) -> list[Event]:
    """Wait for the events of a subtype that hold a text."""
    store = AuditStore(network.app.sites["main"].store)
    async with asyncio.timeout(20):
        while True:
            found = []
            async for event in store.events(0):
                content = event.content or b""
                if text.encode() in content and subtype.encode() in content:
                    found.append(json.loads(content))
            if len(found) >= count:
                return found
            await asyncio.sleep(0.1)


async def test_6_4_13_a_token_that_is_issued_is_an_event_of_the_client(network: Network, service: Backend) -> None:
    await service.token("system/Patient.rs")
    event = (await events_of(network, service.client.client_id, TOKEN_EVENT))[-1]
    assert (event["type"]["code"], event["subtype"][0]["code"], event["outcome"]) == ("110114", TOKEN_EVENT, "0")
    assert event["agent"][0]["type"]["coding"][0]["code"] == "110150"
    assert event["agent"][0]["who"]["identifier"]["value"] == service.client.client_id


async def test_6_4_13_a_token_that_is_refused_is_an_event(network: Network) -> None:
    service = await network.backend()
    answer = await service.ask("user/Patient.rs")
    assert answer.status_code == 400
    events = await events_of(network, service.client.client_id, TOKEN_EVENT)
    assert [event["outcome"] for event in events] == ["4"]


async def test_6_4_13_who_cannot_prove_who_it_is_is_an_event_of_nobody(network: Network, service: Backend) -> None:
    answer = await service.ask(client_assertion="no.assertion.atall")
    assert answer.status_code in (400, 401)
    event = (await events_of(network, f"answered {answer.status_code}", TOKEN_EVENT))[-1]
    assert event["outcome"] == "4"


async def test_6_4_11_a_request_names_the_jti_and_never_the_token(network: Network, service: Backend) -> None:
    token = await service.token("system/*.rs")
    headers = {**bearer(token), "X-Request-Id": "jti-request"}
    answer = await network.http.get(f"{ORIGIN}/fhir/Patient?_id=nobody", headers=headers)
    assert answer.status_code == 200
    event = (await events_of(network, "jti-request", "search-type"))[-1]
    policies = [policy for agent in event["agent"] for policy in agent.get("policy", [])]
    assert len(policies) == 1
    assert re.fullmatch(r"urn:ietf:params:oauth:jti:[\w.\-]{8,}", policies[0])
    assert token not in json.dumps(event)
    assert token[-40:] not in json.dumps(event)


async def test_6_4_13_a_request_without_a_token_is_an_event(network: Network) -> None:
    answer = await network.http.get(f"{ORIGIN}/fhir/Patient/1", headers={"X-Request-Id": "no-token"})
    assert answer.status_code == 401
    event = (await events_of(network, "no-token", "read"))[-1]
    assert event["outcome"] == "4"
    assert event["agent"][0]["who"] == {"display": "unknown"}


async def test_6_4_13_a_scope_that_is_too_small_is_an_event_of_the_client(network: Network, service: Backend) -> None:
    token = await service.token("system/Observation.rs")
    headers = {**bearer(token), "X-Request-Id": "too-small"}
    answer = await network.http.get(f"{ORIGIN}/fhir/Patient/1", headers=headers)
    assert answer.status_code == 403
    event = (await events_of(network, "too-small", "read"))[-1]
    assert event["outcome"] == "4"
    assert event["agent"][0]["who"]["identifier"]["value"] == service.client.client_id
    assert any(entity["what"].get("reference") == "Patient/1" for entity in event["entity"] if "what" in entity)


async def test_6_4_13_a_login_that_fails_names_who_was_tried_and_not_the_password(network: Network) -> None:
    page = await network.http.get(f"{ORIGIN}/auth/login")
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    assert hidden
    cookies = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
    form = {**hidden, "username": "nobody-by-this-name", "password": "a-secret-password-1"}
    answer = await network.post("/auth/login", form, headers={"Cookie": cookies, "Origin": ORIGIN})
    assert answer.status_code == 403, answer.text[:500]
    event = (await events_of(network, "nobody-by-this-name", LOGIN_EVENT))[-1]
    assert (event["type"]["code"], event["outcome"]) == ("110114", "4")
    assert "a-secret-password-1" not in json.dumps(event)


async def test_no_event_holds_a_token_an_assertion_or_a_secret(network: Network, service: Backend) -> None:
    form = service.form("system/*.rs")
    answer = await network.post("/auth/token", form)
    token = answer.json()["access_token"]
    await events_of(network, service.client.client_id, TOKEN_EVENT)
    store = AuditStore(network.app.sites["main"].store)
    async for event in store.events(0):
        content = (event.content or b"").decode()
        for secret in (token, form["client_assertion"], form["client_assertion"].rpartition(".")[2]):
            assert secret not in content


KINDS = [
    ("POST", "/auth/token", Kind.TOKEN),
    ("POST", "/auth/login", Kind.LOGIN),
    ("POST", "/auth/login/second/passkey", Kind.LOGIN),
    ("POST", "/auth/station/unlock", Kind.LOGIN),
    ("GET", "/auth/upstream/csam/callback", Kind.LOGIN),
    ("POST", "/auth/logout", Kind.LOGOUT),
    ("POST", "/auth/pick/patient", Kind.DISCLOSURE),
    ("POST", "/auth/consent", Kind.CONSENT),
    ("POST", "/auth/account/apps/withdraw", Kind.CONSENT),
    ("POST", "/auth/account/password", Kind.ACCOUNT),
    ("DELETE", "/auth/register/abc", Kind.ACCOUNT),
    ("POST", "/auth/introspect", Kind.INTROSPECTION),
    ("POST", "/auth/revoke", Kind.REVOCATION),
    ("GET", "/auth/login", None),
    ("GET", "/auth/keys", None),
    ("GET", "/.well-known/openid-configuration", None),
    ("POST", "/auth/loginless", None),
]


@pytest.mark.parametrize(("method", "path", "kind"), KINDS)
def test_what_does_something_is_in_the_trail_and_what_only_shows_is_not(
    method: str, path: str, kind: Kind | None
) -> None:
    assert kind_of({"type": "http", "method": method, "path": path}) == kind
