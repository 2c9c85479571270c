"""$diff — the patch of http://hl7.org/fhir/R4/fhirpatch.html between two versions or instances"""

from typing import Any

import pytest
from httpx2 import AsyncClient

PATIENT = {"resourceType": "Patient", "name": [{"family": "A", "given": ["B"]}], "active": True}


@pytest.fixture
async def patient(client: AsyncClient) -> str:
    """One of three versions."""
    created = (await client.post("Patient", json=PATIENT)).json()
    url = f"Patient/{created['id']}"
    await client.put(url, json={**PATIENT, "id": created["id"], "active": False})
    await client.put(url, json={**PATIENT, "id": created["id"], "active": False, "gender": "male"})
    return url


def short(parameters: dict[str, Any]) -> list[str]:
    assert parameters["resourceType"] == "Parameters"
    return [
        " ".join(str(part[key]) for part in operation["part"][:2] for key in part if key != "name")
        for operation in parameters.get("parameter", ())
    ]


VERSIONS = [
    pytest.param("", ["add Patient"], id="from the one before to the current one"),
    pytest.param("?from=1", ["replace Patient.active", "add Patient"], id="to the current one"),
    pytest.param("?to=2", ["replace Patient.active"], id="from the one before"),
    pytest.param("?from=3&to=1", ["delete Patient.gender", "replace Patient.active"], id="back"),
    pytest.param("?from=2&to=2", [], id="nothing"),
]


@pytest.mark.parametrize(("query", "expected"), VERSIONS)
async def test_versions(client: AsyncClient, patient: str, query: str, expected: list[str]) -> None:
    response = await client.get(f"{patient}/$diff{query}")
    assert response.status_code == 200
    assert sorted(short(response.json())) == sorted(expected)


async def test_the_answer_is_a_patch(client: AsyncClient, patient: str) -> None:
    back = (await client.get(f"{patient}/$diff?from=3&to=1")).json()
    response = await client.patch(patient, json=back, headers={"Content-Type": "application/fhir+json"})
    first = (await client.get(f"{patient}/_history/1")).json()
    assert response.status_code == 200
    assert {**response.json(), "meta": None} == {**first, "meta": None}


async def test_parameters_may_be_posted(client: AsyncClient, patient: str) -> None:
    given = [{"name": "from", "valueInteger": 1}, {"name": "to", "valueId": "2"}]
    response = await client.post(f"{patient}/$diff", json={"resourceType": "Parameters", "parameter": given})
    assert (response.status_code, short(response.json())) == (200, ["replace Patient.active"])


@pytest.mark.parametrize("level", ["", "Patient/"])
async def test_instances(client: AsyncClient, patient: str, level: str) -> None:
    other = (await client.post("Patient", json={**PATIENT, "active": False, "gender": "male"})).json()
    absolute = f"{client.base_url}Patient/{other['id']}"
    assert short((await client.get(f"{level}$diff?from={patient}&to={absolute}")).json()) == []
    first = await client.get(f"{level}$diff?from={patient}/_history/1&to=Patient/{other['id']}")
    assert sorted(short(first.json())) == ["add Patient", "replace Patient.active"]


async def test_refused(client: AsyncClient, patient: str) -> None:
    basic = (await client.post("Basic", json={"resourceType": "Basic", "code": {"text": "x"}})).json()
    only = (await client.post("Patient", json=PATIENT)).json()
    name = patient.partition("/")[2]
    for url, status in [
        (f"{patient}/$diff?from=9", 404),
        (f"{patient}/$diff?from=x", 404),
        (f"{patient}/$diff?since=1", 400),
        (f"{patient}/$diff?from=1&from=2", 400),
        (f"Patient/{only['id']}/$diff", 404),
        ("Patient/never/$diff", 404),
        ("$diff", 400),
        (f"$diff?from={patient}", 400),
        (f"$diff?from={patient}&to={name}", 400),
        (f"$diff?from={patient}&to=http://elsewhere.example.org/{patient}", 400),
        (f"$diff?from={patient}&to=Basic/{basic['id']}", 400),
        (f"Basic/$diff?from={patient}&to={patient}", 400),
        (f"Patient/$diff?from={patient}&to=Patient/never", 404),
    ]:
        response = await client.get(url)
        assert (response.status_code, response.json()["resourceType"]) == (status, "OperationOutcome"), url


async def test_a_version_that_was_deleted(client: AsyncClient, patient: str) -> None:
    await client.delete(patient)
    assert (await client.get(f"{patient}/$diff")).status_code == 410
    assert (await client.get(f"{patient}/$diff?from=1&to=2")).status_code == 200
