"""What only warns who writes, and is an error of $validate — docs/validation.md"""

from typing import Any

import pytest
from httpx2 import AsyncClient

Json = dict[str, Any]


def encounter(start: str, end: str) -> Json:
    visit = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}
    return {**visit, "period": {"start": start, "end": end}}


def collection(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": list(entries)}


UNIT = {"value": 1, "unit": "TAB", "system": "http://unitsofmeasure.org", "code": "TAB"}
MEASURED = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueQuantity": UNIT}
RACE = {"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race", "valueString": "x"}
PATIENT = {"resourceType": "Patient", "id": "p"}
URN = "urn:uuid:4b9e2f5c-1c8e-4b6a-9f0a-0d4b3f7d2a11"
COMPOSITION = {
    "resourceType": "Composition", "id": "c", "status": "final", "type": {"text": "x"}, "date": "2020", "title": "t",
    "author": [{"display": "x"}], "subject": {"reference": "Patient/p"},
}  # fmt: skip
DOCUMENT = {
    **collection({"fullUrl": "http://acme.org/fhir/Composition/c", "resource": COMPOSITION},
                 {"fullUrl": "http://other.org/fhir/Patient/p", "resource": PATIENT}),
    "type": "document", "identifier": {"system": "urn:d", "value": "d"}, "timestamp": "2020-01-01T00:00:00Z",
}  # fmt: skip

CASES = [
    pytest.param(encounter("2012-02-03T10:00:00Z", "2012-02-03"), "invariant-untold", id="a day includes its times"),
    pytest.param(collection({"fullUrl": URN, "resource": MEASURED}), "quantity-ucum", id="a unit that is no UCUM"),
    pytest.param(
        collection({"fullUrl": URN, "resource": {**PATIENT, "extension": [RACE]}}), "extension-not-defined",
        id="an extension of a package that is not installed",
    ),
    pytest.param(
        collection({"fullUrl": "http://acme.org/fhir/Patient/other", "resource": PATIENT}), "bundle-full-url-id",
        id="a full url with another id",
    ),
    pytest.param(DOCUMENT, "bundle-reference", id="a reference by type and id alone"),
]  # fmt: skip


def ids_of(issues: list[Json], severity: str) -> set[str]:
    found = [issue for issue in issues if issue["severity"] == severity]
    return {each["valueString"] for one in found for each in one.get("extension", ()) if "message-id" in each["url"]}


@pytest.mark.parametrize(("resource", "message"), CASES)
async def test_a_write_is_warned_of_what_validate_calls_an_error(
    client: AsyncClient, resource: Json, message: str
) -> None:
    kind = resource["resourceType"]
    judged = (await client.post(f"{kind}/$validate", json=resource)).json()["issue"]
    assert message in ids_of(judged, "error")
    rehearsed = (await client.post(f"{kind}/$validate?mode=create", json=resource)).json()["issue"]
    assert (ids_of(rehearsed, "error"), message in ids_of(rehearsed, "warning")) == (set(), True)
    written = await client.post(kind, json=resource, headers={"Prefer": "return=OperationOutcome"})
    assert written.status_code == 201, written.text
    assert message in ids_of(written.json()["issue"], "warning")


async def test_what_is_told_still_refuses(client: AsyncClient) -> None:
    refused = await client.post("Encounter", json=encounter("2012-02-04T10:00:00Z", "2012-02-03"))
    assert refused.status_code == 422
    assert ids_of(refused.json()["issue"], "error") == {"invariant"}
