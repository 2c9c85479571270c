"""history — http://hl7.org/fhir/R4/http.html#history"""

from typing import Any

import pytest
from httpx2 import AsyncClient


@pytest.fixture
async def url(client: AsyncClient) -> str:
    """An instance that was created, updated, deleted and brought back."""
    created = (await client.post("Basic", json={"resourceType": "Basic", "code": {"text": "1"}})).json()
    url = f"Basic/{created['id']}"
    await client.put(url, json={**created, "code": {"text": "2"}})
    await client.delete(url)
    await client.put(url, json={**created, "code": {"text": "4"}})
    return url


def links(bundle: dict[str, Any]) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in bundle["link"]}


async def test_history_lists_versions_newest_first(client: AsyncClient, url: str) -> None:
    response = await client.get(f"{url}/_history")
    bundle = response.json()
    assert (response.status_code, bundle["type"], bundle["total"]) == (200, "history", 4)
    seen = [
        (e["request"]["method"], e["request"]["url"], e["response"]["status"], e["response"]["etag"])
        for e in bundle["entry"]
    ]
    assert seen == [
        ("PUT", url, "201 Created", 'W/"4"'),
        ("DELETE", url, "204 No Content", 'W/"3"'),
        ("PUT", url, "200 OK", 'W/"2"'),
        ("POST", "Basic", "201 Created", 'W/"1"'),
    ]
    assert {e["fullUrl"] for e in bundle["entry"]} == {f"{client.base_url}{url}"}
    assert [e["resource"]["code"]["text"] if "resource" in e else None for e in bundle["entry"]] == [
        "4",
        None,
        "2",
        "1",
    ]
    newest = bundle["entry"][0]
    assert newest["response"]["lastModified"] == newest["resource"]["meta"]["lastUpdated"]


async def test_a_version_that_brought_the_instance_back_stays_a_creation(client: AsyncClient, url: str) -> None:
    current = (await client.get(url)).json()
    await client.put(url, json={**current, "code": {"text": "5"}})
    entries = (await client.get(f"{url}/_history?_count=2")).json()["entry"]
    assert [e["response"]["status"] for e in entries] == ["200 OK", "201 Created"]


async def test_history_of_an_unknown_instance_is_404(client: AsyncClient) -> None:
    assert (await client.get("Basic/never-there/_history")).status_code == 404


async def test_history_has_pages(client: AsyncClient, url: str) -> None:
    bundle = (await client.get(f"{url}/_history?_count=3")).json()
    first = [entry["response"]["etag"] for entry in bundle["entry"]]
    assert links(bundle)["next"].startswith(f"{client.base_url}{url}/_history?")
    rest = (await client.get(links(bundle)["next"])).json()
    assert [*first, *(entry["response"]["etag"] for entry in rest["entry"])] == [f'W/"{n}"' for n in (4, 3, 2, 1)]
    assert "next" not in links(rest)


async def test_since(client: AsyncClient, url: str) -> None:
    bundle = (await client.get(f"{url}/_history")).json()
    moment = bundle["entry"][1]["response"]["lastModified"]
    later = (await client.get(f"{url}/_history", params={"_since": moment})).json()
    assert [entry["response"]["etag"] for entry in later["entry"]] == ['W/"4"', 'W/"3"']


@pytest.mark.parametrize("level", ["Basic/_history", "_history"])
async def test_history_of_a_type_and_of_the_system(client: AsyncClient, url: str, level: str) -> None:
    bundle = (await client.get(f"{level}?_count=1000")).json()
    mine = [entry["response"]["etag"] for entry in bundle["entry"] if entry["fullUrl"].endswith(url)]
    assert mine == ['W/"4"', 'W/"3"', 'W/"2"', 'W/"1"']


async def test_elements(client: AsyncClient, url: str) -> None:
    bundle = (await client.get(f"{url}/_history?_elements=code")).json()
    assert "SUBSETTED" in [tag["code"] for tag in bundle["entry"][0]["resource"]["meta"]["tag"]]


BAD = ["_since=yesterday", "_count=x", "_cursor=x", "unknown=1", "_at=%7B%7D", "_since[$gt]=1"]


@pytest.mark.parametrize("query", BAD)
async def test_a_bad_parameter_is_400(client: AsyncClient, url: str, query: str) -> None:
    response = await client.get(f"{url}/_history?{query}")
    assert (response.status_code, response.json()["resourceType"]) == (400, "OperationOutcome")
