"""$lastn — http://hl7.org/fhir/R4/observation-operation-lastn.html"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from fhirserver.access.access import Right
from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from fhirserver.repository.latest import LatestRequest, grouped
from fhirserver.repository.repository import Repository
from fhirserver.search.plan import ALL, HasTerm, Plan
from fhirserver.store.latest import Ranked
from tests.conftest import client_of, new_settings, running
from tests.door import opened
from tests.limited import Limited

Json = dict[str, Any]


def observed(name: str, patient: str, when: str | None, *codes: str, text: str | None = None) -> Json:
    """Return an Observation; a code is ``system|code`` in short."""
    coding = [dict(zip(("system", "code"), (f"http://{c[0]}", c[2:]), strict=True)) for c in codes]
    parts = {"coding": coding, "text": text}
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "category": [{"coding": [{"system": "http://c", "code": "vital-signs"}]}],
        "code": {key: value for key, value in parts.items() if value},
        "subject": {"reference": f"Patient/{patient}"},
        **({"effectiveDateTime": when} if when else {}),
    }


RESOURCES = [
    *({"resourceType": "Patient", "id": name} for name in ("abc", "joined", "split", "text", "tied", "old")),
    # the table of the specification
    observed("abc-1", "abc", "2020-01-01", "s|a"),
    observed("abc-2", "abc", "2020-01-01", "s|b"),
    observed("abc-3", "abc", "2020-01-01", "s|c"),
    observed("split-1", "split", "2020-01-01", "s|a"),
    observed("split-2", "split", "2020-01-01", "s|b"),
    observed("split-3", "split", "2020-01-02", "s|a", "s|c"),
    observed("joined-1", "joined", "2020-01-01", "s|a"),
    observed("joined-2", "joined", "2020-01-02", "s|b"),
    observed("joined-3", "joined", "2020-01-03", "s|a", "s|b"),
    observed("text-1", "text", "2020-01-01", text="textM"),
    observed("text-2", "text", "2020-01-02", text="Text"),
    observed("text-3", "text", "2020-01-03", text="t e x t"),
    observed("text-4", "text", "2020-01-04", text="Text"),
    observed("tied-1", "tied", "2020-01-05T10:00:00Z", "s|a"),
    observed("tied-2", "tied", "2020-01-04T10:00:00Z", "s|a"),
    observed("tied-3", "tied", "2020-01-03T10:00:00Z", "s|a"),
    observed("tied-4", "tied", "2020-01-03T11:00:00+01:00", "s|a"),
    observed("tied-5", "tied", "2020-01-02", "s|a"),
    observed("tied-6", "tied", None, "s|a"),
    {**observed("old-1", "old", "2020-03-01", "s|a"), "status": "entered-in-error"},
    observed("old-2", "old", "2020-02-01", "s|a"),
    observed("old-3", "old", "2020-02-01", "t|a"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def application(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Application]:
    async with running(new_settings(), mongodb_uri, knowledge) as app:
        async with client_of(app) as http:
            for resource in RESOURCES:
                response = await http.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
                assert response.status_code == 201, response.text
        yield app


def ids(bundle: Json) -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", ())]


CASES = [
    pytest.param("patient=abc", "abc-3 abc-2 abc-1", id="a, b, c are 3 groups"),
    pytest.param("patient=split", "split-3 split-2", id="a, b and a+c are 2 groups: [a, c], [b]"),
    pytest.param("patient=joined", "joined-3", id="a, b and a+b are 1 group: equality is transitive"),
    pytest.param("patient=joined&max=2", "joined-3 joined-2", id="the latest 2 of the joined group"),
    pytest.param("patient=text", "text-4 text-3 text-1", id="texts are compared as they are written"),
    pytest.param("patient=tied", "tied-1", id="without max only the most recent is returned"),
    pytest.param("patient=tied&max=2", "tied-1 tied-2", id="the latest 2"),
    pytest.param("patient=tied&max=3", "tied-1 tied-2 tied-4 tied-3", id="a tie for the third place returns 4"),
    pytest.param("patient=tied&max=5", "tied-1 tied-2 tied-4 tied-3 tied-5", id="the latest 5, tied ones counted"),
    pytest.param("patient=tied&max=50", "tied-1 tied-2 tied-4 tied-3 tied-5 tied-6", id="no time is the oldest"),
    pytest.param("subject=Patient/tied&max=1", "tied-1", id="the subject by `subject`"),
    pytest.param("patient=old", "old-1 old-3", id="entered in error counts unless filtered; systems matter"),
    pytest.param("patient=old&status:not=entered-in-error", "old-3 old-2", id="filtered by status"),
    pytest.param("patient=tied&date=lt2020-01-04", "tied-4 tied-3", id="filtered by date"),
    pytest.param("patient=nobody", "", id="no match is an empty searchset"),
]


@pytest.mark.parametrize(("query", "expected"), CASES)
async def test_lastn(client: AsyncClient, query: str, expected: str) -> None:
    response = await client.get(f"Observation/$lastn?{query}&category=vital-signs")
    assert response.status_code == 200, response.text
    bundle = response.json()
    assert bundle["type"] == "searchset"
    assert " ".join(ids(bundle)) == expected
    assert bundle["total"] == len(ids(bundle))


async def test_a_code_stands_for_the_category(client: AsyncClient) -> None:
    bundle = (await client.get("Observation/$lastn?patient=split&code=http://s|a,http://s|c")).json()
    assert ids(bundle) == ["split-3"]


async def test_parameters_may_be_posted(client: AsyncClient) -> None:
    parameter = [
        {"name": "patient", "valueString": "joined"},
        {"name": "category", "valueString": "vital-signs"},
        {"name": "max", "valuePositiveInt": 3},
    ]
    response = await client.post("Observation/$lastn", json={"resourceType": "Parameters", "parameter": parameter})
    assert ids(response.json()) == ["joined-3", "joined-2", "joined-1"]


REFUSED = [
    pytest.param("category=vital-signs", id="a subject is required"),
    pytest.param("patient=abc", id="a category or a code is required"),
    pytest.param("patient=abc&category=x&max=0", id="max is positive"),
    pytest.param("patient=abc&category=x&max=many", id="max is a number"),
    pytest.param("patient=abc&category=x&max=1&max=2", id="max is given once"),
    pytest.param("patient=abc&category=x&_sort=date", id="the order is the operation's own"),
    pytest.param("patient=abc&category=x&nonsense=1", id="an unknown parameter"),
    pytest.param("patient=abc&category=x&date=soon", id="a value that cannot be read"),
]


@pytest.mark.parametrize("query", REFUSED)
async def test_what_cannot_be_answered_is_refused(client: AsyncClient, query: str) -> None:
    response = await client.get(f"Observation/$lastn?{query}")
    assert response.status_code == 400
    assert response.json()["resourceType"] == "OperationOutcome"


def test_groups_are_joined_through_any_number_of_others() -> None:
    chain = [Ranked(str(n), (str(n), str(n + 1)), None) for n in range(0, 2000, 1)]
    alone = Ranked("alone", ("x",), None)
    assert sorted(len(group) for group in grouped([*chain, alone])) == [1, 2000]


class Labelled(Limited):
    """Sees Observations of one system only."""

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        return HasTerm(("Observation.code|=http://t",))


async def test_only_what_the_caller_may_see_counts(mongodb_uri: str, knowledge: Knowledge) -> None:
    async with opened(mongodb_uri, knowledge) as door:
        await door.put(*RESOURCES)
        request = LatestRequest((("patient", "old"), ("category", "vital-signs")))
        found = await Repository(door.services, Labelled()).latest_observations(request)
    assert [version.logical_id for version in found] == ["old-3"]
