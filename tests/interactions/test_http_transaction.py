"""transaction — http://hl7.org/fhir/R4/http.html#trules"""

import base64
import json
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response

PATIENT = {"resourceType": "Patient", "active": True}
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def entry(
    method: str, url: str, resource: object = None, full_url: str | None = None, **request: str
) -> dict[str, Any]:
    found: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    if full_url is not None:
        found["fullUrl"] = full_url
    return found if resource is None else {**found, "resource": resource}


async def send(client: AsyncClient, *entries: object, **headers: str) -> Response:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
    return await client.post("", json=bundle, headers=headers)


def statuses(response: Response) -> list[str]:
    return [found["response"]["status"][:3] for found in response.json()["entry"]]


async def count(client: AsyncClient, tag: str) -> int:
    total: int = (await client.get(f"Patient?_tag={tag}&_summary=count")).json()["total"]
    return total


async def test_created_resources_refer_to_each_other(client: AsyncClient) -> None:
    urn = f"urn:uuid:{uuid4()}"
    response = await send(
        client,
        entry("POST", "Observation", {**OBSERVATION, "subject": {"reference": urn}}),
        entry("POST", "Patient", PATIENT, full_url=urn),
        Prefer="return=representation",
    )
    bundle = response.json()
    assert (response.status_code, bundle["type"], statuses(response)) == (200, "transaction-response", ["201", "201"])
    observation, patient = (found["resource"] for found in bundle["entry"])
    assert observation["subject"]["reference"] == f"Patient/{patient['id']}"


async def test_the_response_has_status_location_etag_and_last_modified_and_no_resource(client: AsyncClient) -> None:
    found = (await send(client, entry("POST", "Patient", PATIENT))).json()["entry"][0]
    assert found.keys() == {"response"}
    assert found["response"]["status"] == "201 Created"
    assert found["response"]["location"].startswith(f"{client.base_url}Patient/")
    assert found["response"]["etag"] == 'W/"1"'
    assert found["response"]["lastModified"].endswith("Z")


async def test_literals_survive(client: AsyncClient) -> None:
    sent = (
        b'{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Observation",'
        b'"status":"final","code":{"text":"x"},"valueQuantity":{"value":1.10}},"request":{"method":"POST",'
        b'"url":"Observation"}}]}'
    )
    headers = {"Content-Type": "application/fhir+json", "Prefer": "return=representation"}
    assert b'"value":1.10' in (await client.post("", content=sent, headers=headers)).content


async def test_all_or_nothing(client: AsyncClient) -> None:
    tag = str(uuid4())
    good = {**PATIENT, "meta": {"tag": [{"code": tag}]}}
    response = await send(client, entry("POST", "Patient", good), entry("POST", "Patient", {**good, "gender": "x"}))
    assert response.status_code == 422
    assert "Bundle.entry[1]" in response.json()["issue"][0]["expression"]
    assert await count(client, tag) == 0


async def test_order_is_delete_create_update_read_whatever_the_bundles(client: AsyncClient) -> None:
    number = str(uuid4())
    old = {**PATIENT, "identifier": [{"system": "http://n", "value": number}]}
    created = (await client.post("Patient", json=old)).json()
    other_id = str(uuid4())
    response = await send(
        client,
        entry("GET", f"Patient?identifier=http://n|{number}"),
        entry("GET", f"Patient/{other_id}"),
        entry("PUT", f"Patient/{other_id}", {**PATIENT, "id": other_id}),
        entry("POST", "Patient", old),
        entry("DELETE", f"Patient/{created['id']}"),
    )
    found = response.json()["entry"]
    assert statuses(response) == ["200", "200", "201", "201", "204"]
    assert found[0]["resource"]["total"] == 1, "read after the deletion and the creation"
    assert found[1]["resource"]["id"] == other_id


async def test_a_conditional_create_never_sees_what_is_deleted(client: AsyncClient) -> None:
    number = str(uuid4())
    body = {**PATIENT, "identifier": [{"system": "http://n", "value": number}]}
    old = (await client.post("Patient", json=body)).json()
    response = await send(
        client,
        entry("POST", "Patient", body, ifNoneExist=f"identifier=http://n|{number}"),
        entry("POST", "Observation", {**OBSERVATION}),
    )
    assert statuses(response) == ["200", "201"]
    assert f"Patient/{old['id']}/" in response.json()["entry"][0]["response"]["location"]


IDENTITIES = [
    pytest.param(
        [entry("PUT", "Patient/{0}", {**PATIENT, "id": "{0}"}), entry("DELETE", "Patient/{0}")], id="PUT, DELETE"
    ),
    pytest.param([entry("DELETE", "Patient/{0}"), entry("DELETE", "Patient/{0}")], id="DELETE, DELETE"),
    pytest.param(
        [
            entry("POST", "Patient", PATIENT, full_url="urn:uuid:0a2c3b1e-6c0c-4a49-8b52-6f1a7c2a8a01"),
            entry("POST", "Patient", PATIENT, full_url="urn:uuid:0a2c3b1e-6c0c-4a49-8b52-6f1a7c2a8a01"),
        ],
        id="the same fullUrl",
    ),
]


@pytest.mark.parametrize("entries", IDENTITIES)
async def test_overlapping_identities_are_refused_naming_both(client: AsyncClient, entries: list[Any]) -> None:
    named = json.loads(json.dumps(entries).replace("{0}", str(uuid4())))
    response = await send(client, *named)
    assert response.status_code == 400
    assert response.json()["issue"][0]["expression"] == ["Bundle.entry[0]", "Bundle.entry[1]"]


async def test_overlap_after_resolving_criteria_is_refused(client: AsyncClient) -> None:
    number = str(uuid4())
    body = {**PATIENT, "identifier": [{"system": "http://n", "value": number}]}
    created = (await client.post("Patient", json=body)).json()
    response = await send(
        client,
        entry("PUT", f"Patient?identifier=http://n|{number}", body),
        entry("DELETE", f"Patient/{created['id']}"),
    )
    assert 400 <= response.status_code < 500
    assert (await client.get(f"Patient/{created['id']}")).status_code == 200


async def test_a_conditional_update_that_matches_several_fails_all(client: AsyncClient) -> None:
    number, tag = str(uuid4()), str(uuid4())
    body = {**PATIENT, "identifier": [{"system": "http://n", "value": number}]}
    await client.post("Patient", json=body)
    await client.post("Patient", json=body)
    response = await send(
        client,
        entry("POST", "Patient", {**PATIENT, "meta": {"tag": [{"code": tag}]}}),
        entry("PUT", f"Patient?identifier=http://n|{number}", body),
    )
    assert response.status_code == 412
    assert "Bundle.entry[1]" in response.json()["issue"][0]["expression"]
    assert await count(client, tag) == 0


async def test_if_match(client: AsyncClient) -> None:
    created = (await client.post("Patient", json=PATIENT)).json()
    url = f"Patient/{created['id']}"
    changed = {**created, "active": False}
    assert (await send(client, entry("PUT", url, changed, ifMatch='W/"9"'))).status_code == 412
    assert (await send(client, entry("PUT", url, changed, ifMatch="9"))).status_code == 400
    assert statuses(await send(client, entry("PUT", url, changed, ifMatch='W/"1"'))) == ["200"]


async def test_conditional_reads(client: AsyncClient) -> None:
    created = (await client.post("Patient", json=PATIENT)).json()
    url = f"Patient/{created['id']}"
    response = await send(
        client,
        entry("GET", url, ifNoneMatch='W/"1"'),
        entry("HEAD", url),
        entry("GET", f"{client.base_url}{url}"),
    )
    assert statuses(response) == ["304", "200", "200"]
    assert ["resource" in found for found in response.json()["entry"]] == [False, False, True]


FAILING_READS = [
    pytest.param("Patient/never-there", 404, id="an unknown instance"),
    pytest.param("Patient/{deleted}", 410, id="a deleted instance"),
    pytest.param("Patient/{deleted}/_history/9", 404, id="an unknown version"),
    pytest.param("Patient?unheard-of=1", 400, id="a search that is refused"),
    pytest.param("Patient/never-there/_history", 404, id="a history of nothing"),
]


@pytest.mark.parametrize(("url", "status"), FAILING_READS)
async def test_all_actions_pass_or_fail_together_reads_too(client: AsyncClient, url: str, status: int) -> None:
    deleted, tag = str(uuid4()), str(uuid4())
    await client.put(f"Patient/{deleted}", json={**PATIENT, "id": deleted})
    await client.delete(f"Patient/{deleted}")
    write = entry("POST", "Patient", {**PATIENT, "meta": {"tag": [{"code": tag}]}})
    read = entry("GET", url.format(deleted=deleted))
    for entries in ([write, read], [read]):
        response = await send(client, *entries)
        assert (response.status_code, response.json()["resourceType"]) == (status, "OperationOutcome")
        assert f"Bundle.entry[{len(entries) - 1}]" in response.json()["issue"][0]["expression"]
        assert "ETag" not in response.headers
    assert await count(client, tag) == 0


async def test_what_is_changed_here_is_read_as_it_is_then(client: AsyncClient) -> None:
    deleted, new = str(uuid4()), str(uuid4())
    await client.put(f"Patient/{deleted}", json={**PATIENT, "id": deleted})
    await client.delete(f"Patient/{deleted}")
    response = await send(
        client,
        entry("GET", f"Patient/{deleted}"),
        entry("PUT", f"Patient/{deleted}", {**PATIENT, "id": deleted}),
        entry("GET", f"Patient/{new}/_history/1"),
        entry("PUT", f"Patient/{new}", {**PATIENT, "id": new}),
        entry("HEAD", f"Patient/{new}/_history/2"),
    )
    assert statuses(response) == ["200", "201", "200", "201", "404"]


async def test_reading_what_is_deleted_here_is_refused_naming_both(client: AsyncClient) -> None:
    created = (await client.post("Patient", json=PATIENT)).json()
    url = f"Patient/{created['id']}"
    response = await send(client, entry("GET", url), entry("DELETE", url))
    assert response.status_code == 400
    assert response.json()["issue"][0]["expression"] == ["Bundle.entry[1]", "Bundle.entry[0]"]
    assert statuses(await send(client, entry("GET", f"{url}/_history"), entry("DELETE", url))) == ["200", "204"]


async def test_a_patch_is_carried_by_a_binary(client: AsyncClient) -> None:
    created = (await client.post("Patient", json=PATIENT)).json()
    data = base64.b64encode(b'[{"op":"replace","path":"/active","value":false}]').decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
    response = await send(client, entry("PATCH", f"Patient/{created['id']}", binary, ifMatch='W/"1"'))
    assert statuses(response) == ["200"]
    assert (await client.get(f"Patient/{created['id']}")).json()["active"] is False


async def test_a_patch_that_fails_names_its_entry(client: AsyncClient) -> None:
    created = (await client.post("Patient", json=PATIENT)).json()
    data = base64.b64encode(b'[{"op":"test","path":"/active","value":false}]').decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
    patch = entry("PATCH", f"Patient/{created['id']}", binary)
    response = await send(client, entry("POST", "Patient", PATIENT), patch)
    assert response.status_code == 422
    assert "Bundle.entry[1]" in response.json()["issue"][0]["expression"]


async def test_outcomes_are_given_to_who_prefers_them(client: AsyncClient) -> None:
    response = await send(client, entry("POST", "Patient", PATIENT), Prefer="return=OperationOutcome")
    found = response.json()["entry"][0]
    assert found["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert "resource" not in found


OWN = [
    pytest.param("{base}Patient", id="the base the caller used"),
    pytest.param("https://{base_without_scheme}Patient", id="http and https name the same"),
    pytest.param("http://127.0.0.1:8080/fhir/Patient", id="another name of this machine"),
    pytest.param("http://localhost:8080/main/fhir/Patient", id="the base with the site's name"),
    pytest.param("/Patient", id="a path"),
]


@pytest.mark.parametrize("url", OWN)
@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_urls_below_the_servers_own_bases(client: AsyncClient, url: str, kind: str) -> None:
    base = str(client.base_url)
    named = url.format(base=base, base_without_scheme=base.partition("://")[2])
    bundle = {"resourceType": "Bundle", "type": kind, "entry": [entry("POST", named, PATIENT)]}
    assert statuses(await client.post("", json=bundle)) == ["201"]


@pytest.mark.parametrize("base", ["http://localhost:9/fhir", "http://127.0.0.1/fhir", "http://localhost/fhirx"])
async def test_a_url_of_another_server_says_what_was_expected(client: AsyncClient, base: str) -> None:
    response = await send(client, entry("POST", f"{base}/Patient", PATIENT))
    issue = response.json()["issue"][0]
    assert (response.status_code, issue["expression"][0]) == (400, "Bundle.entry[0].request.url")
    assert str(client.base_url).rstrip("/") in issue["diagnostics"]


REFUSED = [
    pytest.param(entry("GET", "Patience/1"), 404, id="an unknown type"),
    pytest.param(entry("POST", "Patient"), 400, id="no resource"),
    pytest.param(entry("POST", "$unheard-of", PATIENT), 400, id="an operation"),
    pytest.param(entry("PUT", "Patient?", PATIENT), 412, id="a conditional update without criteria"),
    pytest.param(entry("DELETE", "Patient"), 412, id="a conditional delete without criteria"),
    pytest.param(entry("DELETE", "Patient?_count=1"), 400, id="a conditional delete of anything"),
    pytest.param(entry("PUT", "Patient/1", PATIENT), 400, id="no id in the resource"),
    pytest.param(entry("GET", "http://elsewhere.example.org/fhir/Patient/1"), 400, id="another server"),
    pytest.param(entry("PUT", "Patient/1", {**PATIENT, "id": "1"}, "http://x/Patient/2"), 400, id="another fullUrl"),
    pytest.param(entry("PATCH", "Patient/1", PATIENT), 400, id="a patch that is no Binary"),
    pytest.param(entry("POST", "Patient", PATIENT, ifNoneExist=""), 422, id="an empty ifNoneExist"),
    pytest.param({**entry("POST", "Patient", PATIENT), "unknown": 1}, 422, id="an element that entries do not have"),
    pytest.param(entry("POST", "Patient", PATIENT, unknown="1"), 422, id="an element that requests do not have"),
    pytest.param({"resource": PATIENT}, 400, id="no request"),
]


@pytest.mark.parametrize(("bad", "status"), REFUSED)
async def test_a_bad_entry_fails_all(client: AsyncClient, bad: dict[str, Any], status: int) -> None:
    tag = str(uuid4())
    good = {**PATIENT, "meta": {"tag": [{"code": tag}]}}
    response = await send(client, entry("POST", "Patient", good), bad)
    assert response.status_code == status
    assert "Bundle.entry[1]" in response.json()["issue"][0]["expression"]
    assert await count(client, tag) == 0
