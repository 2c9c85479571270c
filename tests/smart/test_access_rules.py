"""The policy of a site over HTTP: relations, Consents, labels, break-the-glass — docs/access-policy.md"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from fhirserver.kernel.caller import Caller
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import SearchRequest
from tests.access.site import Json, actor, consent, encounter, observation, patient, post
from tests.smart.conftest import App, Browser, Network, bearer

SCOPE = "user/*.cruds"
_PATIENCE_S = 10.0


def parameters(**values: Any) -> Json:  # noqa: ANN401 - JSON
    kinds = {str: "valueString", int: "valueInteger"}
    found = [{"name": name, kinds[type(value)]: value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": found}


class Person:
    """Somebody who has logged in, with a token of an app."""

    def __init__(self, app: App, browser: Browser, token: str) -> None:
        self.app, self.browser, self.token = app, browser, token

    async def get(self, url: str, token: str | None = None) -> Any:  # noqa: ANN401 - a response
        return await self.app.network.http.get(url, headers=bearer(token or self.token))

    async def post(self, url: str, body: Json, token: str | None = None) -> Any:  # noqa: ANN401 - a response
        return await self.app.network.http.post(url, json=body, headers=bearer(token or self.token))

    async def sees(self, url: str, token: str | None = None) -> bool:
        status = (await self.get(url, token)).status_code
        assert status in (200, 404)
        return bool(status == 200)

    async def found(self, url: str) -> set[str]:
        bundle = (await self.get(url)).json()
        assert bundle["total"] == len(bundle.get("entry", []))
        return {f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle.get("entry", [])}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(network: Network) -> App:
    return await network.app_client(SCOPE)


async def person(app: App, user: str, *roles: str, **fields: Any) -> Person:  # noqa: ANN401 - of an account
    browser = await app.network.person(user, roles=roles, **fields)
    return Person(app, browser, (await app.tokens(browser, SCOPE))["access_token"])


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def _record(network: Network) -> AsyncIterator[None]:
    await network.put(
        patient("a", communication=[{"language": {"coding": [{"code": "nl-BE"}]}, "preferred": True}]),
        patient("b"),
        {"resourceType": "Practitioner", "id": "own"},
        {"resourceType": "Practitioner", "id": "other"},
        encounter("ea", "a", "Practitioner/own", period={"start": "2020-01-01"}),
        observation("oa", "a"),
        observation("ov", "a", "V"),
        observation("om", "a", "MASQUE_PS"),
        observation("ob", "b"),
    )
    yield


async def test_a_relation_opens_a_record(app: App) -> None:
    own, other = (
        await person(app, "Practitioner/own", "physician"),
        await person(app, "Practitioner/other", "physician"),
    )
    assert await own.found("Observation?_total=accurate") == {"Observation/oa"}
    assert await other.found("Observation?_total=accurate") == set()
    assert await own.found("Observation?patient=a&_total=accurate") == {"Observation/oa"}
    assert await own.found("Observation?patient=b&_total=accurate") == set()
    assert await own.found("Patient?_has:Observation:patient:code=718-7&_id=a,b&_total=accurate") == {"Patient/a"}
    assert await other.found("Patient?_has:Observation:patient:code=718-7&_id=a,b&_total=accurate") == set()
    assert await own.sees("Observation/oa")
    for hidden in ("Observation/ov", "Observation/om", "Observation/ob"):
        assert not await own.sees(hidden)
    answers = [(await other.get(url)).json() for url in ("Observation/oa", "Observation/none")]
    assert answers[0]["issue"][0]["diagnostics"].replace("oa", "none") == answers[1]["issue"][0]["diagnostics"]


async def test_writes_need_the_relation_too(app: App) -> None:
    own, other = (
        await person(app, "Practitioner/own", "physician"),
        await person(app, "Practitioner/other", "physician"),
    )
    new = observation("x", "a")
    del new["id"]
    assert (await own.post("Observation", new)).status_code == 201
    assert (await other.post("Observation", new)).status_code in (403, 404)
    nurse = await person(app, "Practitioner/own", "nurse")
    order = {"resourceType": "ServiceRequest", "status": "active", "intent": "order"}
    order |= {"subject": {"reference": "Patient/a"}}
    assert (await nurse.post("ServiceRequest", order)).status_code == 403


async def test_a_consent_binds_within_a_second(app: App, network: Network) -> None:
    own = await person(app, "Practitioner/own", "physician")
    assert await own.sees("Observation/oa")
    await network.put(consent("c", "a", excluding("Practitioner/own")))
    assert await binds(own, "Observation/oa", sees=False) < 1.0
    await network.put(consent("c", "a", {"type": "permit"}, status="inactive"))
    assert await binds(own, "Observation/oa", sees=True) < 1.0


def excluding(key: str) -> Json:
    return {"type": "permit", "provision": [{"type": "deny", **actor(key)}]}


CHANGES = [
    pytest.param([encounter("w", "w", "Practitioner/w")], [encounter("w", "w", "Practitioner/z")], id="relation"),
    pytest.param([encounter("w", "w", "Practitioner/w")], [consent("w", "w", {"type": "deny"})], id="an opposition"),
    pytest.param([encounter("w", "w", "Practitioner/w"), consent("w", "w", {"type": "permit"})],
                 [consent("w", "w", {"type": "permit", "provision": [{"type": "deny", **actor("Practitioner/w")}]})],
                 id="an exclusion"),
    pytest.param([encounter("w", "w", "Practitioner/z", serviceProvider={"reference": "Organization/w"}),
                  post("w", "w", organization={"reference": "Organization/w"})],
                 [post("w", "w", organization={"reference": "Organization/w"}, active=False)], id="a post is left"),
    pytest.param([patient("w", generalPractitioner=[{"reference": "Practitioner/w"}])], [patient("w")],
                 id="a doctor is left"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), CHANGES)
async def test_changes_bind_on_every_worker_within_a_second(
    network: Network, mongodb_uri: str, knowledge: Knowledge, before: list[Json], after: list[Json]
) -> None:
    """Two workers share nothing but the database."""
    who = Caller(client_id="app", scopes=(SCOPE,), fhir_user="Practitioner/w", roles=("physician",))
    second = Application(network.app.settings, mongodb_uri, knowledge)
    async with second.gateway.serving():
        workers = [network.app, second]
        nothing = [
            consent("w", "w", {"type": "permit"}),
            encounter("w", "w", "Practitioner/z"),
            post("w", "w", active=False),
        ]
        await network.put(patient("w"), observation("w", "w"), *nothing)
        await network.put(*before)
        await reaches(workers, who, sees=True)
        await network.put(*after)
        assert await reaches(workers, who, sees=False) < 1.0


async def reaches(workers: list[Application], who: Caller, *, sees: bool) -> float:
    """Return the seconds until all workers have the same rules for a caller: when the requests began that show it."""
    began_s = time.monotonic()
    while True:
        asked_s = time.monotonic()
        if [await _sees(worker, who) for worker in workers] == [sees] * len(workers):
            return asked_s - began_s
        assert asked_s - began_s < _PATIENCE_S
        await asyncio.sleep(0.02)


async def _sees(worker: Application, who: Caller) -> bool:
    site = worker.sites["main"]
    access = await site.grants.access_of(who, site.live.now.binder)
    request = SearchRequest(resource_types=("Observation",), parameters=(("_id", "w"),))
    return bool((await Repository(site.live, access).search(request)).matches)


async def binds(who: Person, url: str, *, sees: bool) -> float:
    """Return the seconds until a change is seen: when the request began that shows it."""
    began_s = time.monotonic()
    while True:
        asked_s = time.monotonic()
        if await who.sees(url) is sees:
            return asked_s - began_s
        assert asked_s - began_s < _PATIENCE_S
        await asyncio.sleep(0.02)


async def test_break_the_glass(app: App) -> None:
    other = await person(app, "Practitioner/other", "physician", name="Dr B")
    assert not await other.sees("Observation/oa")
    answer = await other.post(
        "Patient/a/$emergency-access", parameters(reason="Unconscious at the emergency department")
    )
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    given = {p["name"]: p for p in answer.json()["parameter"]}
    token = given["access_token"]["valueString"]
    assert await other.sees("Observation/oa", token)
    assert await other.sees("Observation/ov", token), "what the role may open"
    assert not await other.sees("Observation/om", token), "masked stays masked"
    assert not await other.sees("Observation/ob", token), "one patient only"
    assert not await other.sees("Observation/oa"), "the first token stays what it is"
    notice, review = (given[name]["valueReference"]["reference"] for name in ("notice", "review"))
    notice = (await other.get(notice, token)).json()
    assert notice["payload"][0]["contentString"].startswith("Dr B heeft uw dossier in een noodsituatie geopend")
    task = (await other.get(review, token)).json()
    assert (task["status"], task["for"]["reference"]) == ("requested", "Patient/a")
    assert task["focus"]["reference"] == given["notice"]["valueReference"]["reference"]
    again = await other.post("Patient/a/$emergency-access", parameters(reason="Again and again"), token)
    assert again.status_code == 403


async def test_an_emergency_ends_with_the_login(app: App, network: Network) -> None:
    other = await person(app, "Practitioner/other", "physician")
    answer = await other.post("Patient/a/$emergency-access", parameters(reason="Unconscious, alone", minutes=5))
    token = answer.json()["parameter"][0]["valueString"]
    assert (await other.get("Observation/oa", token)).status_code == 200
    await network.services.revocations.end_session(other.browser.session_id)
    began_s = asked_s = time.monotonic()
    while (await other.get("Observation/oa", token)).status_code != 401:
        await asyncio.sleep(0.02)
        asked_s = time.monotonic()
    assert asked_s - began_s < 1.0


REFUSED = [
    pytest.param("physician", "Patient/a", {"reason": "short"}, 400, "`reason` says in 10 to 1000", id="a reason"),
    pytest.param("physician", "Patient/a", {}, 400, "`reason`", id="no reason"),
    pytest.param(
        "physician", "Patient/a", {"reason": "Unconscious, alone", "minutes": 90}, 400, "1 to 60", id="<= 1 h"
    ),
    pytest.param("secretary", "Patient/a", {"reason": "Unconscious, alone"}, 403, "None of your roles", id="a role"),
    pytest.param("physician", "Patient/none", {"reason": "Unconscious, alone"}, 404, "not known", id="a patient"),
]


@pytest.mark.parametrize(("role", "url", "asked", "status", "says"), REFUSED)
async def test_break_the_glass_is_refused(  # noqa: PLR0917 - the columns of the table
    app: App, role: str, url: str, asked: Json, status: int, says: str
) -> None:
    other = await person(app, "Practitioner/other", role)
    answer = await other.post(f"{url}/$emergency-access", parameters(**asked))
    assert answer.status_code == status
    assert says in answer.json()["issue"][0]["diagnostics"]


WAYS = [
    pytest.param("Practitioner/own", "physician", "Patient/a", (True, True, True), id="has a relation"),
    pytest.param("Practitioner/other", "physician", "Patient/a", (False, True, True), id="an emergency would open it"),
    pytest.param("Practitioner/other", "secretary", "Patient/a", (False, False, False), id="not for this role"),
    pytest.param("Practitioner/other", "physician", "Patient/none", None, id="nobody there"),
]


@pytest.mark.parametrize(("user", "role", "patient_key", "told"), WAYS)
async def test_who_sees_a_patient_learns_what_would_open_the_record(
    app: App, user: str, role: str, patient_key: str, told: tuple[bool, bool, bool] | None
) -> None:
    """be-fr §3: no relation, and a hint at break-the-glass that betrays nothing of the record."""
    answer = await (await person(app, user, role)).get(f"{patient_key}/$access-ways")
    if told is None:
        assert answer.status_code == 404
        return
    given = {p["name"]: p for p in answer.json()["parameter"]}
    assert tuple(given[n]["valueBoolean"] for n in ("relation", "emergencyAccess", "declareRelation")) == told
    assert ("minutes" in given, "evidence" in given) == told[1:]


async def test_what_opens_a_record_is_told_alike_whatever_is_hidden(app: App, network: Network) -> None:
    other = await person(app, "Practitioner/other", "physician")
    await network.put(patient("bare"), patient("full"), observation("of", "full", "V"))
    answers = [(await other.get(f"Patient/{one}/$access-ways")).json() for one in ("bare", "full")]
    assert answers[0] == answers[1]
    unseen = await person(app, "Patient/a", "patient")
    refused = [(await unseen.get(f"Patient/{one}/$access-ways")) for one in ("b", "none")]
    assert [answer.status_code for answer in refused] == [404, 404]
    assert refused[0].text.replace("Patient/b", "Patient/none") == refused[1].text


async def test_who_is_excluded_breaks_no_glass(app: App, network: Network) -> None:
    """Nor are they told by the attempt that the patient, whom they do not see, is there."""
    await network.put(consent("x", "b", excluding("Practitioner/other")))
    other = await person(app, "Practitioner/other", "physician")
    for asked in (
        ("$emergency-access", parameters(reason="Unconscious, alone")),
        ("$emergency-access", parameters()),
        ("$declare-relation", parameters(evidence="referral")),
    ):
        hidden, absent = [await other.post(f"Patient/{one}/{asked[0]}", asked[1]) for one in ("b", "nobody")]
        assert hidden.status_code == absent.status_code in (400, 404)
        assert hidden.text.replace("Patient/b`", "Patient/nobody`") == absent.text
    await network.put(consent("x", "b", {"type": "deny", "purpose": [{"code": "BTG"}]}))
    answer = await other.post("Patient/b/$emergency-access", parameters(reason="Unconscious, alone"))
    assert answer.status_code == 403, "whom they may see, they are told of"
    assert "not open to you" in answer.json()["issue"][0]["diagnostics"]
    await network.put(consent("x", "b", {"type": "permit"}, status="inactive"))


async def test_a_declared_relation(app: App, network: Network) -> None:
    new = await person(app, "Practitioner/new", "physician")
    assert not await new.sees("Observation/oa")
    answer = await new.post("Patient/a/$declare-relation", parameters(evidence="identity-read"))
    assert (answer.status_code, answer.json()["resourceType"]) == (200, "CareTeam")
    await binds(new, "Observation/oa", sees=True)
    ended = {**answer.json(), "status": "inactive"}
    await network.put(ended)
    await binds(new, "Observation/oa", sees=False)
    bad = await new.post("Patient/a/$declare-relation", parameters(evidence="because"))
    assert (bad.status_code, "one of identity-read" in bad.text) == (400, True)
    secretary = await person(app, "Practitioner/new", "secretary")
    assert (await secretary.post("Patient/a/$declare-relation", parameters(evidence="referral"))).status_code == 403


async def test_the_simulator_is_for_administrators(app: App) -> None:
    admin = await person(app, "Practitioner/admin", "administrator", is_admin=True)
    url = "$access-explain?who=Practitioner/own&what=Observation/ov&role=physician"
    answer = (await admin.get(url)).json()
    given = {p["name"]: p for p in answer["parameter"]}
    assert given["permit"]["valueBoolean"] is False
    assert given["labels"]["valueString"] == "very-restricted"
    assert "encounter Encounter/ea" in given["evidence"]["valueString"]
    assert (await admin.get("$access-explain?who=Practitioner/own&what=x")).status_code == 400
    assert (await (await person(app, "Practitioner/own", "physician")).get(url)).status_code == 403


async def test_a_binary_is_seen_where_a_document_shows_it(app: App, network: Network) -> None:
    """A Binary names no patient: whose it is, its security context says, or the document that shows it."""
    await network.put(
        encounter("bin", "a", "Practitioner/bin"),
        {"resourceType": "Binary", "id": "bin", "contentType": "text/plain", "data": "aGk=",
         "securityContext": {"reference": "DocumentReference/bin"}},
        {"resourceType": "DocumentReference", "id": "bin", "status": "current", "subject": {"reference": "Patient/a"},
         "content": [{"attachment": {"url": "Binary/bin"}}]},
    )  # fmt: skip
    own = await person(app, "Practitioner/bin", "physician")
    other = await person(app, "Practitioner/nobody", "physician")
    assert await own.sees("Binary/bin")
    assert not await other.sees("Binary/bin")
