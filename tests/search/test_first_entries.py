"""Chains into what a document or message begins with, which is in its Bundle only

http://hl7.org/fhir/R4/bundle.html#search, bundle.html#references
"""

from typing import Any

import pytest

from fhirserver.access.access import Right
from fhirserver.access.masks import Mask
from fhirserver.app.knowledge import Knowledge
from fhirserver.kernel.outcome import BadSearchValue, TooCostly, UnknownParameter
from fhirserver.kernel.resource import Json, Resource
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Delete
from fhirserver.search.contained import MAX_REFERRED
from fhirserver.search.plan import ALL, NONE, Plan
from tests.door import BASE, Door, opened
from tests.limited import Limited

URN = "urn:uuid:00000000-0000-4000-8000-00000000000"


def to(reference: str) -> Json:
    return {"reference": reference}


def patient(family: str, **more: Json) -> Resource:
    return {"resourceType": "Patient", "name": [{"family": family}], **more}


def composition(title: str, **more: Json) -> Resource:
    fixed = {
        "status": "final",
        "type": {"coding": [{"code": "note"}]},
        "date": "2020-05-01",
        "author": [to("Device/1")],
    }
    return {"resourceType": "Composition", "title": title, **fixed, **more}


def header(event: str, **more: Json) -> Resource:
    source = {"endpoint": f"http://{event}.org"}
    return {
        "resourceType": "MessageHeader",
        "eventCoding": {"system": "http://e", "code": event},
        "source": source,
        **more,
    }


def bundle(name: str, of: str, *entries: Resource | tuple[str, Resource]) -> Resource:
    """Make a Bundle; entries without an address of their own have urns, the first one's ends with 0."""
    addressed = (one if isinstance(one, tuple) else (f"{URN}{i}", one) for i, one in enumerate(entries))
    more = {"document": {"identifier": {"system": "urn:d", "value": name}, "timestamp": "2020-01-01T00:00:00Z"}}
    found = [{"fullUrl": url, "resource": resource} for url, resource in addressed]
    return {"resourceType": "Bundle", "id": name, "type": of, **more.get(of, {}), "entry": found}


NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Acute bronchitis</div>'}
RESOURCES = [
    patient("Stored", id="s"),
    {**composition("one"), "id": "stored"},
    {**composition("now"), "id": "copied"},
    bundle("one", "document", composition("one", subject=to(f"{URN}1")), patient("Inner", gender="male")),
    bundle("two", "document", composition("two", subject=to("Patient/s"), text=NARRATIVE), patient("Unread")),
    bundle("relative", "document", ("http://a.org/fhir/Composition/r", composition("three", subject=to("Patient/r"))),
           ("http://a.org/fhir/Patient/r", patient("Inner", gender="female"))),
    bundle("own", "document", composition("four", subject=to(f"{BASE}Patient/o"), status="amended"),
           (f"{BASE}Patient/o", patient("Own"))),
    bundle("containing", "document", composition("five", subject=to("#p"), contained=[patient("Within", id="p")])),
    bundle("copy", "document", {**composition("then"), "id": "copied"}),
    bundle("second", "collection", patient("First"), composition("one")),
    bundle("sections", "document", composition("six", section=[{"entry": [to(f"{URN}1")]}]),
           {"resourceType": "Observation", "status": "final", "code": {"coding": [{"code": "o"}]},
            "subject": to(f"{URN}2"), "valueQuantity": {"value": 5}}, patient("Deep")),
    bundle("sent", "message", header("admit", focus=[to(f"{URN}1")], sender=to("Organization/x")), patient("Inner")),
    bundle("answer", "message", header("reply", response={"identifier": "m1", "code": "ok"})),
    {"resourceType": "Bundle", "id": "empty", "type": "collection"},
    {"resourceType": "Basic", "id": "m", "code": {"text": "x"}, "author": to("#c"),
     "contained": [{**composition("one"), "id": "c"}]},
]  # fmt: skip

CASES = [
    pytest.param("Bundle?composition.title=one", "one", id="of the first entry only"),
    pytest.param("Bundle?composition:Composition.title=two", "two", id="the type named"),
    pytest.param("Bundle?composition.title=one,two", "one two", id="or"),
    pytest.param("Bundle?composition.title=one&composition.status=final", "one", id="and"),
    pytest.param("Bundle?composition.title:contains=o", "one own two", id="contains"),
    pytest.param("Bundle?composition.title=then", "copy", id="as it is in the Bundle"),
    pytest.param("Bundle?composition.title=now", "", id="not the stored one of this id"),
    pytest.param("Bundle?composition._id=copied", "copy", id="_id"),
    pytest.param("Bundle?composition=Composition/copied", "copy", id="its address"),
    pytest.param("Bundle?composition.status:not=final", "own", id="not"),
    pytest.param("Bundle?composition.date=2020-05&composition.title=t", "copy relative two", id="a date"),
    pytest.param("Bundle?type=document&composition.subject:missing=true", "copy sections",
                 id="missing"),
    pytest.param("Bundle?composition._text=bronchitis", "two", id="a word of its narrative"),
    pytest.param('Bundle?composition._text="acute bronchitis"', "two", id="two words of its narrative"),
    pytest.param("Bundle?composition._content=five", "containing", id="a word of its text"),
    pytest.param("Bundle?composition.patient=Patient/s", "two", id="a reference"),
    pytest.param("Bundle?composition.patient.name=stored", "two", id="what it refers to: stored"),
    pytest.param("Bundle?composition.patient.name=inner", "one relative", id="an entry, by urn or relative"),
    pytest.param("Bundle?composition.subject:Patient.name=own", "own", id="an entry, by its address on this server"),
    pytest.param("Bundle?composition.patient.name=within", "containing", id="contained in it"),
    pytest.param("Bundle?composition.patient.name=inner&composition.patient.gender=male", "one", id="two of an entry"),
    pytest.param("Bundle?composition.patient.gender:not=male", "containing own relative two", id="not of an entry"),
    pytest.param("Bundle?composition.patient.name=unread", "", id="an entry that it does not refer to"),
    pytest.param("Bundle?composition.entry.code=o", "sections", id="an entry of a section"),
    pytest.param("Bundle?composition.entry:Observation.value-quantity=gt4", "sections", id="a quantity of an entry"),
    pytest.param("Bundle?composition.entry:Observation.patient.name=deep", "", id="from there only to what is stored"),
    pytest.param("Bundle?composition:missing=false", "containing copy one own relative sections two", id="present"),
    pytest.param("Bundle?composition:missing=true", "answer empty second sent", id="missing"),
    pytest.param("Bundle?message:missing=false", "answer sent", id="a message"),
    pytest.param("Bundle?message.event=admit", "sent", id="its event"),
    pytest.param("Bundle?message.event=http://e|reply&message.code=ok", "answer", id="its response"),
    pytest.param("Bundle?message.source-uri=http://admit.org", "sent", id="a uri"),
    pytest.param("Bundle?message.focus:Patient.name=inner", "sent", id="its focus"),
    pytest.param("Bundle?message.sender:Organization=x", "sent", id="its sender"),
    pytest.param('Bundle?_filter=composition.title eq "two"', "two", id="_filter"),
    pytest.param("Bundle?_filter=composition[status eq amended].title sw f", "own", id="_filter with brackets"),
    pytest.param("Bundle?_filter=message pr true", "answer sent", id="_filter: present"),
    pytest.param("Bundle?composition.title=one&type=document,collection", "one", id="among other parameters"),
    pytest.param("Composition?title=one&_contained=true", "m", id="an entry is not contained"),
    pytest.param("Composition?patient.name=inner", "", id="no Composition by itself"),
    pytest.param("Patient?_has:Composition:patient:title=two", "", id="nor does it refer by itself"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), CASES)
async def test_a_chain(door: Door, query: str, expected: str) -> None:
    assert " ".join(sorted(await door.ids(query))) == expected


async def test_no_order_comes_from_it(door: Door) -> None:
    with pytest.raises(UnknownParameter, match="in the Bundle itself"):
        await door.search("Bundle?_sort=composition.title")


async def test_items_in_it_are_not_tested_one_by_one(door: Door) -> None:
    for path in ('section[title eq "x"].code eq "y"', 'patient.name[use eq official].family eq "x"'):
        with pytest.raises(BadSearchValue, match="one by one"):
            await door.search(f"Bundle?_filter=not (composition.{path})")


class NoPatients(Limited):
    """May see everything but Patients."""

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        return NONE if resource_type == "Patient" else ALL


class NoBundles(Limited):
    """May see everything but Bundles."""

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        return NONE if resource_type == "Bundle" else ALL


class NoNames(Limited):
    """May see everything but the names of Patients and the titles of Compositions."""

    def mask(self, resource_type: str) -> Mask | None:
        hidden = {"Patient": "name", "Composition": "title"}
        return Mask(resource_type, frozenset({hidden[resource_type]})) if resource_type in hidden else None


def seen_by(door: Door, access: Limited) -> Door:
    return Door(door.services, Repository(door.services, access))


async def test_the_bundle_decides_who_may_see_what_is_in_it(door: Door) -> None:
    assert await seen_by(door, NoBundles()).ids("Bundle?composition.title=one") == set()
    limited = seen_by(door, NoPatients())
    assert await limited.ids("Bundle?composition.title=one") == {"one"}
    assert await limited.ids("Bundle?composition.patient.name=stored") == set()
    assert await limited.ids("Bundle?composition.patient.name=inner") == {"one", "relative"}


async def test_nothing_is_found_by_what_is_masked_of_it(door: Door) -> None:
    masked = seen_by(door, NoNames())
    for query in ("title=one", "_text=bronchitis", "_content=five", "patient.name=inner", "patient.name=stored"):
        assert await masked.ids(f"Bundle?composition.{query}") == set(), query
    assert await masked.ids("Bundle?composition.patient.gender=male") == {"one"}
    assert await masked.ids("Bundle?composition.status=amended") == {"own"}


async def test_it_changes_with_its_bundle(mongodb_uri: str, knowledge: Knowledge) -> None:
    async with opened(mongodb_uri, knowledge) as door:
        await door.put(bundle("b", "document", composition("before")))
        await door.put(bundle("b", "document", composition("after")))
        assert await door.ids("Bundle?composition.title=before") == set()
        assert await door.ids("Bundle?composition.title=after") == {"b"}
        await door.repository.write(Delete(resource_type="Bundle", logical_id="b"))
        assert await door.ids("Bundle?composition.title=after") == set()


async def test_what_no_index_answers_is_refused_on_many_bundles(mongodb_uri: str, knowledge: Knowledge) -> None:
    async with opened(mongodb_uri, knowledge, scan_bound=2) as door:
        await door.put(*(bundle(f"b{i}", "document", composition(f"title {i}")) for i in range(3)))
        for query in ("composition.title:contains=itle", "composition._content=title"):
            with pytest.raises(TooCostly):
                await door.search(f"Bundle?{query}")
        assert await door.ids("Bundle?composition.title:contains=itle&identifier=b1") == {"b1"}
        assert await door.ids("Bundle?composition.status:not=amended") == {"b0", "b1", "b2"}


async def test_so_many_entries_are_led_to(door: Door) -> None:
    observed: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    many = range(1, MAX_REFERRED + 2)
    entries = [(f"{URN}-{i}", {**observed, "identifier": [{"value": str(i)}]}) for i in many]
    section = [{"entry": [to(url) for url, _ in entries]}]
    values = door.services.extractor.extract(bundle("many", "document", composition("x", section=section), *entries))
    (group,) = values.groups
    assert len(group.values.groups) == MAX_REFERRED
    assert ">#Observation.identifier=200" in [term.partition("\x1f")[0] for term in values.terms]
