"""``$reindex`` over HTTP: an asynchronous request — http://hl7.org/fhir/R4/async.html"""

import asyncio
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

Json = dict[str, Any]
JOB = "$reindex-status"


def parts(response: Response) -> Json:
    """Return the parts of the only job of an answer, by name."""
    (job,) = response.json()["parameter"]
    return {part["name"]: next(value for name, value in part.items() if name != "name") for part in job["part"]}


async def finished(client: AsyncClient, url: str) -> Response:
    async with asyncio.timeout(20):
        while (response := await client.get(url)).status_code == 202:
            assert "%" in response.headers["X-Progress"]
            await asyncio.sleep(0.05)
    assert response.status_code == 200
    return response


async def test_a_reindex_is_accepted_and_ends(client: AsyncClient) -> None:
    for name in "ab":
        await client.put(f"Patient/{name}", json={"resourceType": "Patient", "id": name})
    response = await client.post("Patient/$reindex")
    assert response.status_code == 202
    place = response.headers["Content-Location"]
    assert place == f"{str(client.base_url).rstrip('/')}/$reindex-status?job={parts(response)['id']}"
    found = parts(await finished(client, place))
    assert (found["state"], found["type"], found["percent"]) == ("completed", "Patient", 100)
    assert (found["done"], found["changed"], found["dryRun"]) == (2, 0, False)
    listed = (await client.get(JOB)).json()["parameter"]
    assert found["id"] in {job["part"][0]["valueId"] for job in listed}


async def test_parameters_may_be_posted(client: AsyncClient) -> None:
    posted = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "type", "valueCode": "Observation"},
            {"name": "parameter", "valueUri": "http://hl7.org/fhir/SearchParameter/Encounter-class"},
            {"name": "dryRun", "valueBoolean": True},
        ],
    }
    response = await client.post("$reindex", json=posted)
    assert response.status_code == 202
    job = response.json()["parameter"][0]["part"]
    assert [part["valueCode"] for part in job if part["name"] == "type"] == ["Encounter", "Observation"]
    await finished(client, response.headers["Content-Location"])


REFUSED = [
    pytest.param("POST", "$reindex?type=Nothing", 400, id="an unknown type"),
    pytest.param("POST", "$reindex?parameter=http://nowhere", 400, id="an unknown search parameter"),
    pytest.param("POST", "$reindex?dryRun=maybe", 400, id="a dry run that is no boolean"),
    pytest.param("POST", "$reindex?unknown=1", 400, id="an unknown parameter"),
    pytest.param("GET", "$reindex", 405, id="GET changes nothing"),
    pytest.param("POST", "Patient/1/$reindex", 404, id="an instance"),
    pytest.param("GET", f"{JOB}?job=none", 404, id="an unknown job"),
    pytest.param("POST", "$reindex-pause", 400, id="no job"),
    pytest.param("POST", "$reindex-pause?job=none", 404, id="an unknown job to pause"),
]


@pytest.mark.parametrize(("method", "path", "status"), REFUSED)
async def test_what_is_refused(client: AsyncClient, method: str, path: str, status: int) -> None:
    response = await client.request(method, path)
    assert response.status_code == status, response.text
    assert response.json()["resourceType"] == "OperationOutcome"


async def test_what_has_ended_is_not_paused(client: AsyncClient) -> None:
    place = (await client.post("Device/$reindex")).headers["Content-Location"]
    await finished(client, place)
    for verb in ("pause", "resume", "cancel"):
        response = await client.post(place.replace("status", verb))
        assert response.status_code == 409, verb
