"""create and conditional create — http://hl7.org/fhir/R4/http.html#create, #ccreate"""

from uuid import uuid4

import pytest
from httpx2 import AsyncClient

PATIENT = {"resourceType": "Patient", "active": True}
FHIR = {"Content-Type": "application/fhir+json"}


async def test_create_is_201_with_location_etag_and_last_modified(client: AsyncClient) -> None:
    response = await client.post("Patient", json=PATIENT)
    created = response.json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"{client.base_url}Patient/{created['id']}/_history/1"
    assert response.headers["ETag"] == 'W/"1"'
    assert response.headers["Last-Modified"]
    assert created["meta"]["versionId"] == "1"
    assert created["active"] is True


async def test_the_clients_id_and_version_are_ignored(client: AsyncClient) -> None:
    meta = {"versionId": "7", "lastUpdated": "2001-01-01T00:00:00Z", "tag": [{"system": "s", "code": "kept"}]}
    created = (await client.post("Patient", json={**PATIENT, "id": "mine", "meta": meta})).json()
    assert created["id"] != "mine"
    assert created["meta"]["versionId"] == "1"
    assert not created["meta"]["lastUpdated"].startswith("2001")
    assert created["meta"]["tag"] == meta["tag"]


PREFERENCES = [
    pytest.param("return=minimal", None, id="minimal: no body"),
    pytest.param("return=representation", "Patient", id="representation: the resource"),
    pytest.param("return=OperationOutcome", "OperationOutcome", id="OperationOutcome"),
]


@pytest.mark.parametrize(("prefer", "body"), PREFERENCES)
async def test_prefer(client: AsyncClient, prefer: str, body: str | None) -> None:
    response = await client.post("Patient", json=PATIENT, headers={"Prefer": prefer})
    assert (response.status_code, response.headers["Preference-Applied"]) == (201, prefer)
    assert (response.json()["resourceType"] if response.content else None) == body


async def test_literals_and_order_survive(client: AsyncClient) -> None:
    sent = b'{"resourceType":"Observation","code":{"text":"x"},"valueQuantity":{"value":1.00},"status":"final"}'
    response = await client.post("Observation", content=sent, headers=FHIR)
    assert response.content.endswith(b'"code":{"text":"x"},"valueQuantity":{"value":1.00},"status":"final"}')


BAD_BODIES = [
    pytest.param(b"", 400, id="no body"),
    pytest.param(b"{", 400, id="malformed JSON"),
    pytest.param(b"[]", 400, id="not an object"),
    pytest.param(b"{}", 400, id="no resourceType"),
    pytest.param(b'{"resourceType":"Group"}', 400, id="another resourceType than the URL's"),
    pytest.param(b'{"resourceType":["Patient"]}', 400, id="a resourceType that is no string"),
    pytest.param(b'{"resourceType":"Patient","active":true,"active":false}', 400, id="duplicate keys"),
    pytest.param(b'{"resourceType":"Patient","active":NaN}', 400, id="NaN"),
    pytest.param(b'\xff{"resourceType":"Patient"}', 400, id="not UTF-8"),
    pytest.param(b'{"resourceType":"Patient","$where":"1"}', 422, id="unknown element"),
    pytest.param(b'{"resourceType":"Patient","active":"yes"}', 422, id="wrong primitive"),
    pytest.param(b'{"resourceType":"Patient","gender":"x"}', 422, id="code outside its required binding"),
    pytest.param(b'{"resourceType":"Patient","name":{"family":"x"}}', 422, id="array expected"),
    pytest.param(b'{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2020"}', 422, id="two choices"),
    pytest.param(b'{"resourceType":"Observation"}', 400, id="a resource of another type"),
    pytest.param(b'{"resourceType":"Patient","x":' + b"[" * 500 + b"]" * 500 + b"}", 400, id="nested too deep"),
    pytest.param(b"[" * 100_000, 400, id="nested beyond reason"),
]


@pytest.mark.parametrize(("body", "status"), BAD_BODIES)
async def test_a_bad_body_is_refused_with_an_outcome(client: AsyncClient, body: bytes, status: int) -> None:
    response = await client.post("Patient", content=body, headers=FHIR)
    assert (response.status_code, response.json()["resourceType"]) == (status, "OperationOutcome")


@pytest.mark.parametrize("content_type", ["text/plain", "text/turtle", "application/json; charset=latin1", "x"])
async def test_a_media_type_that_is_not_read_is_415(client: AsyncClient, content_type: str) -> None:
    response = await client.post("Patient", content=b"{}", headers={"Content-Type": content_type})
    assert response.status_code == 415
    assert "application/fhir+json" in response.json()["issue"][0]["diagnostics"]


async def test_conditional_create(client: AsyncClient) -> None:
    number = str(uuid4())
    patient = {**PATIENT, "identifier": [{"system": "http://n", "value": number}]}
    condition = {"If-None-Exist": f"identifier=http://n|{number}"}
    first = await client.post("Patient", json=patient, headers=condition)
    assert first.status_code == 201, "no matches: create as usual"
    again = await client.post("Patient", json=patient, headers=condition)
    assert (again.status_code, again.headers["Location"]) == (200, first.headers["Location"]), "one match: ignore"
    await client.post("Patient", json=patient)
    several = await client.post("Patient", json=patient, headers=condition)
    assert several.status_code == 412, "multiple matches"
    assert several.json()["issue"][0]["code"] == "multiple-matches"


CRITERIA = [
    pytest.param("", 412, id="no criteria"),
    pytest.param("identifier=", 400, id="an empty value"),
    pytest.param("nonsense=1", 400, id="an unknown parameter never widens"),
    pytest.param("_count=1", 400, id="a result parameter"),
    pytest.param("birthdate=%", 400, id="malformed"),
    pytest.param("birthdate=yesterday", 400, id="an unreadable value"),
]


@pytest.mark.parametrize(("criteria", "status"), CRITERIA)
async def test_bad_criteria_are_refused(client: AsyncClient, criteria: str, status: int) -> None:
    response = await client.post("Patient", json=PATIENT, headers={"If-None-Exist": criteria})
    assert response.status_code == status
