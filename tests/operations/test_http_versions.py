"""$versions — http://hl7.org/fhir/R4/capabilitystatement-operation-versions.html; what the server says of operations"""

import pytest
from httpx2 import AsyncClient

from fhirserver.operations import OPERATIONS


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_it_answers_the_versions_and_the_default(client: AsyncClient, method: str) -> None:
    response = await client.request(method, "$versions")
    assert response.status_code == 200
    assert response.json() == {
        "resourceType": "Parameters",
        "parameter": [{"name": "version", "valueCode": "4.0"}, {"name": "default", "valueCode": "4.0"}],
    }


@pytest.mark.parametrize(("url", "status"), [("$versions?x=1", 400), ("Patient/$versions", 404), ("$version", 404)])
async def test_refused(client: AsyncClient, url: str, status: int) -> None:
    assert (await client.get(url)).status_code == status


async def test_the_capability_statement_lists_what_there_is(client: AsyncClient) -> None:
    rest = (await client.get("metadata")).json()["rest"][0]
    of_system = {found["name"] for found in rest["operation"]}
    assert {"diff", "meta", "versions"} <= of_system
    assert "meta-add" not in of_system
    of_patient = next(found["operation"] for found in rest["resource"] if found["type"] == "Patient")
    assert {"diff", "meta", "meta-add", "meta-delete"} <= {found["name"] for found in of_patient}


def test_operations_stand_in_alphabetical_order() -> None:
    names = [operation.name for operation in OPERATIONS]
    assert names == sorted(names)
