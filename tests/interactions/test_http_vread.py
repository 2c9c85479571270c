"""vread — http://hl7.org/fhir/R4/http.html#vread"""

import pytest
from httpx2 import AsyncClient


@pytest.fixture
async def history(client: AsyncClient) -> str:
    """An instance with three versions: created, updated, deleted."""
    created = (await client.post("Patient", json={"resourceType": "Patient", "active": True})).json()
    url = f"Patient/{created['id']}"
    assert (await client.put(url, json={**created, "active": False})).status_code == 200
    assert (await client.delete(url)).status_code == 204
    return url


@pytest.mark.parametrize(("version", "active"), [("1", True), ("2", False)])
async def test_each_version_is_readable(client: AsyncClient, history: str, version: str, active: bool) -> None:
    response = await client.get(f"{history}/_history/{version}")
    assert (response.status_code, response.headers["ETag"]) == (200, f'W/"{version}"')
    assert response.json()["meta"]["versionId"] == version
    assert response.json()["active"] is active


async def test_the_version_of_the_deletion_is_410(client: AsyncClient, history: str) -> None:
    assert (await client.get(f"{history}/_history/3")).status_code == 410


@pytest.mark.parametrize("version", ["4", "0", "x", "99999999999999999999"])
async def test_an_unknown_version_is_404(client: AsyncClient, history: str, version: str) -> None:
    assert (await client.get(f"{history}/_history/{version}")).status_code == 404


async def test_a_malformed_version_is_400(client: AsyncClient, history: str) -> None:
    assert (await client.get(f"{history}/_history/a_b")).status_code == 400


async def test_conditional_and_head(client: AsyncClient, history: str) -> None:
    url = f"{history}/_history/1"
    assert (await client.get(url, headers={"If-None-Match": 'W/"1"'})).status_code == 304
    assert (await client.head(url)).status_code == 200


async def test_a_version_cannot_be_changed(client: AsyncClient, history: str) -> None:
    response = await client.put(f"{history}/_history/1", json={"resourceType": "Patient"})
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
