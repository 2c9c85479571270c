"""What shows a relation of care, and until when: ``be-fr.md`` §3 "therapeutic relation", docs/access-policy.md."""

from typing import Any

import pytest

from fhirserver.access.policy import RelationKind
from fhirserver.access.relations import DECLARED
from fhirserver.kernel.caller import Caller
from tests.access.site import Json, Site, caller, encounter, observation, patient, post, ref

NOW = "2026-11-24"
PHYSICIAN = caller("Practitioner/1", "physician")


def appointment(status: str, start: str) -> Json:
    actors = [{"actor": ref(key), "status": "accepted"} for key in ("Patient/1", "Practitioner/1")]
    return {
        "resourceType": "Appointment",
        "id": "a",
        "status": status,
        "start": f"{start}T09:00:00Z",
        "participant": actors,
    }


def team(**fields: Any) -> Json:  # noqa: ANN401 - JSON
    return {
        "resourceType": "CareTeam", "id": "t", "status": "active", "subject": ref("Patient/1"),
        "participant": [{"member": ref("Practitioner/1")}], **fields,
    }  # fmt: skip


def declared(start: str, **fields: Any) -> Json:  # noqa: ANN401 - JSON
    category = [{"coding": [{"system": DECLARED.system, "code": DECLARED.code}]}]
    return team(category=category, period={"start": start, **fields})


def episode(**fields: Any) -> Json:  # noqa: ANN401 - JSON
    return {"resourceType": "EpisodeOfCare", "id": "e", "status": "active", "patient": ref("Patient/1"),
            "careManager": ref("Practitioner/1"), "period": {"start": "2026-01-01"}, **fields}  # fmt: skip


def request(authored: str, status: str = "active") -> Json:
    return {"resourceType": "ServiceRequest", "id": "s", "status": status, "intent": "order", "authoredOn": authored,
            "subject": ref("Patient/1"), "performer": [ref("Practitioner/1")]}  # fmt: skip


def task(authored: str) -> Json:
    return {"resourceType": "Task", "id": "k", "status": "accepted", "intent": "order", "authoredOn": authored,
            "for": ref("Patient/1"), "owner": ref("Practitioner/1")}  # fmt: skip


CASES = [
    pytest.param([encounter("e", "1", "Practitioner/1")], True, id="a participant of an Encounter"),
    pytest.param([encounter("e", "1", "Practitioner/2")], False, id="another is no participant"),
    pytest.param([encounter("e", "1", "Practitioner/1", status="cancelled")], False, id="not of a cancelled one"),
    pytest.param([encounter("e", "1", "Practitioner/1", status="entered-in-error")], False, id="nor of an error"),
    pytest.param([encounter("e", "1", "Practitioner/1", period={"start": "2026-12-24"}, status="planned")], False,
                 id="before it begins only some days"),
    pytest.param([encounter("e", "1", "Practitioner/1", period={"start": "2026-11-25"}, status="planned")], True,
                 id="it counts some days before it begins"),
    pytest.param([encounter("e", "1", "Practitioner/1", status="finished",
                            period={"start": "2026-01-01", "end": "2026-06-10"})], True, id="180 days after it ended"),
    pytest.param([encounter("e", "1", "Practitioner/1", status="finished",
                            period={"start": "2026-01-01", "end": "2026-05-10"})], False, id="not longer"),
    pytest.param([encounter("e", "1", "Practitioner/1", status="finished", period={"start": "2020"})], False,
                 id="one that is over and has no end expires too"),
    pytest.param([encounter("e", "1", "PractitionerRole/r"), post("r", "1")], True, id="under one of the user's posts"),
    pytest.param([encounter("e", "1", "PractitionerRole/r"), post("r", "1", active=False)], False,
                 id="a post that is not active is none"),
    pytest.param([encounter("e", "1", "PractitionerRole/r"), post("r", "1", period={"end": "2026-01-01"})], False,
                 id="nor is one that has ended"),
    pytest.param([encounter("e", "1", "Practitioner/9", serviceProvider=ref("Organization/u")),
                  post("r", "1", organization=ref("Organization/u"))], True, id="works in the unit"),
    pytest.param([encounter("e", "1", "Practitioner/9", serviceProvider=ref("Organization/u")),
                  {"resourceType": "Organization", "id": "u", "partOf": ref("Organization/h")},
                  post("r", "1", organization=ref("Organization/h"))], True, id="works for what the unit is part of"),
    pytest.param([encounter("e", "1", "Practitioner/9", serviceProvider=ref("Organization/h")),
                  {"resourceType": "Organization", "id": "u", "partOf": ref("Organization/h")},
                  post("r", "1", organization=ref("Organization/u"))], False, id="a unit is not the whole hospital"),
    pytest.param([appointment("booked", "2026-12-10")], True, id="an Appointment to come, within days"),
    pytest.param([appointment("booked", "2027-06-10")], False, id="not one of next year"),
    pytest.param([appointment("fulfilled", "2026-10-10")], True, id="one that was, within days"),
    pytest.param([appointment("fulfilled", "2026-01-10")], False, id="not for ever"),
    pytest.param([appointment("cancelled", "2026-11-24")], False, id="not a cancelled one"),
    pytest.param([team()], True, id="a participant of a CareTeam"),
    pytest.param([team(status="inactive")], False, id="not of an inactive one"),
    pytest.param([team(period={"start": "2026-01-01", "end": "2026-11-10"})], True, id="some days after its end"),
    pytest.param([team(period={"start": "2026-01-01", "end": "2026-03-01"})], False, id="not of one that is over"),
    pytest.param([team(participant=[{"member": ref("Practitioner/1"), "period": {"end": "2026-03-01"}}])], False,
                 id="participant.period ends the part of one"),
    pytest.param([team(participant=[{"member": ref("Organization/u")}]),
                  post("r", "1", organization=ref("Organization/u"))], True, id="works for a participant"),
    pytest.param([episode()], True, id="the care manager of an EpisodeOfCare"),
    pytest.param([episode(status="cancelled")], False, id="not of a cancelled one"),
    pytest.param([episode(status="finished", period={"start": "2020-01-01", "end": "2020-02-01"})], False, id="over"),
    pytest.param([patient("1", generalPractitioner=[ref("Practitioner/1")])], True, id="the general practitioner"),
    pytest.param([patient("1", generalPractitioner=[ref("Organization/u")]),
                  post("r", "1", organization=ref("Organization/u"))], True, id="or works in the practice"),
    pytest.param([request("2026-11-01")], True, id="was asked to perform a ServiceRequest"),
    pytest.param([request("2026-01-01")], False, id="not long ago"),
    pytest.param([request("2026-11-01", "revoked")], False, id="not one that was revoked"),
    pytest.param([task("2026-11-01")], True, id="owns a Task"),
    pytest.param([declared("2026-11-01")], True, id="declared it"),
    pytest.param([declared("2026-08-01")], False, id="a declaration expires by the policy"),
    pytest.param([declared("2026-11-01", end="2026-11-10")], False, id="or when it is revoked"),
]  # fmt: skip


@pytest.mark.parametrize(("record", "related"), CASES)
async def test_evidence(empty: Site, record: list[Json], related: bool) -> None:
    site = empty.put(patient("1"), observation("o", "1"), *record)
    assert await site.sees(PHYSICIAN, "Observation/o") is related


def relative(**fields: Any) -> Json:  # noqa: ANN401 - JSON
    return {"resourceType": "RelatedPerson", "id": "m", "patient": ref("Patient/1"), **fields}


def relationship(code: str) -> Json:
    system = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
    return {"relationship": [{"coding": [{"system": system, "code": code}]}]}


PROXIES = [
    pytest.param("2015-01-01", relative(), True, id="a parent of a child"),
    pytest.param("2005-01-01", relative(), False, id="a child that has come of age"),
    pytest.param("2005-01-01", relative(**relationship("GUARD")), True, id="but a guardian"),
    pytest.param("2005-01-01", relative(**relationship("MTH")), False, id="not a mother"),
    pytest.param("2015-01-01", relative(active=False), False, id="not any more"),
    pytest.param("2015-01-01", relative(period={"end": "2026-01-01"}), False, id="a mandate that has ended"),
    pytest.param(None, relative(), False, id="of unknown age"),
]


@pytest.mark.parametrize(("birth", "who", "related"), PROXIES)
async def test_representatives(empty: Site, birth: str | None, who: Json, related: bool) -> None:
    born = {"birthDate": birth} if birth is not None else {}
    site = empty.put(patient("1", **born), observation("o", "1"), who)
    assert await site.sees(caller("RelatedPerson/m"), "Observation/o") is related


async def test_two_relatives_of_one_person(empty: Site) -> None:
    """Person.link joins the RelatedPersons that are the same mother of two children."""
    person = {"resourceType": "Person", "id": "p", "link": [{"target": ref(f"RelatedPerson/{n}")} for n in ("m", "n")]}
    site = empty.put(
        patient("1", birthDate="2015"), patient("2", birthDate="2018"), observation("o", "2"),
        relative(), relative(id="n", patient=ref("Patient/2")), person,
    )  # fmt: skip
    assert await site.sees(caller("RelatedPerson/m"), "Observation/o")


ROLES = [
    pytest.param(caller("Patient/1"), True, id="a patient without a role has that of patients"),
    pytest.param(caller(None), True, id="a client that acts for itself has that of services"),
    pytest.param(caller("Practitioner/2"), False, id="a professional without a role and posts has none"),
    pytest.param(caller("Practitioner/1"), True, id="posts show the role"),
    pytest.param(caller("Practitioner/1", "unknown"), False, id="an unknown role is none, whatever posts show"),
]


@pytest.mark.parametrize(("who", "sees"), ROLES)
async def test_roles_of_callers(ward: Site, who: Caller, sees: bool) -> None:
    physician = {"system": "http://snomed.info/sct", "code": "309343006"}
    site = ward.put(post("r", "1", physician), encounter("e2", "1", "Practitioner/2"))
    assert await site.sees(who, "Observation/o1") is sees


async def test_a_token_of_one_patient_is_about_that_patient(ward: Site) -> None:
    site = ward.put(encounter("e2", "2", "Practitioner/1"))
    who = Caller(
        client_id="app", scopes=("patient/*.rs",), fhir_user="Practitioner/1", roles=("physician",), patient="1"
    )
    assert await site.sees(who, "Observation/o1")
    assert not await site.sees(who, "Observation/o2")


def test_every_kind_has_a_case() -> None:
    assert len(RelationKind) == 10
