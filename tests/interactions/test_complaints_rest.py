"""What users of other servers report about writes, concurrency and versions, asked of this one

http://hl7.org/fhir/R4/http.html. Each test has the server and the number of the report in its id or docstring. What
does not apply yet:

- hapi-fhir 1534, LinuxForHealth 850 and 2304, blaze 399: nothing is erased yet, no history and no instance.
- medplum 5032, 7401, as far as they ask who may choose an id: tests/smart/test_complaints_security.py.
- medplum 10436: nothing is expunged yet; what a deletion leaves behind is tested.
"""

import asyncio
import json
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response

Json = dict[str, Any]
WRITERS = 20
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
FINAL = json.dumps([{"op": "replace", "path": "/status", "value": "final"}])


@pytest.fixture
def mark() -> str:
    """What the resources of one test have in common, and no others."""
    return uuid4().hex


def patient(mark: str, **parts: object) -> Json:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:c", "value": mark}], **parts}


def observation(mark: str, **parts: object) -> Json:
    identifier = [{"system": "urn:c", "value": mark}]
    code = {"text": "x"}
    return {"resourceType": "Observation", "identifier": identifier, "status": "preliminary", "code": code, **parts}


def entry(method: str, url: str, resource: Json, **request: str) -> Json:
    return {"request": {"method": method, "url": url, **request}, "resource": resource}


async def transact(client: AsyncClient, *entries: Json) -> Response:
    return await client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": list(entries)})


async def found(client: AsyncClient, query: str) -> list[Json]:
    response = await client.get(query)
    assert response.status_code == 200, response.text
    return [each["resource"] for each in response.json().get("entry", ())]


# concurrency


async def test_spark_399_rapid_updates_leave_one_document_with_the_last_values(client: AsyncClient, mark: str) -> None:
    url = f"Patient/{mark}"
    await client.put(url, json=patient(mark, id=mark))
    writes = (client.put(url, json=patient(mark, id=mark, name=[{"family": f"F{n}x"}])) for n in range(WRITERS))
    statuses = Counter(response.status_code for response in await asyncio.gather(*writes))
    assert set(statuses) <= {200, 409}
    (current,) = await found(client, f"Patient?identifier=urn:c|{mark}")
    last = current["name"][0]["family"]
    families = [f"F{n}x" for n in range(WRITERS)]
    totals = {name: len(await found(client, f"Patient?_id={mark}&family={name}")) for name in families}
    assert totals == {name: int(name == last) for name in families}
    history = (await client.get(f"{url}/_history")).json()
    versions = [int(each["resource"]["meta"]["versionId"]) for each in history["entry"]]
    assert versions == list(range(statuses[200] + 1, 0, -1)), "one for each acknowledged write"
    assert history["entry"][0]["resource"] == current


async def test_spark_adr_0001_a_transaction_that_fails_is_rolled_back(client: AsyncClient, mark: str) -> None:
    await client.put(f"Patient/{mark}", json=patient(mark, id=mark, gender="male"))
    response = await transact(
        client,
        entry("POST", "Observation", observation(mark)),
        entry("PUT", f"Patient/{mark}", patient(mark, id=mark, gender="female")),
        entry("PUT", f"Basic/{mark}", {"resourceType": "Basic", "id": mark, "code": {"text": "x"}}, ifMatch='W/"7"'),
    )
    assert response.status_code == 412
    assert await found(client, f"Observation?identifier=urn:c|{mark}") == []
    (kept,) = await found(client, f"Patient?identifier=urn:c|{mark}&gender=male")
    assert kept["meta"]["versionId"] == "1"
    assert (await client.get(f"Basic/{mark}")).status_code == 404


# conditions


async def test_blaze_361_conditional_update_creates_then_updates_then_refuses(client: AsyncClient, mark: str) -> None:
    url = f"Patient?identifier=urn:c|{mark}"
    first = await client.put(url, json=patient(mark, gender="male"))
    second = await client.put(url, json=patient(mark, gender="female"))
    assert (first.status_code, second.status_code) == (201, 200)
    assert (second.json()["id"], second.headers["ETag"]) == (first.json()["id"], 'W/"2"')
    await client.post("Patient", json=patient(mark))
    assert (await client.put(url, json=patient(mark, gender="other"))).status_code == 412
    assert [each.get("gender") for each in await found(client, f"{url}&gender=other")] == []


REFERENCES = [
    pytest.param(1, 200, id="blaze 433: selects one"),
    pytest.param(0, 412, id="medplum 4277: selects none"),
    pytest.param(2, 412, id="medplum 4277: selects several"),
]


@pytest.mark.parametrize(("targets", "status"), REFERENCES)
async def test_a_conditional_reference(client: AsyncClient, mark: str, targets: int, status: int) -> None:
    ids = [(await client.post("Patient", json=patient(mark))).json()["id"] for _ in range(targets)]
    subject = {"reference": f"Patient?identifier=urn:c|{mark}"}
    response = await transact(client, entry("POST", "Observation", observation(mark, subject=subject)))
    assert response.status_code == status, response.text
    written = await found(client, f"Observation?identifier=urn:c|{mark}")
    assert [each["subject"]["reference"] for each in written] == [f"Patient/{name}" for name in ids if status == 200]


async def test_medplum_4565_conditional_patch(client: AsyncClient, mark: str) -> None:
    url = f"Observation?identifier=urn:c|{mark}"
    assert (await client.patch(url, content=FINAL, headers=JSON_PATCH)).status_code == 404
    created = await client.post("Observation", json=observation(mark))
    patched = await client.patch(url, content=FINAL, headers=JSON_PATCH)
    assert (patched.status_code, patched.json()["id"], patched.json()["status"]) == (200, created.json()["id"], "final")
    await client.post("Observation", json=observation(mark))
    assert (await client.patch(url, content=FINAL, headers=JSON_PATCH)).status_code == 412
    assert sorted(each["status"] for each in await found(client, url)) == ["final", "preliminary"]


# ids and versions


IDS = [
    pytest.param("{mark}", id="medplum 5032: a client's own"),
    pytest.param("123456", id="medplum 2362: digits"),
    pytest.param("A.b-C.1", id="medplum 7401: dots, hyphens, capitals"),
    pytest.param("{mark}{mark}", id="medplum 7401: 64 characters"),
]


@pytest.mark.parametrize("template", IDS)
async def test_a_client_assigns_an_id(client: AsyncClient, mark: str, template: str) -> None:
    name = template.format(mark=mark)
    created = await client.put(f"Patient/{name}", json=patient(mark, id=name))
    assert (created.status_code, created.json()["id"]) == (201, name)
    assert created.headers["Location"].endswith(f"/Patient/{name}/_history/1")
    assert (await client.get(f"Patient/{name}")).json()["identifier"][0]["value"] == mark
    assert [each["id"] for each in await found(client, f"Patient?_id={name}")] == [name]


async def test_medplum_7401_a_client_assigns_an_id_in_a_transaction(client: AsyncClient, mark: str) -> None:
    subject = {"reference": f"Patient/{mark}"}
    response = await transact(
        client,
        entry("PUT", f"Observation/{mark}", observation(mark, id=mark, subject=subject)),
        entry("PUT", f"Patient/{mark}", patient(mark, id=mark)),
    )
    assert [each["response"]["status"][:3] for each in response.json()["entry"]] == ["201", "201"]
    assert [each["id"] for each in await found(client, f"Observation?patient={mark}")] == [mark]


async def test_medplum_5032_a_create_does_not_take_the_id_of_the_body(client: AsyncClient, mark: str) -> None:
    created = await client.post("Patient", json=patient(mark, id=mark))
    assert (created.status_code, created.json()["id"] == mark) == (201, False)
    assert (await client.get(f"Patient/{mark}")).status_code == 404


async def test_medplum_10436_a_deletion_leaves_a_tombstone_and_no_version_is_given_out_twice(
    client: AsyncClient, mark: str
) -> None:
    url = f"Patient/{mark}"
    await client.put(url, json=patient(mark, id=mark, gender="male"))
    assert (await client.delete(url)).status_code == 204
    gone = await client.get(url)
    assert (gone.status_code, gone.headers["ETag"]) == (410, 'W/"2"')
    assert (await client.get(f"{url}/_history/2")).status_code == 410
    again = await client.put(url, json=patient(mark, id=mark, gender="female"))
    assert (again.status_code, again.headers["ETag"]) == (201, 'W/"3"')
    assert (await client.get(f"{url}/_history/1")).json()["gender"] == "male"
    methods = [each["request"]["method"] for each in (await client.get(f"{url}/_history")).json()["entry"]]
    assert methods == ["PUT", "DELETE", "PUT"]


# decimals


DECIMALS = [
    pytest.param("1.10", id="fhirbase 108: a zero at the end"),
    pytest.param("0.00", id="firely 136: zeros only"),
    pytest.param("-0.070", id="firely 136: less than zero"),
    pytest.param("3.14159265358979323846", id="firely 732: more digits than a double has"),
    pytest.param("12345678901234567.8", id="firely 732: large and exact"),
    pytest.param("1.50e-3", id="firely 732: an exponent"),
]


@pytest.mark.parametrize("literal", DECIMALS)
async def test_decimals_keep_their_digits_wherever_they_go(client: AsyncClient, mark: str, literal: str) -> None:
    body = json.dumps(observation(mark, id=mark))[:-1] + f',"valueQuantity":{{"value":{literal}}}}}'
    url = f"Observation/{mark}"
    assert (await client.put(url, content=body.encode())).status_code == 201
    patched = await client.patch(url, content=FINAL, headers=JSON_PATCH)
    assert patched.status_code == 200
    urls = [url, f"{url}/_history", f"Observation?_id={mark}", f"{url}?_elements=value", f"{url}/_history/1"]
    for answer in (patched, *[await client.get(each) for each in urls]):
        assert f'"value":{literal}}}' in answer.text.replace(" ", "")
    xml = await client.get(url, headers={"Accept": "application/fhir+xml"})
    assert f'<value value="{literal}"/>' in xml.text
    headers = {"Content-Type": "application/fhir+xml", "Accept": "application/fhir+json"}
    back = await client.put(url, content=xml.content.replace(b'"final"', b'"amended"'), headers=headers)
    assert (back.status_code, f'"value":{literal}}}' in back.text.replace(" ", "")) == (200, True)
