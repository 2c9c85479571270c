"""`_at` over HTTP: reads and searches of the record as it stood — http://hl7.org/fhir/R4/http.html#history"""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response


@pytest.fixture
async def versions(client: AsyncClient) -> list[Response]:
    """One patient: created, updated, deleted."""
    url = f"Patient/{uuid4()}"
    resource = {"resourceType": "Patient", "id": url[8:], "identifier": [{"value": url[8:]}]}
    first = await client.put(url, json={**resource, "gender": "male"})
    second = await client.put(url, json={**resource, "gender": "female"})
    assert (first.status_code, second.status_code, (await client.delete(url)).status_code) == (201, 200, 204)
    return [first, second, await client.get(f"{url}/_history?_count=1")]


def instant(response: Response) -> str:
    found = response.json()
    return quote(found["meta"]["lastUpdated"] if "meta" in found else found["entry"][0]["response"]["lastModified"])


def url_of(versions: list[Response]) -> str:
    return f"Patient/{versions[0].json()['id']}"


async def test_read_as_of(client: AsyncClient, versions: list[Response]) -> None:
    for version, etag in zip(versions[:2], ('W/"1"', 'W/"2"'), strict=True):
        response = await client.get(f"{url_of(versions)}?_at={instant(version)}")
        assert (response.status_code, response.headers["ETag"], response.content) == (200, etag, version.content)
        head = await client.head(f"{url_of(versions)}?_at={instant(version)}")
        assert (head.status_code, head.headers["ETag"]) == (200, etag)


async def test_read_before_it_was_there_is_404_and_after_its_deletion_410(
    client: AsyncClient, versions: list[Response]
) -> None:
    assert (await client.get(f"{url_of(versions)}?_at=2020-01-01T00:00:00Z")).status_code == 404
    deleted = await client.get(f"{url_of(versions)}?_at={instant(versions[2])}")
    assert (deleted.status_code, deleted.headers["ETag"]) == (410, 'W/"3"')
    assert (await client.get(f"{url_of(versions)}?_at=2999")).status_code == 410


async def test_a_part_and_a_condition_of_an_earlier_version(client: AsyncClient, versions: list[Response]) -> None:
    url = f"{url_of(versions)}?_at={instant(versions[0])}"
    part = (await client.get(f"{url}&_elements=gender")).json()
    assert part["gender"] == "male"
    assert "identifier" not in part
    assert (await client.get(url, headers={"If-None-Match": 'W/"1"'})).status_code == 304


async def test_search_as_of(client: AsyncClient, versions: list[Response]) -> None:
    query = f"Patient?identifier={url_of(versions)[8:]}"
    assert (await client.get(query)).json()["total"] == 0
    for version, gender in zip(versions[:2], ("male", "female"), strict=True):
        bundle = (await client.get(f"{query}&_at={instant(version)}")).json()
        assert [entry["resource"]["gender"] for entry in bundle["entry"]] == [gender]
        assert bundle["entry"][0]["fullUrl"] == f"{client.base_url}{url_of(versions)}"
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        assert "_at=" in links["self"]
        again = (await client.get(links["self"])).json()
        assert again["entry"] == bundle["entry"]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    content = f"identifier={url_of(versions)[8:]}&_at={instant(versions[0])}"
    assert (await client.post("Patient/_search", content=content, headers=form)).json()["total"] == 1


@pytest.mark.parametrize("moment", ["0001", "0001-01-01T00:00:00%2B14:00", "1583", "1969-12-31", "1970-01-01T00:00Z"])
async def test_long_ago_there_was_nothing(client: AsyncClient, versions: list[Response], moment: str) -> None:
    response = await client.get(f"Patient?_at={moment}")
    assert (response.status_code, response.json().get("total")) == (200, 0)
    assert (await client.get(f"{url_of(versions)}?_at={moment}")).status_code == 404
    assert "entry" not in (await client.get(f"_history?_at={moment}")).json()


@pytest.mark.parametrize("moment", ["9999", "9999-12-31T23:59:59-14:00"])
async def test_a_time_to_come_is_the_present(client: AsyncClient, versions: list[Response], moment: str) -> None:
    assert (await client.get(f"Patient?_at={moment}")).status_code == 200
    assert (await client.get(f"{url_of(versions)}?_at={moment}")).status_code == 410
    assert (await client.get(f"_history?_at={moment}")).status_code == 200


async def test_inside_a_batch(client: AsyncClient, versions: list[Response]) -> None:
    entries = [
        {"request": {"method": "GET", "url": f"{url_of(versions)}?_at={instant(versions[0])}"}},
        {"request": {"method": "GET", "url": f"Patient?_id={url_of(versions)[8:]}&_at={instant(versions[1])}"}},
    ]
    response = await client.post("", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
    one, two = (entry["resource"] for entry in response.json()["entry"])
    assert (one["gender"], two["entry"][0]["resource"]["gender"]) == ("male", "female")


REFUSED = [
    pytest.param("Patient/x?_at=soon", 400, id="no date"),
    pytest.param("Patient?_at=soon", 400, id="no date to search at"),
    pytest.param("Patient?_at=ge2020", 400, id="a prefix"),
    pytest.param("Patient?_at:exact=2020", 400, id="a modifier"),
    pytest.param("Patient?_at=2020&_at=2021", 400, id="two instants"),
    pytest.param("Patient/x/_history/1?_at=2020", 400, id="vread: the version is named"),
]


@pytest.mark.parametrize(("url", "status"), REFUSED)
async def test_what_is_refused(client: AsyncClient, url: str, status: int) -> None:
    response = await client.get(url)
    assert (response.status_code, response.json()["resourceType"]) == (status, "OperationOutcome")


async def test_the_capability_statement_says_so(client: AsyncClient) -> None:
    rest: dict[str, Any] = (await client.get("metadata")).json()["rest"][0]
    assert "`_at`" in rest["documentation"]
