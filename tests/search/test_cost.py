"""What is refused as too costly, what is explained — http://hl7.org/fhir/R4/search.html#overview"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from fhirserver.access.access import Right, Unrestricted
from fhirserver.app.knowledge import Knowledge
from fhirserver.kernel.outcome import BadSearchValue, Forbidden, TooCostly
from fhirserver.repository.repository import Repository
from fhirserver.repository.services import SlowSearch
from fhirserver.search.plan import ALL, HasTerm, Plan
from fhirserver.search.printed import printed
from tests.door import Door, Json, opened, request_of, split
from tests.limited import Limited

RESOURCES: list[Json] = [
    {"resourceType": "Patient", "id": f"p{i}", "name": [{"family": f"Peeters{i}"}], "birthDate": "1980"}
    for i in range(6)
] + [
    {"resourceType": "Observation", "id": f"o{i}", "status": "final", "code": {"text": "x"},
     "subject": {"reference": f"Patient/p{i % 2}"}, "effectiveDateTime": f"2020-01-0{i + 1}",
     "component": [{"code": {"coding": [{"code": "c"}]}, "valueQuantity": {"value": i}}]}
    for i in range(6)
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def narrow(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Door]:
    """A door that takes six resources for many."""
    async with opened(mongodb_uri, knowledge, scan_bound=5, sort_bound=5, total_bound=3) as door:
        await door.put(*RESOURCES)
        yield door


REFUSED = [
    ("Patient?name:contains=eeter", "name:contains"),
    ("Patient?family=Peeters0,x&name:contains=a&_sort=family", "name:contains"),
    ("Patient?_content=peeters", "_content"),
    ("Patient?gender:not=male&_sort=family", "_sort"),
    ("Patient?_sort=birthdate", "_sort"),
    ("Observation?_sort=patient.family", "_sort"),
    ("?_type=Patient,Observation&_sort=-_lastUpdated", "_sort"),
    ("?_type=Patient,Observation&_content=xyz", "_content"),
]


@pytest.mark.parametrize(("query", "parameter"), REFUSED[:1] + REFUSED[2:])
async def test_what_no_index_bounds_is_refused_on_a_large_type(narrow: Door, query: str, parameter: str) -> None:
    with pytest.raises(TooCostly) as refused:
        await narrow.search(query)
    assert refused.value.issues[0].expression == (f"http.{parameter}",)
    assert "dd a criterion" in refused.value.diagnostics


SERVED = [
    ("Patient?name:contains=eeter&birthdate=1980", 6),
    ("Patient?family=peeters1&name:contains=eeter", 1),
    ("Patient?_id=p1,p2&_content=peeters1", 1),
    ("Patient?gender:not=male", 6),
    ("Patient?_sort=-_lastUpdated", 6),
    ("Patient?_sort=_id", 6),
    ("Observation?subject=Patient/p1&_sort=-date", 3),
    ("Observation?date=lt2020-01-03&_sort=date", 2),
    ("Observation?patient=p0&_sort=patient.family,-date", 3),
    ("Patient/p1/Observation?_sort=-date", 3),
]


@pytest.mark.parametrize(("query", "expected"), SERVED)
async def test_what_an_index_bounds_is_served(narrow: Door, query: str, expected: int) -> None:
    assert len((await narrow.search(query)).matches) == expected


@pytest.mark.parametrize(("sort", "first"), [("_lastUpdated", 0), ("-_lastUpdated", 5), ("_id", 0), ("-_id", 5)])
async def test_a_type_alone_is_walked_in_both_directions(narrow: Door, sort: str, first: int) -> None:
    query = f"Patient?_sort={sort}&_count=4"
    expected = sorted((f"p{i}" for i in range(6)), reverse=bool(first))
    if "lastUpdated" in sort:
        expected = [v.logical_id for v in (await narrow.search(f"Patient?_sort={sort}")).matches]
    page = await narrow.search(query)
    following = await narrow.search(query, f"_cursor={page.next_cursor}")
    back = await narrow.search(query, f"_cursor={following.previous_cursor}")
    assert [v.logical_id for v in (*page.matches, *following.matches)] == expected
    assert [v.logical_id for v in back.matches] == expected[:4]
    assert (following.next_cursor, back.previous_cursor) == (None, None)


async def test_deletions_and_instants_that_several_share_are_walked_once(narrow: Door) -> None:
    store = narrow.services.store.resources
    await store.update_many({"y": "Observation"}, {"$set": {"m": 1_000_000}})
    for sort in ("_lastUpdated", "-_lastUpdated"):
        query, found = f"Observation?_sort={sort}&_count=2", list[str]()
        page = await narrow.search(query)
        while True:
            found += [v.logical_id for v in page.matches]
            if page.next_cursor is None:
                break
            page = await narrow.search(query, f"_cursor={page.next_cursor}")
        assert sorted(found) == [f"o{i}" for i in range(6)]


@pytest.mark.parametrize(
    ("parameters", "total", "issues"),
    [("", None, 0), ("_total=accurate", 6, 0), ("_total=none", None, 0), ("_total=estimate", 6, 0)],
)
async def test_totals_beyond_the_bound(narrow: Door, parameters: str, total: int | None, issues: int) -> None:
    page = await narrow.search(f"Patient?birthdate=1980&_count=1&{parameters}")
    assert (page.total, len(page.issues)) == (total, issues)


async def test_an_estimate_is_marked_as_one(mongodb_uri: str, knowledge: Knowledge) -> None:
    async with opened(mongodb_uri, knowledge) as door:
        store = door.services.store.resources
        documents = [
            {"_id": f"Basic/{i}", "y": "Basic", "v": 1, "m": i, "n": i, "o": "PUT", "x": b"{}",
             "t": ["Basic", f"Basic.code:code={i % 2}"]}
            for i in range(24_000)
        ]  # fmt: skip
        await store.insert_many(documents, ordered=False)
        page = await door.search("Basic?code=1&_count=1&_total=estimate")
        assert page.total is not None
        assert 10_000 < page.total < 14_400
        assert [issue.expression for issue in page.issues] == [("Bundle.total",)]
        following = await door.search("Basic?code=1&_count=1&_total=estimate", f"_cursor={page.next_cursor}")
        assert following.total == page.total
        assert (await door.search("Basic?code=1&_count=1&_total=accurate")).total == 12_000


@pytest.mark.parametrize(
    ("most", "pages"), [(5, [2, 2, 1]), (4, [2, 2]), (1, [1]), (6, [2, 2, 2]), (99, [2, 2, 2]), (0, [0])]
)
async def test_maxresults_ends_the_pages(narrow: Door, most: int, pages: list[int]) -> None:
    query = f"Patient?birthdate=1980&_count=2&_maxresults={most}"
    page = await narrow.search(query)
    found = [page]
    while page.next_cursor:
        page = await narrow.search(query, f"_cursor={page.next_cursor}")
        found.append(page)
    assert [len(page.matches) for page in found] == pages
    names = [v.logical_id for page in found for v in page.matches]
    backward: list[str] = []
    while True:
        backward = [v.logical_id for v in page.matches] + backward
        if page.previous_cursor is None:
            break
        page = await narrow.search(query, f"_cursor={page.previous_cursor}")
    assert (len(set(names)), backward) == (len(names), names)


async def test_maxresults_is_a_number(narrow: Door) -> None:
    with pytest.raises(BadSearchValue):
        await narrow.search("Patient?_maxresults=-1")


async def test_a_search_is_explained(narrow: Door) -> None:
    page = await narrow.search("Observation?patient=p1&_sort=-date&_explain=true")
    said = [issue.diagnostics for issue in page.issues]
    assert said[0] == "Plan: term Observation.subject=Patient/p1"
    assert any(line.startswith("Stages: ") and "IXSCAN terms" in line for line in said)
    assert any("Observation.subject=Patient/p1" in line for line in said if line.startswith("Bounds: "))
    assert any(line.startswith("Examined: ") and "for 3 results" in line for line in said)
    assert "Estimated matches: 3" in said
    assert len(page.matches) == 3
    for query in ("Patient?_sort=-_lastUpdated", "Patient?family=peeters1", "?_type=Patient,Observation&_id=p1"):
        assert (await narrow.search(f"{query}&_explain=true")).issues[0].diagnostics.startswith("Plan: ")


async def test_what_chains_lead_to_is_not_explained(narrow: Door) -> None:
    said = [i.diagnostics for i in (await narrow.search("Observation?patient.family=peeters1&_explain=true")).issues]
    assert (
        said[0] == "Plan: and(term Observation, chain(Observation.subject -> Patient: prefix Patient.family=peeters1))"
    )
    assert not any("p1" in line.replace("peeters1", "") for line in said)
    assert (await narrow.search("Patient?_explain=false")).issues == ()


class OneRecord(Limited):
    """May see one patient."""

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        return ALL if resource_type == "Practitioner" else HasTerm(("@Patient/p1",))


async def test_only_who_sees_all_may_have_it_explained(narrow: Door) -> None:
    limited = Repository(narrow.services, OneRecord())
    with pytest.raises(Forbidden):
        await limited.search(request_of(*split("Observation?_explain=true")))
    assert len((await limited.search(request_of(*split("Observation?code:text=x")))).matches) == 3


async def test_sorting_by_what_a_reference_leads_to_stays_within_the_access(narrow: Door) -> None:
    page = await narrow.search("Observation?_id=o0,o1&_sort=-patient.family")
    assert [v.logical_id for v in page.matches] == ["o1", "o0"]

    class NoPatients(Limited):
        def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
            return HasTerm(("never",)) if resource_type == "Patient" else ALL

    limited = Repository(narrow.services, NoPatients())
    blind = await limited.search(request_of(*split("Observation?_id=o0,o1&_sort=-patient.family")))
    assert [v.logical_id for v in blind.matches] == ["o0", "o1"]


async def test_slow_searches_are_told_without_values(narrow: Door) -> None:
    told: list[SlowSearch] = []
    limits = replace(narrow.services.limits, slow_search_s=0.0)
    services = replace(narrow.services, limits=limits, on_slow=told.append)
    repository = Repository(services, Unrestricted())
    await repository.search(request_of(*split("Patient?family=peeters1&birthdate=ge1980&identifier=123&_id=p7")))
    assert told[0].types == ("Patient",)
    for value in ("peeters", "1980", "123", "p7"):
        assert value not in told[0].plan
    assert "Patient.family" in told[0].plan


async def test_every_plan_is_printed(narrow: Door) -> None:
    plan = await narrow.plan(
        "Observation?combo-code-value-quantity=c$1&date=2020&_text=lung OR liver&_content=cancer&_id=x"
        "&subject:missing=true"
    )
    whole, redacted = printed(plan), printed(plan, values=False)
    assert "Observation.date" in redacted
    assert len(whole) > len(redacted)
