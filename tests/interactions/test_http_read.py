"""read and conditional read — http://hl7.org/fhir/R4/http.html#read, #cread"""

from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response

PATIENT = {"resourceType": "Patient", "name": [{"family": "Noël"}], "active": True, "text": {"status": "empty"}}
OBSERVATION = (
    '{"resourceType":"Observation","status":"final","code":{"text":"weight"},'
    '"text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">w</div>"},'
    '"valueQuantity":{"value":70.50,"unit":"kg"},"note":[{"text":"n"}]}'
)


@pytest.fixture
async def created(client: AsyncClient) -> Response:
    response = await client.post("Observation", content=OBSERVATION, headers={"Content-Type": "application/fhir+json"})
    assert response.status_code == 201
    return response


async def test_read_returns_the_resource_with_etag_and_last_modified(client: AsyncClient, created: Response) -> None:
    response = await client.get(f"Observation/{created.json()['id']}")
    assert response.status_code == 200
    assert response.headers["ETag"] == 'W/"1"'
    assert response.headers["Last-Modified"].endswith(" GMT")
    assert response.headers["Content-Type"] == "application/fhir+json; charset=utf-8"
    assert response.content == created.content
    assert b'"value":70.50,' in response.content


async def test_read_of_an_unknown_id_is_404(client: AsyncClient) -> None:
    response = await client.get(f"Patient/{uuid4()}")
    assert response.status_code == 404
    assert response.json()["issue"][0]["code"] == "not-found"


async def test_read_of_an_unknown_type_is_404(client: AsyncClient) -> None:
    response = await client.get("Patience/1")
    assert (response.status_code, response.json()["resourceType"]) == (404, "OperationOutcome")


async def test_read_of_a_malformed_id_is_400(client: AsyncClient) -> None:
    assert (await client.get("Patient/a_b")).status_code == 400


async def test_read_of_a_deleted_instance_is_410_with_its_etag(client: AsyncClient, created: Response) -> None:
    url = f"Observation/{created.json()['id']}"
    await client.delete(url)
    response = await client.get(url)
    assert (response.status_code, response.headers["ETag"]) == (410, 'W/"2"')
    assert response.json()["issue"][0]["code"] == "deleted"


CONDITIONS = [
    pytest.param({"If-None-Match": 'W/"1"'}, 304, id="the content is unchanged since the ETag: 304"),
    pytest.param({"If-None-Match": 'W/"7"'}, 200, id="another ETag: full content"),
    pytest.param({"If-Modified-Since": "Fri, 31 Dec 2100 23:59:59 GMT"}, 304, id="unchanged since the date: 304"),
    pytest.param({"If-Modified-Since": "Fri, 31 Dec 1999 23:59:59 GMT"}, 200, id="changed since the date"),
    pytest.param({"If-Modified-Since": "never"}, 200, id="an unreadable date is ignored"),
]


@pytest.mark.parametrize(("headers", "status"), CONDITIONS)
async def test_conditional_read(client: AsyncClient, created: Response, headers: dict[str, str], status: int) -> None:
    response = await client.get(f"Observation/{created.json()['id']}", headers=headers)
    assert response.status_code == status
    assert response.headers["ETag"] == 'W/"1"'
    assert bool(response.content) is (status == 200)


SUBSETS = [
    pytest.param("_summary=true", {"status", "code", "valueQuantity"}, id="_summary=true: the summary elements"),
    pytest.param("_summary=text", {"text", "status", "code"}, id="_summary=text: text and mandatory elements"),
    pytest.param("_summary=data", {"status", "code", "valueQuantity", "note"}, id="_summary=data: no text"),
    pytest.param("_elements=note", {"note", "status", "code"}, id="_elements: those listed and the mandatory"),
    pytest.param("_elements=value,text", {"valueQuantity", "status", "code", "text"}, id="_elements: a choice element"),
]


@pytest.mark.parametrize(("query", "elements"), SUBSETS)
async def test_subset(client: AsyncClient, created: Response, query: str, elements: set[str]) -> None:
    response = await client.get(f"Observation/{created.json()['id']}?{query}")
    resource = response.json()
    assert resource.keys() - {"resourceType", "id", "meta"} == elements
    assert [tag["code"] for tag in resource["meta"]["tag"]] == ["SUBSETTED"]
    assert ("valueQuantity" not in resource) or b'"value":70.50' in response.content


async def test_summary_false_is_everything(client: AsyncClient, created: Response) -> None:
    response = await client.get(f"Observation/{created.json()['id']}?_summary=false")
    assert response.content == created.content


@pytest.mark.parametrize("query", ["_summary=count", "_summary=maybe", "_summary=true&_elements=code"])
async def test_an_impossible_subset_is_400(client: AsyncClient, created: Response, query: str) -> None:
    assert (await client.get(f"Observation/{created.json()['id']}?{query}")).status_code == 400


async def test_head_is_read_without_body(client: AsyncClient, created: Response) -> None:
    url = f"Observation/{created.json()['id']}"
    read, head = await client.get(url), await client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    same = ("ETag", "Last-Modified", "Content-Type", "Content-Length")
    assert [head.headers[name] for name in same] == [read.headers[name] for name in same]


async def test_pretty_is_indented_and_keeps_literals(client: AsyncClient, created: Response) -> None:
    response = await client.get(f"Observation/{created.json()['id']}?_pretty=true")
    assert b'\n  "resourceType": "Observation"' in response.content
    assert b'"value": 70.50' in response.content
