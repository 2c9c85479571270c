"""``:above :below`` on references, ``_list``, contained resources, named queries, text of codes

http://hl7.org/fhir/R4/search.html#recursive, #list, #contained, #query
"""

import pytest

from fhirserver.app.knowledge import Knowledge
from fhirserver.kernel.outcome import BadRequest, BadSearchValue, TooCostly
from fhirserver.kernel.resource import Json, Resource
from tests.door import BASE, Door, opened


def to(reference: str) -> Json:
    return {"reference": reference}


def location(name: str, part_of: str | None = None) -> Resource:
    return {"resourceType": "Location", "id": name, **({"partOf": to(part_of)} if part_of else {})}


def encounter(name: str, *locations: str, **more: Json) -> Resource:
    places = {"location": [{"location": to(place)} for place in locations]} if locations else {}
    return {"resourceType": "Encounter", "id": name, "status": "finished", "class": {"code": "AMB"}, **places, **more}


def response(name: str, questionnaire: str) -> Resource:
    return {"resourceType": "QuestionnaireResponse", "id": name, "status": "completed", "questionnaire": questionnaire}


def concept(text: str | None = None, *codings: Json) -> Json:
    return {**({"coding": list(codings)} if codings else {}), **({"text": text} if text else {})}


def condition(name: str, code: Json) -> Resource:
    return {"resourceType": "Condition", "id": name, "subject": to("Patient/1"), "code": code}


def medication_request(name: str, medication: Json, **more: Json) -> Resource:
    return {"resourceType": "MedicationRequest", "id": name, "status": "active", "intent": "order",
            "subject": to("Patient/1"), "medicationReference": medication, **more}  # fmt: skip


def medication(name: str, code: str, **more: Json) -> Resource:
    return {
        "resourceType": "Medication",
        "id": name,
        "code": concept(None, {"system": "http://m", "code": code}),
        **more,
    }


def operation(code: str, *parameters: Json, **more: Json) -> Resource:
    return {"resourceType": "OperationDefinition", "id": code, "name": code.title().replace("-", ""), "code": code,
            "status": "active", "kind": "query", "resource": ["Encounter"], "system": False, "type": True,
            "instance": False, **({"parameter": list(parameters)} if parameters else {}), **more}  # fmt: skip


def query_parameter(name: str, kind: str | None = None, least: int = 0) -> Json:
    more = {"type": "string", "searchType": kind} if kind else {"type": "string"}
    return {"name": name, "use": "in", "min": least, "max": "1", **more}


def expression(text: str) -> Json:
    return [{"url": "http://hl7.org/fhir/StructureDefinition/cqf-expression",
             "valueExpression": {"language": "application/x-fhir-query", "expression": text}}]  # fmt: skip


RESOURCES = [
    location("building"), location("floor", "Location/building"), location("room", f"{BASE}Location/floor"),
    location("bed", "Location/room"), location("garden"), location("circle", "Location/ring"),
    location("ring", "Location/circle"),
    encounter("at-building", "Location/building"), encounter("at-room", "Location/room", "Location/garden"),
    encounter("at-bed", "Location/bed"), encounter("at-garden", "Location/garden"),
    encounter("at-ring", "Location/ring"),
    encounter("nowhere"), encounter("part", partOf=to("Encounter/at-bed")),
    encounter("part-of-part", partOf=to("Encounter/part")),
    {"resourceType": "Organization", "id": "group", "name": "Group"},
    {"resourceType": "Organization", "id": "hospital", "name": "Hospital", "partOf": to("Organization/group")},
    {"resourceType": "Organization", "id": "ward", "name": "Ward", "partOf": to("Organization/hospital")},
    {"resourceType": "Patient", "id": "1", "managingOrganization": to("Organization/ward")},
    {"resourceType": "Patient", "id": "2", "managingOrganization": to("Organization/group")},
    response("v1", "http://q/1|1.0"), response("v1-5", "http://q/1|1.5"), response("v2", "http://q/1|2"),
    response("none", "http://q/1"),
    {"resourceType": "List", "id": "some", "status": "current", "mode": "changes", "entry": [
        {"item": to("Patient/2")}, {"item": to(f"{BASE}Encounter/at-bed")},
        {"item": to("Patient/1"), "deleted": True}, {"item": to("http://elsewhere/Patient/1")}]},
    {"resourceType": "List", "id": "empty", "status": "current", "mode": "working"},
    condition("headache", concept("Acute headache, severe", {"code": "HA-1", "display": "Headache"})),
    condition("migraine", concept(None, {"code": "ha-2", "display": "Migraine with head-ache"})),
    condition("bone", concept("Metastases of the bone")),
    condition("liver", concept("Metastases in the liver", {"code": "X"})),
    condition("accents", concept("Céphalée de tension")),
    medication("stored", "stored"),
    medication_request("inside", to("#m"), supportingInformation=[to("#unused")],
                       contained=[medication("m", "inside"), medication("unused", "unused")]),
    medication_request("outside", to("Medication/stored")),
    medication_request("both", to("#m"), contained=[medication("m", "stored", status="active")]),
    {"resourceType": "Observation", "id": "panel", "status": "final", "code": concept("panel"),
     "hasMember": [to("#o")],
     "contained": [{"resourceType": "Observation", "id": "o", "status": "final",
                    "code": concept(None, {"code": "in"})}]},
    operation("at", query_parameter("where", "reference", 1), extension=expression(
        "Encounter?location:below=Location/{{%where}}&status=finished")),
    operation("same-names", query_parameter("location", "reference"), query_parameter("status", "token")),
    operation("odd", extension=expression("Encounter?_query=odd")),
    operation("undeclared", extension=expression("Encounter?status={{%nothing}}")),
    operation("draft", status="draft"),
]  # fmt: skip

CASES = [
    pytest.param("Encounter?location:below=Location/building", "at-bed at-building at-room", id="below: any depth"),
    pytest.param("Encounter?location:below=building", "at-bed at-building at-room", id="below: by id"),
    pytest.param(f"Encounter?location:below={BASE}Location/room", "at-bed at-room", id="below: by url"),
    pytest.param("Encounter?location:below=bed,garden", "at-bed at-garden at-room", id="below: any of two"),
    pytest.param("Encounter?location:below=nowhere", "", id="below: what nobody has"),
    pytest.param("Encounter?location:above=bed", "at-bed at-building at-room", id="above: what it is part of"),
    pytest.param("Encounter?location:above=building", "at-building", id="above: the top"),
    pytest.param("Encounter?location:below=ring", "at-ring", id="below: a circle ends"),
    pytest.param("Encounter?part-of:below=at-bed", "part part-of-part", id="below: of its own type"),
    pytest.param("Encounter?part-of:above=part", "part part-of-part", id="above: of its own type"),
    pytest.param("Location?partof:below=building", "bed floor room", id="below: the hierarchy itself"),
    pytest.param("Patient?organization:below=group", "1 2", id="below: organizations"),
    pytest.param("Patient?organization:below=hospital", "1", id="below: organizations, a part"),
    pytest.param("Condition?patient.organization:below=hospital&code:text=ac", "headache", id="below: in a chain"),
    pytest.param("Location?_has:Encounter:location:part-of:below=at-bed", "", id="below: in _has"),
    pytest.param("Organization?_has:Patient:organization:organization:above=ward", "group ward", id="above: in _has"),
    pytest.param("QuestionnaireResponse?questionnaire:below=http://q/1|1", "v1 v1-5", id="below: versions"),
    pytest.param("QuestionnaireResponse?questionnaire:below=http://q/1", "none v1 v1-5 v2", id="below: any version"),
    pytest.param("QuestionnaireResponse?questionnaire=http://q/1|1.0", "v1", id="a canonical with its version"),
    pytest.param("QuestionnaireResponse?questionnaire=http://q/1", "none v1 v1-5 v2", id="a canonical of any version"),
    pytest.param("Patient?_list=some", "2", id="_list: what is on it, and not marked deleted"),
    pytest.param("Patient?_list=List/some", "2", id="_list: a reference"),
    pytest.param("Encounter?_list=some", "at-bed", id="_list: of another type"),
    pytest.param("?_type=Patient,Encounter&_list=some", "2 at-bed", id="_list: of several types"),
    pytest.param("Patient?_list=empty", "", id="_list: an empty one"),
    pytest.param("Patient?_list=nobodys", "", id="_list: none"),
    pytest.param("Encounter?_list=some&location:below=floor", "at-bed", id="_list: among other parameters"),
    pytest.param("Organization?_has:Patient:organization:_list=some", "group", id="_list: in _has"),
    pytest.param("Condition?code:code-text=ha", "headache migraine", id="code-text: starts with, in any case"),
    pytest.param("Condition?code:code-text=HA-2", "migraine", id="code-text: punctuation counts"),
    pytest.param("Condition?code:code-text=a", "", id="code-text: not in between"),
    pytest.param("Condition?code:text=head", "headache", id="text: starts with"),
    pytest.param("Condition?code:text-advanced=headache", "headache", id="text-advanced: a word anywhere"),
    pytest.param("Condition?code:text-advanced=acute head*", "headache", id="text-advanced: two words, one goes on"),
    pytest.param("Condition?code:text-advanced=head", "migraine", id="text-advanced: words are whole"),
    pytest.param('Condition?code:text-advanced="of the bone"', "bone", id="text-advanced: a phrase"),
    pytest.param("Condition?code:text-advanced=(bone OR liver) and metastases", "bone liver", id="text-advanced: OR"),
    pytest.param("Condition?code:text-advanced=metastases -bone", "liver", id="text-advanced: without a word"),
    pytest.param("Condition?code:text-advanced=metastases NOT liver", "bone", id="text-advanced: NOT"),
    pytest.param("Condition?code:text-advanced=CEPHALEE", "accents", id="text-advanced: accents and case"),
    pytest.param("Condition?code:text-advanced=bone,severe", "bone headache", id="text-advanced: a list of values"),
    pytest.param("MedicationRequest?medication.code=inside", "inside", id="chains go into contained resources"),
    pytest.param("MedicationRequest?medication.code=stored", "both outside", id="chains: inside or outside"),
    pytest.param("MedicationRequest?medication.code=unused", "", id="chains: by the reference of this name only"),
    pytest.param("MedicationRequest?medication:Medication.code:not=stored", "inside", id="chains: not, inside"),
    pytest.param("MedicationRequest?medication.code=stored&medication.status=active", "both", id="chains: two"),
    pytest.param("Observation?has-member.code=in", "panel", id="chains: inside, of the same type"),
    pytest.param("Observation?code=in", "", id="contained resources of the same type are not found by themselves"),
    pytest.param("Medication?code=inside", "", id="contained resources are not found by themselves"),
    pytest.param("Medication?code=inside&_contained=false", "", id="_contained=false"),
    pytest.param("Medication?code=inside&_contained=true", "inside", id="_contained=true: the container"),
    pytest.param("Medication?code=unused&_contained=true", "inside", id="_contained=true: whatever refers to it"),
    pytest.param("Medication?code=stored&_contained=true", "both", id="_contained=true: not what is stored"),
    pytest.param("Medication?code=stored&_contained=both", "both stored", id="_contained=both"),
    pytest.param("Medication?code=stored&status=active&_contained=both", "both", id="_contained: of one resource"),
    pytest.param("Medication?code=inside&status=active&_contained=true", "", id="_contained: not of two"),
    pytest.param("Medication?_id=unused&_contained=true", "inside", id="_contained: the id within"),
    pytest.param("Medication?_contained=true&_containedType=container", "both inside", id="_contained: all"),
    pytest.param("Encounter?_query=at&where=floor", "at-bed at-room", id="_query: what it stands for"),
    pytest.param("Encounter?_query=at&where=floor&location=garden", "at-room", id="_query: among other parameters"),
    pytest.param("Encounter?_query=same-names&location=garden", "at-garden at-room", id="_query: its own parameters"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), CASES)
async def test_a_search(door: Door, query: str, expected: str) -> None:
    assert " ".join(sorted(await door.ids(query))) == expected


@pytest.mark.parametrize(
    "query",
    [
        "Condition?subject:below=1", "Patient?general-practitioner:below=Practitioner/1",
        "Encounter?location:below=a b", "Encounter?location:below=Practitioner/1", "Encounter?location:beyond=1",
        "Patient?_list=$current-problems",
        "Patient?_list=a/b/c", "Patient?_list:not=some", "Patient?_filter:not=x", "Encounter?_query=nothing",
        "Encounter?_query=draft", "Patient?_query=at&where=floor", "?_query=at&where=floor", "Encounter?_query=at",
        "Encounter?_query=at&where=floor&where=bed", "Encounter?_query=odd", "Encounter?_query=undeclared",
        "Encounter?_query=at&_query=at&where=bed", "Medication?_contained=yes", "Medication?_containedType=yes",
        "?_contained=true", "Patient/1/Medication?_contained=true", "Condition?code:text-advanced=(bone",
        "Condition?code:text-advanced=bone)", 'Condition?code:text-advanced="bone', "Condition?code:text-advanced=...",
        "Condition?code:text-advanced=bone OR", "Condition?code:text-advanced=" + "a " * 100,
        "Condition?code:text-advanced=" + "(" * 20 + "a" + ")" * 20, "Condition?code:code-text=" + "x" * 200,
    ],
)  # fmt: skip
async def test_what_cannot_be_answered_is_refused(door: Door, query: str) -> None:
    with pytest.raises(BadRequest):
        await door.search(query, lenient=True)


async def test_contained_resources_are_answered_by_themselves(door: Door) -> None:
    page = await door.search("Medication?code=inside,stored&_contained=both&_containedType=contained")
    assert {version.key for version in page.matches} == {
        "Medication/stored", "MedicationRequest/inside#m", "MedicationRequest/both#m",
    }  # fmt: skip
    assert all(b'"resourceType":"Medication"' in (version.content or b"") for version in page.matches)


async def test_the_self_link_says_what_a_named_query_stands_for(door: Door) -> None:
    page = await door.search("Encounter?_query=at&where=floor")
    assert page.applied == (("location:below", "Location/floor"), ("status", "finished"))


async def test_a_required_parameter_is_named(door: Door) -> None:
    with pytest.raises(BadSearchValue) as refused:
        await door.search("Encounter?_query=at")
    assert refused.value.issues[0].expression == ("http.where",)


async def test_a_hierarchy_that_is_too_large_is_refused(mongodb_uri: str, knowledge: Knowledge) -> None:
    async with opened(mongodb_uri, knowledge, chain_bound=2) as door:
        await door.put(*(r for r in RESOURCES if r["resourceType"] in ("Location", "Encounter")))
        assert await door.ids("Encounter?location:below=room") == {"at-room", "at-bed"}
        with pytest.raises(TooCostly):
            await door.search("Encounter?location:below=building")
        with pytest.raises(TooCostly):
            await door.search("Location?_filter=position[latitude gt 1].longitude gt 1")
