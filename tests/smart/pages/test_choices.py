"""The pickers and the consent screen — conformance §1.2 items 16-19."""

import html
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import pytest_asyncio

from fhirserver.smart.pages.texts import texts_in
from tests.smart.pages.conftest import Browser, Place

RECENT = datetime.now(UTC).date() - timedelta(days=10)
"""The day of a visit that lets the physician see those before it."""
SYSTEM = "http://example.org/mrn"
PEOPLE = {
    "p1": ("Dupont", "Zoé", "1980-07-09", "M-1"),
    "p2": ("Dupont", "Marc", "1951-02-03", "M-2"),
    "p3": ("O'Neil|x", "Tess", "1980-07-09", "M,3"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def record(application: object, place: Place) -> AsyncIterator[None]:
    """Three patients, two encounters of one of them with a physician."""
    from tests.conftest import client_of  # noqa: PLC0415 - a module-scoped client

    async with client_of(application) as http:  # type: ignore[arg-type]
        for logical_id, (family, given, birth_date, number) in PEOPLE.items():
            patient = {"resourceType": "Patient", "id": logical_id, "birthDate": birth_date}
            names = {"name": [{"use": "official", "family": family, "given": [given]}]}
            await put(http, {**patient, **names, "identifier": [{"system": SYSTEM, "value": number}]})
        await put(http, {"resourceType": "Practitioner", "id": "d1", "name": [{"family": "Vandewalle"}]})
        for number, day in enumerate(("2024-03-01", RECENT.isoformat())):
            await put(
                http,
                {
                    "resourceType": "Encounter",
                    "id": f"e{number}",
                    "status": "finished",
                    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
                    "subject": {"reference": "Patient/p1"},
                    "participant": [{"individual": {"reference": "Practitioner/d1"}}],
                    "period": {"start": f"{day}T10:00:00Z", "end": f"{day}T11:00:00Z"},
                    "reasonCode": [{"text": f"visit {number}"}],
                },
            )
    yield


async def put(http: httpx2.AsyncClient, resource: dict[str, object]) -> None:
    answer = await http.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
    assert answer.status_code in (200, 201), answer.text


async def doctor(place: Place, browser: Browser) -> None:
    account = await place.add(fhir_user="Practitioner/d1", roles=("physician",), exempt=True)
    await browser.log_in(account)


FOUND = [
    pytest.param({"name": "dupont"}, {"p1", "p2"}, id="by name"),
    pytest.param({"name": "zoe dupont"}, {"p1"}, id="by all words of a name, without accents"),
    pytest.param({"birth_date": "1980-07-09"}, {"p1", "p3"}, id="by birth date"),
    pytest.param({"birth_date": "1951"}, {"p2"}, id="by year of birth"),
    pytest.param({"identifier": "M-2"}, {"p2"}, id="by identifier"),
    pytest.param({"identifier": f"{SYSTEM}|M-2"}, set(), id="an identifier is a value, no expression"),
    pytest.param({"identifier": "M,3"}, {"p3"}, id="a comma is part of it"),
    pytest.param({"name": "O'Neil|x"}, {"p3"}, id="so is a bar"),
    pytest.param({"name": "dupont", "birth_date": "1980-07-09"}, {"p1"}, id="by all fields together"),
    pytest.param({"name": "nobody"}, set(), id="nobody"),
]


@pytest.mark.parametrize(("typed", "ids"), FOUND)
async def test_patients_are_found(place: Place, browser: Browser, typed: dict[str, str], ids: set[str]) -> None:
    await doctor(place, browser)
    pending = place.asked.ask("launch/patient", "patient/*.rs", needs_patient=True)
    await browser.get(f"/auth/pick/patient?request={pending.id}")
    page = await browser.post(browser.url, **typed)
    assert set(re.findall(r'name="patient" value="([^"]+)"', page.text)) == ids
    assert not any(value in browser.url for value in typed.values())


BAD = [
    pytest.param({}, "Fill in at least one field", id="nothing typed"),
    pytest.param({"birth_date": "9 July"}, "year-month-day", id="a date that is none"),
]


@pytest.mark.parametrize(("typed", "text"), BAD)
async def test_searches_that_are_not_made(place: Place, browser: Browser, typed: dict[str, str], text: str) -> None:
    await doctor(place, browser)
    pending = place.asked.ask("launch/patient", needs_patient=True)
    await browser.get(f"/auth/pick/patient?request={pending.id}")
    page = await browser.post(browser.url, **typed)
    assert page.status_code == 400
    assert text in page.text


async def test_a_patient_is_chosen_and_the_authorization_goes_on(place: Place, browser: Browser) -> None:
    await doctor(place, browser)
    pending = place.asked.ask("launch/patient", needs_patient=True)
    await browser.get(f"/auth/pick/patient?request={pending.id}")
    page = await browser.post(browser.url, follow=False, patient="p2")
    assert page.headers["location"] == f"/auth/authorize/resume?request={pending.id}"
    assert place.asked.waiting[pending.id].patient == "p2"


@pytest.mark.parametrize("patient", ["nobody", "..", "p1/_history/1", "$ne"])
async def test_nobody_is_chosen_who_may_not_be_seen(place: Place, browser: Browser, patient: str) -> None:
    await doctor(place, browser)
    pending = place.asked.ask("launch/patient", needs_patient=True)
    await browser.get(f"/auth/pick/patient?request={pending.id}")
    assert (await browser.post(browser.url, patient=patient)).status_code == 404
    assert place.asked.waiting[pending.id].patient is None


async def test_a_patient_is_the_patient(place: Place, browser: Browser) -> None:
    await browser.log_in(await place.patient())
    pending = place.asked.ask("launch/patient", needs_patient=True)
    page = await browser.http.get(f"/auth/pick/patient?request={pending.id}")
    assert page.headers["location"] == f"/auth/authorize/resume?request={pending.id}"
    assert place.asked.waiting[pending.id].patient == "p1"


async def test_an_encounter_of_the_patient_is_chosen(place: Place, browser: Browser) -> None:
    await doctor(place, browser)
    pending = place.asked.ask("launch/encounter", needs_encounter=True, patient="p1")
    page = await browser.get(f"/auth/pick/encounter?request={pending.id}")
    assert re.findall(r'name="encounter" value="([^"]+)"', page.text) == ["e1", "e0"]
    assert texts_in("en").written(RECENT.isoformat()) in page.text
    assert (await browser.post(browser.url, encounter="e9")).status_code == 404
    await browser.get(f"/auth/pick/encounter?request={pending.id}")
    await browser.post(browser.url, follow=False, encounter="e0")
    assert place.asked.waiting[pending.id].encounter == "e0"


async def test_an_authorization_that_is_over_says_so(place: Place, browser: Browser) -> None:
    await doctor(place, browser)
    for path in ("/auth/consent?request=none", "/auth/pick/patient?request=none", "/auth/pick/encounter"):
        page = await browser.get(path)
        assert page.status_code == 400
        assert "took too long" in page.text


SCOPES = ("launch/patient", "openid", "offline_access", "patient/Patient.rs", "patient/Observation.rs")


async def test_consent_says_who_asks_for_what_about_whom(place: Place, browser: Browser) -> None:
    await doctor(place, browser)
    pending = place.asked.ask(*SCOPES, patient="p1")
    page = html.unescape((await browser.get(f"/auth/consent?request={pending.id}")).text)
    for text in ("Growth chart asks for access", "by Example Ltd", "To the record of Zoé Dupont", "laboratory results"):
        assert text in page
    assert "patient/Observation.rs" in page
    assert page.count('name="grant"') == 4
    assert "launch/patient" not in page


ANSWERS = [
    pytest.param({"decision": "deny", "grant": ["s3"]}, None, id="all is refused"),
    pytest.param({"decision": "", "grant": ["s3"]}, None, id="no decision is a refusal"),
    pytest.param({"decision": "allow", "grant": ["s3"]}, ("launch/patient", "patient/Patient.rs"), id="one resource"),
    pytest.param(
        {"decision": "allow", "grant": ["s4", "offline"], "choice": ["s4:laboratory"]},
        (
            "launch/patient",
            "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
            "offline_access",
        ),
        id="one category",
    ),
    pytest.param({"decision": "allow", "grant": ["openid"]}, ("launch/patient", "openid"), id="identity alone"),
]


@pytest.mark.parametrize(("form", "granted"), ANSWERS)
async def test_answers(
    place: Place, browser: Browser, form: dict[str, list[str]], granted: tuple[str, ...] | None
) -> None:
    await doctor(place, browser)
    pending = place.asked.ask(*SCOPES, patient="p1")
    await browser.get(f"/auth/consent?request={pending.id}")
    page = await browser.post(browser.url, follow=False, **form)
    assert page.headers["location"] == f"/auth/authorize/resume?request={pending.id}"
    assert place.asked.granted[pending.id] == granted


async def test_allowing_nothing_is_asked_about_again(place: Place, browser: Browser) -> None:
    await doctor(place, browser)
    pending = place.asked.ask(*SCOPES, patient="p1")
    await browser.get(f"/auth/consent?request={pending.id}")
    page = await browser.post(browser.url, decision="allow")
    assert page.status_code == 400
    assert "Tick at least one thing" in page.text
    assert pending.id not in place.asked.granted


async def test_a_launch_alone_can_be_allowed(place: Place, browser: Browser) -> None:
    await doctor(place, browser)
    pending = place.asked.ask("launch/patient", patient="p1")
    await browser.get(f"/auth/consent?request={pending.id}")
    await browser.post(browser.url, follow=False, decision="allow")
    assert place.asked.granted[pending.id] == ("launch/patient",)


async def test_ticking_a_scope_and_none_of_its_kinds_is_asked_about_again(place: Place, browser: Browser) -> None:
    await doctor(place, browser)
    pending = place.asked.ask("launch/patient", "patient/*.rs", patient="p1")
    await browser.get(f"/auth/consent?request={pending.id}")
    assert (await browser.post(browser.url, decision="allow", grant="s1")).status_code == 400


async def test_what_a_client_is_called_is_text(place: Place, browser: Browser) -> None:
    await doctor(place, browser)
    pending = place.asked.ask("patient/Patient.rs", patient="p1")
    named = type(pending.client)(id="x", name="<script>alert(1)</script>", owner='"><img src=x>')
    place.asked.waiting[pending.id] = type(pending)(id=pending.id, client=named, scopes=pending.scopes, patient="p1")
    page = await browser.get(f"/auth/consent?request={pending.id}")
    assert "<script>alert" not in page.text
    assert "<img" not in page.text
