"""The order of results and their pages — http://hl7.org/fhir/R4/search.html#sort, search.html#count"""

from decimal import Decimal

import pytest

from fhirserver.kernel.outcome import BadSearchValue, UnknownParameter
from fhirserver.kernel.resource import Json, Resource
from tests.door import Door


def patient(logical_id: str, *families: str, **more: Json) -> Resource:
    names = {"name": [{"family": family} for family in families]} if families else {}
    return {"resourceType": "Patient", "id": logical_id, **names, **more}


def observation(name: str, **more: Json) -> Resource:
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "x"}, **more}


def concept(code: str) -> Json:
    return {"coding": [{"code": code}]}


RESOURCES = [
    patient("p1", "Éloise", birthDate="1980-05"),
    patient("p2", "adam", birthDate="1980-05-02"),
    patient("p3", "Zoé", "Bert", birthDate="1979"),
    patient("p4"),
    patient("p5", "Van den Zande", birthDate="1980"),
    patient("p6", "ADAM", "Zz"),
    observation("o1", valueQuantity={"value": Decimal("1.5")}, effectivePeriod={"start": "2020", "end": "2022"},
                category=[concept("b"), concept("y")], subject={"reference": "Patient/p2"}),
    observation("o2", valueQuantity={"value": Decimal("-10")}, effectiveDateTime="2021", category=[concept("c")]),
    observation("o3", valueQuantity={"value": Decimal("1.50")}, effectivePeriod={"end": "2019"}),
    observation("o4", effectivePeriod={"start": "2021-06"}, category=[concept("a"), concept("z")],
                subject={"reference": "Patient/p1"}),
    observation("o5", valueQuantity={"value": 12345678901234567890, "comparator": ">"}),
]  # fmt: skip

ORDERS = [
    pytest.param("Patient", "p1 p2 p3 p4 p5 p6", id="without _sort: in the order of creation"),
    pytest.param(
        "Patient?_sort=family", "p2 p6 p3 p1 p5 p4", id="strings on a case-insensitive basis, accents ignored"
    ),
    pytest.param(
        "Patient?_sort=-family", "p6 p3 p5 p1 p2 p4", id="of several values, the first in the order of the sort"
    ),
    pytest.param("Patient?_sort=birthdate", "p3 p5 p1 p2 p4 p6", id="dates by their beginnings; missing ones last"),
    pytest.param("Patient?_sort=-birthdate", "p5 p1 p2 p3 p4 p6", id="dates descending by their ends"),
    pytest.param("Patient?_sort=_id", "p1 p2 p3 p4 p5 p6", id="_id"),
    pytest.param("Patient?_sort=-_id", "p6 p5 p4 p3 p2 p1", id="_id descending"),
    pytest.param("Patient?_sort=-birthdate,-_id", "p5 p1 p2 p3 p6 p4", id="priority order, the second for ties"),
    pytest.param("Patient?_sort=birthdate&_sort=-_id", "p3 p5 p1 p2 p6 p4", id="_sort can repeat"),
    pytest.param("Patient?_sort=_lastUpdated", "p1 p2 p3 p4 p5 p6", id="_lastUpdated"),
    pytest.param("Patient?_sort=-_lastUpdated", "p6 p5 p4 p3 p2 p1", id="_lastUpdated descending"),
    pytest.param("Patient?_sort=gender,family", "p2 p6 p3 p1 p5 p4", id="a key that all lack"),
    pytest.param("Observation?_sort=value-quantity", "o2 o1 o3 o5 o4", id="numbers by their size"),
    pytest.param("Observation?_sort=-value-quantity", "o5 o1 o3 o2 o4", id="numbers descending"),
    pytest.param("Observation?_sort=date", "o3 o1 o2 o4 o5", id="an open beginning comes first"),
    pytest.param("Observation?_sort=-date", "o4 o1 o2 o3 o5", id="an open end comes first, descending"),
    pytest.param("Observation?_sort=category", "o4 o1 o2 o3 o5", id="tokens"),
    pytest.param("Observation?_sort=-category", "o4 o1 o2 o3 o5", id="tokens descending, by their last"),
    pytest.param("Observation?_sort=subject", "o4 o1 o2 o3 o5", id="references"),
    pytest.param("Observation?_sort=patient", "o4 o1 o2 o3 o5", id="references limited to a type"),
    pytest.param("?_type=Patient,Observation&_sort=-_lastUpdated&_id=p1,o1,o2", "o2 o1 p1", id="across types"),
    pytest.param("Observation?_sort=subject.name", "o1 o4 o2 o3 o5", id="by what a reference leads to"),
    pytest.param("Observation?_sort=-subject:Patient.family", "o4 o1 o2 o3 o5", id="by one type of what it leads to"),
    pytest.param("Observation?_sort=patient.birthdate", "o4 o1 o2 o3 o5", id="by a date of what it leads to"),
    pytest.param("Observation?_sort=-patient._id", "o1 o4 o2 o3 o5", id="by the id of what it leads to"),
    pytest.param("Observation?_sort=subject:Group.code,-_id", "o5 o4 o3 o2 o1", id="a type that no reference leads to"),
    pytest.param(
        "Observation?_sort=has-member.subject:Patient.family,-_id", "o5 o4 o3 o2 o1", id="through two references"
    ),
]


@pytest.mark.parametrize("count", [100, 1, 2, 3])
@pytest.mark.parametrize(("query", "expected"), ORDERS)
async def test_the_order(door: Door, query: str, expected: str, count: int) -> None:
    forward, backward = [], []
    page = await door.search(query, f"_count={count}")
    while True:
        forward += [version.logical_id for version in page.matches]
        if page.next_cursor is None:
            break
        page = await door.search(query, f"_count={count}", f"_cursor={page.next_cursor}")
    while True:
        backward = [version.logical_id for version in page.matches] + backward
        if page.previous_cursor is None:
            break
        page = await door.search(query, f"_count={count}", f"_cursor={page.previous_cursor}")
    assert (" ".join(forward), " ".join(backward)) == (expected, expected)


@pytest.mark.parametrize(
    "key",
    ["nothing", "near", "code-value-quantity", "-", "family desc", "_score", "code.text", "subject.nothing",
     "subject:Practitioner.name", "subject.", ".name", "subject.general-practitioner.organization.partof.name"],
)  # fmt: skip
async def test_what_has_no_order_is_refused(door: Door, key: str) -> None:
    with pytest.raises(UnknownParameter) as refused:
        await door.search(f"Observation?_sort={key}")
    assert refused.value.issues[0].expression == ("http._sort",)
    page = await door.search(f"Observation?_sort={key}", lenient=True)
    assert (len(page.matches), page.applied, len(page.issues)) == (5, (), 1)


TOTALS = [
    pytest.param((), 6, id="it is the number of matches, not of returned resources"),
    pytest.param(("_total=accurate",), 6, id="accurate"),
    pytest.param(("_total=estimate",), 6, id="estimate"),
    pytest.param(("_total=none",), None, id="none: the client will not use it"),
    pytest.param(("_count=2", "_total=accurate"), 6, id="_count has no impact"),
    pytest.param(("_count=6",), 6, id="a full page"),
]


@pytest.mark.parametrize(("parameters", "expected"), TOTALS)
async def test_the_total(door: Door, parameters: tuple[str, ...], expected: int | None) -> None:
    page = await door.search("Patient?", *parameters)
    assert page.total == expected
    if page.next_cursor:
        assert (await door.search("Patient?", *parameters, f"_cursor={page.next_cursor}")).total == expected


@pytest.mark.parametrize("parameter", ["_count=0", "_summary=count"])
async def test_a_count_of_0_is_the_same_as_summary_count(door: Door, parameter: str) -> None:
    page = await door.search("Patient?family=adam", parameter, "_include=Patient:organization")
    assert (page.total, page.matches, page.included, page.next_cursor) == (2, (), (), None)


async def test_the_parameters_that_were_used_are_said(door: Door) -> None:
    page = await door.search("Patient?family=adam&name=&_count=&_sort=-family&nothing=1&_count=1", lenient=True)
    assert page.applied == (("family", "adam"), ("_sort", "-family"), ("_count", "1"))
    assert [issue.expression for issue in page.issues] == [("http.nothing",)]
    following = await door.search("Patient?family=adam&_sort=-family&_count=1", f"_cursor={page.next_cursor}")
    assert following.applied == page.applied


@pytest.mark.parametrize(
    "parameter",
    ["_count=x", "_count=-1", "_count=1.5", "_count=\u0661", "_count=99999999999", "_summary=x", "_total=x",
     "_include=Patient", "_include=Patient:", "_include=a:b:c:d", "_include:x=Patient:organization", "_cursor=x",
     "_cursor=AAAA"],
)  # fmt: skip
async def test_what_is_no_result_parameter_is_refused(door: Door, parameter: str) -> None:
    with pytest.raises(BadSearchValue) as refused:
        await door.search(f"Patient?{parameter}", lenient=True)
    assert refused.value.issues[0].expression == (f"http.{parameter.rpartition('=')[0]}",)


async def test_a_cursor_belongs_to_its_query(door: Door) -> None:
    cursor = (await door.search("Patient?_count=2")).next_cursor
    assert cursor is not None
    assert len((await door.search("Patient?_count=2", f"_cursor={cursor}")).matches) == 2
    altered = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
    for query in (
        "Patient?_count=3",
        "Patient?family=adam&_count=2",
        "Observation?_count=2",
        "Patient?_count=2&_sort=_id",
    ):
        with pytest.raises(BadSearchValue):
            await door.search(query, f"_cursor={cursor}")
    with pytest.raises(BadSearchValue):
        await door.search("Patient?_count=2", f"_cursor={altered}")


async def test_a_page_after_the_last_match_went_away_is_empty(door: Door) -> None:
    page = await door.search("Patient?_count=5")
    assert page.next_cursor is not None
    last = await door.search("Patient?_count=5", f"_cursor={page.next_cursor}")
    assert [version.logical_id for version in last.matches] == ["p6"]
    assert last.next_cursor is None
