"""Security labels and what patients see of their own record: ``be-fr.md`` §3 "staged / hidden visibility"."""

import pytest

from fhirserver.access.decision import Rule
from fhirserver.kernel.caller import Caller
from tests.access.site import Json, Site, caller, in_emergency, labels, observation, patient, ref

PHYSICIAN = caller("Practitioner/1", "physician")
NURSE = caller("Practitioner/1", "nurse")
PATIENT = caller("Patient/1")
PARENT = caller("RelatedPerson/m")

CASES = [
    pytest.param(PHYSICIAN, (), True, id="no label"),
    pytest.param(PHYSICIAN, ("N",), True, id="normal"),
    pytest.param(PHYSICIAN, ("R",), True, id="restricted"),
    pytest.param(PHYSICIAN, ("V",), False, id="very restricted"),
    pytest.param(PHYSICIAN, ("R", "V"), False, id="every label must be open"),
    pytest.param(in_emergency(PHYSICIAN, "1"), ("V",), True, id="break-glass opens very restricted"),
    pytest.param(PHYSICIAN, ("PSY",), True, id="psychiatry to physicians"),
    pytest.param(NURSE, ("SEX",), False, id="sexual health not to nurses"),
    pytest.param(in_emergency(NURSE, "1"), ("SEX",), True, id="but in an emergency"),
    pytest.param(NURSE, ("HIV",), False, id="HIV is sexual health"),
    pytest.param(PHYSICIAN, ("MASQUE_PS",), False, id="MASQUE_PS: hidden from professionals"),
    pytest.param(in_emergency(PHYSICIAN, "1"), ("MASQUE_PS",), False, id="masked stays masked"),
    pytest.param(PATIENT, ("MASQUE_PS",), True, id="MASQUE_PS: not from the patient"),
    pytest.param(PATIENT, ("R",), True, id="R is for others"),
    pytest.param(PATIENT, ("INVISIBLE_PATIENT",), False, id="INVISIBLE_PATIENT: not yet visible to the patient"),
    pytest.param(PHYSICIAN, ("INVISIBLE_PATIENT",), True, id="INVISIBLE_PATIENT: visible to professionals"),
    pytest.param(PARENT, (), True, id="a parent"),
    pytest.param(PARENT, ("INVISIBLE_PATIENT",), False, id="what a child does not see yet a parent does not either"),
    pytest.param(PARENT, ("INVISIBLE_REPRESENTANTS_LEGAUX",), False, id="INVISIBLE_REPRESENTANTS_LEGAUX"),
    pytest.param(PATIENT, ("INVISIBLE_REPRESENTANTS_LEGAUX",), True, id="which the child sees"),
    pytest.param(PARENT, ("ADOL",), False, id="adolescents' secrecy towards parents"),
    pytest.param(PATIENT, ("ADOL",), True, id="not towards the adolescent"),
    pytest.param(PARENT, ("PSY",), False, id="psychiatry is not opened to parents"),
]


@pytest.mark.parametrize(("who", "codes", "sees"), CASES)
async def test_labels(ward: Site, who: Caller, codes: tuple[str, ...], sees: bool) -> None:
    mother = {"resourceType": "RelatedPerson", "id": "m", "patient": ref("Patient/1")}
    site = ward.put(patient("1", birthDate="2014-01-01"), mother, observation("o", "1", *codes))
    assert await site.sees(who, "Observation/o") is sees


PLACES = [
    pytest.param({"resourceType": "DocumentReference", "securityLabel": [{"coding": labels("V")["security"]}]},
                 id="DocumentReference.securityLabel"),
    pytest.param({"resourceType": "Composition", "confidentiality": "V"}, id="Composition.confidentiality"),
    pytest.param({"resourceType": "DocumentReference", "securityLabel": [{"coding": [{"code": "MASQUE_PS"}]}]},
                 id="a label whose system is written otherwise"),
]  # fmt: skip


@pytest.mark.parametrize("resource", PLACES)
async def test_labels_of_documents(ward: Site, resource: Json) -> None:
    site = ward.put({"id": "d", "status": "current", "subject": ref("Patient/1"), **resource})
    assert not await site.sees(PHYSICIAN, f"{resource['resourceType']}/d")


def lab(**fields: str) -> Json:
    category = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}]
    return {"resourceType": "DiagnosticReport", "id": "d", "status": "final", "category": category,
            "code": {"text": "x"}, "subject": ref("Patient/1"), **fields}  # fmt: skip


RELEASES = [
    pytest.param(PATIENT, lab(issued="2026-11-24T05:00:00Z"), False, id="24 h for a laboratory result"),
    pytest.param(PATIENT, lab(issued="2026-11-22T05:00:00Z"), True, id="then it is released"),
    pytest.param(PHYSICIAN, lab(issued="2026-11-24T05:00:00Z"), True, id="the delay is the patient's"),
    pytest.param(PARENT, lab(issued="2026-11-24T05:00:00Z"), False, id="and the parents'"),
    pytest.param(PATIENT, lab(), False, id="without a date it waits from its last change"),
    pytest.param(PATIENT, {**lab(issued="2026-11-24T05:00:00Z"), "category": []}, True, id="of nothing else"),
]


@pytest.mark.parametrize(("who", "report", "sees"), RELEASES)
async def test_staged_release(ward: Site, who: Caller, report: Json, sees: bool) -> None:
    mother = {"resourceType": "RelatedPerson", "id": "m", "patient": ref("Patient/1")}
    decision = await ward.put(patient("1", birthDate="2014-01-01"), mother, report).decide(who, "DiagnosticReport/d")
    assert decision.permit is sees
    assert decision.permit or decision.rule is Rule.RELEASE


async def test_what_is_old_is_not_shown_to_who_needs_it_not(ward: Site) -> None:
    """A nursing home sees documents of a year."""
    home = caller(None, "nursing-home", organizations=("Organization/n",))
    registered = patient("1", generalPractitioner=[ref("Organization/n")])
    agreed = {
        "resourceType": "Consent", "id": "c", "status": "active", "scope": {"coding": [{"code": "patient-privacy"}]},
        "patient": ref("Patient/1"), "provision": {"type": "permit"},
    }  # fmt: skip
    site = ward.put(
        registered, agreed, observation("new", "1", effectiveDateTime="2026-10-01"),
        observation("old", "1", effectiveDateTime="2020-10-01"), observation("undated", "1"),
    )  # fmt: skip
    seen = [key for key in ("new", "old", "undated") if await site.sees(home, f"Observation/{key}")]
    assert seen == ["new", "undated"]


async def test_masks_are_what_no_role_sees(ward: Site) -> None:
    office, both = caller("Practitioner/1", "admission"), caller("Practitioner/1", "admission", "physician")
    mask = (await ward.rules(office)).mask("Encounter")
    assert mask is not None
    assert mask.elements == {"reasonCode", "reasonReference", "diagnosis"}
    assert (await ward.rules(both)).mask("Encounter") is None
    assert (await ward.rules(office)).mask("Patient") is None
