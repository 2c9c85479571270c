"""The order of rules: legal secrets, exclusion, opposition, relation, role matrix, labels, break-the-glass."""

import pytest

from fhirserver.access.decision import Rule
from fhirserver.access.rights import Right
from fhirserver.kernel.caller import Caller
from tests.access.site import Json, Site, actor, caller, consent, in_emergency, observation, ref

PHYSICIAN = caller("Practitioner/1", "physician")
STRANGER = caller("Practitioner/9", "physician")
SECRETARY = caller("Practitioner/1", "secretary")
EXCLUDED = consent("c", "1", {"type": "permit", "provision": [{"type": "deny", **actor("Practitioner/1")}]})
OPPOSED = consent("c", "1", {"type": "deny"})
REFUSES_EMERGENCIES = consent("c", "1", {"type": "deny", "purpose": [{"code": "BTG"}]})


CASES = [
    pytest.param(PHYSICIAN, [], observation("o", "1"), True, Rule.RELATION, id="a relation of care permits"),
    pytest.param(PHYSICIAN, [], observation("o", "1", "MASQUE_PS"), False, Rule.CLOSED,
                 id="(1) what the patient has masked for professionals is closed to them"),
    pytest.param(PHYSICIAN, [EXCLUDED], observation("o", "1", "MASQUE_PS"), False, Rule.CLOSED,
                 id="(1) legal secrets come before exclusions"),
    pytest.param(PHYSICIAN, [EXCLUDED], observation("o", "1"), False, Rule.EXCLUSION,
                 id="(2) named exclusion of a professional"),
    pytest.param(PHYSICIAN, [EXCLUDED, OPPOSED | {"id": "d"}], observation("o", "1"), False, Rule.EXCLUSION,
                 id="(2) exclusions come before oppositions"),
    pytest.param(PHYSICIAN, [OPPOSED], observation("o", "1"), False, Rule.OPPOSITION, id="(3) opposition"),
    pytest.param(STRANGER, [OPPOSED], observation("o", "1"), False, Rule.RELATION,
                 id="(4) of a patient without a relation no Consent is looked for"),
    pytest.param(STRANGER, [], observation("o", "1"), False, Rule.RELATION,
                 id="(4) therapeutic relation is a prerequisite to any consultation"),
    pytest.param(SECRETARY, [], observation("o", "1"), False, Rule.RELATION,
                 id="(4) an Encounter is no evidence for a secretary"),
    pytest.param(caller("Practitioner/1", "social-worker"), [], observation("o", "1"), False, Rule.MATRIX,
                 id="(5) role matrix: a social worker reads social history only"),
    pytest.param(PHYSICIAN, [], observation("o", "1", "V"), False, Rule.LABEL, id="(6) labels: V is beyond physicians"),
    pytest.param(PHYSICIAN, [], observation("o", "1", "R"), True, Rule.RELATION, id="(6) labels: R is not"),
    pytest.param(in_emergency(STRANGER, "1"), [], observation("o", "1"), True, Rule.EMERGENCY,
                 id="(7) break-the-glass opens the relation"),
    pytest.param(in_emergency(STRANGER, "1"), [], observation("o", "1", "V"), True, Rule.EMERGENCY,
                 id="(7) break-the-glass opens what the role may open"),
    pytest.param(in_emergency(STRANGER, "1"), [], observation("o", "1", "MASQUE_PS"), False, Rule.CLOSED,
                 id="(7) masked stays masked"),
    pytest.param(in_emergency(STRANGER, "1"), [], observation("o", "2"), False, Rule.RELATION,
                 id="(7) of one patient only"),
    pytest.param(in_emergency(PHYSICIAN, "1"), [EXCLUDED], observation("o", "1"), False, Rule.EXCLUSION,
                 id="(7) excluded provider never"),
    pytest.param(in_emergency(PHYSICIAN, "1"), [OPPOSED], observation("o", "1"), True, Rule.EMERGENCY,
                 id="(7) break-the-glass opens an opposition"),
    pytest.param(in_emergency(PHYSICIAN, "1"), [REFUSES_EMERGENCIES],
                 observation("o", "1", "V"), False, Rule.LABEL, id="(7) patient can refuse it beforehand"),
    pytest.param(in_emergency(SECRETARY, "1"), [], observation("o", "1"), False, Rule.RELATION,
                 id="(7) only roles that may break the glass do"),
]  # fmt: skip


@pytest.mark.parametrize(("who", "consents", "resource", "permit", "rule"), CASES)
async def test_order(  # noqa: PLR0917 - the columns of the table
    ward: Site, who: Caller, consents: list[Json], resource: Json, permit: bool, rule: Rule
) -> None:
    site = ward.put(*consents, resource)
    decision = await site.decide(who, f"Observation/{resource['id']}")
    assert (decision.permit, decision.rule) == (permit, rule)
    assert decision.policy_version == site.policy.version


async def test_every_patient_of_a_resource_must_be_open(ward: Site) -> None:
    """A resource in the records of several patients needs each of them."""
    participants = [{"actor": ref(f"Patient/{one}"), "status": "accepted"} for one in "12"]
    both = {"resourceType": "Appointment", "id": "a", "status": "booked", "participant": participants}
    site = ward.put(both, {**both, "id": "b", "participant": participants[:1]})
    own = caller("Patient/1")
    assert not await site.sees(own, "Appointment/a")
    assert await site.sees(own, "Appointment/b")


async def test_what_is_of_no_patient_is_not_clinical_data_of_nobody(ward: Site) -> None:
    """An Observation without a subject is in nobody's record: no relation reaches it."""
    site = ward.put(observation("o", None))
    assert (await site.decide(PHYSICIAN, "Observation/o")).rule is Rule.RELATION


@pytest.mark.parametrize(
    ("who", "hint"),
    [(STRANGER, True), (SECRETARY, False), (in_emergency(STRANGER, "2"), True)],
)
async def test_a_refusal_says_whether_an_emergency_would_open_it(ward: Site, who: Caller, hint: bool) -> None:
    decision = await ward.decide(who, "Observation/o1")
    assert not decision.permit
    assert decision.may_break_glass is hint


async def test_writes_are_held_to_the_same_rules(ward: Site) -> None:
    assert await ward.sees(PHYSICIAN, "Observation/o1", Right.UPDATE)
    assert not await ward.sees(PHYSICIAN, "Observation/o1", Right.DELETE)
    assert not await ward.sees(STRANGER, "Observation/o1", Right.CREATE)
