"""Reference parameters: ids, urls, identifiers, canonicals — http://hl7.org/fhir/R4/search.html#reference"""

import pytest

from fhirserver.kernel.outcome import BadRequest, BadSearchValue
from fhirserver.kernel.resource import Json, Resource
from tests.door import BASE, Door, Selects

OTHER = "http://other.org/fhir/"
MRN = "http://acme.org/mrn"


def observation(name: str, subject: Json = None, **more: Json) -> Resource:
    own = {"subject": subject} if subject else {}
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "x"}, **own, **more}


def to(reference: str, **more: Json) -> Json:
    return {"reference": reference, **more}


def response(name: str, questionnaire: str) -> Resource:
    return {"resourceType": "QuestionnaireResponse", "id": name, "status": "completed", "questionnaire": questionnaire}


SUBJECTS = {
    "relative": to("Patient/23"),
    "absolute": to(f"{BASE}Patient/23"),
    "versioned": to("Patient/23/_history/4"),
    "group": to("Group/23"),
    "longer": to("Patient/234"),
    "elsewhere": to(f"{OTHER}Patient/23"),
    "urn": to("urn:uuid:11111111-2222-3333-4444-555555555555"),
    "oid": to("urn:oid:1.2.3"),
    "logical": {"identifier": {"system": MRN, "value": "123456"}},
    "no-system": {"identifier": {"value": "123456"}},
    "bar": {"identifier": {"system": MRN, "value": "a|b"}},
    "display": {"display": "Peter"},
    "both": to("Patient/24", identifier={"system": MRN, "value": "24"}, type="Patient"),
}
Q = "http://acme.org/q"


def composition(name: str) -> Resource:
    of = {"status": "final", "type": {"text": "x"}, "date": "2020", "title": "t", "author": [to("Device/1")]}
    return {"resourceType": "Composition", "id": name, **of}


def document(name: str, first: Resource) -> Resource:
    of = {
        "type": "document",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2"},
        "timestamp": "2020-01-01T00:00:00Z",
    }
    entry = {"fullUrl": f"{OTHER}Composition/{first['id']}", "resource": first}
    return {"resourceType": "Bundle", "id": name, **of, "entry": [entry]}


RESOURCES = [
    *(observation(name, subject) for name, subject in SUBJECTS.items()),
    observation("contained", to("#p"), contained=[{"resourceType": "Patient", "id": "p"}]),
    observation("none"),
    observation("two", performer=[to("Practitioner/1"), to("Organization/2")]),
    *(response(f"q{version}", f"{Q}|{version}") for version in ("1", "1.0", "1.1", "10.0", "2.0")),
    response("q", Q),
    response("local", "Questionnaire/5"),
    composition("doc"),
    document("bundle", composition("inside")),
]

CASES = [
    pytest.param("subject=Patient/23", "absolute relative versioned", id="[type]/[id] also matches the absolute url"),
    pytest.param(f"subject={BASE}Patient/23", "absolute relative versioned", id="an absolute url matches both too"),
    pytest.param("subject=23", "absolute group relative versioned", id="[id] of any type it may refer to"),
    pytest.param("subject:Patient=23", "absolute relative versioned", id=":Patient=23 is the same as Patient/23"),
    pytest.param("subject:Group=23", "group", id=":Group=23"),
    pytest.param("subject:Patient=Patient/23", "absolute relative versioned", id="the type said twice"),
    pytest.param("patient=23", "absolute relative versioned", id="patient: no need for the type"),
    pytest.param("patient=Patient/23", "absolute relative versioned", id="patient: with its type"),
    pytest.param("patient=Group/23", "", id="patient only includes references of type Patient"),
    pytest.param("patient:Patient=23", "absolute relative versioned", id="patient:Patient"),
    pytest.param("subject=Patient/23/_history/4", "absolute relative versioned", id="search acts on current versions"),
    pytest.param(f"subject={OTHER}Patient/23", "elsewhere", id="a reference to another server"),
    pytest.param(f"subject:Patient={OTHER}Patient/23", "elsewhere", id="another server: there can be no ambiguity"),
    pytest.param("subject=urn:uuid:11111111-2222-3333-4444-555555555555", "urn", id="a uuid"),
    pytest.param("subject=urn:oid:1.2.3", "oid", id="an oid, entirely"),
    pytest.param("subject=urn:oid:1.2", "", id="an oid, not its beginning"),
    pytest.param("subject=Patient/2", "", id="not the beginning of an id"),
    pytest.param("subject=patient/23", "", id="types are case sensitive"),
    pytest.param("subject=%23p,p", "", id="what is contained is no reference to the outside"),
    pytest.param("subject=Patient/234,Group/23", "group longer", id="or"),
    pytest.param("performer=Practitioner/1&performer=Organization/2", "two", id="and"),
    pytest.param("performer=1&performer:Organization=2", "two", id="and, each by its own form"),
    pytest.param(f"subject:identifier={MRN}|123456", "logical", id=":identifier: [system]|[value]"),
    pytest.param("subject:identifier=123456", "logical no-system", id=":identifier: [value]"),
    pytest.param("subject:identifier=|123456", "no-system", id=":identifier: |[value]"),
    pytest.param(f"subject:identifier={MRN}|", "bar both logical", id=":identifier: [system]|"),
    pytest.param(f"subject:identifier={MRN}|a\\|b", "bar", id=":identifier: an escaped bar"),
    pytest.param("subject:identifier=24", "both", id=":identifier beside a reference"),
    pytest.param("subject=24", "both", id="a reference beside its identifier"),
    pytest.param("subject:missing=true", "display none two", id=":missing=true: a display is no value"),
    pytest.param("patient:missing=false", "absolute both contained longer relative versioned", id="patient:missing"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), CASES)
async def test_a_reference(selects: Selects, query: str, expected: str) -> None:
    assert await selects(f"Observation?{query}") == expected


CANONICALS = [
    pytest.param(f"questionnaire={Q}", "q q1 q1.0 q1.1 q10.0 q2.0", id="a canonical url: whatever its version"),
    pytest.param(f"questionnaire={Q}|1.0", "q1.0", id="a |[version] portion"),
    pytest.param(f"questionnaire={Q}|1.0,{Q}|2.0", "q1.0 q2.0", id="or"),
    pytest.param("questionnaire=http://acme.org/", "", id="not its beginning"),
    pytest.param(f"questionnaire:below={Q}", "q q1 q1.0 q1.1 q10.0 q2.0", id=":below"),
    pytest.param(f"questionnaire:below={Q}|1", "q1 q1.0 q1.1", id=":below: |1 matches |1.0 and |1.1"),
    pytest.param("questionnaire=Questionnaire/5", "local", id="a canonical that is relative"),
    pytest.param("questionnaire=5", "local", id="its id alone"),
    pytest.param("questionnaire:missing=true", "", id=":missing=true"),
]


@pytest.mark.parametrize(("query", "expected"), CANONICALS)
async def test_a_canonical(selects: Selects, query: str, expected: str) -> None:
    assert await selects(f"QuestionnaireResponse?{query}") == expected


async def test_a_resource_nested_within_another(selects: Selects) -> None:
    assert await selects("Bundle?composition=Composition/inside") == "bundle"
    assert await selects("Bundle?composition=inside") == "bundle"


@pytest.mark.parametrize(
    "query",
    ["subject:Organization=1", "subject:Nonsense=1", "subject:below=Group/1", "patient:Group=1", "subject:exact=1",
     "subject:not=1"],
)  # fmt: skip
async def test_a_modifier_that_is_not_supported_is_rejected(door: Door, query: str) -> None:
    with pytest.raises(BadRequest) as refused:
        await door.search(f"Observation?{query}", lenient=True)
    assert refused.value.issues[0].code == "not-supported"


@pytest.mark.parametrize("query", ["subject:Patient=Group/1", "subject:identifier=|", "subject:Patient=urn:oid:1.2"])
async def test_a_value_that_contradicts_its_modifier_is_refused(door: Door, query: str) -> None:
    with pytest.raises(BadSearchValue):
        await door.search(f"Observation?{query}")
