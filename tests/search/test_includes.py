"""_include and _revinclude — http://hl7.org/fhir/R4/search.html#include"""

import pytest

from fhirserver.app.knowledge import Knowledge
from fhirserver.kernel.outcome import UnknownParameter
from fhirserver.kernel.resource import Json, Resource
from tests.door import BASE, Door, opened


def to(reference: str) -> Json:
    return {"reference": reference}


def dated(resource_type: str, name: str, **more: Json) -> Resource:
    return {"resourceType": resource_type, "id": name, **more}


def organization(name: str, **more: Json) -> Resource:
    return {"resourceType": "Organization", "id": name, "name": name, **more}


def observation(name: str, subject: str, *performers: str, **more: Json) -> Resource:
    about = {"code": {"coding": [{"code": name}]}, "subject": to(subject), "performer": [to(p) for p in performers]}
    return dated("Observation", name, status="final", **{k: v for k, v in about.items() if v}, **more)


def request(name: str, patient: str, requester: str) -> Resource:
    about = {"subject": to(patient), "requester": to(requester), "medicationCodeableConcept": {"text": "x"}}
    return dated("MedicationRequest", name, status="active", intent="order", **about)


def dispense(name: str, prescription: str) -> Resource:
    about = {"medicationCodeableConcept": {"text": "x"}, "authorizingPrescription": [to(prescription)]}
    return dated("MedicationDispense", name, status="completed", **about)


RESOURCES = [
    dated("Patient", "p", generalPractitioner=[to("Practitioner/g")], managingOrganization=to("Organization/o")),
    dated("Patient", "q", link=[{"other": to("Patient/p"), "type": "seealso"}]),
    dated("Practitioner", "g"),
    dated("Practitioner", "h"),
    organization("o", partOf=to("Organization/parent")),
    organization("parent", partOf=to("Organization/top")),
    organization("top", partOf=to("Organization/o")),
    dated("Group", "group", type="person", actual=True, 
          member=[{"entity": to("Patient/p")}, {"entity": to("Patient/q")}]),
    observation("o1", "Patient/p", "Practitioner/g", "Organization/o", hasMember=[to("Observation/o2")]),
    observation("o2", f"{BASE}Patient/p", "Practitioner/h", hasMember=[to("Observation/o3")]),
    observation("o3", "Group/group"),
    observation("lost", "Patient/nowhere", "Practitioner/nowhere"),
    observation("elsewhere", "http://other.org/fhir/Patient/p"),
    observation("versioned", "Patient/q/_history/1"),
    request("r1", "Patient/p", "Practitioner/h"),
    dispense("d1", "MedicationRequest/r1"),
    dated("Provenance", "made-r1", target=[to("MedicationRequest/r1")], recorded="2020-01-01T00:00:00Z",
          agent=[{"who": to("Practitioner/g")}]),
]  # fmt: skip

CASES = [
    pytest.param("MedicationRequest?_include=MedicationRequest:patient", "r1 + p", id="any patient that they refer to"),
    pytest.param("MedicationRequest?_revinclude=Provenance:target", "r1 + made-r1", id="all that refer to them"),
    pytest.param("Observation?code=o1,o2&_include=Observation:patient", "o1 o2 + p", id="each once"),
    pytest.param("Observation?code=o1&_include=Observation:performer", "o1 + g o", id="of several types"),
    pytest.param("Observation?code=o1&_include=Observation:performer:Organization", "o1 + o", id="a type of target"),
    pytest.param("Observation?code=o1,o3&_include=Observation:subject:Group", "o1 o3 + group", id="of type Group"),
    pytest.param("Observation?code=o3&_include=Observation:patient", "o3 + ", id="patient is limited to Patients"),
    pytest.param("Observation?code=lost,elsewhere&_include=Observation:subject&_include=Observation:performer",
                 "elsewhere lost + ", id="what cannot be retrieved is omitted, and no error is returned"),
    pytest.param("Observation?code=versioned&_include=Observation:subject", "versioned + q", id="versioned"),
    pytest.param("Observation?code=o1&_include=Observation:*", "o1 + g o o2 p", id="any reference"),
    pytest.param("Observation?code=o1&_include=*", "o1 + g o o2 p", id="any parameter of any type"),
    pytest.param("Observation?code=o1&_include=Patient:organization", "o1 + ", id="a source that no match is of"),
    pytest.param("Observation?code=o1&_include=Observation:has-member", "o1 + o2", id="not iterative by default"),
    pytest.param("Observation?code=o1&_include:iterate=Observation:has-member", "o1 + o2 o3", id="iterate"),
    pytest.param("Observation?code=o1,o2&_include:iterate=Observation:has-member", "o1 o2 + o3", id="no match"),
    pytest.param("Organization?_id=o&_include:iterate=Organization:partof", "o + parent top", id="a circle"),
    pytest.param("MedicationDispense?_include=MedicationDispense:prescription&_include:iterate=MedicationRequest:requester",
                 "d1 + h r1", id="iterate: from what was included"),
    pytest.param("MedicationDispense?_include:recurse=MedicationRequest:requester&_include=MedicationDispense:prescription",
                 "d1 + h r1", id="recurse, its old name; in any order"),
    pytest.param("MedicationDispense?_include=MedicationDispense:prescription&_include=MedicationRequest:requester",
                 "d1 + r1", id="without iterate only from matches"),
    pytest.param("Patient?_id=p&_revinclude=Observation:patient", "p + o1 o2", id="_revinclude"),
    pytest.param("Patient?_id=p&_revinclude=Observation:subject:Group", "p + ", id="_revinclude: a type of target"),
    pytest.param("Patient?_id=p&_revinclude=Observation:subject:Patient", "p + o1 o2", id="_revinclude: its type"),
    pytest.param("Patient?_id=p&_revinclude=Observation:*", "p + o1 o2", id="_revinclude: any parameter"),
    pytest.param("Patient?_id=p&_revinclude=*:*", "p + group o1 o2 q r1", id="_revinclude: any parameter of any type"),
    pytest.param("Patient?_id=p&_revinclude=MedicationRequest:patient&_revinclude:iterate=MedicationDispense:prescription",
                 "p + d1 r1", id="_revinclude:iterate"),
    pytest.param("Patient?_id=p&_revinclude=Patient:link", "p + q", id="_revinclude: of the same type"),
    pytest.param("Patient?_id=p&_revinclude=Observation:patient&_include:iterate=Observation:performer",
                 "p + g h o o1 o2", id="both"),
    pytest.param("?_type=Patient,Observation&_id=p,o1&_include=Observation:performer&_include=Patient:general-practitioner",
                 "o1 p + g o", id="across types"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), CASES)
async def test_what_is_included(door: Door, query: str, expected: str) -> None:
    page = await door.search(query)
    matches, others = (sorted(v.logical_id for v in found) for found in (page.matches, page.included))
    assert f"{' '.join(matches)} + {' '.join(others)}" == expected
    assert page.total == len(matches)


async def test_each_page_has_its_own_includes(door: Door) -> None:
    query = ("Observation?code=o1,o2&_include=Observation:patient&_include=Observation:performer", "_count=1")
    first = await door.search(*query)
    second = await door.search(*query, f"_cursor={first.next_cursor}")
    assert [sorted(v.logical_id for v in page.included) for page in (first, second)] == [["g", "o", "p"], ["h", "p"]]


async def test_too_many_includes_are_cut_and_said(mongodb_uri: str, knowledge: Knowledge) -> None:
    async with opened(mongodb_uri, knowledge, include_bound=2) as door:
        await door.put(*RESOURCES)
        page = await door.search("Patient?_id=p&_revinclude=Observation:patient")
        assert (len(page.included), page.issues) == (2, ())
        page = await door.search("Patient?_id=p&_revinclude=*:*")
        assert (len(page.included), [issue.code for issue in page.issues]) == (2, ["too-costly"])
        page = await door.search("Patient?_id=p&_revinclude=Observation:patient&_include:iterate=Observation:performer")
        assert (len(page.included), [issue.severity for issue in page.issues]) == (2, ["warning"])


async def test_a_page_with_too_many_includes_has_fewer_matches(mongodb_uri: str, knowledge: Knowledge) -> None:
    patients = [dated("Patient", f"p{i}") for i in range(5)]
    observations = [observation(f"o{i}", f"Patient/p{i % 5}") for i in range(15)]
    async with opened(mongodb_uri, knowledge, include_bound=7) as door:
        await door.put(*patients, *observations)
        query = "Patient?_revinclude=Observation:patient"
        found = [await door.search(query)]
        while found[-1].next_cursor:
            found.append(await door.search(query, f"_cursor={found[-1].next_cursor}"))
        assert [len(page.matches) for page in found] == [2, 1, 2]
        assert sorted(v.logical_id for page in found for v in page.included) == sorted(o["id"] for o in observations)
        assert {(page.total, page.issues) for page in found} == {(5, ())}
        backward = await door.search(query, f"_cursor={found[-1].previous_cursor}")
        assert [v.logical_id for v in backward.matches] == [v.logical_id for v in found[1].matches]


async def test_a_version_specific_reference_includes_that_version(mongodb_uri: str, knowledge: Knowledge) -> None:
    async with opened(mongodb_uri, knowledge) as door:
        for number in ("one", "two", "three"):
            await door.put(dated("Patient", "p", address=[{"text": number}]))
        await door.put(
            observation("first", "Patient/p/_history/1"),
            observation("third", f"{BASE}Patient/p/_history/3"),
            observation("newest", "Patient/p"),
            observation("never", "Patient/p/_history/9"),
            observation("elsewhere", "http://other.org/fhir/Patient/p/_history/1"),
        )

        async def versions(query: str) -> list[int]:
            page = await door.search(f"Observation?code={query}&_include=Observation:subject")
            return [version.version_id for version in page.included]

        assert await versions("first") == [1]
        assert await versions("third") == [3]
        assert await versions("newest") == [3]
        assert await versions("never") == [3]
        assert await versions("elsewhere") == []
        assert sorted(await versions("first,newest")) == [1, 3]
        assert sorted(await versions("first,third")) == [1, 3]


@pytest.mark.parametrize(
    "include",
    [
        "Nothing:patient",
        "Observation:nothing",
        "Observation:code",
        "Observation:subject:Nothing",
        "DeviceAssociation:patient",
    ],
)
@pytest.mark.parametrize("name", ["_include", "_revinclude", "_include:iterate"])
async def test_what_cannot_be_followed_is_refused(door: Door, name: str, include: str) -> None:
    with pytest.raises(UnknownParameter) as refused:
        await door.search(f"Patient?{name}={include}")
    assert refused.value.issues[0].expression == (f"http.{name}",)
    assert (await door.search(f"Patient?{name}={include}", lenient=True)).applied == ()
