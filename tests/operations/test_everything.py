"""$everything — http://hl7.org/fhir/R4/patient-operation-everything.html, Encounter and Group likewise"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from fhirserver.access.access import Right
from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from fhirserver.repository.compartments import CareDates
from fhirserver.repository.everything import EverythingRequest
from fhirserver.repository.repository import Repository
from fhirserver.search.plan import ALL, NONE, HasTerm, Plan
from tests.conftest import client_of, new_settings, running
from tests.door import Door, opened
from tests.limited import Limited

Json = dict[str, Any]


def ref(key: str) -> Json:
    return {"reference": key}


def observation(name: str, **parts: Any) -> Json:  # noqa: ANN401 - JSON
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "x"}, **parts}


def encounter(name: str, **parts: Any) -> Json:  # noqa: ANN401 - JSON
    return {"resourceType": "Encounter", "id": name, "status": "finished", "class": {"code": "AMB"}, **parts}


RECORD: list[Json] = [
    {"resourceType": "Organization", "id": "top", "name": "Above"},
    {"resourceType": "Organization", "id": "ward", "name": "Ward", "partOf": ref("Organization/top")},
    {"resourceType": "Organization", "id": "unrelated", "name": "Elsewhere"},
    {"resourceType": "Practitioner", "id": "doctor"},
    {"resourceType": "Practitioner", "id": "noted"},
    {"resourceType": "PractitionerRole", "id": "role", "practitioner": ref("Practitioner/doctor")},
    {"resourceType": "Location", "id": "room", "status": "active", "managingOrganization": ref("Organization/ward")},
    {"resourceType": "Medication", "id": "pill"},
    {"resourceType": "Binary", "id": "scan", "contentType": "text/plain", "data": "QQ=="},
    {"resourceType": "Patient", "id": "anna", "managingOrganization": ref("Organization/ward")},
    {"resourceType": "Patient", "id": "bert"},
    {"resourceType": "Patient", "id": "cleo"},
    encounter(
        "stay",
        subject=ref("Patient/anna"),
        location=[{"location": ref("Location/room")}],
        period={"start": "2020-01-01", "end": "2020-01-10"},
    ),
    observation(
        "weight",
        subject=ref("Patient/anna"),
        encounter=ref("Encounter/stay"),
        performer=[ref("PractitionerRole/role")],
        effectiveDateTime="2020-01-02",
        note=[{"text": "n", "authorReference": ref("Practitioner/noted")}],
    ),
    observation("later", subject=ref("Patient/anna"), effectiveDateTime="2022-05-05"),
    observation("timeless", subject=ref("Patient/anna")),
    observation("berts", subject=ref("Patient/bert"), performer=[ref("PractitionerRole/role")]),
    {
        "resourceType": "MedicationRequest",
        "id": "drug",
        "status": "active",
        "intent": "order",
        "subject": ref("Patient/anna"),
        "medicationReference": ref("Medication/pill"),
        "authoredOn": "2020-01-03",
    },
    {
        "resourceType": "DocumentReference",
        "id": "letter",
        "status": "current",
        "subject": ref("Patient/anna"),
        "content": [{"attachment": {"url": "Binary/scan"}}],
    },
    {
        "resourceType": "Appointment",
        "id": "both",
        "status": "proposed",
        "participant": [
            {"actor": ref("Patient/anna"), "status": "accepted"},
            {"actor": ref("Patient/bert"), "status": "accepted"},
        ],
    },
    {
        "resourceType": "Group",
        "id": "couple",
        "type": "person",
        "actual": True,
        "member": [{"entity": ref("Patient/anna")}, {"entity": ref("Patient/bert")}],
    },
]
ANNA = {
    *("Patient/anna", "Encounter/stay", "Observation/weight", "Observation/later", "Observation/timeless"),
    *("MedicationRequest/drug", "DocumentReference/letter", "Appointment/both", "Group/couple"),
}
ANNAS_SUPPORT = {
    *("Organization/ward", "Organization/top", "Practitioner/doctor", "Practitioner/noted", "PractitionerRole/role"),
    *("Location/room", "Medication/pill", "Binary/scan", "Patient/bert"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def application(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Application]:
    async with running(new_settings(), mongodb_uri, knowledge) as app:
        async with client_of(app) as http:
            for resource in RECORD:
                response = await http.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
                assert response.status_code == 201, response.text
        yield app


def keys(bundle: Json, mode: str | None = None) -> list[str]:
    entries = [entry for entry in bundle.get("entry", ()) if mode in (None, entry["search"]["mode"])]
    return ["/".join(entry["fullUrl"].split("/")[-2:]) for entry in entries]


async def pages(client: AsyncClient, url: str) -> list[Json]:
    found = []
    following: str | None = url
    while following is not None:
        response = await client.get(following)
        assert response.status_code == 200, response.text
        found.append(response.json())
        following = next((link["url"] for link in found[-1]["link"] if link["relation"] == "next"), None)
        assert len(found) < 100
    return found


async def test_the_whole_record_and_what_it_refers_to_is_one_bundle(client: AsyncClient) -> None:
    (bundle,) = await pages(client, "Patient/anna/$everything")
    assert bundle["type"] == "searchset"
    assert set(keys(bundle, "match")) == ANNA
    assert set(keys(bundle, "include")) == ANNAS_SUPPORT
    assert bundle["total"] == len(ANNA | ANNAS_SUPPORT)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
async def test_pages_hold_each_resource_once(client: AsyncClient, count: int) -> None:
    found = await pages(client, f"Patient/anna/$everything?_count={count}")
    listed = [key for page in found for key in keys(page)]
    assert sorted(listed) == sorted(ANNA | ANNAS_SUPPORT)
    assert max(len(keys(page)) for page in found) == count


async def test_what_is_written_meanwhile_drops_and_repeats_nothing(client: AsyncClient) -> None:
    first = (await client.get("Patient/anna/$everything?_count=4")).json()
    changed = {**RECORD[13], "status": "amended"}
    assert (await client.put("Observation/weight", json=changed)).status_code == 200
    url = next(link["url"] for link in first["link"] if link["relation"] == "next")
    listed = [*keys(first), *(key for page in await pages(client, url) for key in keys(page))]
    assert sorted(listed) == sorted(ANNA | ANNAS_SUPPORT)
    assert (await client.put("Observation/weight", json=RECORD[13])).status_code == 200


@pytest.mark.parametrize("count", [None, 3])
async def test_all_patients_are_walked_and_shared_resources_come_once(client: AsyncClient, count: int | None) -> None:
    found = await pages(client, "Patient/$everything" + (f"?_count={count}" if count else ""))
    listed = [key for page in found for key in keys(page)]
    expected = ANNA | ANNAS_SUPPORT | {"Patient/cleo", "Observation/berts"}
    assert sorted(listed) == sorted(expected)


@pytest.mark.parametrize("count", [None, 2])
async def test_a_group_is_the_records_of_its_members(client: AsyncClient, count: int | None) -> None:
    found = await pages(client, "Group/couple/$everything" + (f"?_count={count}" if count else ""))
    listed = [key for page in found for key in keys(page)]
    assert sorted(listed) == sorted(ANNA | ANNAS_SUPPORT | {"Observation/berts"})


async def test_an_encounter_is_what_refers_to_it_and_what_that_refers_to(client: AsyncClient) -> None:
    (bundle,) = await pages(client, "Encounter/stay/$everything")
    assert set(keys(bundle, "match")) == {"Encounter/stay", "Observation/weight"}
    support = {"Organization/ward", "Organization/top", "Practitioner/doctor", "Practitioner/noted"}
    assert set(keys(bundle, "include")) == support | {"PractitionerRole/role", "Location/room", "Patient/anna"}


CARE = [
    pytest.param("start=2022-01-01", {"Observation/later"}, id="care from a date on"),
    pytest.param("end=2020-01-02", {"Encounter/stay", "Observation/weight"}, id="care up to a date, that day included"),
    pytest.param("start=2020-01-05&end=2020-01-06", {"Encounter/stay"}, id="a period that covers the range"),
    pytest.param("start=2030", set(), id="no care at all"),
]
DATED = {"Encounter/stay", "Observation/weight", "Observation/later", "MedicationRequest/drug"}


@pytest.mark.parametrize(("query", "expected"), CARE)
async def test_the_range_relates_to_care_dates(client: AsyncClient, query: str, expected: set[str]) -> None:
    (bundle,) = await pages(client, f"Patient/anna/$everything?{query}")
    matches = set(keys(bundle, "match"))
    assert matches & DATED == expected
    assert matches >= ANNA - DATED, "what has no care date is in every range"


async def test_types_select_members_and_what_they_refer_to(client: AsyncClient) -> None:
    (bundle,) = await pages(client, "Patient/anna/$everything?_type=Observation,Practitioner&_type=Location")
    observations = {"Observation/weight", "Observation/later", "Observation/timeless"}
    assert set(keys(bundle)) == observations | {"Practitioner/doctor", "Practitioner/noted", "Location/room"}


async def test_since_selects_what_changed_after_it(client: AsyncClient) -> None:
    since = (await client.get("Observation/later")).json()["meta"]["lastUpdated"]
    (bundle,) = await pages(client, f"Patient/anna/$everything?_since={since}")
    assert "Observation/timeless" in keys(bundle)
    assert not {"Patient/anna", "Observation/later", "Organization/ward"} & set(keys(bundle))


async def test_posted_parameters_mean_what_those_of_the_url_mean(client: AsyncClient) -> None:
    parameter = [{"name": "_type", "valueCode": "Patient"}, {"name": "_count", "valueInteger": 1}]
    body = {"resourceType": "Parameters", "parameter": parameter}
    first = (await client.post("Patient/anna/$everything", json=body)).json()
    assert keys(first) == ["Patient/anna"]
    url = next(link["url"] for link in first["link"] if link["relation"] == "next")
    assert [keys(page) for page in await pages(client, url)] == [["Patient/bert"], []]


REFUSED = [
    pytest.param("Patient/none/$everything", 404, id="an unknown patient"),
    pytest.param("Observation/weight/$everything", 404, id="a type that has no such operation"),
    pytest.param("Encounter/$everything", 404, id="a level that has no such operation"),
    pytest.param("Patient/anna/$everything?_type=Nothing", 400, id="an unknown type"),
    pytest.param("Patient/anna/$everything?_since=yesterday", 400, id="no instant"),
    pytest.param("Patient/anna/$everything?start=2020-13", 400, id="no date"),
    pytest.param("Patient/anna/$everything?_count=0", 400, id="no count"),
    pytest.param("Patient/anna/$everything?code=x", 400, id="an unknown parameter"),
    pytest.param("Encounter/stay/$everything?start=2020", 400, id="a parameter of another type's operation"),
    pytest.param("Patient/anna/$everything?_cursor=AAAA", 400, id="a forged cursor"),
]


@pytest.mark.parametrize(("url", "status"), REFUSED)
async def test_what_cannot_be_answered_is_refused(client: AsyncClient, url: str, status: int) -> None:
    response = await client.get(url)
    assert response.status_code == status
    assert response.json()["resourceType"] == "OperationOutcome"


async def test_a_cursor_belongs_to_its_request(client: AsyncClient) -> None:
    first = (await client.get("Patient/anna/$everything?_count=2")).json()
    cursor = next(link["url"] for link in first["link"] if link["relation"] == "next").partition("_cursor=")[2]
    assert (await client.get(f"Patient/bert/$everything?_count=2&_cursor={cursor}")).status_code == 400


@pytest.mark.parametrize("count", [None, 3])
async def test_of_very_many_members_the_index_knows_the_references(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch, count: int | None
) -> None:
    monkeypatch.setattr("fhirserver.repository.everything._SCANNED", 5)
    found = await pages(client, "Patient/$everything" + (f"?_count={count}" if count else ""))
    listed = [key for page in found for key in keys(page)]
    support = {key for key in ANNAS_SUPPORT if not key.startswith(("Patient", "Binary"))} - {"Practitioner/noted"}
    assert sorted(listed) == sorted(ANNA | support | {"Patient/bert", "Patient/cleo", "Observation/berts"})


async def test_a_page_looks_at_so_many_resources_only(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhirserver.repository.everything._SEEN", 4)
    found = await pages(client, "Group/couple/$everything?_type=Location,Observation")
    assert len(found) > 4
    listed = [key for page in found for key in keys(page)]
    assert sorted(listed) == sorted(key for key in ANNA | {"Observation/berts", "Location/room"} if key[:3] in "LocObs")


class OnlyAnna(Limited):
    """Sees Anna's record, organisations, and nobody's practitioners."""

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        if resource_type == "Organization":
            return ALL
        return NONE if resource_type.startswith("Practitioner") else HasTerm(("@Patient/anna",))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Door]:
    async with opened(mongodb_uri, knowledge) as opened_door:
        for resource in RECORD:
            await opened_door.put(resource)
        yield opened_door


@pytest.mark.parametrize("logical_ids", [("anna", "bert"), None, ("anna",)])
async def test_nothing_that_the_caller_may_not_see_is_there(door: Door, logical_ids: tuple[str, ...] | None) -> None:
    repository = Repository(door.services, OnlyAnna())
    request = EverythingRequest(origin="x", compartment="Patient", logical_ids=logical_ids)
    page = await repository.everything(request)
    assert {version.key for version in page.members} == ANNA
    assert {version.key for version in page.linked} == {"Organization/ward", "Organization/top"}


async def test_a_page_begins_to_tell_of_so_many_records_only(mongodb_uri: str, knowledge: Knowledge) -> None:
    async with opened(mongodb_uri, knowledge) as many:
        await many.put(*({"resourceType": "Patient", "id": f"p{number}"} for number in range(600)))
        sizes, cursor = [], None
        while not sizes or cursor is not None:
            asked = EverythingRequest(origin="Patient", compartment="Patient", logical_ids=None, cursor=cursor)
            page = await many.repository.everything(replace(asked, care_dates=CareDates(last=0)))
            sizes.append(len(page.members))
            cursor = page.next_cursor
    assert sizes == [250, 250, 100]
