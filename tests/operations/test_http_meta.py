"""$meta, $meta-add, $meta-delete — http://hl7.org/fhir/R4/resource-operations.html"""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response

from fhirserver.access.access import Right
from fhirserver.app.sites import Site
from fhirserver.kernel.outcome import NotFound
from fhirserver.repository import labels
from fhirserver.repository.repository import Repository
from fhirserver.search.plan import ALL, NONE, HasTerm, Plan
from tests.limited import Limited

PROFILE = "http://acme.org/StructureDefinition/labelled"


@pytest.fixture
async def basic(client: AsyncClient) -> dict[str, Any]:
    body = {
        "resourceType": "Basic",
        "meta": {"tag": [{"system": "http://t", "code": "a", "display": "A"}], "source": "http://source"},
        "code": {"text": "x"},
    }
    found: dict[str, Any] = (await client.post("Basic", json=body)).json()
    return found


def given(**meta: object) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}


def returned(response: Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    (parameter,) = response.json()["parameter"]
    assert (response.json()["resourceType"], parameter["name"]) == ("Parameters", "return")
    meta: dict[str, Any] = parameter["valueMeta"]
    return meta


async def test_meta_of_an_instance_is_the_one_that_a_read_answers(client: AsyncClient, basic: dict[str, Any]) -> None:
    response = await client.get(f"Basic/{basic['id']}/$meta")
    assert returned(response) == basic["meta"]
    assert response.headers["ETag"] == 'W/"1"'
    assert returned(await client.post(f"Basic/{basic['id']}/$meta")) == basic["meta"]


async def test_meta_add_adds_what_is_not_there_and_makes_no_new_version(
    client: AsyncClient, basic: dict[str, Any]
) -> None:
    url = f"Basic/{basic['id']}"
    tag, label = {"system": "http://t", "code": str(uuid4())}, {"system": "http://s", "code": "R"}
    known = {"system": "http://t", "code": "a", "version": "2"}
    more = given(tag=[known, tag, tag], security=[label], profile=[PROFILE])
    meta = returned(await client.post(f"{url}/$meta-add", json=more))
    assert meta["tag"] == [*basic["meta"]["tag"], tag]
    assert (meta["security"], meta["profile"], meta["source"]) == ([label], [PROFILE], "http://source")
    read = await client.get(url)
    assert read.json() == {**basic, "meta": meta}
    assert (read.headers["ETag"], meta["lastUpdated"]) == ('W/"1"', basic["meta"]["lastUpdated"])
    assert (await client.get(f"{url}/_history")).json()["total"] == 1
    for query in (f"_tag=http://t|{tag['code']}", "_security=http://s|R", f"_profile={PROFILE}"):
        found = (await client.get(f"Basic?_id={basic['id']}&{query}")).json()
        assert found["total"] == 1, query
        assert found["entry"][0]["resource"] == read.json()


async def test_meta_delete_deletes_what_is_there(client: AsyncClient, basic: dict[str, Any]) -> None:
    url = f"Basic/{basic['id']}"
    less = given(tag=[{"system": "http://t", "code": "a", "display": "another"}, {"code": "never"}], profile=[PROFILE])
    meta = returned(await client.post(f"{url}/$meta-delete", json=less))
    assert meta == {name: value for name, value in basic["meta"].items() if name != "tag"}
    assert (await client.get(f"Basic?_id={basic['id']}&_tag=http://t|a")).json()["total"] == 0


async def test_the_identity_of_a_tag_is_system_and_code(client: AsyncClient, basic: dict[str, Any]) -> None:
    other = given(tag=[{"code": "a"}, {"system": "http://u", "code": "a"}])
    unchanged = returned(await client.post(f"Basic/{basic['id']}/$meta-delete", json=other))
    assert unchanged["tag"] == basic["meta"]["tag"]
    assert len(returned(await client.post(f"Basic/{basic['id']}/$meta-add", json=other))["tag"]) == 3


async def test_an_update_goes_on_from_the_version_with_other_labels(client: AsyncClient, basic: dict[str, Any]) -> None:
    url = f"Basic/{basic['id']}"
    await client.post(f"{url}/$meta-add", json=given(tag=[{"code": "b"}]))
    body = {**basic, "code": {"text": "y"}}
    assert (await client.put(url, json=body, headers={"If-Match": 'W/"1"'})).status_code == 200
    earlier = (await client.get(f"{url}/_history/1")).json()
    assert [tag["code"] for tag in earlier["meta"]["tag"]] == ["a", "b"]


async def test_labels_that_many_add_at_once_are_all_there(client: AsyncClient, basic: dict[str, Any]) -> None:
    url = f"Basic/{basic['id']}/$meta-add"
    codes = [str(number) for number in range(8)]
    answers = await asyncio.gather(*(client.post(url, json=given(tag=[{"code": code}])) for code in codes))
    assert {answer.status_code for answer in answers} == {200}
    found = returned(await client.get(f"Basic/{basic['id']}/$meta"))["tag"]
    assert {tag["code"] for tag in found} == {"a", *codes}


async def test_labels_in_use_in_a_type_and_in_all(client: AsyncClient) -> None:
    code = str(uuid4())
    for name, tag in (("Basic", {"system": "http://t", "code": code}), ("Patient", {"code": code})):
        body: dict[str, Any] = {"resourceType": name, "meta": {"tag": [tag, {"system": "http://only"}]}}
        if name == "Basic":
            body |= {"code": {"text": "x"}}
            body["meta"] |= {"security": [{"system": "http://s", "code": code}], "profile": [f"http://p/{code}"]}
        assert (await client.post(name, json=body)).status_code == 201
    of_type = returned(await client.get("Basic/$meta"))
    of_all = returned(await client.get("$meta"))
    assert {"system": "http://t", "code": code} in of_type["tag"]
    assert {"code": code} not in of_type["tag"]
    assert {"system": "http://t", "code": code} in of_all["tag"]
    assert {"code": code} in of_all["tag"]
    assert {"system": "http://s", "code": code} in of_all["security"]
    assert f"http://p/{code}" in of_all["profile"]
    assert "versionId" not in of_all
    keys = [(tag.get("code"), tag.get("system", "")) for tag in of_all["tag"]]
    assert len(keys) == len(set(keys))


async def test_a_type_without_labels(client: AsyncClient) -> None:
    response = await client.get("Slot/$meta")
    assert (response.status_code, response.json()) == (200, {"resourceType": "Parameters"})


async def test_too_many_labels_are_refused(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "LABELS_BOUND", 2)
    tags = [{"code": str(number)} for number in range(3)]
    await client.post("Linkage", json={"resourceType": "Linkage", "meta": {"tag": tags}, "item": LINKED})
    response = await client.get("Linkage/$meta")
    assert (response.status_code, response.json()["issue"][0]["code"]) == (422, "too-costly")


LINKED = [{"type": of, "resource": {"display": of}} for of in ("source", "alternate")]


@dataclass(frozen=True)
class OnlyTagged(Limited):
    """A caller who may see what has one tag."""

    code: str

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        if resource_type == "Patient":
            return NONE
        return HasTerm((f"Basic._tag:code={self.code}",)) if resource_type == "Basic" else ALL


async def test_labels_of_what_the_caller_may_not_see_are_not_told(client: AsyncClient, site: Site) -> None:
    mine, other = str(uuid4()), str(uuid4())
    ids = []
    for tags in ([mine], [mine, f"{mine}+"], [other]):
        meta = {"tag": [{"code": code} for code in tags]}
        body = {"resourceType": "Basic", "meta": meta, "code": {"text": "x"}}
        ids.append((await client.post("Basic", json=body)).json()["id"])
    caller = Repository(site.repository._services, OnlyTagged(mine))
    assert (await caller.labels("Basic")).tags == (("", mine), ("", f"{mine}+"))
    assert (await caller.labels("Patient")).tags == ()
    codes = {code for _, code in (await caller.labels(None)).tags}
    assert mine in codes
    assert other not in codes
    await caller.relabel("Basic", ids[0], lambda meta: meta)
    with pytest.raises(NotFound):
        await caller.relabel("Basic", ids[2], lambda meta: meta)


REFUSED = [
    pytest.param("POST $meta-add", None, 400, id="no parameters"),
    pytest.param("POST $meta-add", {"resourceType": "Parameters"}, 400, id="no meta"),
    pytest.param("POST $meta-add", {"resourceType": "Basic"}, 400, id="not a Parameters"),
    pytest.param("POST $meta-add", {"resourceType": "Parameters", "parameter": [{"name": "meta"}]}, 400, id="empty"),
    pytest.param("POST $meta-add", {**given(), "parameter": given()["parameter"] * 2}, 400, id="twice"),
    pytest.param("POST $meta-add", given(versionId="9"), 400, id="what is no label"),
    pytest.param("POST $meta-add", given(tag={"code": "x"}), 400, id="tags that are no array"),
    pytest.param("POST $meta-add", given(tag=["x"]), 400, id="a tag that is no Coding"),
    pytest.param("POST $meta-add", given(profile=[{}]), 400, id="a profile that is no url"),
    pytest.param("POST $meta-add", given(tag=[{"cod": "x"}]), 422, id="a tag that breaks the definitions"),
    pytest.param("POST $meta-add", given(profile=["not a url"]), 422, id="a profile that breaks the definitions"),
    pytest.param("POST $meta?x=1", None, 400, id="a parameter that it does not have"),
    pytest.param("GET $meta-add", None, 405, id="add by GET"),
    pytest.param("GET $meta-delete", None, 405, id="delete by GET"),
]


@pytest.mark.parametrize(("call", "body", "status"), REFUSED)
async def test_refused(client: AsyncClient, basic: dict[str, Any], call: str, body: object, status: int) -> None:
    url = f"Basic/{basic['id']}"
    method, operation = call.split(" ")
    sent = {} if body is None else {"json": body}
    response = await client.request(method, f"{url}/{operation}", **sent)
    assert (response.status_code, response.json()["resourceType"]) == (status, "OperationOutcome")
    assert (await client.get(url)).json() == basic


@pytest.mark.parametrize(("url", "status"), [("Basic/never/$meta", 404), ("Basic/$meta-add", 404), ("$meta-add", 404)])
async def test_nothing_there(client: AsyncClient, url: str, status: int) -> None:
    assert (await client.post(url, json=given(tag=[{"code": "x"}]))).status_code in (status, 400)


async def test_entries_of_a_batch_may_invoke_operations(client: AsyncClient, basic: dict[str, Any]) -> None:
    url = f"Basic/{basic['id']}"
    entries = [
        {"resource": given(tag=[{"code": "b"}]), "request": {"method": "POST", "url": f"{url}/$meta-add"}},
        {"request": {"method": "GET", "url": f"{url}/$meta"}},
    ]
    batch = await client.post("", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
    added, read = batch.json()["entry"]
    assert (added["response"]["status"][:3], read["response"]["status"][:3]) == ("200", "200")
    assert [tag["code"] for tag in read["resource"]["parameter"][0]["valueMeta"]["tag"]] == ["a", "b"]
    refused = await client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert refused.status_code == 400


async def test_what_was_deleted_has_no_labels(client: AsyncClient, basic: dict[str, Any]) -> None:
    url = f"Basic/{basic['id']}"
    await client.delete(url)
    assert (await client.get(f"{url}/$meta")).status_code == 410
    assert (await client.post(f"{url}/$meta-add", json=given(tag=[{"code": "x"}]))).status_code == 410


async def test_labels_of_a_binary_leave_its_content_alone(client: AsyncClient) -> None:
    created = await client.post("Binary", content=b"\x00\x01", headers={"Content-Type": "image/x-test"})
    url = f"Binary/{created.headers['Location'].split('/Binary/')[1].split('/')[0]}"
    assert returned(await client.post(f"{url}/$meta-add", json=given(tag=[{"code": "x"}])))["tag"] == [{"code": "x"}]
    read = await client.get(url, headers={"Accept": "image/x-test"})
    assert (read.status_code, read.content) == (200, b"\x00\x01")
