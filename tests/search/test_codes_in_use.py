"""Searches for more codes than a query names: those of them that are in use — docs/search.md"""

from collections.abc import AsyncIterator

import pytest

from fhirserver.app.knowledge import Knowledge
from fhirserver.kernel.outcome import TooCostly
from fhirserver.kernel.resource import Resource
from fhirserver.store.vocabulary import COMPLETE
from tests.door import Door, beside, opened

SYSTEM = "http://acme.org/many"
MANY = 60_000
WIDE = {"code": "wide", "concept": [{"code": f"w{number}"} for number in range(MANY)]}
BIG = {"code": "big", "concept": [{"code": f"b{number}"} for number in range(500)]}
RECORD: list[Resource] = [
    {"resourceType": "CodeSystem", "id": "many", "url": SYSTEM, "status": "active", "content": "complete",
     "concept": [{"code": "root", "concept": [WIDE, BIG]}]},
    {"resourceType": "ValueSet", "id": "all", "url": "http://acme.org/vs/all", "status": "active",
     "compose": {"include": [{"system": SYSTEM}]}},
]  # fmt: skip


def condition(name: str, code: str, system: str = SYSTEM) -> Resource:
    return {"resourceType": "Condition", "id": name, "subject": {"reference": "Patient/1"},
            "code": {"coding": [{"system": system, "code": code}]}}  # fmt: skip


async def found(door: Door, query: str) -> str:
    return " ".join(sorted(await door.ids(f"Condition?{query}")))


@pytest.fixture(scope="module")
async def door(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Door]:
    async with opened(mongodb_uri, knowledge) as door:
        await door.put(*RECORD, condition("w", "w5"), condition("b", "b7"), condition("root", "root"),
                       condition("other", "w5", "http://acme.org/other"))  # fmt: skip
        yield door


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param(f"code:below={SYSTEM}|root", "b root w", id="below a code with more codes than a query can name"),
        pytest.param(f"code:below={SYSTEM}|wide", "w", id="below another"),
        pytest.param(f"code:below={SYSTEM}|big", "b", id="below one of some hundred"),
        pytest.param(f"code:above={SYSTEM}|w5", "root w", id="above: itself too"),
        pytest.param("code:in=http://acme.org/vs/all", "b root w", id="in a value set"),
        pytest.param("code:not-in=http://acme.org/vs/all", "other", id="not in a value set"),
    ],
)
async def test_many_codes(door: Door, query: str, expected: str) -> None:
    assert await found(door, query) == expected


async def test_a_code_is_found_from_its_first_resource_on(door: Door, mongodb_uri: str, knowledge: Knowledge) -> None:
    assert await found(door, f"code:below={SYSTEM}|big") == "b"
    async with beside(mongodb_uri, knowledge, door.services.store.resources.database.name) as other:
        await other.put(condition("new", "b99"))
    assert await found(door, f"code:below={SYSTEM}|big") == "b new"


async def test_what_is_not_counted_is_named(mongodb_uri: str, knowledge: Knowledge) -> None:
    async with opened(mongodb_uri, knowledge) as door:
        await door.put(*RECORD, condition("b", "b7"))
        await door.services.store.collection("setting").delete_one({"_id": COMPLETE})
        assert await found(door, f"code:below={SYSTEM}|big") == "b"
        with pytest.raises(TooCostly):
            await found(door, f"code:below={SYSTEM}|wide")
