"""The invariants of the Belgian package, one line a case: what satisfies a rule, and what does not."""

import pytest

from fhirserver import assets
from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import compile_fhirpath
from tests.profiles.compare import Json
from tests.profiles.packages import OwnPackage

BE = "https://www.ehealth.fgov.be/standards/fhir/"
OWN = "https://fhirserver.example.org/be/"
SCT = "http://snomed.info/sct"
PSEUDONYM = {
    "extension": [
        {
            "url": BE + "infsec/StructureDefinition/be-ext-pseudonymization",
            "extension": [{"url": "marker", "valueBoolean": True}],
        }
    ]
}
FIRST = {"url": BE + "medication/StructureDefinition/BeExtRecorder", "valueReference": {"reference": "Practitioner/p"}}
SECOND = {"url": BE + "core/StructureDefinition/be-ext-recorder", "valueReference": {"reference": "Practitioner/p"}}


def number(system: str, value: str | None = None, **more: Json) -> Json:
    return {"system": BE + "core/NamingSystem/" + system, **({} if value is None else {"value": value}), **more}


def vaccine(code: str, system: str = SCT, **more: Json) -> Json:
    return {"resourceType": "Immunization", "vaccineCode": {"coding": [{"system": system, "code": code}], **more}}


def product(system: str) -> Json:
    coded = {"url": "coded", "valueCodeableConcept": {"coding": [{"system": system, "code": "1"}]}}
    url = BE + "vaccination/StructureDefinition/be-ext-administeredProduct"
    return {"resourceType": "Immunization", "extension": [{"url": url, "extension": [coded]}]}


def off_label(*, used: bool, with_reason: bool) -> Json:
    reason = [{"url": "reason", "valueCodeableConcept": {"text": "-"}}] if with_reason else []
    parts = [{"url": "isOffLabelUse", "valueBoolean": used}, *reason]
    return {"url": BE + "medication/StructureDefinition/BeExtOffLabel", "extension": parts}


def network(*values: str, **more: Json) -> Json:
    kind = {"coding": [{"system": OWN + "CodeSystem/be-cs-identifier-type", "code": "NPN"}]}
    return {
        "resourceType": "Patient",
        "identifier": [{"type": kind, "system": "https://h.example/ns", "value": value, **more} for value in values],
    }


UUID = "0b1e7d5e-3a52-4c62-8a57-0f3c6b1a0009"
CASES: list[tuple[str, str, str, Json, bool]] = [
    ("ssin-11", "be-patient", "be-inv-SSIN", number("ssin", "85073090133"), True),
    ("ssin-10", "be-patient", "be-inv-SSIN", number("ssin", "8507309013"), False),
    ("ssin-12: the published rule lets it pass", "be-patient", "be-inv-SSIN", number("ssin", "850730901330"), False),
    ("ssin-dotted", "be-patient", "be-inv-SSIN", number("ssin", "85.07.30-901.33"), False),
    ("ssin-pseudonym", "be-patient", "be-inv-SSIN", number("ssin", "urn:be:x", _value=PSEUDONYM), True),
    ("ssin-absent", "be-patient", "be-inv-SSIN", number("ssin"), True),
    ("ssin-of-another-system", "be-patient", "be-inv-SSIN", {"system": "urn:x", "value": "1"}, True),
    ("ssin-without-system", "be-patient", "be-inv-SSIN", {"value": "1"}, True),
    ("nihdi-11", "be-practitioner", "be-inv-NIHDI", number("nihdi", "15432106003"), True),
    ("nihdi-8", "be-practitioner", "be-inv-NIHDI", number("nihdi-professional", "15432106"), True),
    ("nihdi-9", "be-practitioner", "be-inv-NIHDI", number("nihdi-organization", "154321060"), False),
    ("cbe-0", "be-organization", "be-inv-CBE", number("cbe", "0456789034"), True),
    ("cbe-2", "be-organization", "be-inv-CBE", number("cbe", "2456789034"), False),
    ("cbe-11", "be-organization", "be-inv-CBE", number("cbe", "04567890341"), False),
    ("vaccine-known", "be-vaccination", "be-rule-vaccination-1", vaccine("871751006"), True),
    ("vaccine-other", "be-vaccination", "be-rule-vaccination-1", vaccine("787859002"), False),
    ("vaccine-told", "be-vaccination", "be-rule-vaccination-1", vaccine("787859002", text="Dengue"), True),
    ("vaccine-other-code", "be-vaccination", "be-rule-vaccination-1", vaccine("other", "urn:x"), False),
    ("product-none", "be-vaccination", "be-rule-vaccination-2", vaccine("871751006"), True),
    ("product-cnk", "be-vaccination", "be-rule-vaccination-2", product(BE + "medication/NamingSystem/cnk-codes"), True),
    ("product-atc", "be-vaccination", "be-rule-vaccination-2", product("http://www.whocc.no/atc"), True),
    ("product-strange", "be-vaccination", "be-rule-vaccination-2", product("urn:x"), False),
    ("reaction-none", "be-vaccination", "be-rule-vaccination-3", vaccine("871751006"), True),
    ("place-none", "be-vaccination", "be-rule-vaccination-4", vaccine("871751006"), True),
    ("recorder-1", "be-vaccination", "be-own-vaccination-recorder", {"extension": [FIRST]}, True),
    ("recorder-2", "be-vaccination", "be-own-vaccination-recorder", {"extension": [SECOND]}, True),
    ("recorder-both", "be-vaccination", "be-own-vaccination-recorder", {"extension": [FIRST, SECOND]}, False),
    ("recorder-none", "be-vaccination", "be-own-vaccination-recorder", {}, False),
    ("label-reason", "BeExtOffLabel", "offLabel-reason-required", off_label(used=True, with_reason=True), True),
    ("label-no-reason", "BeExtOffLabel", "offLabel-reason-required", off_label(used=True, with_reason=False), False),
    ("label-unused", "BeExtOffLabel", "offLabel-reason-required", off_label(used=False, with_reason=False), True),
    (
        "prescription-no-reason: the published rule never fails",
        "BeMedicationPrescription",
        "dosage-override-reason-required",
        {"extension": [off_label(used=True, with_reason=False)]},
        False,
    ),
    ("prescription-none", "BeMedicationPrescription", "dosage-override-reason-required", {}, True),
    ("dispenser-nihdi", "BeMedicationDispense", "performer-nidhi", {"actor": {"identifier": number("nihdi")}}, True),
    ("dispenser-ssin", "BeMedicationDispense", "performer-nidhi", {"actor": {"identifier": number("ssin")}}, False),
    ("dispenser-reference", "BeMedicationDispense", "performer-nidhi", {"actor": {"reference": "Patient/p"}}, True),
    ("versioned", "be-ext-intended-profile", "BeInvUrlAndVersionCanonical", {"valueCanonical": "urn:a|1"}, True),
    ("unversioned", "be-ext-intended-profile", "BeInvUrlAndVersionCanonical", {"valueCanonical": "urn:a"}, False),
    ("no-version", "be-ext-intended-profile", "BeInvUrlAndVersionCanonical", {"valueCanonical": "urn:a|"}, False),
    ("stay-planned", "be-hospital-stay", "be-stay-1", {"status": "planned"}, True),
    ("stay-begun", "be-hospital-stay", "be-stay-1", {"status": "in-progress"}, False),
    ("stay-open", "be-hospital-stay", "be-stay-2", {"status": "finished", "period": {"start": "2026-03-04"}}, False),
    ("stay-closed", "be-hospital-stay", "be-stay-2", {"status": "finished", "period": {"end": "2026-03-04"}}, True),
    ("movement-begun", "be-hospital-movement", "be-movement-1", {"status": "in-progress"}, False),
    ("movement-open", "be-hospital-movement", "be-movement-2", {"status": "finished"}, False),
    ("appointment-bare", "be-appointment", "be-appointment-1", {"status": "booked"}, False),
    ("appointment-told", "be-appointment", "be-appointment-1", {"status": "booked", "description": "-"}, True),
    ("appointment-cancelled", "be-appointment", "be-appointment-2", {"status": "cancelled"}, False),
    ("task-unowned", "be-task", "be-task-1", {"status": "in-progress"}, False),
    ("task-requested", "be-task", "be-task-1", {"status": "requested"}, True),
    ("task-failed", "be-task", "be-task-2", {"status": "failed"}, False),
    ("network-one", "be-network-patient", "be-network-1", network(UUID), True),
    ("network-none", "be-network-patient", "be-network-1", {"identifier": [number("ssin", "85073090133")]}, False),
    ("network-two", "be-network-patient", "be-network-1", network(UUID, UUID), False),
    ("network-old", "be-network-patient", "be-network-1", network(UUID, use="old"), False),
    ("network-form", "be-network-patient", "be-network-2", network(UUID)["identifier"][0], True),
    ("network-capitals", "be-network-patient", "be-network-2", network(UUID.upper())["identifier"][0], False),
    ("network-other", "be-network-patient", "be-network-2", number("ssin", "85073090133"), True),
]


@pytest.fixture(scope="module")
def belgium(definitions: Definitions) -> OwnPackage:
    return OwnPackage(assets.folder("profiles") / "be", definitions)


@pytest.mark.parametrize(("profile", "key", "value", "holds"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_rule(
    belgium: OwnPackage, definitions: Definitions, profile: str, key: str, value: Json, *, holds: bool
) -> None:
    structure = next(one for one in belgium.structures.values() if one["id"] == profile)
    expression, context = belgium.invariant(structure["url"], key)
    assert compile_fhirpath(expression, context, definitions).evaluate(value) == [("System.Boolean", holds)]


def test_every_rule_has_a_case(belgium: OwnPackage) -> None:
    keys = {one["key"] for url in belgium.structures for one, _ in belgium.invariants(url)}
    assert keys == {case[2] for case in CASES}
