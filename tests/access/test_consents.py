"""Consents: http://hl7.org/fhir/R4/consent.html, IHE PCF (ITI-108), ``be-fr.md`` §1B.7 and §3 "consent"."""

from typing import Any

import pytest

from fhirserver.access.decision import Rule
from fhirserver.access.rights import Right
from fhirserver.kernel.caller import Caller
from tests.access.site import Json, Site, actor, caller, consent, encounter, labels, observation, patient, post, ref

OWN = caller("Practitioner/1", "physician")
GP = caller("Practitioner/1", "external-gp")
RELATED = encounter("e", "1", "Practitioner/1")
REGISTERED = patient("1", generalPractitioner=[ref("Practitioner/1")])
TYPES = "http://hl7.org/fhir/resource-types"
HB = {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}
SHARING = "https://escaut-dendre.example/policy/be-ehealth-informed-consent"


def permit(*children: Json, **fields: Any) -> Json:  # noqa: ANN401 - JSON
    return {"type": "permit", **({"provision": list(children)} if children else {}), **fields}


def deny(*children: Json, **fields: Any) -> Json:  # noqa: ANN401 - JSON
    return {**permit(*children, **fields), "type": "deny"}


def purpose(*codes: str) -> Json:
    return {"purpose": [{"code": code} for code in codes]}


def of_class(*types: str) -> Json:
    return {"class": [{"system": TYPES, "code": one} for one in types]}


def said(provision: Json, **fields: Any) -> list[Json]:  # noqa: ANN401 - JSON
    return [consent("c", "1", provision, **fields)]


def by_rule(code: str, provision: Json) -> Json:
    rule = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code}]}
    return consent("c", "1", provision, policyRule=rule)


# who, Consents of Patient/1, fields of the Observation, permitted
OPPOSITION = [
    pytest.param([], {}, True, id="inside the care team consent is presumed"),
    pytest.param(said(permit()), {}, True, id="PERMIT"),
    pytest.param(said(deny()), {}, False, id="DENY"),
    pytest.param(said(deny(), status="inactive"), {}, True, id="one that is not active is none"),
    pytest.param(said(deny(period={"end": "2026-01-01"})), {}, True, id="expired consent = no consent"),
    pytest.param(said(deny(period={"start": "2027-01-01"})), {}, True, id="nor before it begins"),
    pytest.param(said(deny(), scope={"coding": [{"code": "research"}]}), {}, True, id="about research"),
    pytest.param([consent("c", "2", deny())], {}, True, id="of another patient"),
    pytest.param([consent("c", "1", permit()), consent("d", "1", deny())], {}, False, id="a denial holds"),
    pytest.param(said(deny(), policy=[{"uri": SHARING}]), {}, True,
                 id="an opposition to sharing does not bind those who treat"),
    pytest.param(said(deny(permit(**actor("Practitioner/1")))), {}, True, id="an exception for somebody"),
    pytest.param(said(deny(permit(**actor("Practitioner/2")))), {}, False, id="for somebody else"),
    pytest.param(said(deny(permit(deny(**of_class("Observation")), **actor("Practitioner/1")))), {}, False,
                 id="an exception to the exception"),
    pytest.param(said(permit(deny(**purpose("TREAT")))), {}, False, id="a purpose"),
    pytest.param(said(permit(deny(**purpose("HRESCH")))), {}, True, id="another purpose"),
    pytest.param(said(permit(deny(action=[{"coding": [{"code": "access"}]}]))), {}, False, id="an action"),
    pytest.param(said(permit(deny(action=[{"coding": [{"code": "correct"}]}]))), {}, True, id="another"),
    pytest.param(said(permit(deny(**of_class("Observation", "Condition")))), {}, False, id="a class"),
    pytest.param(said(permit(deny(**of_class("Condition")))), {}, True, id="another class"),
    pytest.param(said(permit(deny(code=[HB]))), {}, False, id="a code"),
    pytest.param(said(permit(deny(code=[{"coding": [{"system": "http://loinc.org", "code": "1"}]}]))), {},
                 True, id="another code"),
    pytest.param(said(permit(deny(dataPeriod={"start": "2020", "end": "2021"}))),
                 {"effectiveDateTime": "2020-06-01"}, False, id="a period of the data"),
    pytest.param(said(permit(deny(dataPeriod={"start": "2020", "end": "2021"}))),
                 {"effectiveDateTime": "2026-06-01"}, True, id="data of another period"),
    pytest.param(said(permit(deny(dataPeriod={"start": "2020", "end": "2021"}))), {}, False,
                 id="data without a date, in doubt"),
    pytest.param(said(permit(deny(securityLabel=labels("R")["security"]))), {"meta": labels("R")}, False,
                 id="a label"),
    pytest.param(said(permit(deny(securityLabel=labels("R")["security"]))), {}, True, id="no such label"),
    pytest.param(said(permit(deny(securityLabel=labels("N")["security"]))), {"meta": labels("R")}, False,
                 id="confidentiality is a high-water mark"),
    pytest.param(said(permit(deny(data=[{"meaning": "instance", "reference": ref("Observation/o")}]))),
                 {}, False, id="an instance"),
    pytest.param(said(permit(deny(data=[{"meaning": "related", "reference": ref("Encounter/e")}]))),
                 {"encounter": ref("Encounter/e")}, False, id="data of an encounter"),
    pytest.param(said(permit(deny(data=[{"meaning": "authoredby", "reference": ref("Practitioner/3")}]))),
                 {"performer": [ref("Practitioner/3")]}, False, id="data of an author"),
    pytest.param([by_rule("OPTOUT", {})], {}, False, id="policyRule OPTOUT"),
    pytest.param([by_rule("OPTIN", {})], {}, True, id="policyRule OPTIN"),
    pytest.param([by_rule("OPTOUT", permit(**actor("Practitioner/1")))], {}, True, id="OPTOUT but for somebody"),
]  # fmt: skip


@pytest.mark.parametrize(("consents", "fields", "permitted"), OPPOSITION)
async def test_opposition(empty: Site, consents: list[Json], fields: Json, permitted: bool) -> None:
    site = empty.put(patient("1"), patient("2"), RELATED, *consents, observation("o", "1", **fields))
    assert await site.sees(OWN, "Observation/o") is permitted


OPT_IN = [
    pytest.param([], {}, False, id="outside the team explicit consent is needed"),
    pytest.param(said(permit()), {}, True, id="explicit opt-in"),
    pytest.param(said(permit(), policy=[{"uri": SHARING}]), {}, True, id="of the hub"),
    pytest.param(said(deny(), policy=[{"uri": SHARING}]), {}, False, id="opposition to sharing"),
    pytest.param(said(permit(period={"end": "2026-01-01"})), {}, False, id="which has expired"),
    pytest.param(said(permit({**purpose("TREAT")})), {}, False,
                 id="not collected: a child without a type is no permit"),
    pytest.param(said(permit({**purpose("CAREMGT")})), {}, True, id="not collected for another purpose"),
    pytest.param(said(permit({**of_class("Condition")})), {}, True, id="not collected for another class"),
    pytest.param(said({"provision": [permit(**of_class("Observation"))]}), {}, True,
                 id="a root without a type says nothing itself"),
    pytest.param(said({"provision": [permit(**of_class("Condition"))]}), {}, False, id="of another class"),
    pytest.param(said(permit(dataPeriod={"start": "2020"})), {}, False,
                 id="data without a date is not permitted by a period"),
    pytest.param(said(permit(securityLabel=labels("N")["security"])), {}, True, id="permit up to N"),
    pytest.param(said(permit(securityLabel=labels("N")["security"])), {"meta": labels("R")}, False,
                 id="but not R"),
    pytest.param(said(permit(**purpose("HRESCH"))), {}, False, id="for research only"),
    pytest.param(said(permit(**actor("Organization/x"))), {}, False, id="for another organization"),
]  # fmt: skip


@pytest.mark.parametrize(("consents", "fields", "permitted"), OPT_IN)
async def test_opt_in(empty: Site, consents: list[Json], fields: Json, permitted: bool) -> None:
    site = empty.put(REGISTERED, *consents, observation("o", "1", **fields))
    assert await site.sees(GP, "Observation/o") is permitted


NIHDI = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi"
BY_ROLE = {
    "role": {"coding": [{"system": "http://snomed.info/sct", "code": "309343006"}]},
    "reference": {"display": "x"},
}
BY_NUMBER = {"role": {"coding": [{"code": "IRCP"}]}, "reference": {"identifier": {"system": NIHDI, "value": "1"}}}
NAMES = [
    pytest.param([], actor("Practitioner/1"), Rule.EXCLUSION, id="Practitioner"),
    pytest.param([], actor("Practitioner/2"), None, id="another Practitioner"),
    pytest.param([post("r", "1")], actor("PractitionerRole/r"), Rule.EXCLUSION, id="PractitionerRole"),
    pytest.param([{"resourceType": "Practitioner", "id": "1", "identifier": [{"system": NIHDI, "value": "1"}]}],
                 {"actor": [BY_NUMBER]}, Rule.EXCLUSION, id="by identifier"),
    pytest.param([post("r", "1", organization=ref("Organization/u"))], actor("Organization/u"), Rule.OPPOSITION,
                 id="Organization: an opposition, which an emergency opens"),
    pytest.param([post("r", "1", organization=ref("Organization/u")),
                  {"resourceType": "Organization", "id": "u", "partOf": ref("Organization/h")}],
                 actor("Organization/h"), Rule.OPPOSITION, id="the Organization around it"),
    pytest.param([{"resourceType": "CareTeam", "id": "t", "status": "active", "subject": ref("Patient/2"),
                   "participant": [{"member": ref("Practitioner/1")}]}], actor("CareTeam/t"), Rule.OPPOSITION,
                 id="CareTeam"),
    pytest.param([], {"actor": [BY_ROLE]}, Rule.OPPOSITION, id="role code"),
]  # fmt: skip


@pytest.mark.parametrize(("directory", "named", "rule"), NAMES)
async def test_actors(empty: Site, directory: list[Json], named: Json, rule: Rule | None) -> None:
    site = empty.put(patient("1"), RELATED, *directory, consent("c", "1", permit(deny(**named))), observation("o", "1"))
    decision = await site.decide(OWN, "Observation/o")
    assert (None if decision.permit else decision.rule) is rule


NESTED = [
    pytest.param(deny(**actor("Practitioner/1")), id="at the root"),
    pytest.param(permit(deny(**actor("Practitioner/1"))), id="in an exception"),
    pytest.param(permit(deny(permit(), {"provision": [deny(**actor("Practitioner/1"))]})), id="deep inside"),
    pytest.param(permit(deny(actor=[BY_NUMBER])), id="by identifier"),
]


@pytest.mark.parametrize("provision", NESTED)
async def test_an_exclusion_hides_what_needs_no_relation(empty: Site, provision: Json) -> None:
    """A named exclusion holds for identity too: who is excluded does not find the patient."""
    known = {"resourceType": "Practitioner", "id": "1", "identifier": [{"system": NIHDI, "value": "1"}]}
    site = empty.put(patient("1"), patient("2"), known, consent("c", "1", provision))
    assert not await site.sees(OWN, "Patient/1", Right.SEARCH)
    assert await site.sees(OWN, "Patient/2", Right.SEARCH)


async def test_an_opposition_does_not_hide_who_a_patient_is(empty: Site) -> None:
    site = empty.put(patient("1"), consent("c", "1", deny()))
    assert await site.sees(OWN, "Patient/1", Right.SEARCH)


@pytest.mark.parametrize(
    ("who", "sees"),
    [(caller("Patient/1"), True), (caller("RelatedPerson/m"), False), (caller("RelatedPerson/n"), True)],
)
async def test_patients_and_their_representatives(empty: Site, who: Caller, sees: bool) -> None:
    """A patient's own Consents do not bind the patient; one may exclude a representative by name."""
    relatives = [{"resourceType": "RelatedPerson", "id": one, "patient": ref("Patient/1")} for one in ("m", "n")]
    excluded = consent("c", "1", deny(**actor("RelatedPerson/m")))
    site = empty.put(patient("1", birthDate="2015-01-01"), *relatives, excluded, observation("o", "1"))
    assert await site.sees(who, "Observation/o") is sees


async def test_an_exchange_sees_who_has_opted_in(empty: Site) -> None:
    who = caller(None, "exchange")
    site = empty.put(
        patient("1"), patient("2"), consent("c", "1", permit()), observation("o", "1"), observation("p", "2")
    )
    assert await site.sees(who, "Observation/o")
    assert await site.sees(who, "Patient/1")
    assert not await site.sees(who, "Observation/p")
    assert (await site.decide(who, "Observation/p")).rule is Rule.NO_CONSENT
