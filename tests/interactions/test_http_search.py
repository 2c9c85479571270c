"""search as an exchange: levels, GET and POST, links, totals — http://hl7.org/fhir/R4/http.html#search, search.html

What parameters mean is tested elsewhere.
"""

from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def tag(client: AsyncClient) -> str:
    """The tag of five Patients, of whom one has two Observations."""
    tag = str(uuid4())
    meta = {"tag": [{"system": "http://t", "code": tag}]}
    for index in range(5):
        patient = {"resourceType": "Patient", "id": f"p{index}-{tag[:8]}", "meta": meta, "active": index % 2 == 0}
        assert (await client.put(f"Patient/{patient['id']}", json=patient)).status_code == 201
    subject = {"reference": f"Patient/p0-{tag[:8]}"}
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject}
    for _ in range(2):
        assert (await client.post("Observation", json={**observation, "meta": meta})).status_code == 201
    return tag


def ids(bundle: dict[str, Any]) -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", ())]


def links(bundle: dict[str, Any]) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in bundle["link"]}


async def test_a_searchset_has_total_full_urls_modes_and_self(client: AsyncClient, tag: str) -> None:
    response = await client.get(f"Patient?_tag=http://t|{tag}&active=true")
    bundle = response.json()
    assert (response.status_code, bundle["type"], bundle["total"]) == (200, "searchset", 3)
    for entry in bundle["entry"]:
        assert entry["fullUrl"] == f"{client.base_url}Patient/{entry['resource']['id']}"
        assert entry["search"]["mode"] == "match"
    assert links(bundle)["self"] == f"{client.base_url}Patient?_tag=http://t%7C{tag}&active=true"


async def test_no_match_has_no_entry(client: AsyncClient) -> None:
    bundle = (await client.get(f"Patient?_tag={uuid4()}")).json()
    assert bundle["total"] == 0
    assert "entry" not in bundle


async def test_post_is_the_same_search(client: AsyncClient, tag: str) -> None:
    got = (await client.get(f"Patient?_tag={tag}")).json()
    posted = await client.post("Patient/_search", content=f"_tag={tag}", headers=FORM)
    assert (posted.status_code, ids(posted.json())) == (200, ids(got))
    assert links(posted.json()) == links(got)


async def test_query_and_form_count_together(client: AsyncClient, tag: str) -> None:
    posted = await client.post(f"Patient/_search?_tag={tag}", content="active=false", headers=FORM)
    assert posted.json()["total"] == 2


async def test_a_form_may_ask_for_a_format(client: AsyncClient, tag: str) -> None:
    posted = await client.post("Patient/_search", content=f"_tag={tag}&_pretty=true", headers=FORM)
    assert b'\n  "resourceType": "Bundle"' in posted.content
    assert (await client.post("Patient/_search", content="_format=html", headers=FORM)).status_code == 406


async def test_post_without_body_is_a_search(client: AsyncClient, tag: str) -> None:
    assert (await client.post(f"Patient/_search?_tag={tag}")).json()["total"] == 5


@pytest.mark.parametrize("content_type", ["application/fhir+json", "text/plain"])
async def test_search_reads_forms_only(client: AsyncClient, content_type: str) -> None:
    response = await client.post("Patient/_search", content="{}", headers={"Content-Type": content_type})
    assert response.status_code == 415


async def test_system_search(client: AsyncClient, tag: str) -> None:
    got = (await client.get(f"?_type=Patient,Observation&_tag={tag}")).json()
    posted = (await client.post("_search", content=f"_type=Patient,Observation&_tag={tag}", headers=FORM)).json()
    assert len(ids(got)) == 7
    assert sorted(ids(posted)) == sorted(ids(got))


async def test_compartment_search(client: AsyncClient, tag: str) -> None:
    url = f"Patient/p0-{tag[:8]}"
    assert (await client.get(f"{url}/Observation?_tag={tag}")).json()["total"] == 2
    assert (await client.get(f"Patient/p1-{tag[:8]}/Observation?_tag={tag}")).json()["total"] == 0
    every = (await client.get(f"{url}/*?_tag={tag}")).json()
    assert {entry["resource"]["resourceType"] for entry in every["entry"]} >= {"Observation"}
    bundle = (await client.get(f"{url}/Observation?status=final")).json()
    assert links(bundle)["self"] == f"{client.base_url}{url}/Observation?status=final"


async def test_pages_follow_their_links(client: AsyncClient, tag: str) -> None:
    bundle = (await client.get(f"Patient?_tag={tag}&_count=2&_format=json")).json()
    pages = [ids(bundle)]
    while "next" in links(bundle):
        assert links(bundle)["next"].startswith(f"{client.base_url}Patient?")
        assert "_format=json" in links(bundle)["next"]
        bundle = (await client.get(links(bundle)["next"])).json()
        pages.append(ids(bundle))
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len({found for page in pages for found in page}) == 5
    first = (await client.get(links(bundle)["first"])).json()
    previous = (await client.get(links(bundle)["previous"])).json()
    assert (ids(first), ids(previous)) == (pages[0], pages[1])


async def test_a_cursor_that_was_altered_is_400(client: AsyncClient, tag: str) -> None:
    bundle = (await client.get(f"Patient?_tag={tag}&_count=2")).json()
    assert (await client.get(links(bundle)["next"][:-3] + "AAA")).status_code == 400
    assert (await client.get(f"Patient?_tag={tag}&_cursor=x")).status_code == 400


async def test_include_has_its_mode(client: AsyncClient, tag: str) -> None:
    bundle = (await client.get(f"Observation?_tag={tag}&_include=Observation:subject")).json()
    modes = [(entry["resource"]["resourceType"], entry["search"]["mode"]) for entry in bundle["entry"]]
    assert sorted(modes) == [("Observation", "match"), ("Observation", "match"), ("Patient", "include")]
    assert bundle["total"] == 2


async def test_strict_is_the_default_and_lenient_says_what_it_ignored(client: AsyncClient, tag: str) -> None:
    url = f"Patient?_tag={tag}&nonsense=1"
    strict = await client.get(url)
    assert (strict.status_code, strict.json()["resourceType"]) == (400, "OperationOutcome")
    lenient = await client.get(url, headers={"Prefer": "handling=lenient"})
    bundle = lenient.json()
    assert (lenient.status_code, bundle["total"]) == (200, 5)
    assert lenient.headers["Preference-Applied"] == "handling=lenient"
    assert "nonsense" not in links(bundle)["self"]
    outcomes = [entry for entry in bundle["entry"] if entry["search"]["mode"] == "outcome"]
    assert [entry["resource"]["resourceType"] for entry in outcomes] == ["OperationOutcome"]


async def test_summary_count_has_only_a_total(client: AsyncClient, tag: str) -> None:
    bundle = (await client.get(f"Patient?_tag={tag}&_summary=count")).json()
    assert bundle["total"] == 5
    assert "entry" not in bundle


async def test_elements_are_cut_and_marked(client: AsyncClient, tag: str) -> None:
    bundle = (await client.get(f"Patient?_tag={tag}&_elements=active")).json()
    for entry in bundle["entry"]:
        assert entry["resource"].keys() == {"resourceType", "id", "meta", "active"}
        assert "SUBSETTED" in [tag["code"] for tag in entry["resource"]["meta"]["tag"]]


async def test_head_is_a_search_without_body(client: AsyncClient, tag: str) -> None:
    response = await client.head(f"Patient?_tag={tag}")
    assert (response.status_code, response.content) == (200, b"")


HOSTILE = [
    "name[$ne]=x",
    "_id[$gt]=1",
    "$where=sleep(1000)",
    "name[]=x",
    "birthdate=%7B%22$gt%22:%22%22%7D",
    "_lastUpdated=%7B%22$ne%22:null%7D",
    "_count=%7B%22$gt%22:0%7D",
    "_sort=$natural",
    "_id=%00",
    "__proto__=1",
    "name%00=x",
    "_count=-1",
    "_count=1e3",
    "_summary=$",
    "_total=%7B%7D",
    "_include=$",
    "_has:$:a:b=1",
    "name.$where=1",
    "_elements=%00",
]


@pytest.mark.parametrize("query", HOSTILE)
async def test_operators_and_json_in_parameters_are_400(client: AsyncClient, query: str) -> None:
    response = await client.get(f"Patient?{query}")
    assert (response.status_code, response.json()["resourceType"]) == (400, "OperationOutcome")
    lenient = await client.get(f"Patient?{query}", headers={"Prefer": "handling=lenient"})
    assert lenient.status_code in (200, 400)


HARMLESS = [
    "active=%7B%7D",
    "name=%7B%22$ne%22:1%7D",
    "_id=$ne",
    "name=.*",
    "identifier=a|b|c",
    "_tag='||'1'=='1",
    "name=\\\\",
]


@pytest.mark.parametrize("query", HARMLESS)
async def test_what_looks_like_a_query_language_is_plain_text(client: AsyncClient, query: str) -> None:
    response = await client.get(f"Patient?{query}&_summary=count")
    assert response.status_code in (200, 400)
    if response.status_code == 200:
        assert response.json()["total"] == 0
