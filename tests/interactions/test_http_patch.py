"""patch with JSON Patch — http://hl7.org/fhir/R4/http.html#patch"""

import json
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response

JSON_PATCH = {"Content-Type": "application/json-patch+json"}


@pytest.fixture
async def observation(client: AsyncClient) -> dict[str, Any]:
    body = (
        b'{"resourceType":"Observation","status":"preliminary","code":{"text":"x"},"valueQuantity":{"value":7.10},'
        b'"identifier":[{"system":"http://n","value":"%b"}]}' % str(uuid4()).encode()
    )
    response = await client.post("Observation", content=body, headers={"Content-Type": "application/fhir+json"})
    found: dict[str, Any] = response.json()
    return found


async def send(client: AsyncClient, url: str, patch: object, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.patch(url, content=json.dumps(patch), headers={**JSON_PATCH, **named})


FINAL = [{"op": "replace", "path": "/status", "value": "final"}]


async def test_patch_changes_the_instance_and_keeps_literals(client: AsyncClient, observation: dict[str, Any]) -> None:
    response = await send(client, f"Observation/{observation['id']}", FINAL)
    assert (response.status_code, response.headers["ETag"], response.json()["status"]) == (200, 'W/"2"', "final")
    assert b'"value":7.10' in response.content


async def test_a_patch_that_changes_nothing_keeps_the_version(client: AsyncClient, observation: dict[str, Any]) -> None:
    patch = [{"op": "test", "path": "/status", "value": "preliminary"}]
    response = await send(client, f"Observation/{observation['id']}", patch)
    assert (response.status_code, response.headers["ETag"]) == (200, 'W/"1"')


REFUSED = [
    pytest.param([{"op": "test", "path": "/status", "value": "final"}], 422, id="a test that fails"),
    pytest.param([{"op": "remove", "path": "/nothing"}], 422, id="a path that leads nowhere"),
    pytest.param([{"op": "remove", "path": "/code"}], 422, id="the result breaks the definitions"),
    pytest.param([{"op": "replace", "path": "/status", "value": "unheard-of"}], 422, id="a code outside its binding"),
    pytest.param([{"op": "replace", "path": "/id", "value": "other"}], 400, id="the id is protected"),
    pytest.param([{"op": "replace", "path": "/resourceType", "value": "Patient"}], 400, id="so is the type"),
    pytest.param([{"op": "replace", "path": "/meta/versionId", "value": "9"}], 400, id="and meta.versionId"),
    pytest.param({"op": "add"}, 400, id="not an array"),
    pytest.param([{"op": "merge", "path": "/x"}], 400, id="an unknown operation"),
    pytest.param([{"op": "replace", "path": "", "value": 1}], 422, id="no resource any more"),
]


@pytest.mark.parametrize(("patch", "status"), REFUSED)
async def test_a_bad_patch_is_refused_and_changes_nothing(
    client: AsyncClient, observation: dict[str, Any], patch: object, status: int
) -> None:
    url = f"Observation/{observation['id']}"
    response = await send(client, url, patch)
    assert (response.status_code, response.json()["resourceType"]) == (status, "OperationOutcome")
    assert (await client.get(url)).headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize("content_type", ["application/fhir+json", "application/json", "application/xml-patch+xml"])
async def test_other_patch_formats_are_415_naming_what_is_read(
    client: AsyncClient, observation: dict[str, Any], content_type: str
) -> None:
    response = await client.patch(
        f"Observation/{observation['id']}", content=b"[]", headers={"Content-Type": content_type}
    )
    assert (response.status_code, response.headers["Accept-Patch"]) == (415, "application/json-patch+json")


async def test_if_match(client: AsyncClient, observation: dict[str, Any]) -> None:
    url = f"Observation/{observation['id']}"
    assert (await send(client, url, FINAL, If_Match='W/"3"')).status_code == 412
    assert (await send(client, url, FINAL, If_Match="3")).status_code == 400
    assert (await send(client, url, FINAL, If_Match='W/"1"')).status_code == 200


async def test_patch_of_what_is_not_there(client: AsyncClient, observation: dict[str, Any]) -> None:
    assert (await send(client, f"Observation/{uuid4()}", FINAL)).status_code == 404
    await client.delete(f"Observation/{observation['id']}")
    assert (await send(client, f"Observation/{observation['id']}", FINAL)).status_code in (404, 410)


async def test_conditional_patch(client: AsyncClient, observation: dict[str, Any]) -> None:
    criteria = f"Observation?identifier=http://n|{observation['identifier'][0]['value']}"
    response = await send(client, criteria, FINAL)
    assert (response.status_code, response.json()["id"]) == (200, observation["id"])
    assert (await send(client, "Observation?identifier=http://n|nobody", FINAL)).status_code == 404


@pytest.mark.parametrize("query", ["", "?_count=1", "?unknown=1", "?identifier="])
async def test_conditional_patch_never_widens(client: AsyncClient, query: str) -> None:
    assert (await send(client, f"Observation{query}", FINAL)).status_code in (400, 412)
