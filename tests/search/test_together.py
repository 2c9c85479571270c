"""Searches that arrive together share calls of the database, and each has the answer it would have had alone

http://hl7.org/fhir/R4/search.html
"""

import asyncio

from pymongo.errors import OperationFailure

from fhirserver.repository.requests import SearchPage
from fhirserver.search.plan import HasTerm
from fhirserver.store.compile import compile_plan
from fhirserver.store.layout import PLACED
from fhirserver.store.search import Searcher, _Query
from fhirserver.store.sorting import Window
from tests.door import Door

QUERIES = [
    *(f"Patient?identifier=urn:mrn|{number}" for number in range(12)),
    *(f"Observation?patient={number}&date=ge2020-01-05&_count=3" for number in range(12)),
    *(f"Observation?code=c{number}&_count={number + 1}" for number in range(12)),
    *(f"Observation?code=c{number}&_total=none" for number in range(4)),
    "Patient?_id=1,2,3",
    "Patient?identifier=urn:mrn|none",
    "Observation?_sort=-date&_count=5",
]


RESOURCES = [
    *(
        {"resourceType": "Patient", "id": str(number), "identifier": [{"system": "urn:mrn", "value": str(number)}]}
        for number in range(12)
    ),
    *(
        {
            "resourceType": "Observation",
            "id": f"{number}-{day}",
            "status": "final",
            "code": {"coding": [{"code": f"c{(number + day) % 12}"}]},
            "subject": {"reference": f"Patient/{number}"},
            "effectiveDateTime": f"2020-01-{day:02d}",
        }
        for number in range(12)
        for day in range(1, 11)
    ),
]


def shown(page: SearchPage) -> tuple[list[str], int | None, bool]:
    return [version.key for version in page.matches], page.total, page.next_cursor is not None


async def test_each_search_has_its_own_answer(door: Door) -> None:
    alone = [shown(await door.search(query)) for query in QUERIES]
    sizes: list[int] = []
    door.services.searcher._find._observe = sizes.append
    for _ in range(5):
        together = await asyncio.gather(*(door.search(query) for query in QUERIES))
        assert [shown(page) for page in together] == alone
    assert max(sizes) > 1


async def test_pages_go_on_while_others_search(door: Door) -> None:

    async def walk(query: str) -> list[str]:
        page = await door.search(query)
        found = [version.key for version in page.matches]
        while page.next_cursor is not None:
            page = await door.search(query, f"_cursor={page.next_cursor}")
            found += [version.key for version in page.matches]
        return found

    walks = await asyncio.gather(*(walk(f"Observation?patient={number}&_count=3") for number in range(12)))
    for number, found in enumerate(walks):
        assert sorted(found) == sorted(f"Observation/{number}-{day}" for day in range(1, 11))


async def test_a_search_that_fails_fails_alone(door: Door) -> None:
    searcher: Searcher = door.services.searcher
    good = _Query(compile_plan(HasTerm(("Patient.identifier=1\x1furn:mrn",))), PLACED, 5, 1)
    bad = _Query({"t": {"$unheard": 1}}, PLACED, 5, 1)
    first, failed, last = await searcher._find_together([good, bad, good])
    assert isinstance(failed, OperationFailure)
    assert not isinstance(first, BaseException)
    assert [fields["_id"] for fields in first] == ["Patient/1"]
    assert first == last
    counts = await searcher._count_together([(good.wanted, 5), (bad.wanted, 5)])
    assert counts[0] == 1
    assert isinstance(counts[1], OperationFailure)


async def test_a_search_that_may_take_long_goes_alone(door: Door) -> None:
    """One that has to look at many resources would make the others wait."""
    sizes: list[int] = []
    door.services.searcher._find._observe = sizes.append
    plan = await door.plan("Observation?date=ge2020-01-05")
    found = await asyncio.gather(*(door.services.searcher.find(plan, Window(3)) for _ in range(8)))
    assert all(len(hits) == 3 for hits in found)
    assert sizes == []
