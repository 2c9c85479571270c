"""Chains and reverse chains — http://hl7.org/fhir/R4/search.html#chaining, search.html#has"""

import pytest

from fhirserver.app.knowledge import Knowledge
from fhirserver.kernel.outcome import TooCostly, UnknownParameter
from fhirserver.kernel.resource import Json, Resource
from tests.door import BASE, Door, opened


def to(reference: str) -> Json:
    return {"reference": reference}


def code(value: str) -> Json:
    return {"coding": [{"code": value}]}


def patient(name: str, family: str, **more: Json) -> Resource:
    return {"resourceType": "Patient", "id": name, "name": [{"family": family}], **more}


def mmol_l(value: int) -> Json:
    return {"value": value, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"}


def report(name: str, subject: str, *results: str) -> Resource:
    of = {"status": "final", "code": code("r"), "subject": to(subject), "result": [to(r) for r in results]}
    return {"resourceType": "DiagnosticReport", "id": name, **{k: v for k, v in of.items() if v}}


def observation(name: str, subject: str, of: str, **more: Json) -> Resource:
    about = {"code": code(of), "subject": to(subject)}
    return {"resourceType": "Observation", "id": name, "status": "final", **about, **more}


def practitioner(name: str, given: str, state: str) -> Resource:
    return {"resourceType": "Practitioner", "id": name, "name": [{"given": [given]}], "address": [{"state": state}]}


RESOURCES = [
    patient("peter", "Peter", generalPractitioner=[to("Practitioner/joe"), to("Practitioner/jane")],
            managingOrganization=to("Organization/ghent")),
    patient("mary", "Mary", generalPractitioner=[to("Practitioner/jane")],
            managingOrganization=to(f"{BASE}Organization/ghent")),
    patient("alone", "Alone"),
    {"resourceType": "Group", "id": "peter", "type": "person", "actual": True, "code": code("peter"),
     "member": [{"entity": to("Patient/peter")}]},
    {"resourceType": "Device", "id": "device", "udiCarrier": [{"carrierHRF": "x"}], "identifier": [{"value": "dev"}]},
    practitioner("joe", "Joe", "CA"),
    practitioner("jane", "Jane", "MN"),
    {"resourceType": "Organization", "id": "ghent", "name": "UZ", "partOf": to("Organization/flanders")},
    {"resourceType": "Organization", "id": "flanders", "name": "Vlaanderen", "partOf": to("Organization/belgium")},
    {"resourceType": "Organization", "id": "belgium", "name": "Belgium"},
    observation("peter-k", "Patient/peter", "k", valueQuantity=mmol_l(6)),
    observation("peter-na", "Patient/peter", "na"),
    observation("mary-k", "Patient/mary/_history/1", "k", valueQuantity=mmol_l(3)),
    observation("group-k", "Group/peter", "k"),
    observation("device-x", "Device/device", "x"),
    observation("elsewhere", "http://other.org/fhir/Patient/peter", "k"),
    observation("gone", "Patient/gone", "k"),
    report("r-peter", "Patient/peter", "Observation/peter-k", "Observation/peter-na"),
    report("r-mary", "Patient/mary", "Observation/mary-k"),
    report("r-device", "Device/device"),
    {"resourceType": "AuditEvent", "id": "audit", "type": {"code": "x"}, "recorded": "2020-01-01T00:00:00Z",
     "agent": [{"requestor": True, "altId": "MyUserId", "who": to("Practitioner/joe")}],
     "source": {"observer": to("Device/device")},
     "entity": [{"what": to("Observation/peter-k")}]},
]  # fmt: skip

CASES = [
    pytest.param("DiagnosticReport?subject.name=peter", "r-peter", id="all reports that have a subject named peter"),
    pytest.param("DiagnosticReport?subject:Patient.name=peter", "r-peter", id="limit the search to a particular type"),
    pytest.param("DiagnosticReport?subject.identifier=dev", "r-device", id="any target that has the parameter"),
    pytest.param("DiagnosticReport?patient.name=mary,peter", "r-mary r-peter", id="or"),
    pytest.param("DiagnosticReport?patient.name=mary&patient.name=peter", "", id="and"),
    pytest.param("DiagnosticReport?patient.name:exact=peter", "", id="modifiers: at the end"),
    pytest.param("DiagnosticReport?patient.name:missing=false", "r-mary r-peter", id="modifiers: missing"),
    pytest.param("DiagnosticReport?patient._id=peter", "r-peter", id="_id"),
    pytest.param("Observation?subject:Patient._id=peter", "peter-k peter-na", id="not those of another server"),
    pytest.param("Observation?subject._id=peter", "group-k peter-k peter-na", id="_id of each type"),
    pytest.param("Observation?patient._id=mary", "mary-k", id="a versioned reference is that to its resource"),
    pytest.param("DiagnosticReport?subject:Patient._type=Patient", "r-mary r-peter", id="_type"),
    pytest.param("Patient?_has:Observation:patient:_type=Device,Observation", "mary peter", id="_has: _type"),
    pytest.param("DiagnosticReport?subject:Patient._type=Device", "", id="_type: of no target"),
    pytest.param("Observation?patient._lastUpdated=gt2000-01-01", "mary-k peter-k peter-na", id="_lastUpdated"),
    pytest.param("Observation?patient.gender:missing=true", "mary-k peter-k peter-na", id="targets must exist"),
    pytest.param("Patient?general-practitioner.name=Joe&general-practitioner.address-state=MN", "peter",
                 id="chains are evaluated separately"),
    pytest.param("Patient?organization.name=uz", "mary peter", id="an absolute reference to this server"),
    pytest.param("Patient?organization.partof.name=vlaanderen", "mary peter", id="two links"),
    pytest.param("Patient?organization.partof:Organization.partof.name=belg", "mary peter", id="three links"),
    pytest.param("DiagnosticReport?patient.organization.partof.name=vla", "r-mary r-peter", id="through a patient"),
    pytest.param("DiagnosticReport?result.code-value-quantity=k$gt5.4||mmol/L", "r-peter", id="a composite"),
    pytest.param("DiagnosticReport?result.code=nothing", "", id="nothing at the end"),
    pytest.param("Patient?_has:Observation:patient:code=k", "mary peter", id="_has: patients with such an observation"),
    pytest.param("Patient?_has:Observation:patient:code=na,k", "mary peter", id="_has: or"),
    pytest.param("Patient?_has:Observation:patient:code=k&_has:Observation:patient:code=na", "peter", id="_has: and"),
    pytest.param("Patient?_has:Observation:subject:code=x", "", id="_has: of another type"),
    pytest.param("Device?_has:Observation:subject:code=x", "device", id="_has: of this type"),
    pytest.param("Patient?_has:Observation:patient:_has:AuditEvent:entity:altid=MyUserId", "peter",
                 id="_has can be chained"),
    pytest.param("Patient?_has:Observation:patient:code:missing=true", "", id="_has: with a modifier"),
    pytest.param("Patient?_has:Group:member:_id=peter", "peter", id="_has: _id"),
    pytest.param("DiagnosticReport?patient._has:Group:member:code=peter", "r-peter", id="_has at the end of a chain"),
    pytest.param("Patient?_has:Observation:patient:performer.name=x", "", id="a chain at the end of _has"),
    pytest.param("Practitioner?_has:Patient:general-practitioner:_has:Observation:patient:code=na", "jane joe",
                 id="_has twice"),
    pytest.param("Patient?_has:Observation:patient:code=k&name=mary", "mary", id="_has and another parameter"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), CASES)
async def test_a_chain(door: Door, query: str, expected: str) -> None:
    assert " ".join(sorted(await door.ids(query))) == expected


@pytest.mark.parametrize(
    "query",
    [
        "Observation?code.name=x", "Observation?subject:Organization.name=x", "Observation?patient.nothing=x",
        "Observation?subject.nothing=x", "Patient?_has:Observation:patient=x", "Patient?_has:Observation:code:code=x",
        "Patient?_has:Nothing:patient:code=x", "Organization?_has:Observation:patient:code=x",
        "Patient?_has:Observation:patient:nothing=x", "Observation?patient.=x", "Observation?.name=x",
    ],
)  # fmt: skip
async def test_a_chain_that_cannot_be_followed_is_refused(door: Door, query: str) -> None:
    with pytest.raises(UnknownParameter) as refused:
        await door.search(query)
    assert refused.value.issues[0].expression == (f"http.{query.partition('?')[2].rpartition('=')[0]}",)
    assert await door.search(query, lenient=True)


async def test_a_link_that_selects_too_many_is_refused(mongodb_uri: str, knowledge: Knowledge) -> None:
    async with opened(mongodb_uri, knowledge, chain_bound=2) as door:
        await door.put(*RESOURCES)
        assert await door.ids("Observation?patient.name=peter,mary") == {"peter-k", "peter-na", "mary-k"}
        for query in ("Observation?patient.name=peter,mary,alone", "Patient?_has:Observation:patient:code=k"):
            with pytest.raises(TooCostly):
                await door.search(query)
