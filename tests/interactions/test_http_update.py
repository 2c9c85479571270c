"""update, update as create, conditional update — http://hl7.org/fhir/R4/http.html#update, #cond-update"""

from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient


@pytest.fixture
async def patient(client: AsyncClient) -> dict[str, Any]:
    number = str(uuid4())
    identified = {"resourceType": "Patient", "active": True, "identifier": [{"system": "http://n", "value": number}]}
    created: dict[str, Any] = (await client.post("Patient", json=identified)).json()
    return created


def criteria_of(patient: dict[str, Any]) -> str:
    return f"Patient?identifier=http://n|{patient['identifier'][0]['value']}"


async def test_update_is_200_with_the_next_version(client: AsyncClient, patient: dict[str, Any]) -> None:
    response = await client.put(f"Patient/{patient['id']}", json={**patient, "active": False})
    assert (response.status_code, response.headers["ETag"]) == (200, 'W/"2"')
    assert response.headers["Last-Modified"]
    assert response.json()["active"] is False
    assert "Location" not in response.headers


async def test_an_update_that_changes_nothing_keeps_the_version(client: AsyncClient, patient: dict[str, Any]) -> None:
    response = await client.put(f"Patient/{patient['id']}", json=patient)
    assert (response.status_code, response.headers["ETag"]) == (200, 'W/"1"')


async def test_update_as_create_is_201_with_location(client: AsyncClient) -> None:
    own_id = str(uuid4())
    response = await client.put(f"Patient/{own_id}", json={"resourceType": "Patient", "id": own_id})
    assert response.status_code == 201
    assert response.headers["Location"] == f"{client.base_url}Patient/{own_id}/_history/1"


async def test_a_deleted_instance_can_be_brought_back(client: AsyncClient, patient: dict[str, Any]) -> None:
    url = f"Patient/{patient['id']}"
    await client.delete(url)
    response = await client.put(url, json=patient)
    assert (response.status_code, response.headers["ETag"]) == (201, 'W/"3"')


IDS = [
    pytest.param({"id": "another"}, id="another id than the URL's"),
    pytest.param({"id": None}, id="no id"),
    pytest.param({"id": 1}, id="an id that is no string"),
    pytest.param({"resourceType": "Group"}, id="another type than the URL's"),
]


@pytest.mark.parametrize("change", IDS)
async def test_a_body_that_names_something_else_is_400(
    client: AsyncClient, patient: dict[str, Any], change: dict[str, Any]
) -> None:
    body = {name: value for name, value in {**patient, **change}.items() if value is not None}
    response = await client.put(f"Patient/{patient['id']}", json=body)
    assert response.status_code in (400, 422)
    assert response.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("bad_id", ["a_b", "x" * 65, "%00", "a%2Fb"])
async def test_a_malformed_id_is_400(client: AsyncClient, bad_id: str) -> None:
    assert (await client.put(f"Patient/{bad_id}", json={"resourceType": "Patient", "id": "a"})).status_code == 400


IF_MATCH = [
    pytest.param('W/"1"', 200, id="the current version"),
    pytest.param('"1"', 200, id="a strong ETag of it"),
    pytest.param('W/"2"', 412, id="not the current version: 412"),
    pytest.param('W/"abc"', 412, id="no version at all: 412"),
    pytest.param("1", 400, id="no ETag: 400"),
    pytest.param('W/"1", W/"2"', 400, id="two ETags: 400"),
    pytest.param("*", 400, id="a star: 400"),
]


@pytest.mark.parametrize(("if_match", "status"), IF_MATCH)
async def test_version_aware_update(client: AsyncClient, patient: dict[str, Any], if_match: str, status: int) -> None:
    changed = {**patient, "active": False}
    response = await client.put(f"Patient/{patient['id']}", json=changed, headers={"If-Match": if_match})
    assert response.status_code == status


async def test_if_match_on_what_does_not_exist_is_412(client: AsyncClient) -> None:
    own_id = str(uuid4())
    body = {"resourceType": "Patient", "id": own_id}
    response = await client.put(f"Patient/{own_id}", json=body, headers={"If-Match": 'W/"1"'})
    assert response.status_code == 412


async def test_if_none_match_star_only_creates(client: AsyncClient, patient: dict[str, Any]) -> None:
    changed = {**patient, "active": False}
    refused = await client.put(f"Patient/{patient['id']}", json=changed, headers={"If-None-Match": "*"})
    assert refused.status_code == 412
    own_id = str(uuid4())
    body = {"resourceType": "Patient", "id": own_id}
    assert (await client.put(f"Patient/{own_id}", json=body, headers={"If-None-Match": "*"})).status_code == 201


async def test_conditional_update_without_match_creates(client: AsyncClient) -> None:
    number = str(uuid4())
    body = {"resourceType": "Patient", "identifier": [{"system": "http://n", "value": number}]}
    response = await client.put(f"Patient?identifier=http://n|{number}", json=body)
    assert response.status_code == 201
    assert response.headers["Location"]


async def test_conditional_update_of_one_match_updates_it(client: AsyncClient, patient: dict[str, Any]) -> None:
    body = {"resourceType": "Patient", "identifier": patient["identifier"], "active": False}
    response = await client.put(criteria_of(patient), json=body)
    assert (response.status_code, response.json()["id"]) == (200, patient["id"])


async def test_conditional_update_with_another_id_is_400(client: AsyncClient, patient: dict[str, Any]) -> None:
    assert (await client.put(criteria_of(patient), json={**patient, "id": "another"})).status_code == 400


async def test_conditional_update_of_several_matches_is_412(client: AsyncClient, patient: dict[str, Any]) -> None:
    twin = {name: value for name, value in patient.items() if name != "id"}
    await client.post("Patient", json=twin)
    assert (await client.put(criteria_of(patient), json=twin)).status_code == 412


@pytest.mark.parametrize("query", ["", "?", "?_format=json", "?identifier=", "?unknown=1", "?_sort=_id"])
async def test_conditional_update_never_widens(client: AsyncClient, query: str) -> None:
    response = await client.put(f"Patient{query}", json={"resourceType": "Patient"})
    assert response.status_code in (400, 412)
