"""batch — http://hl7.org/fhir/R4/http.html#brules"""

import base64
import json
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response

PATIENT = {"resourceType": "Patient", "active": True}
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def entry(method: str, url: str, resource: object = None, **request: str) -> dict[str, Any]:
    found: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    return found if resource is None else {**found, "resource": resource}


async def send(client: AsyncClient, *entries: object, **headers: str) -> Response:
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": list(entries)}
    return await client.post("", json=bundle, headers=headers)


def statuses(response: Response) -> list[str]:
    return [found["response"]["status"][:3] for found in response.json()["entry"]]


async def test_entries_succeed_and_fail_on_their_own_in_the_order_of_the_request(client: AsyncClient) -> None:
    response = await send(
        client,
        entry("POST", "Patient", PATIENT),
        entry("POST", "Patient", {**PATIENT, "gender": "x"}),
        entry("GET", "Patient/never-there"),
        entry("POST", "Patience", PATIENT),
        entry("GET", "metadata"),
        entry("DELETE", "Patient/never-there"),
    )
    bundle = response.json()
    assert (response.status_code, bundle["type"]) == (200, "batch-response")
    assert statuses(response) == ["201", "422", "404", "404", "200", "204"]
    created = bundle["entry"][0]["response"]
    assert created["location"].startswith(f"{client.base_url}Patient/")
    assert created["etag"] == 'W/"1"'
    assert created["lastModified"]
    assert "resource" not in bundle["entry"][0], "minimal by default"
    failed = bundle["entry"][1]["response"]["outcome"]
    assert failed["resourceType"] == "OperationOutcome"
    assert "Bundle.entry[1].resource.gender" in failed["issue"][0]["expression"]
    assert "Bundle.entry[1]" in failed["issue"][0]["expression"]
    assert bundle["entry"][4]["resource"]["resourceType"] == "CapabilityStatement"


async def test_reads_and_searches_answer_their_resources(client: AsyncClient) -> None:
    tag = str(uuid4())
    tagged = {**PATIENT, "meta": {"tag": [{"code": tag}]}}
    created = (await client.post("Patient", json=tagged)).json()
    url = f"Patient/{created['id']}"
    response = await send(
        client,
        entry("GET", url),
        entry("GET", f"Patient?_tag={tag}"),
        entry("GET", f"{url}/_history/1"),
        entry("GET", f"{url}/_history"),
        entry("GET", url, ifNoneMatch='W/"1"'),
        entry("GET", url, ifModifiedSince="2100-01-01T00:00:00Z"),
        entry("HEAD", url),
        entry("GET", f"{client.base_url}{url}"),
        entry("GET", f"/{url}"),
        entry("GET", f"{url}?_elements=active"),
    )
    assert statuses(response) == ["200"] * 4 + ["304", "304"] + ["200"] * 4
    found = response.json()["entry"]
    assert found[0]["resource"] == created
    assert found[1]["resource"]["total"] == 1
    assert found[3]["resource"]["type"] == "history"
    assert ["resource" in found[i] for i in (4, 5, 6, 7, 8)] == [False, False, False, True, True]


async def test_writes_run_in_order(client: AsyncClient) -> None:
    own_id = str(uuid4())
    body = {**PATIENT, "id": own_id}
    url = f"Patient/{own_id}"
    response = await send(
        client,
        entry("PUT", url, body),
        entry("GET", url),
        entry("PUT", url, {**body, "active": False}, ifMatch='W/"1"'),
        entry("PUT", url, {**body, "active": True}, ifMatch='W/"1"'),
        entry("DELETE", url),
        entry("GET", url),
    )
    assert statuses(response) == ["201", "200", "200", "412", "204", "410"]


async def test_prefer_representation(client: AsyncClient) -> None:
    response = await send(client, entry("POST", "Patient", PATIENT), Prefer="return=representation")
    assert response.json()["entry"][0]["resource"]["active"] is True


async def test_prefer_outcome(client: AsyncClient) -> None:
    response = await send(client, entry("POST", "Patient", PATIENT), Prefer="return=OperationOutcome")
    assert response.json()["entry"][0]["response"]["outcome"]["resourceType"] == "OperationOutcome"


async def test_a_patch_is_carried_by_a_binary(client: AsyncClient) -> None:
    created = (await client.post("Patient", json=PATIENT)).json()
    patch = base64.b64encode(json.dumps([{"op": "replace", "path": "/active", "value": False}]).encode()).decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": patch}
    response = await send(
        client,
        entry("PATCH", f"Patient/{created['id']}", binary),
        entry("PATCH", f"Patient/{created['id']}", {**binary, "contentType": "text/plain"}),
        entry("PATCH", f"Patient/{created['id']}", {**binary, "data": "***"}),
        entry("PATCH", f"Patient/{created['id']}", PATIENT),
    )
    assert statuses(response) == ["200", "415", "400", "400"]
    assert (await client.get(f"Patient/{created['id']}")).json()["active"] is False


async def test_conditional_create(client: AsyncClient) -> None:
    number = str(uuid4())
    body = {**PATIENT, "identifier": [{"system": "http://n", "value": number}]}
    condition = f"identifier=http://n|{number}"
    response = await send(
        client,
        entry("POST", "Patient", body, ifNoneExist=condition),
        entry("POST", "Patient", body, ifNoneExist=condition),
    )
    assert statuses(response) == ["201", "200"]
    first, second = (found["response"]["location"] for found in response.json()["entry"])
    assert first == second


BAD_ENTRIES = [
    pytest.param({}, id="no request"),
    pytest.param({"resource": PATIENT}, id="a resource without request"),
    pytest.param(entry("", "Patient"), id="no method"),
    pytest.param(entry("TRACE", "Patient"), id="a method R4 does not have"),
    pytest.param(entry("GET", ""), id="no url"),
    pytest.param(entry("GET", "http://elsewhere.example.org/fhir/Patient/1"), id="another server"),
    pytest.param(entry("GET", "Patient/%"), id="malformed escape"),
    pytest.param(entry("GET", "Patient/a b"), id="malformed id"),
    pytest.param(entry("GET", "Patient?name%00=x"), id="NUL"),
    pytest.param(entry("POST", "Patient"), id="no resource"),
    pytest.param(entry("PUT", "Patient/1", {"resourceType": "Group", "id": "1"}), id="another type than the url's"),
    pytest.param(entry("POST", "Patient", {}), id="a resource without type"),
    pytest.param(entry("POST", "/", {"resourceType": "Bundle", "type": "batch"}), id="a Bundle in a Bundle"),
    pytest.param(entry("POST", "Patient/1", PATIENT), id="a method the url does not have"),
    pytest.param({**entry("PUT", "Patient/1", {**PATIENT, "id": "1"}), "fullUrl": "http://x/Patient/2"}, id="fullUrl"),
    pytest.param({**entry("POST", "Patient", PATIENT), "fullUrl": "Patient/2"}, id="a relative fullUrl"),
    pytest.param({**entry("GET", "Patient/1"), "unknown": 1}, id="an element that entries do not have"),
    pytest.param(entry("GET", "Patient/1", ifNoneMatch=""), id="an empty element"),
    pytest.param(entry("GET", "Patient/1/$unheard-of"), id="an unknown operation"),
]


@pytest.mark.parametrize("bad", BAD_ENTRIES)
async def test_a_bad_entry_fails_alone(client: AsyncClient, bad: dict[str, Any]) -> None:
    response = await send(client, bad, entry("POST", "Patient", PATIENT))
    first, second = statuses(response)
    assert first.startswith("4")
    assert second == "201"
    assert "Bundle.entry[0]" in response.json()["entry"][0]["response"]["outcome"]["issue"][0]["expression"]


BAD_BUNDLES = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"{", id="malformed JSON"),
    pytest.param(b'{"resourceType":"Patient"}', id="not a Bundle"),
    pytest.param(b'{"resourceType":"Bundle"}', id="no type"),
    pytest.param(b'{"resourceType":"Bundle","type":"searchset"}', id="another type"),
    pytest.param(b'{"resourceType":"Bundle","type":"batch","entry":{}}', id="entry is no array"),
    pytest.param(b'{"resourceType":"Bundle","type":"batch","entry":[1]}', id="an entry is no object"),
    pytest.param(b'{"resourceType":"Bundle","type":"batch","entry":[null]}', id="an entry is null"),
    pytest.param(b'{"resourceType":"Bundle","type":"batch","entry":[{"request":"GET"}]}', id="request is no object"),
    pytest.param(b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"url":1}}]}', id="url is no string"),
    pytest.param(b'{"resourceType":"Bundle","type":"batch","type":"transaction"}', id="duplicate keys"),
    pytest.param(b'{"resourceType":"Bundle","type":["batch"]}', id="type is no string"),
]


@pytest.mark.parametrize("body", BAD_BUNDLES)
async def test_a_bad_bundle_is_400(client: AsyncClient, body: bytes) -> None:
    response = await client.post("", content=body, headers={"Content-Type": "application/fhir+json"})
    assert (response.status_code, response.json()["resourceType"]) == (400, "OperationOutcome")


async def test_an_element_that_bundles_do_not_have_is_refused(client: AsyncClient) -> None:
    response = await client.post("", json={"resourceType": "Bundle", "type": "batch", "unknown": 1})
    assert (response.status_code, response.json()["issue"][0]["expression"]) == (422, ["Bundle"])


async def test_too_many_entries_are_413(client: AsyncClient) -> None:
    one = b'{"request":{"method":"GET","url":"metadata"}}'
    body = b'{"resourceType":"Bundle","type":"batch","entry":[%b]}' % b",".join([one] * 5001)
    assert (await client.post("", content=body)).status_code == 413


async def test_an_empty_batch_is_fine(client: AsyncClient) -> None:
    assert (await send(client)).json() == {"resourceType": "Bundle", "type": "batch-response"}


async def test_many_creates_and_reads_are_answered_in_the_order_of_the_request(client: AsyncClient) -> None:
    tag = str(uuid4())
    numbers = [*range(90)]
    bodies = [{**OBSERVATION, "meta": {"tag": [{"code": tag}]}, "valueInteger": number} for number in numbers]
    bodies[40]["status"] = "no status"
    creates = [entry("POST", "Observation", body) for body in bodies]
    response = await send(client, *creates, Prefer="return=representation")
    assert statuses(response) == ["201"] * 40 + ["422"] + ["201"] * 49
    assert [e["resource"]["valueInteger"] for e in response.json()["entry"] if "resource" in e] == [
        number for number in numbers if number != 40
    ]
    stored = (await client.get(f"Observation?_tag={tag}&_count=100")).json()["entry"]
    assert [e["resource"]["valueInteger"] for e in stored] == [n for n in numbers if n != 40], "in this order too"
    reads = [entry("GET", f"Observation/{e['resource']['id']}") for e in stored]
    found = (await send(client, *reads)).json()["entry"]
    assert [e["resource"] for e in found] == [e["resource"] for e in stored]


async def test_creates_that_neighbour_other_writes_keep_their_place(client: AsyncClient) -> None:
    tag = str(uuid4())
    tagged = {**PATIENT, "meta": {"tag": [{"code": tag}]}}
    count = entry("GET", f"Patient?_tag={tag}&_summary=count")
    own_id = str(uuid4())
    response = await send(
        client,
        entry("POST", "Patient", tagged),
        entry("POST", "Patient", tagged),
        count,
        entry("POST", "Patient", tagged, ifNoneExist=f"_tag={tag}"),
        entry("PUT", f"Patient/{own_id}", {**tagged, "id": own_id}),
        count,
        entry("DELETE", f"Patient?_tag={tag}"),
        count,
        entry("POST", "Patient", tagged),
    )
    assert statuses(response) == ["201", "201", "200", "412", "201", "200", "204", "200", "201"]
    assert [e["resource"]["total"] for e in response.json()["entry"] if "resource" in e] == [2, 3, 0]
