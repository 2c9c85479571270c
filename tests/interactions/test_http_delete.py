"""delete and conditional delete — http://hl7.org/fhir/R4/http.html#delete, #cdelete"""

from uuid import uuid4

import pytest
from httpx2 import AsyncClient


async def create(client: AsyncClient, number: str) -> str:
    body = {"resourceType": "Patient", "identifier": [{"system": "http://n", "value": number}]}
    return f"Patient/{(await client.post('Patient', json=body)).json()['id']}"


async def test_delete_is_204_and_idempotent(client: AsyncClient) -> None:
    url = await create(client, str(uuid4()))
    first = await client.delete(url)
    assert (first.status_code, first.content, first.headers["ETag"]) == (204, b"", 'W/"2"')
    assert (await client.delete(url)).status_code == 204
    assert (await client.get(url)).status_code == 410
    assert (await client.get(f"{url}/_history/3")).status_code == 404, "the second delete made no version"


async def test_delete_of_what_never_existed_succeeds(client: AsyncClient) -> None:
    assert (await client.delete(f"Patient/{uuid4()}")).status_code == 204


async def test_delete_with_an_outcome_is_200(client: AsyncClient) -> None:
    url = await create(client, str(uuid4()))
    response = await client.delete(url, headers={"Prefer": "return=OperationOutcome"})
    assert (response.status_code, response.json()["resourceType"]) == (200, "OperationOutcome")


async def test_if_match(client: AsyncClient) -> None:
    url = await create(client, str(uuid4()))
    assert (await client.delete(url, headers={"If-Match": 'W/"2"'})).status_code == 412
    assert (await client.delete(url, headers={"If-Match": "1"})).status_code == 400
    assert (await client.delete(url, headers={"If-Match": 'W/"1"'})).status_code == 204


@pytest.mark.parametrize("slash", ["", "/"])
async def test_conditional_delete(client: AsyncClient, slash: str) -> None:
    number = str(uuid4())
    urls = [await create(client, number), await create(client, number)]
    other = await create(client, str(uuid4()))
    response = await client.delete(f"Patient{slash}?identifier=http://n|{number}")
    assert response.status_code == 204
    assert [(await client.get(url)).status_code for url in [*urls, other]] == [410, 410, 200]


async def test_conditional_delete_without_match_succeeds(client: AsyncClient) -> None:
    assert (await client.delete("Patient?identifier=http://n|nobody-at-all")).status_code in (204, 404)


@pytest.mark.parametrize("query", ["", "?", "?_count=5", "?unknown=1", "?identifier=", "?_=1", "?_summary=count"])
async def test_conditional_delete_never_widens(client: AsyncClient, query: str) -> None:
    url = await create(client, str(uuid4()))
    assert (await client.delete(f"Patient{query}")).status_code in (400, 412)
    assert (await client.get(url)).status_code == 200


async def test_the_base_cannot_be_deleted(client: AsyncClient) -> None:
    assert (await client.delete("")).status_code == 405


async def test_a_conditional_delete_takes_no_version(client: AsyncClient) -> None:
    number = str(uuid4())
    url = await create(client, number)
    response = await client.delete(f"Patient?identifier=http://n|{number}", headers={"If-Match": 'W/"1"'})
    assert (response.status_code, response.json()["issue"][0]["expression"]) == (400, ["http.If-Match"])
    assert (await client.get(url)).status_code == 200
