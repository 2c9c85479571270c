"""The audit trail is only added to: IHE BALP, ITI-20 FHIR feed; http://hl7.org/fhir/R4/auditevent.html"""

from typing import Any

import pytest

from tests.audit.conftest import Trail

Resource = dict[str, Any]

EVENT: Resource = {
    "resourceType": "AuditEvent",
    "meta": {"source": "urn:somebody:else"},
    "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110110"},
    "recorded": "2026-03-04T03:11:09Z",
    "agent": [{"requestor": True, "who": {"display": "x"}}],
    "source": {"observer": {"display": "y"}},
}


async def one_event(trail: Trail) -> str:
    """Return the id of an event of the server's own."""
    return str((await trail.of("GET", "Basic?code=any"))[0]["id"])


CHANGES = [
    pytest.param("PUT", "AuditEvent/{}", {"json": {**EVENT, "id": "{}"}}, id="update"),
    pytest.param("PUT", "AuditEvent/new-one", {"json": {**EVENT, "id": "new-one"}}, id="create by update"),
    pytest.param("PUT", "AuditEvent?action=R", {"json": EVENT}, id="conditional update"),
    pytest.param("DELETE", "AuditEvent/{}", {}, id="delete"),
    pytest.param("DELETE", "AuditEvent?action=R", {}, id="conditional delete"),
    pytest.param(
        "PATCH",
        "AuditEvent/{}",
        {
            "content": b'[{"op":"add","path":"/outcomeDesc","value":"x"}]',
            "headers": {"Content-Type": "application/json-patch+json"},
        },
        id="patch",
    ),
    pytest.param(
        "POST",
        "AuditEvent/{}/$meta-add",
        {
            "json": {
                "resourceType": "Parameters",
                "parameter": [{"name": "meta", "valueMeta": {"tag": [{"system": "urn:x", "code": "y"}]}}],
            }
        },
        id="$meta-add",
    ),
]


@pytest.mark.parametrize(("method", "url", "more"), CHANGES)
async def test_6_4_13_events_are_not_changed(trail: Trail, method: str, url: str, more: dict[str, Any]) -> None:
    event_id = await one_event(trail)
    before = (await trail.client.get(f"AuditEvent/{event_id}")).json()
    if "json" in more and more["json"].get("id") == "{}":
        more = {**more, "json": {**more["json"], "id": event_id}}
    answer = await trail.client.request(method, url.format(event_id), **more)
    assert answer.status_code == 405, answer.text
    assert "only added to" in answer.text
    assert (await trail.client.get(f"AuditEvent/{event_id}")).json() == before


async def test_6_4_13_a_transaction_cannot_change_events_either(trail: Trail) -> None:
    event_id = await one_event(trail)
    entry = {"request": {"method": "DELETE", "url": f"AuditEvent/{event_id}"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    answer = await trail.client.post("", json=bundle)
    assert answer.status_code == 405
    assert "Bundle.entry[0]" in answer.json()["issue"][0]["expression"]


async def test_iti_20_events_of_other_systems_are_taken_and_marked_with_who_sent_them(trail: Trail) -> None:
    answer = await trail.client.post("AuditEvent", json=EVENT)
    assert answer.status_code == 201, answer.text
    event = answer.json()
    assert event["meta"]["source"] == "urn:fhirserver:client:operator"
    assert {"system": "urn:fhirserver:CodeSystem:audit", "code": "received"} in event["meta"]["tag"]
    tagged = await trail.found("AuditEvent", {"_tag": "urn:fhirserver:CodeSystem:audit|received"})
    assert event["id"] in [one["id"] for one in tagged]


async def test_an_event_that_is_none_is_refused_with_its_reasons(trail: Trail) -> None:
    answer = await trail.client.post("AuditEvent", json={"resourceType": "AuditEvent", "meta": {"tag": "x"}})
    assert answer.status_code == 422
