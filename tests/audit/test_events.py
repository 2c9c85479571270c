"""AuditEvents as IHE BALP describes them: https://profiles.ihe.net/ITI/BALP, http://hl7.org/fhir/R4/auditevent.html"""

import base64
from typing import Any

import httpx2
import pytest

from tests.audit.conftest import Trail, entities, patients

Resource = dict[str, Any]
BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."


async def put(client: httpx2.AsyncClient, resource: Resource) -> None:
    answer = await client.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
    assert answer.status_code in (200, 201), answer.text


def observation(logical_id: str, patient: str) -> Resource:
    return {
        "resourceType": "Observation",
        "id": logical_id,
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": f"Patient/{patient}"},
    }


@pytest.fixture
async def record(client: httpx2.AsyncClient) -> None:
    """Two patients with an observation each, and a practitioner."""
    for name in ("p1", "p2"):
        await put(client, {"resourceType": "Patient", "id": name, "name": [{"family": name}]})
        await put(client, observation(f"o-{name}", name))
    await put(client, {"resourceType": "Practitioner", "id": "d1"})


INTERACTIONS = [
    # method, url, body, subtype, action, client's role, server's role, profile
    pytest.param("GET", "Observation/o-p1", None, "read", "R", "110152", "110153", "PatientRead", id="read reversed"),
    pytest.param("GET", "Practitioner/d1", None, "read", "R", "110152", "110153", "Read", id="read without patient"),
    pytest.param("GET", "Patient/p1/_history/1", None, "vread", "R", "110152", "110153", "PatientRead", id="vread"),
    pytest.param("POST", "Basic", {}, "create", "C", "110153", "110152", "Create", id="create"),
    pytest.param("PUT", "Patient/p1", {}, "update", "U", "110153", "110152", "PatientUpdate", id="update"),
    pytest.param("DELETE", "Patient/gone", None, "delete", "D", "110150", "custodian", "PatientDelete", id="delete"),
    pytest.param("GET", "Patient?_id=p1", None, "search-type", "E", "110153", "110152", "PatientQuery", id="search"),
    pytest.param("GET", "Basic?code=n", None, "search-type", "E", "110153", "110152", "Query", id="search, no patient"),
]


@pytest.mark.usefixtures("record")
@pytest.mark.parametrize(("method", "url", "body", "subtype", "action", "role", "server", "profile"), INTERACTIONS)
async def test_6_4_10_and_11_each_interaction_has_its_event(  # noqa: PLR0917
    trail: Trail, method: str, url: str, body: Resource | None, subtype: str, action: str, role: str, server: str,
    profile: str,
) -> None:  # fmt: skip
    await put(trail.client, {"resourceType": "Patient", "id": "gone"})
    if body is not None:
        resource_type, _, logical_id = url.partition("/")
        body = {"resourceType": resource_type, **({"id": logical_id} if logical_id else {})}
        if resource_type == "Basic":
            body["code"] = {"text": "x"}
        else:
            body["birthDate"] = "1980-01-01"
    (event,) = await trail.of(method, url, **({} if body is None else {"json": body}))
    assert event["type"]["code"] == "rest"
    assert [coding["code"] for coding in event["subtype"]] == [subtype]
    assert (event["action"], event["outcome"]) == (action, "0")
    assert [agent["type"]["coding"][0]["code"] for agent in event["agent"]][:2] == [role, server]
    assert all("who" in agent and "network" in agent for agent in event["agent"][:2])
    assert event["meta"]["profile"] == [BALP + profile]
    assert event["source"]["observer"]["identifier"]["value"]


@pytest.mark.usefixtures("record")
async def test_6_4_12_a_read_names_the_version_the_patient_and_the_request(trail: Trail) -> None:
    answer, (event,) = await trail.answer_and_events("GET", "Observation/o-p1")
    (data,) = entities(event, "2")
    assert data["what"]["reference"] == f"Observation/o-p1/_history/{answer.json()['meta']['versionId']}"
    assert data["role"]["code"] == "4"
    assert patients([event]) == ["Patient/p1"]
    (request,) = entities(event, "XrequestId")
    assert request["what"]["identifier"]["value"] == answer.headers["x-request-id"]


@pytest.mark.usefixtures("record")
async def test_6_4_12_a_search_has_one_event_per_patient_and_the_query(trail: Trail) -> None:
    events = await trail.of("GET", "Observation?code:text=x&_count=10")
    assert patients(events) == ["Patient/p1", "Patient/p2"]
    for event in events:
        (query,) = entities(event, "2")
        assert query["role"]["code"] == "24"
        assert "what" not in query
        assert base64.b64decode(query["query"]).endswith(b"/Observation?code:text=x&_count=10")
        (found,) = entities(event, "4")
        assert [detail["type"] for detail in found["detail"]] == ["Observation"]


@pytest.mark.usefixtures("record")
async def test_a_search_by_post_keeps_what_its_body_asked(trail: Trail) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    (event,) = await trail.of("POST", "Observation/_search", content=b"patient=p2", headers=form)
    assert patients([event]) == ["Patient/p2"]
    assert b"patient=p2" in base64.b64decode(entities(event, "2")[0]["query"])


async def test_a_search_that_finds_nothing_of_a_patient_is_still_about_the_patient(trail: Trail) -> None:
    (event,) = await trail.of("GET", "Condition?patient=nobody-has-any")
    assert patients([event]) == ["Patient/nobody-has-any"]


@pytest.mark.usefixtures("record")
async def test_a_validation_is_an_operation_on_what_it_read(trail: Trail) -> None:
    (event,) = await trail.of("GET", "Patient/p1/$validate")
    assert [coding["code"] for coding in event["subtype"]] == ["operation", "validate"]
    assert patients([event]) == ["Patient/p1"]


REFUSALS = [
    pytest.param("GET", "Patient/unknown-one", 404, "4", ["Patient/unknown-one"], id="read of what is not there"),
    pytest.param("GET", "Nonsense/1", 404, "4", [], id="a type that is none"),
    pytest.param("GET", "Patient?nonsense=1", 400, "4", [], id="a search that cannot be read"),
    pytest.param("DELETE", "AuditEvent/1", 405, "4", [], id="a delete of an event"),
]


@pytest.mark.parametrize(("method", "url", "status", "outcome", "about"), REFUSALS)
async def test_6_4_13_refusals_are_audited_too(  # noqa: PLR0917
    trail: Trail, method: str, url: str, status: int, outcome: str, about: list[str]
) -> None:
    answer, events = await trail.answer_and_events(method, url)
    assert answer.status_code == status
    assert [event["outcome"] for event in events] == [outcome]
    assert patients(events) == about
    assert "profile" not in events[0]["meta"]


FOUND_BY = [
    pytest.param("patient=Patient/p2", True, id="patient"),
    pytest.param("agent:identifier=operator", True, id="agent"),
    pytest.param("entity=Observation/o-p2", True, id="entity"),
    pytest.param("action=R", True, id="action"),
    pytest.param("action=D", False, id="another action"),
    pytest.param("outcome=0", True, id="outcome"),
    pytest.param("outcome=8", False, id="another outcome"),
    pytest.param("date=gt2020-01-01", True, id="date"),
    pytest.param("date=lt2020-01-01", False, id="another date"),
    pytest.param("subtype=read", True, id="subtype"),
    pytest.param("patient=Patient/p1", False, id="another patient"),
]


@pytest.mark.usefixtures("record")
@pytest.mark.parametrize(("criteria", "found"), FOUND_BY)
async def test_6_4_13_events_are_found_by_each_parameter(trail: Trail, criteria: str, *, found: bool) -> None:
    (event,) = await trail.of("GET", "Observation/o-p2")
    answer = await trail.client.get(f"AuditEvent?_id={event['id']}&{criteria}")
    assert answer.status_code == 200, answer.text
    assert bool(answer.json().get("entry")) is found


@pytest.mark.usefixtures("record")
async def test_a_batch_names_what_it_touched_and_has_an_event_for_each_refusal(trail: Trail) -> None:
    urls = ["Patient/p1", "Observation?patient=p2", "Patient/unknown-two"]
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    events = await trail.of("POST", "", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert patients(events) == ["Patient/p1", "Patient/p2", "Patient/unknown-two"]
    assert sorted((event["subtype"][0]["code"], event["outcome"]) for event in events) == [
        ("batch", "0"),
        ("batch", "0"),
        ("read", "4"),
    ]


@pytest.mark.usefixtures("record")
async def test_a_transaction_tells_what_it_did_with_each_instance(trail: Trail) -> None:
    entries = [
        {"resource": observation("o-new", "p1"), "request": {"method": "PUT", "url": "Observation/o-new"}},
        {"request": {"method": "DELETE", "url": "Observation/o-p2"}},
    ]
    events = await trail.of("POST", "", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    done = {
        (patients([event])[0], data["what"]["reference"].partition("/_history")[0], data["lifecycle"]["code"])
        for event in events
        for data in entities(event, "2")
    }
    assert done == {("Patient/p1", "Observation/o-new", "1"), ("Patient/p2", "Observation/o-p2", "14")}


@pytest.mark.usefixtures("record")
@pytest.mark.parametrize("media_type", ["application/fhir+ndjson", "text/csv"])
async def test_a_stream_names_all_whom_it_tells_of(trail: Trail, media_type: str) -> None:
    url = "Observation?code:text=x" + ("&_columns=id" if media_type == "text/csv" else "")
    answer, _ = await trail.answer_and_events("GET", url, headers={"Accept": media_type})
    assert answer.status_code == 200
    events = await trail.found("AuditEvent", {"entity:identifier": answer.headers["x-request-id"]})
    assert {"Patient/p1", "Patient/p2"} <= set(patients(events))


@pytest.mark.usefixtures("record")
async def test_an_operation_is_named_as_a_subtype(trail: Trail) -> None:
    events = await trail.of("GET", "Patient/p1/$everything")
    assert [[coding["code"] for coding in event["subtype"]] for event in events] == [["operation", "everything"]]
    assert patients(events) == ["Patient/p1"]


async def test_what_tells_nothing_of_anybody_leaves_no_trail(trail: Trail) -> None:
    answer = await trail.client.get("metadata", headers={"X-Request-Id": "test-metadata"})
    assert answer.status_code == 200
    await trail.of("GET", "Basic?code=z")
    assert await trail.found("AuditEvent", {"entity:identifier": "test-metadata"}) == []


@pytest.mark.usefixtures("record")
async def test_everything_of_a_patient_leaves_the_trail_out_unless_it_is_asked_for(trail: Trail) -> None:
    await trail.of("GET", "Patient/p1")
    types = {entry["resource"]["resourceType"] for entry in (await everything(trail, ""))["entry"]}
    assert "AuditEvent" not in types
    assert "Observation" in types
    asked = await everything(trail, "?_type=AuditEvent")
    assert {entry["resource"]["resourceType"] for entry in asked["entry"]} == {"AuditEvent"}


async def everything(trail: Trail, query: str) -> Resource:
    answer = await trail.client.get(f"Patient/p1/$everything{query}")
    assert answer.status_code == 200
    bundle: Resource = answer.json()
    return bundle
