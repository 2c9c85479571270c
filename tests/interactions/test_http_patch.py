"""patch — http://hl7.org/fhir/R4/http.html#patch, http://hl7.org/fhir/R4/fhirpatch.html"""

import json
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response

from fhirserver.interactions.patch import PATCH_FORMATS

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


@pytest.mark.parametrize("content_type", ["application/json-patch", "application/json", "text/turtle"])
async def test_other_patch_formats_are_415_naming_what_is_read(
    client: AsyncClient, observation: dict[str, Any], content_type: str
) -> None:
    response = await client.patch(
        f"Observation/{observation['id']}", content=b"[]", headers={"Content-Type": content_type}
    )
    assert response.status_code == 415
    assert response.headers["Accept-Patch"].split(", ") == list(PATCH_FORMATS)
    assert {JSON_PATCH["Content-Type"], MERGE["Content-Type"], FHIR_JSON["Content-Type"]} <= set(PATCH_FORMATS)


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


def operation(kind: str, path: str, **value: object) -> dict[str, Any]:
    parts: list[dict[str, object]] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    if value:
        parts.append({"name": "value", **value})
    return {"name": "operation", "part": parts}


def fhirpath_patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": list(operations)}


FINAL_BY_PATH = fhirpath_patch(operation("replace", "Observation.status", valueCode="final"))
FHIR_JSON = {"Content-Type": "application/fhir+json"}
MERGE = {"Content-Type": "application/merge-patch+json"}


async def test_fhirpath_patch_changes_the_instance_and_keeps_literals(
    client: AsyncClient, observation: dict[str, Any]
) -> None:
    response = await client.patch(f"Observation/{observation['id']}", json=FINAL_BY_PATH, headers=FHIR_JSON)
    assert (response.status_code, response.headers["ETag"], response.json()["status"]) == (200, 'W/"2"', "final")
    assert b'"value":7.10' in response.content


async def test_fhirpath_patch_sets_exact_decimals(client: AsyncClient, observation: dict[str, Any]) -> None:
    patch = json.dumps(fhirpath_patch(operation("replace", "Observation.value.value", valueDecimal=0))).encode()
    body = patch.replace(b'"valueDecimal": 0', b'"valueDecimal": 0.500')
    response = await client.patch(f"Observation/{observation['id']}", content=body, headers=FHIR_JSON)
    assert (response.status_code, b'"value":0.500' in response.content) == (200, True)


async def test_fhirpath_patch_with_if_match_and_conditional(client: AsyncClient, observation: dict[str, Any]) -> None:
    criteria = f"Observation?identifier=http://n|{observation['identifier'][0]['value']}"
    stale = await client.patch(criteria, json=FINAL_BY_PATH, headers={**FHIR_JSON, "If-Match": 'W/"7"'})
    assert stale.status_code == 412
    response = await client.patch(criteria, json=FINAL_BY_PATH, headers={**FHIR_JSON, "If-Match": 'W/"1"'})
    assert (response.status_code, response.json()["status"]) == (200, "final")


REFUSED_BY_PATH = [
    pytest.param(fhirpath_patch(operation("delete", "Observation.status")), 422, "Observation", id="required"),
    pytest.param(
        fhirpath_patch(operation("replace", "Observation.status", valueCode="unheard")), 422, "Observation.status",
        id="a code outside its binding",
    ),
    pytest.param(
        fhirpath_patch(operation("replace", "Observation.note", valueString="x")), 422, "Parameters.parameter[0]",
        id="nothing there",
    ),
    pytest.param(fhirpath_patch({"name": "operation"}), 400, "Parameters.parameter[0]", id="malformed"),
    pytest.param({"resourceType": "Observation"}, 400, "resourceType", id="not a Parameters"),
    pytest.param([], 400, None, id="not a resource"),
    pytest.param(fhirpath_patch(operation("replace", "Observation.id", valueId="x")), 400, "id", id="the id"),
    pytest.param(fhirpath_patch(operation("delete", "Observation.id")), 400, "id", id="no id"),
    pytest.param(
        fhirpath_patch(operation("replace", "Observation.meta.versionId", valueId="9")), 400, "meta.versionId",
        id="the version",
    ),
    pytest.param(
        fhirpath_patch(operation("replace", "Observation.meta.lastUpdated", valueInstant="2020-01-01T00:00:00Z")), 400,
        "meta.lastUpdated", id="the time",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("patch", "status", "expression"), REFUSED_BY_PATH)
async def test_a_bad_fhirpath_patch_is_refused_and_changes_nothing(
    client: AsyncClient, observation: dict[str, Any], patch: object, status: int, expression: str | None
) -> None:
    url = f"Observation/{observation['id']}"
    response = await client.patch(url, json=patch, headers=FHIR_JSON)
    assert (response.status_code, response.json()["resourceType"]) == (status, "OperationOutcome")
    assert response.json()["issue"][0].get("expression", [None])[0] == expression
    assert (await client.get(url)).headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_fhirpath_patch_is_the_resource_of_an_entry(
    client: AsyncClient, observation: dict[str, Any], kind: str
) -> None:
    url = f"Observation/{observation['id']}"
    entry = {"resource": FINAL_BY_PATH, "request": {"method": "PATCH", "url": url, "ifMatch": 'W/"1"'}}
    response = await client.post("", json={"resourceType": "Bundle", "type": kind, "entry": [entry]})
    answer = response.json()["entry"][0]["response"]
    assert (answer["status"][:3], answer["etag"]) == ("200", 'W/"2"')
    assert (await client.get(url)).json()["status"] == "final"


async def test_an_operation_that_fails_in_a_transaction_is_named_with_its_entry(
    client: AsyncClient, observation: dict[str, Any]
) -> None:
    patch = fhirpath_patch(operation("replace", "Observation.note", valueString="x"))
    entries = [
        {"resource": {"resourceType": "Basic", "code": {"text": "x"}}, "request": {"method": "POST", "url": "Basic"}},
        {"resource": patch, "request": {"method": "PATCH", "url": f"Observation/{observation['id']}"}},
    ]
    response = await client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    issue = response.json()["issue"][0]
    assert response.status_code == 422
    assert "Operation 0 (`replace` at `Observation.note`)" in issue["diagnostics"]
    assert any("entry[1]" in place for place in issue["expression"])


async def test_merge_patch_changes_the_instance_and_keeps_literals(
    client: AsyncClient, observation: dict[str, Any]
) -> None:
    patch = b'{"status":"final","valueQuantity":{"unit":"g"},"identifier":null,"note":[{"text":"n"}]}'
    response = await client.patch(f"Observation/{observation['id']}", content=patch, headers=MERGE)
    body = response.json()
    assert (response.status_code, response.headers["ETag"]) == (200, 'W/"2"')
    assert b'"valueQuantity":{"value":7.10,"unit":"g"}' in response.content
    assert (body["status"], "identifier" in body, body["note"]) == ("final", False, [{"text": "n"}])


@pytest.mark.parametrize(
    ("patch", "status"),
    [
        ([], 400),
        ("x", 400),
        ({"id": "other"}, 400),
        ({"id": None}, 400),
        ({"resourceType": "Basic"}, 400),
        ({"meta": {"versionId": "9"}}, 400),
        ({"meta": {"lastUpdated": "2020-01-01T00:00:00Z"}}, 400),
        ({"status": None}, 422),
        ({"nonsense": 1}, 422),
    ],
)
async def test_a_bad_merge_patch_is_refused_and_changes_nothing(
    client: AsyncClient, observation: dict[str, Any], patch: object, status: int
) -> None:
    url = f"Observation/{observation['id']}"
    response = await client.patch(url, json=patch, headers=MERGE)
    assert (response.status_code, response.json()["resourceType"]) == (status, "OperationOutcome")
    assert (await client.get(url)).headers["ETag"] == 'W/"1"'


async def test_merge_patch_that_takes_meta_away_leaves_what_the_server_assigns(
    client: AsyncClient, observation: dict[str, Any]
) -> None:
    response = await client.patch(f"Observation/{observation['id']}", json={"meta": None}, headers=MERGE)
    assert (response.status_code, response.json()["meta"]["versionId"]) == (200, "1")


async def test_a_patched_binary_keeps_its_content(client: AsyncClient) -> None:
    created = await client.post("Binary", content=b"\x00\x01", headers={"Content-Type": "image/x-test"})
    url = f"Binary/{created.headers['Location'].split('/Binary/')[1].split('/')[0]}"
    patch = {"contentType": "image/x-other", "securityContext": {"reference": "Patient/1"}}
    assert (await client.patch(url, json=patch, headers=MERGE)).status_code == 200
    read = await client.get(url, headers={"Accept": "*/*"})
    assert (read.content, read.headers["Content-Type"]) == (b"\x00\x01", "image/x-other")
    assert (await client.get(url)).json()["data"] == "AAE="
    replaced = await client.patch(url, json={"data": "AAI="}, headers=MERGE)
    assert (replaced.status_code, (await client.get(url)).json()["data"]) == (200, "AAI=")
    assert (await client.get(f"{url}/_history/2")).json()["data"] == "AAE="


@pytest.mark.parametrize(("url", "is_patched"), [("Patient/1", True), ("Patient", True), ("Patient/1/_history", False)])
async def test_options_name_what_a_patch_is_read_as(client: AsyncClient, url: str, is_patched: bool) -> None:
    response = await client.options(url)
    assert response.status_code == 204
    assert response.headers.get("Accept-Patch") == (", ".join(PATCH_FORMATS) if is_patched else None)
