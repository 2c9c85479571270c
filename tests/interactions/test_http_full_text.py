"""Words, scores, order and shape of searches over HTTP — http://hl7.org/fhir/R4/search.html#content, #relevance"""

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

DIV = '<div xmlns="http://www.w3.org/1999/xhtml" lang="fr">{}</div>'


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def conditions(client: AsyncClient) -> None:
    for name, text in (("a", "Fractures du fémur"), ("b", "Fracture; fracture; fracture"), ("c", "Une toux")):
        condition = {
            "resourceType": "Condition",
            "id": name,
            "subject": {"reference": f"Patient/{name}"},
            "text": {"status": "generated", "div": DIV.format(text)},
        }
        assert (await client.put(f"Condition/{name}", json=condition)).status_code in (200, 201)


async def test_matches_have_their_score_the_most_relevant_first(client: AsyncClient) -> None:
    bundle = (await client.get("Condition?_text=fracture")).json()
    assert [entry["resource"]["id"] for entry in bundle["entry"]] == ["b", "a"]
    scores = [entry["search"]["score"] for entry in bundle["entry"]]
    assert 1 > scores[0] > scores[1] > 0
    assert bundle["total"] == 2


async def test_there_is_no_score_without_words(client: AsyncClient) -> None:
    bundle = (await client.get("Condition?_count=1")).json()
    assert bundle["entry"][0]["search"] == {"mode": "match"}


async def test_the_words_of_an_update_take_the_place_of_the_old(client: AsyncClient) -> None:
    condition = (await client.get("Condition/c")).json()
    condition["text"]["div"] = DIV.format("Une migraine")
    await client.put("Condition/c", json=condition)
    assert (await client.get("Condition?_text=toux&_summary=count")).json()["total"] == 0
    assert (await client.get("Condition?_text=migraines&_summary=count")).json()["total"] == 1


@pytest.mark.parametrize(
    "query",
    ["_summary=true&_elements=code", "_summary=text&_include=Condition:subject", "_explain=maybe", "_text=%28a"],
)
async def test_what_excludes_each_other_is_refused(client: AsyncClient, query: str) -> None:
    response = await client.get(f"Condition?{query}")
    assert response.status_code == 400
    assert response.json()["issue"][0]["expression"][0].startswith("http._")


@pytest.mark.parametrize("query", ["_summary=count&_elements=code", "_summary=data&_include=Condition:subject"])
async def test_what_goes_together_is_served(client: AsyncClient, query: str) -> None:
    assert (await client.get(f"Condition?{query}")).status_code == 200


async def test_an_explanation_is_an_outcome_entry(client: AsyncClient) -> None:
    bundle = (await client.get("Condition?subject=Patient/a&_explain=true")).json()
    outcome = bundle["entry"][-1]
    assert outcome["search"] == {"mode": "outcome"}
    assert [issue["severity"] for issue in outcome["resource"]["issue"]] == ["information"] * 5


async def test_the_statement_lists_both(client: AsyncClient) -> None:
    rest = (await client.get("metadata")).json()["rest"][0]
    own = next(resource for resource in rest["resource"] if resource["type"] == "Condition")
    assert {"_text", "_content"} <= {parameter["name"] for parameter in own["searchParam"]}
