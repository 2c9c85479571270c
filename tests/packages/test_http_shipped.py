"""The search parameters of the Belgian and French packages that ship are served by a new database at once."""

from typing import Any

import httpx2
import pytest

CDS = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
DISCHARGE = "https://fhirserver.example.org/be/StructureDefinition/be-ext-estimated-discharge-date"
STAY: dict[str, Any] = {
    "resourceType": "Encounter",
    "status": "in-progress",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
    "extension": [{"url": DISCHARGE, "valueDate": "2026-03-09"}],
}
BORN: dict[str, Any] = {
    "resourceType": "Patient",
    "extension": [{"url": CDS, "valueAddress": {"city": "Lens", "country": "FRA"}}],
}
SEARCHES = [
    pytest.param(STAY, "estimated-discharge", "2026-03-09", "2026-03-10", id="Belgium: when a stay is to end"),
    pytest.param(BORN, "birthplace", "lens", "lille", id="France: where a patient was born"),
]


@pytest.mark.parametrize(("resource", "code", "right", "wrong"), SEARCHES)
async def test_it_finds(
    client: httpx2.AsyncClient, resource: dict[str, Any], code: str, right: str, wrong: str
) -> None:
    resource_type = resource["resourceType"]
    made = (await client.post(resource_type, json=resource)).json()
    found = await client.get(resource_type, params={code: right})
    assert [entry["resource"]["id"] for entry in found.json()["entry"]] == [made["id"]]
    assert (await client.get(resource_type, params={code: wrong})).json()["total"] == 0
