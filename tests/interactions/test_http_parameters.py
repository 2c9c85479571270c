"""Parameters — http://hl7.org/fhir/R4/http.html#parameters: what is unknown is refused, or ignored leniently"""

from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient

PATIENT: dict[str, Any] = {"resourceType": "Patient", "active": True, "text": {"status": "empty", "div": "<div/>"}}
OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"text": "x"},
    "note": [{"text": "n"}],
    "valueInteger": 1,
}
LENIENT = {"Prefer": "handling=lenient"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
PATCH = [{"op": "add", "path": "/issued", "value": "2024-01-01T00:00:00Z"}]


@pytest.fixture
async def instance(client: AsyncClient) -> dict[str, Any]:
    created: dict[str, Any] = (await client.post("Observation", json=OBSERVATION)).json()
    return created


def requests_of(instance: dict[str, Any], query: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return one request of each interaction that knows its parameters by name."""
    url = f"Observation/{instance['id']}"
    return [
        ("GET", f"{url}?{query}", {}),
        ("HEAD", f"{url}?{query}", {}),
        ("GET", f"{url}/_history/1?{query}", {}),
        ("POST", f"Observation?{query}", {"json": OBSERVATION}),
        ("PUT", f"{url}?{query}", {"json": instance}),
        ("PATCH", f"{url}?{query}", {"json": PATCH, "headers": JSON_PATCH}),
        ("DELETE", f"{url}?{query}", {}),
        ("GET", f"metadata?{query}", {}),
        ("OPTIONS", f"?{query}", {}),
        ("POST", f"?{query}", {"json": {"resourceType": "Bundle", "type": "batch"}}),
        ("POST", f"?{query}", {"json": {"resourceType": "Bundle", "type": "transaction"}}),
    ]


async def test_an_unknown_parameter_is_400_naming_it_and_nothing_happens(
    client: AsyncClient, instance: dict[str, Any]
) -> None:
    for method, url, content in requests_of(instance, "foo=1"):
        response = await client.request(method, url, **content)
        assert response.status_code == 400, (method, url)
        if method != "HEAD":
            issue = response.json()["issue"][0]
            assert (issue["code"], issue["expression"]) == ("not-supported", ["http.foo"])
    history = (await client.get(f"Observation/{instance['id']}/_history")).json()
    assert history["total"] == 1, "neither update, patch nor delete took place"


async def test_lenient_handling_ignores_it_and_says_so(client: AsyncClient, instance: dict[str, Any]) -> None:
    for method, url, content in requests_of(instance, "foo=1"):
        headers = {**LENIENT, **content.pop("headers", {})}
        response = await client.request(method, url, headers=headers, **content)
        assert response.status_code < 300, (method, url)
        assert "handling=lenient" in response.headers["Preference-Applied"]


async def test_what_clients_are_known_to_add_is_ignored_everywhere(
    client: AsyncClient, instance: dict[str, Any]
) -> None:
    for method, url, content in requests_of(instance, "_format=json&_pretty=true&_=1&_timeout=9&_totalMethod=x"):
        response = await client.request(method, url, **content)
        assert response.status_code < 300, (method, url)
        assert "Preference-Applied" not in response.headers


async def test_a_name_that_is_no_name_is_not_repeated(client: AsyncClient) -> None:
    response = await client.get("metadata?%3Cscript%3E=1")
    assert response.status_code == 400
    assert "script" not in response.text


@pytest.mark.parametrize("name", ["_elements", "_summary"])
async def test_a_batch_is_not_shortened_its_entries_are(client: AsyncClient, name: str) -> None:
    response = await client.post(f"?{name}=true", json={"resourceType": "Bundle", "type": "batch"})
    assert response.json()["issue"][0]["expression"] == [f"http.{name}"]


async def test_a_write_answers_the_part_asked_for(client: AsyncClient, instance: dict[str, Any]) -> None:
    url = f"Observation/{instance['id']}"
    writes = [
        await client.post("Observation?_elements=value", json=OBSERVATION),
        await client.put(f"{url}?_elements=value", json={**instance, "valueInteger": 2}),
        await client.patch(f"{url}?_elements=value", json=PATCH, headers=JSON_PATCH),
        await client.put(f"Observation?_id={instance['id']}&_elements=value", json={**instance, "valueInteger": 3}),
    ]
    for response in writes:
        assert response.status_code in (200, 201)
        assert response.json().keys() == {"resourceType", "id", "meta", "status", "code", "valueInteger"}
        assert [tag["code"] for tag in response.json()["meta"]["tag"]] == ["SUBSETTED"]
    stored = (await client.get(url)).json()
    assert "tag" not in stored["meta"]
    assert stored["note"] == OBSERVATION["note"]


@pytest.mark.parametrize("query", ["_summary=count", "_summary=maybe", "_summary=true&_elements=code"])
async def test_an_impossible_part_is_refused_before_anything_is_written(client: AsyncClient, query: str) -> None:
    tag = str(uuid4())
    tagged = {**OBSERVATION, "meta": {"tag": [{"code": tag}]}}
    assert (await client.post(f"Observation?{query}", json=tagged)).status_code == 400
    assert (await client.get(f"Observation?_tag={tag}&_summary=count")).json()["total"] == 0


async def test_a_part_does_not_replace_criteria(client: AsyncClient) -> None:
    assert (await client.put("Observation?_summary=true", json=OBSERVATION)).status_code == 412
    assert (await client.delete("Observation?_summary=true")).status_code == 400
    assert (await client.delete("Observation?_=1")).status_code == 412


async def test_a_criterion_is_never_ignored_leniently(client: AsyncClient) -> None:
    assert (await client.delete("Observation?foo=1", headers=LENIENT)).status_code == 400
    assert (await client.put("Observation?foo=1", json=OBSERVATION, headers=LENIENT)).status_code == 400


async def test_the_capability_statement_has_parts_too(client: AsyncClient) -> None:
    part = (await client.get("metadata?_elements=fhirVersion")).json()
    assert part.keys() == {"resourceType", "meta", "status", "date", "kind", "fhirVersion", "format"}
    assert part["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert (await client.get("metadata?mode=terminology&_summary=text")).json()["resourceType"] == (
        "TerminologyCapabilities"
    )


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_entries_are_held_to_the_same(client: AsyncClient, instance: dict[str, Any], kind: str) -> None:
    url = f"Observation/{instance['id']}"
    unknown = {"request": {"method": "PUT", "url": f"{url}?foo=1"}, "resource": instance}
    bundle = {"resourceType": "Bundle", "type": kind, "entry": [unknown]}
    response = await client.post("", json=bundle)
    outcome = response.json()
    if kind == "batch":
        assert outcome["entry"][0]["response"]["status"] == "400 Bad Request"
        outcome = outcome["entry"][0]["response"]["outcome"]
    assert outcome["issue"][0]["expression"] == ["http.foo", "Bundle.entry[0]"]
    assert (await client.post("", json=bundle, headers=LENIENT)).json()["entry"][0]["response"]["status"] == "200 OK"
    part = {"request": {"method": "PUT", "url": f"{url}?_elements=value"}, "resource": instance}
    found = await client.post("", json={**bundle, "entry": [part]}, headers={"Prefer": "return=representation"})
    assert "note" not in found.json()["entry"][0]["resource"]
