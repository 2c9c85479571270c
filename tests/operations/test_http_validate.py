"""$validate — http://hl7.org/fhir/R4/resource-operation-validate.html"""

from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response

from fhirserver.access.access import Right
from fhirserver.app.sites import Site
from fhirserver.codec.fhir_json import parse_resource
from fhirserver.kernel.outcome import Forbidden
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Create, Delete
from fhirserver.search.plan import ALL, NONE, Plan
from tests.limited import Limited

GOOD: dict[str, Any] = {"resourceType": "Patient", "gender": "male"}
BAD: dict[str, Any] = {"resourceType": "Patient", "gendre": "male"}
UNKNOWN = "http://nowhere.example/StructureDefinition/none"
PROFILE: dict[str, Any] = {
    "resourceType": "StructureDefinition",
    "name": "Named",
    "status": "active",
    "kind": "resource",
    "abstract": False,
    "type": "Patient",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "derivation": "constraint",
    "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]},
}


def call(resource: dict[str, Any] | None = None, **values: str) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [] if resource is None else [{"name": "resource", "resource": resource}]
    parameters += [
        {"name": name, "valueCode" if name == "mode" else "valueUri": value} for name, value in values.items()
    ]
    return {"resourceType": "Parameters", "parameter": parameters}


def found(response: Response) -> list[tuple[str, str]]:
    """Return severity and message id of each issue."""
    assert response.status_code == 200, response.text
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome"
    return [(issue["severity"], _message(issue)) for issue in outcome["issue"]]


def _message(issue: dict[str, Any]) -> str:
    ids = [e["valueString"] for e in issue.get("extension", []) if e["url"].endswith("message-id")]
    return ids[0] if ids else str(issue["code"])


async def make(client: AsyncClient, body: dict[str, Any] = GOOD) -> str:
    response = await client.post(body["resourceType"], json=body)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def profile(client: AsyncClient) -> tuple[str, str]:
    """Store a profile that asks for a name; return its id and url."""
    url = f"http://tests.example/StructureDefinition/{uuid4()}"
    return await make(client, {**PROFILE, "url": url}), url


VALID = [("information", "valid")]
AT_TYPE = [
    pytest.param(GOOD, VALID, id="a valid resource"),
    pytest.param(BAD, [("error", "element-unknown")], id="an invalid one"),
    pytest.param(call(GOOD), VALID, id="a valid resource among parameters"),
    pytest.param(call(BAD), [("error", "element-unknown")], id="an invalid one among parameters"),
    pytest.param({"resourceType": "Basic", "code": {"text": "x"}}, [("error", "type-other")], id="another type"),
    pytest.param({"resourceType": "Nothing"}, [("error", "type-other")], id="a type that there is not"),
    pytest.param(call(GOOD, mode="create"), VALID, id="mode create: it would be accepted"),
    pytest.param(call(BAD, mode="create"), [("error", "element-unknown")], id="mode create: it would not"),
    pytest.param(call(GOOD, profile=UNKNOWN), [("error", "profile-unknown")], id="a nominated profile must be known"),
    pytest.param(
        {**GOOD, "meta": {"profile": [UNKNOWN]}}, [("warning", "profile-unknown")], id="one that is declared need not"
    ),
    pytest.param(call(GOOD, profile="http://hl7.org/fhir/StructureDefinition/Patient"), VALID, id="the base profile"),
]


@pytest.mark.parametrize(("body", "expected"), AT_TYPE)
async def test_at_type_level(client: AsyncClient, body: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert found(await client.post("Patient/$validate", json=body)) == expected


async def test_parameters_are_resources_too(client: AsyncClient) -> None:
    body = {"resourceType": "Parameters", "parameter": [{"name": "x", "valueString": "y"}]}
    assert found(await client.post("Parameters/$validate", json=body)) == VALID
    assert found(await client.post("Parameters/$validate", json=call(body))) == VALID


async def test_nothing_is_stored(client: AsyncClient) -> None:
    marked = {**GOOD, "identifier": [{"system": "urn:x", "value": str(uuid4())}]}
    await client.post("Patient/$validate", json=call(marked, mode="create"))
    identifier = marked["identifier"][0]["value"]
    assert (await client.get("Patient", params={"identifier": identifier})).json()["total"] == 0


REFUSED = [
    pytest.param(call(GOOD, mode="guess"), "`mode` must be one of `create`", id="an unknown mode"),
    pytest.param(call(GOOD, mood="create"), "`mood` is not a parameter", id="an unknown parameter"),
    pytest.param(call(GOOD, mode="update"), "about an instance", id="update without an instance"),
    pytest.param(call(GOOD, mode="delete"), "about an instance", id="delete without an instance"),
    pytest.param(call(GOOD, mode="profile"), "needs a `profile`", id="profile without a profile"),
    pytest.param(call(), "no resource to validate", id="no resource"),
]


@pytest.mark.parametrize(("body", "sentence"), REFUSED)
async def test_a_bad_request_is_400(client: AsyncClient, body: dict[str, Any], sentence: str) -> None:
    response = await client.post("Patient/$validate", json=body)
    assert (response.status_code, sentence in response.text) == (400, True), response.text


@pytest.mark.parametrize("query", ["?resource=x", "?mode=guess", ""])
async def test_get_at_type_level_has_nothing_to_validate(client: AsyncClient, query: str) -> None:
    assert (await client.get(f"Patient/$validate{query}")).status_code == 400


async def test_a_stored_profile(client: AsyncClient) -> None:
    """A profile that was written takes effect, and names its rule; one that holds finds nothing."""
    _, url = await profile(client)
    refused = await client.post("Patient/$validate", json=call(GOOD, profile=url))
    [(severity, _)] = found(refused)
    sources = [e["valueString"] for e in refused.json()["issue"][0]["extension"] if e["url"].endswith("source")]
    assert (severity, [one.partition("#")[0] for one in sources]) == ("error", [url])
    assert (
        found(await client.post("Patient/$validate", json=call({**GOOD, "name": [{"text": "x"}]}, profile=url)))
        == VALID
    )


async def test_a_structure_definition_validates(client: AsyncClient) -> None:
    logical_id, _ = await profile(client)
    response = await client.post(f"StructureDefinition/{logical_id}/$validate", json=call(GOOD, mode="profile"))
    assert [severity for severity, _ in found(response)] == ["error"]


async def test_an_instance_by_get(client: AsyncClient) -> None:
    logical_id, (_, url) = await make(client), await profile(client)
    assert found(await client.get(f"Patient/{logical_id}/$validate")) == VALID
    response = await client.get(f"Patient/{logical_id}/$validate", params={"profile": url})
    assert [severity for severity, _ in found(response)] == ["error"]


async def test_an_instance_as_an_update_or_a_delete(client: AsyncClient) -> None:
    logical_id = await make(client)
    path = f"Patient/{logical_id}/$validate"
    assert found(await client.post(path, json=call({**GOOD, "id": logical_id}, mode="update"))) == VALID
    assert found(await client.post(path, json=call({**GOOD, "id": "other"}, mode="update"))) == [("error", "id-other")]
    assert found(await client.post(path, json=call(GOOD, mode="update"))) == [("error", "id-other")]
    assert found(await client.post(path, json=call(mode="delete"))) == [("information", "deletable")]
    assert (await client.get(f"Patient/{logical_id}")).status_code == 200


async def test_an_instance_that_is_not_there_is_404(client: AsyncClient) -> None:
    response = await client.post(f"Patient/{uuid4()}/$validate", json=call(GOOD, mode="update"))
    assert response.status_code == 404


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_in_a_bundle(client: AsyncClient, kind: str) -> None:
    entry = {"resource": BAD, "request": {"method": "POST", "url": "Patient/$validate"}}
    bundle = {"resourceType": "Bundle", "type": kind, "entry": [entry]}
    response = await client.post("", json=bundle, headers={"Accept-Language": "fr"})
    [answer] = response.json()["entry"]
    assert answer["response"]["status"].startswith("200")
    assert answer["resource"]["issue"][0]["diagnostics"].startswith("`Patient` n'a pas d'élément `gendre`")


async def test_language_and_places(client: AsyncClient) -> None:
    body = b'{"resourceType":"Patient",\n "gender":"x"}'
    headers = {"Content-Type": "application/fhir+json", "Accept-Language": "nl"}
    response = await client.post("Patient/$validate", content=body, headers=headers)
    [issue] = response.json()["issue"]
    assert response.headers["Content-Language"] == "nl"
    assert [e["valueInteger"] for e in issue["extension"] if "valueInteger" in e] == [2, 2]
    valid = await client.post("Patient/$validate", json=GOOD, headers={"Accept-Language": "nl"})
    assert valid.json()["issue"][0]["diagnostics"] == "De resource is geldig."


async def test_it_is_told_in_the_capability_statement(client: AsyncClient) -> None:
    [rest] = (await client.get("metadata")).json()["rest"]
    [patient] = [one for one in rest["resource"] if one["type"] == "Patient"]
    assert "http://hl7.org/fhir/OperationDefinition/Resource-validate" in [
        o["definition"] for o in patient["operation"]
    ]


class Reader(Limited):
    """May read and search alone."""

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        return ALL if right in (Right.READ, Right.SEARCH) else NONE

    def allows(self, resource_type: str, right: Right) -> bool:
        return right in (Right.READ, Right.SEARCH)


async def test_rights_are_those_of_the_write(client: AsyncClient, site: Site) -> None:
    """Whoever may not write is told so."""
    logical_id = await make(client)
    reader = Repository(site.live, Reader())
    with pytest.raises(Forbidden):
        await reader.rehearse(Create(resource_type="Patient", body=parse_resource(b'{"resourceType":"Patient"}')))
    with pytest.raises(Forbidden):
        await reader.rehearse(Delete(resource_type="Patient", logical_id=logical_id))


async def test_a_value_set_of_the_record_is_brought(client: AsyncClient) -> None:
    """A binding to a stored value set is checked; to one that nobody has, it is told that it was not."""
    name = str(uuid4())
    stored, missing = (f"http://tests.example/ValueSet/{name}{end}" for end in ("", "-missing"))
    system = f"http://tests.example/CodeSystem/{name}"
    include = [{"system": system, "concept": [{"code": "a"}]}]
    value_set = {"resourceType": "ValueSet", "url": stored, "status": "active", "compose": {"include": include}}
    concepts = {"resourceType": "CodeSystem", "url": system, "status": "active", "content": "complete"}
    await make(client, {**concepts, "concept": [{"code": "a"}, {"code": "b"}]})
    await make(client, value_set)

    async def judged(bound: str, code: str) -> list[tuple[str, str]]:
        url = f"http://tests.example/StructureDefinition/{uuid4()}"
        binding = {"strength": "required", "valueSet": bound}
        element = {"id": "Observation.code", "path": "Observation.code", "binding": binding}
        of = {"type": "Observation", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation"}
        await make(client, {**PROFILE, **of, "url": url, "differential": {"element": [element]}})
        coded = {"coding": [{"system": system, "code": code}]}
        observation = {"resourceType": "Observation", "status": "final", "code": coded}
        return found(await client.post("Observation/$validate", json=call(observation, profile=url)))

    assert await judged(stored, "a") == VALID
    assert ("error", "binding-required") in await judged(stored, "b")
    assert await judged(missing, "a") == [("information", "value-set-unknown")]


async def test_references_are_followed(client: AsyncClient) -> None:
    """What a reference leads to must meet the profile that the reference asks for; what is not there, need not."""
    _, target = await profile(client)
    url = f"http://tests.example/StructureDefinition/{uuid4()}"
    types = [{"code": "Reference", "targetProfile": [target]}]
    element = {"id": "Observation.subject", "path": "Observation.subject", "type": types}
    of = {"type": "Observation", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation"}
    await make(client, {**PROFILE, **of, "url": url, "differential": {"element": [element]}})
    nameless, named = await make(client), await make(client, {**GOOD, "name": [{"text": "x"}]})

    async def judged(logical_id: str) -> list[tuple[str, str]]:
        subject = {"reference": f"Patient/{logical_id}"}
        observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject}
        return found(await client.post("Observation/$validate", json=call(observation, profile=url)))

    assert await judged(named) == VALID
    assert await judged(nameless) == [("error", "reference-profile")]
    assert await judged(str(uuid4())) == VALID
