"""conformance §6.4 item 13 and be-fr §3: what people do at the pages is in the trail, with whom it is about."""

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import pytest_asyncio

from fhirserver.smart.people.account import Account
from fhirserver.store.audit import AuditStore
from tests.smart.conftest import App, Network, bearer
from tests.smart.test_pages_flow import PASSWORD, Person, fields

Event = dict[str, Any]
SCOPE = "launch/patient patient/Patient.rs patient/Observation.rs offline_access"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(network: Network) -> App:
    await network.put(
        {"resourceType": "Patient", "id": "t1", "name": [{"family": "Tremblay", "given": ["Luc"]}]},
        {"resourceType": "Patient", "id": "t2", "name": [{"family": "Tremblay", "given": ["Eve"]}]},
        {"resourceType": "Patient", "id": "t3", "name": [{"family": "Lambert"}]},
        {"resourceType": "Practitioner", "id": "doctor"},
    )
    return await network.app_client(SCOPE, client_name="Growth chart")


async def doctor(network: Network, username: str) -> Person:
    """Return somebody with an account who has not logged in."""
    assert network.app.authorization is not None
    people = network.app.authorization.people
    hashed = await people.passwords.hash(PASSWORD)
    account = Account(id="", username=username, name=f"Dr {username}", site="main", fhir_user="Practitioner/doctor")
    await people.accounts.add(replace(account, password_hash=hashed, roles=("physician",), exempt=True))
    return Person(network)


async def log_in(person: Person, username: str, password: str = PASSWORD, url: str = "/auth/login") -> Any:  # noqa: ANN401 - a response
    page = await person.open(url)
    return await person.send(page, [*fields(page.text), ("username", username), ("password", password)])


async def event(network: Network, *holds: str, count: int = 1) -> list[Event]:
    """Wait for events that hold all of some texts."""
    store = AuditStore(network.app.sites["main"].store)
    async with asyncio.timeout(20):
        while True:
            stored = [(one.content or b"").decode() async for one in store.events(0)]
            found = [json.loads(text) for text in stored if all(part in text for part in holds)]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.1)


def subtype(one: Event) -> str:
    return str(one["subtype"][0]["code"])


def user_of(one: Event) -> Event:
    return next(agent for agent in one["agent"] if agent.get("requestor"))


def patients_of(found: list[Event]) -> set[str]:
    entities = (entity for one in found for entity in one.get("entity", ()))
    return {entity["what"]["reference"] for entity in entities if entity.get("type", {}).get("code") == "1"}


async def test_6_4_13_a_login_names_who_logged_in_and_a_logout_too(network: Network) -> None:
    person = await doctor(network, "trail.login")
    page = await log_in(person, "trail.login")
    assert page.status_code == 200
    (done,) = await event(network, "Dr trail.login", '"110122"')
    assert (done["outcome"], user_of(done)["who"]["reference"]) == ("0", "Practitioner/doctor")
    page = await person.send(page, fields(page.text), "/auth/logout")
    assert page.request.url.path == "/auth/signed-out"
    (gone,) = await event(network, "Dr trail.login", '"110123"')
    assert gone["outcome"] == "0"


async def test_6_4_13_a_lock_out_is_in_the_trail(network: Network) -> None:
    person = await doctor(network, "trail.locked")
    statuses = [(await log_in(person, "trail.locked", "wrong wrong wrong")).status_code for _ in range(6)]
    assert statuses[-1] == 429
    refused = await event(network, "trail.locked", '"110122"', count=6)
    assert {one["outcome"] for one in refused} == {"4"}
    assert sum("answered 429" in one["outcomeDesc"] for one in refused) == statuses.count(429)
    assert "wrong wrong" not in json.dumps(refused)


async def test_whom_a_picker_shows_is_in_the_trail_of_each(app: App, network: Network) -> None:
    """As of any search: one event for each patient, with what was typed."""
    person = await doctor(network, "trail.pick")
    page = await log_in(person, "trail.pick", url=f"/auth/authorize?{urlencode(app.query(SCOPE))}")
    assert page.request.url.path == "/auth/pick/patient"
    page = await person.send(page, [*fields(page.text), ("name", "Tremblay")])
    found = await event(network, "Dr trail.pick", '"search-type"', count=2)
    assert patients_of(found) == {"Patient/t1", "Patient/t2"}
    queries = [entity["query"] for one in found for entity in one["entity"] if "query" in entity]
    assert all("Patient?name=Tremblay" in base64.b64decode(query).decode() for query in queries)
    await person.send(page, [*fields(page.text), ("patient", "t1")])
    chosen = await event(network, "Dr trail.pick", '"read"', "Patient/t1/_history/1")
    assert patients_of(chosen) == {"Patient/t1"}


async def test_who_is_looked_for_and_not_there_is_a_search_that_found_nobody(app: App, network: Network) -> None:
    person = await doctor(network, "trail.none")
    page = await log_in(person, "trail.none", url=f"/auth/authorize?{urlencode(app.query(SCOPE))}")
    await person.send(page, [*fields(page.text), ("name", "Zzyzx")])
    (found,) = await event(network, "Dr trail.none", '"search-type"')
    assert patients_of([found]) == set()


async def test_6_4_13_a_consent_its_withdrawal_and_a_revocation_name_app_user_and_patient(
    app: App, network: Network
) -> None:
    person = await doctor(network, "trail.consent")
    page = await log_in(person, "trail.consent", url=f"/auth/authorize?{urlencode(app.query(SCOPE))}")
    page = await person.send(page, [*fields(page.text), ("patient", "t3")])
    assert page.request.url.path == "/auth/consent"
    await person.send(page, [*fields(page.text), ("decision", "allow")])
    given = (await event(network, "Dr trail.consent", "AuthZ-Consent"))[0]
    assert (given["outcome"], given["agent"][0]["who"]["identifier"]["value"]) == ("0", app.client.client_id)
    assert user_of(given)["who"]["reference"] == "Practitioner/doctor"
    assert patients_of([given]) == {"Patient/t3"}
    assert "granted=" in decoded(given)
    token = (await app.exchange(dict(parse_qsl(urlsplit(person.left_for).query))["code"])).json()
    await app.token_request({"token": token["access_token"]}, "/auth/revoke")
    revoked = (await event(network, "Dr trail.consent", '"revocation"'))[0]
    assert (revoked["outcome"], patients_of([revoked])) == ("0", {"Patient/t3"})
    page = await person.open("/auth/account/apps")
    await person.send(page, list(dict(fields(page.text)).items()), "/auth/account/apps/withdraw")
    ended = await event(network, "Dr trail.consent", "AuthZ-Consent", count=2)
    assert "withdrawn=" in decoded(ended[-1])


def decoded(one: Event) -> str:
    return " ".join(base64.b64decode(entity["query"]).decode() for entity in one["entity"] if "query" in entity)


async def test_6_4_13_a_user_who_refuses_an_app_is_in_the_trail(app: App, network: Network) -> None:
    person = await doctor(network, "trail.refuses")
    page = await log_in(person, "trail.refuses", url=f"/auth/authorize?{urlencode(app.query(SCOPE))}")
    page = await person.send(page, [*fields(page.text), ("patient", "t3")])
    await person.send(page, [*fields(page.text), ("decision", "deny")])
    assert parse_qs(urlsplit(person.left_for).query)["error"] == ["access_denied"]
    refused = (await event(network, "Dr trail.refuses", "AuthZ-Consent"))[0]
    assert decoded(refused) == "granted="


async def test_a_launch_that_names_a_patient_has_looked_at_that_patient(network: Network) -> None:
    browser = await network.person("Practitioner/doctor", name="Dr trail.launch", roles=("physician",))
    opened = await network.app_client("launch patient/*.rs")
    body = {"client_id": opened.client.client_id, "patient": "t2"}
    answer = await network.http.post("http://localhost/auth/launch", json=body, headers=browser.headers)
    assert answer.status_code == 201
    (looked,) = await event(network, "Dr trail.launch", '"read"')
    assert patients_of([looked]) == {"Patient/t2"}


@pytest.mark.usefixtures("app")
async def test_8_6_8_17_an_emergency_has_its_beginning_and_every_access_in_the_trail(network: Network) -> None:
    """With the reason, the patient and the purpose BTG; none of it holds the token."""
    opener = await network.app_client("user/*.cruds")
    doctor = await network.person("Practitioner/doctor", name="Dr trail.glass", roles=("physician",))
    token = (await opener.tokens(doctor, "user/*.cruds"))["access_token"]
    parameters = [{"name": "reason", "valueString": "Unconscious at the door"}]
    asked = {"resourceType": "Parameters", "parameter": parameters}
    answer = await network.http.post("Patient/t3/$emergency-access", json=asked, headers=bearer(token))
    opened = answer.json()["parameter"][0]["valueString"]
    (began,) = await event(network, "Dr trail.glass", '"110127"')
    assert (began["outcomeDesc"], patients_of([began])) == ("Unconscious at the door", {"Patient/t3"})
    read = await network.http.get("Patient/t3", headers={**bearer(opened), "X-Request-Id": "trail-glass-read"})
    assert read.status_code == 200
    (seen,) = await event(network, "trail-glass-read")
    (purpose,) = seen["purposeOfEvent"]
    assert (purpose["coding"][0]["code"], purpose["text"]) == ("BTG", "Unconscious at the door")
    assert "physician emergency" in seen["extension"][0]["valueString"]
    assert opened not in json.dumps([began, seen])
