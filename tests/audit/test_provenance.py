"""Provenance: http://hl7.org/fhir/R4/provenance.html, its header http://hl7.org/fhir/R4/provenance.html#header"""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from tests.audit.conftest import Trail

Resource = dict[str, Any]

OWN: Resource = {
    "resourceType": "Provenance",
    "recorded": "2026-03-04T03:11:09Z",
    "agent": [{"who": {"display": "Dr Noël"}}],
    "reason": [{"text": "own"}],
}
PATIENT: Resource = {"resourceType": "Patient", "name": [{"family": "Test"}]}


def header(**changes: object) -> dict[str, str]:
    return {"X-Provenance": json.dumps({**OWN, **changes}).encode().decode("latin-1")}


async def of_target(trail: Trail, reference: str) -> list[Resource]:
    """Return the Provenances of an instance."""
    return await trail.found("Provenance", {"target": reference})


async def awaited(trail: Trail, reference: str, count: int = 1) -> list[Resource]:
    """Wait for the Provenances of an instance."""
    async with asyncio.timeout(15):
        while len(found := await of_target(trail, reference)) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return found


async def test_every_write_has_a_provenance(trail: Trail) -> None:
    created = (await trail.client.post("Patient", json=PATIENT)).json()
    key = f"Patient/{created['id']}"
    await trail.client.put(key, json={**PATIENT, "id": created["id"], "active": True})
    await trail.client.delete(key)
    found = await awaited(trail, key, 3)
    assert {one["activity"]["coding"][0]["code"]: one["target"][0]["reference"] for one in found} == {
        "CREATE": f"{key}/_history/1",
        "UPDATE": f"{key}/_history/2",
        "DELETE": f"{key}/_history/3",
    }
    assert all(one["agent"][0]["who"]["identifier"]["value"] == "operator" for one in found)


async def test_a_transaction_has_one_for_each_thing_that_it_did(trail: Trail) -> None:
    device = {"resourceType": "Device"}
    entries = [{"resource": device, "request": {"method": "POST", "url": "Device"}} for _ in range(3)]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = (await trail.client.post("", json=bundle)).json()
    keys = [entry["response"]["location"].partition("/fhir/")[2] for entry in answer["entry"]]
    (one,) = await awaited(trail, keys[0].partition("/_history")[0])
    assert [target["reference"] for target in one["target"]] == keys


WRITES = [
    pytest.param("POST", "Patient", PATIENT, id="create"),
    pytest.param("PUT", "Patient/px", {**PATIENT, "id": "px"}, id="update as create"),
    pytest.param("PUT", "Patient/px", {**PATIENT, "id": "px", "active": True}, id="update"),
    pytest.param("PUT", "Patient?family=NobodyHasThis", PATIENT, id="conditional update"),
]


@pytest.mark.parametrize(("method", "url", "resource"), WRITES)
async def test_the_header_becomes_the_provenance_of_the_write(
    trail: Trail, method: str, url: str, resource: Resource
) -> None:
    answer = await trail.client.request(method, url, json=resource, headers=header())
    assert answer.status_code in (200, 201), answer.text
    key = f"Patient/{answer.json()['id']}"
    version = f"{key}/_history/{answer.json()['meta']['versionId']}"
    found = [one for one in await of_target(trail, key) if one["target"] == [{"reference": version}]]
    assert [one["reason"] for one in found] == [[{"text": "own"}]], "at once, it is of the same transaction"
    assert found[0]["agent"] == OWN["agent"]
    await trail.of("GET", "Basic?code=wait")
    assert len([one for one in await of_target(trail, key) if one["target"] == [{"reference": version}]]) == 1


async def test_the_header_of_a_transaction_is_about_all_that_it_wrote(trail: Trail) -> None:
    entries = [{"resource": PATIENT, "request": {"method": "POST", "url": "Patient"}} for _ in range(2)]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = (await trail.client.post("", json=bundle, headers=header())).json()
    assert len(answer["entry"]) == 2
    keys = [entry["response"]["location"].partition("/fhir/")[2] for entry in answer["entry"]]
    (one,) = await of_target(trail, keys[1].partition("/_history")[0])
    assert [target["reference"] for target in one["target"]] == keys


async def refused(client: httpx2.AsyncClient, **more: object) -> httpx2.Response:
    return await client.post("Patient", json={**PATIENT, "name": [{"family": "Refused"}]}, **more)  # type: ignore[arg-type]


REFUSED = [
    pytest.param({"X-Provenance": "nonsense"}, 400, id="no JSON"),
    pytest.param({"X-Provenance": '{"resourceType":"Patient"}'}, 400, id="another resource"),
    pytest.param(header(target=[{"reference": "Patient/1"}]), 400, id="targets of its own"),
    pytest.param(header(agent=[]), 422, id="a Provenance that is not valid"),
    pytest.param(header(recorded="yesterday"), 422, id="a Provenance with a wrong date"),
]


@pytest.mark.parametrize(("headers", "status"), REFUSED)
async def test_what_is_no_provenance_refuses_the_write_too(trail: Trail, headers: dict[str, str], status: int) -> None:
    answer = await refused(trail.client, headers=headers)
    assert answer.status_code == status, answer.text
    assert await trail.found("Patient", {"family": "Refused"}) == []


async def test_a_batch_takes_no_header(trail: Trail) -> None:
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": []}
    answer = await trail.client.post("", json=bundle, headers=header())
    assert answer.status_code == 400
    assert "transaction" in answer.json()["issue"][0]["diagnostics"]
