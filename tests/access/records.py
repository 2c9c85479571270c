"""The record that the leak matrix asks about: resources of every kind, of a patient and of another, twined together.

Each kind of resource of one patient refers to that of the other, so that whatever follows a reference crosses over. The
ids of one patient's resources start with ``a-``, those of the other with ``b-``.
"""

import base64
from typing import Any, TypeAlias

from tests.access.site import labels

Json: TypeAlias = dict[str, Any]

LOINC = "http://loinc.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
LAB, VITAL = "laboratory", "vital-signs"


def to(reference: str) -> Json:
    return {"reference": reference}


def coded(code: str, system: str = LOINC) -> Json:
    return {"coding": [{"system": system, "code": code}], "text": f"words {code}"}


def narrative(text: str) -> Json:
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'}


SHARED: list[Json] = [
    {"resourceType": "Organization", "id": "org", "name": "Shared hospital", "active": True},
    {"resourceType": "Practitioner", "id": "doc", "name": [{"family": "Shareddoctor"}], "gender": "female"},
    {"resourceType": "Practitioner", "id": "gp", "name": [{"family": "Familydoctor"}]},
    {"resourceType": "PractitionerRole", "id": "role", "practitioner": to("Practitioner/doc"),
     "organization": to("Organization/org")},
    {"resourceType": "Location", "id": "loc", "name": "Shared ward", "position": {"latitude": 50.8, "longitude": 4.3}},
    {"resourceType": "Medication", "id": "med", "code": coded("aspirin")},
    {"resourceType": "ValueSet", "id": "vs", "url": "http://example.org/vs", "status": "active",
     "compose": {"include": [{"system": LOINC, 
         "concept": [{"code": "code-a"}, {"code": "code-b"}, {"code": "code-v"}, {"code": "aspirin"}]}]}},
    {"resourceType": "OperationDefinition", "id": "query", "status": "active", "kind": "query", "name": "Coded",
     "code": "coded", "system": False, "type": True, "instance": False, "resource": ["Observation"],
     "parameter": [{"name": "code", "use": "in", "min": 0, "max": "1", "type": "string", "searchType": "token"}]},
]  # fmt: skip


def record(own: str, other: str, *, number: int) -> list[Json]:
    """Return the record of a patient; ``other`` is whose resources it refers to beside its own."""
    patient, when = to(f"Patient/{own}"), f"2024-0{number}-1{number}"
    about = {"subject": patient}

    def one(resource_type: str, **elements: Any) -> Json:  # noqa: ANN401 - JSON
        return {"resourceType": resource_type, "id": f"{own}-{resource_type}", **elements}

    def theirs(resource_type: str) -> Json:
        return to(f"{resource_type}/{other}-{resource_type}")

    return [
        {"resourceType": "Patient", "id": own, "active": True, "gender": ("female", "male")[number % 2],
         "identifier": [{"system": "urn:mrn", "value": f"mrn-{own}"}], "birthDate": f"19{number}0-0{number}-01",
         "name": [{"family": f"Family{own}", "given": [f"Given{own}"]}], "text": narrative(f"portrait{own}"),
         "telecom": [{"system": "phone", "value": f"+3247000{number}"}, {"system": "email", "value": f"{own}@x.be"}],
         "address": [{"city": f"City{own}", "postalCode": f"100{number}"}],
         "generalPractitioner": [to("Practitioner/gp")],
         "managingOrganization": to("Organization/org"), "photo": [{"url": f"Binary/{own}-photo"}],
         "contact": [{"name": {"family": f"Contact{own}"}, "telecom": [{"system": "phone", "value": f"+329{number}"}]}],
         "link": [{"type": "seealso", "other": to(f"Patient/{other}")}]},
        one("Observation", status="final", code=coded(f"code-{own}"), effectiveDateTime=when, **about,
            category=[coded(LAB, CATEGORY)], valueQuantity={"value": 10 + number, "unit": "mg", "code": "mg",
            "system": "http://unitsofmeasure.org"}, performer=[to("Practitioner/doc")],
            encounter=to(f"Encounter/{own}-Encounter"),
            hasMember=[theirs("Observation")], text=narrative(f"narrated{own}"), note=[{"text": f"noted{own}"}]),
        {**one("Observation", status="final", code=coded("code-v"), effectiveDateTime=when, **about,
               category=[coded(VITAL, CATEGORY)], derivedFrom=[to(f"Observation/{own}-Observation")],
               valueQuantity={"value": 100 + number, "unit": "mg", "code": "mg", "system": "http://unitsofmeasure.org"}),
         "id": f"{own}-vital"},
        one("Condition", code=coded(f"sick-{own}"), onsetDateTime=when, **about, recordedDate=when,
            encounter=to(f"Encounter/{own}-Encounter"), evidence=[{"detail": [theirs("Observation")]}]),
        one("Encounter", status="finished", **about, period={"start": when, "end": when},
            **{"class": {"code": "AMB", "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode"}},
            partOf=theirs("Encounter"), serviceProvider=to("Organization/org"),
            location=[{"location": to("Location/loc")}]),
        one("Procedure", status="completed", code=coded(f"done-{own}"), performedDateTime=when, **about,
            partOf=[theirs("Procedure")]),
        one("AllergyIntolerance", code=coded(f"allergic-{own}"), patient=patient, recordedDate=when,
            recorder=to("Practitioner/doc"), clinicalStatus=coded("active",
            "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical")),
        one("Immunization", status="completed", vaccineCode=coded(f"shot-{own}"), patient=patient,
            occurrenceDateTime=when,
            location=to("Location/loc")),
        one("MedicationRequest", status="active", intent="order", authoredOn=when, **about,
            contained=[{"resourceType": "Medication", "id": "m", "code": coded(f"drug-{own}")}],
            medicationReference=to("#m"), basedOn=[theirs("ServiceRequest")]),
        one("ServiceRequest", status="active", intent="order", code=coded(f"wish-{own}"), authoredOn=when, **about,
            performer=[to("Organization/org")], replaces=[theirs("ServiceRequest")]),
        one("DiagnosticReport", status="final", code=coded(f"report-{own}"), effectiveDateTime=when, **about,
            result=[to(f"Observation/{own}-Observation"), theirs("Observation")],
            presentedForm=[{"url": f"Binary/{own}-form", "title": f"Form{own}"}]),
        one("DocumentReference", status="current", date=f"{when}T10:00:00Z", **about, description=f"Document{own}",
            content=[{"attachment": {"url": f"Binary/{own}-form", "contentType": "text/plain"}}],
            relatesTo=[{"code": "replaces", "target": theirs("DocumentReference")}]),
        one("Specimen", accessionIdentifier={"value": f"acc-{own}"}, **about, parent=[theirs("Specimen")]),
        one("CarePlan", status="active", intent="plan", title=f"Plan{own}", **about, replaces=[theirs("CarePlan")]),
        one("QuestionnaireResponse", status="completed", authored=when, **about,
            item=[{"linkId": "1", "answer": [{"valueString": f"Answer{own}"}]}]),
        one("List", status="current", mode="working", title=f"List{own}", **about,
            entry=[{"item": to(f"Observation/{own}-Observation")}, {"item": theirs("Observation")}]),
        one("Composition", status="final", type=coded(f"letter-{own}"), date=when, title=f"Letter{own}", **about,
            author=[to("Practitioner/doc")], section=[{"title": "s", "entry": [theirs("Condition")]}]),
        one("RelatedPerson", patient=patient, name=[{"family": f"Aunt{own}"}], birthDate=f"195{number}-01-01"),
        one("Coverage", status="active", beneficiary=patient, payor=[to("Organization/org")],
            identifier=[{"system": "urn:cov", "value": f"cov-{own}"}]),
        one("Appointment", status="booked", start=f"{when}T10:00:00Z", end=f"{when}T10:30:00Z",
            participant=[{"actor": patient, "status": "accepted"},
            {"actor": to("Practitioner/doc"), "status": "accepted"}]),
        one("Consent", status="active", patient=patient, dateTime=when,
            scope=coded("patient-privacy", "http://terminology.hl7.org/CodeSystem/consentscope"),
            category=[coded("59284-0")], policy=[{"uri": "http://example.org"}]),
        one("Group", type="person", actual=True, name=f"Group{own}", member=[{"entity": patient}]),
        one("Provenance", recorded=f"{when}T10:00:00Z", target=[patient, to(f"Observation/{own}-Observation"),
            theirs("Observation")], agent=[{"who": to("Practitioner/doc")}]),
        {**one("AuditEvent", recorded=f"{when}T10:00:00Z", type={"code": "rest"}, agent=[{"requestor": False,
            "who": to("Practitioner/doc")}], source={"observer": to("Organization/org")},
            entity=[{"what": patient}]), "id": f"new-90{number}-1"},
        one("Device", patient=patient, identifier=[{"value": f"dev-{own}"}], status="active"),
        one("Task", status="requested", intent="order", **{"for": patient}, focus=theirs("ServiceRequest"),
            code=coded(f"task-{own}"), authoredOn=when),
        one("Contract", status="executed", subject=[patient], identifier=[{"value": f"deal-{own}"}],
            title=f"Deal{own}", issued=when),
        {"resourceType": "Binary", "id": f"{own}-form", "contentType": "text/plain",
         "data": base64.b64encode(f"form of {own}".encode()).decode()},
        {"resourceType": "Binary", "id": f"{own}-context", "contentType": "text/plain", "securityContext": patient,
         "data": base64.b64encode(f"context of {own}".encode()).decode()},
    ]  # fmt: skip


BOTH: list[Json] = [
    {"resourceType": "Provenance", "id": "b-both", "recorded": "2024-03-03T10:00:00Z",
     "agent": [{"who": to("Practitioner/doc")}], "target": [to("Patient/a"), to("Patient/b")]},
    {"resourceType": "Group", "id": "b-both", "type": "person", "actual": True, "name": "Groupboth",
     "member": [{"entity": to("Patient/a")}, {"entity": to("Patient/b")}]},
]  # fmt: skip
"""What is in the records of two patients."""


def labelled(resources: list[Json], prefix: str, code: str) -> list[Json]:
    """Return copies of some resources with a security label, under ids of their own."""
    return [{**one, "id": f"{prefix}{one['id']}", "meta": labels(code)} for one in resources]
