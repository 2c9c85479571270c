"""What the Belgian profiles accept and refuse: our examples, those of the guides, and examples made wrong."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from fhirserver import assets
from fhirserver.codec.fhir_json import parse_json
from fhirserver.definitions.registry import Definitions
from fhirserver.terminology.builtin import Builtin
from fhirserver.terminology.library import Given
from fhirserver.terminology.required import RequiredCodes
from fhirserver.validation.profiles.sources import GivenStructures, PackagedStructures
from fhirserver.validation.validator import Asked, Validator
from tests.profiles.compare import Json, published
from tests.profiles.packages import OwnPackage

Errors: TypeAlias = list[tuple[str, str]]
"""(expression, text) of each error"""
Judge: TypeAlias = Callable[[Json], Errors]
Change: TypeAlias = Callable[[Json], object]
BE = "https://www.ehealth.fgov.be/standards/fhir/"
SCT = "http://snomed.info/sct"
MORE = "[]"


@pytest.fixture(scope="module")
def belgium(definitions: Definitions) -> OwnPackage:
    return OwnPackage(assets.folder("profiles") / "be", definitions)


@pytest.fixture(scope="module")
def errors_of(belgium: OwnPackage, definitions: Definitions, builtin: Builtin) -> Judge:
    """Validate by the profiles that a resource claims."""
    structures = GivenStructures(list(belgium.structures.values()), PackagedStructures(definitions))
    terms = Given([one for one in belgium.by_url.values() if one["resourceType"] in ("CodeSystem", "ValueSet")])
    required = RequiredCodes(definitions, (builtin,))
    validator = Validator(definitions, required, structures, RequiredCodes(definitions, (terms, builtin)))

    def errors(resource: Json) -> Errors:
        parsed = parse_json(json.dumps(resource).encode())
        issues = validator.issues(parsed, parsed["resourceType"], Asked())
        return [(one.expression[0], one.diagnostics) for one in issues if one.severity == "error"]

    return errors


def test_our_examples_are_valid(belgium: OwnPackage, errors_of: Judge) -> None:
    found = {name: errors_of(example) for name, example in belgium.examples.items()}
    assert {name: errors for name, errors in found.items() if errors} == {}


def without(*path: str | int) -> Change:
    """Take out what is at ``path``."""

    def change(resource: Json) -> None:
        holder = _at(resource, path[:-1])
        del holder[path[-1]]

    return change


def put(value: Json, *path: str | int) -> Change:
    """Put ``value`` at ``path``, or behind the items of a list that ends there."""

    def change(resource: Json) -> None:
        holder = _at(resource, path[:-1])
        if path[-1] == MORE:
            holder.append(value)
        else:
            holder[path[-1]] = value

    return change


def _at(value: Json, path: tuple[str | int, ...]) -> Json:
    for step in path:
        value = value[step]
    return value


def code(system: str, value: str) -> Json:
    return {"coding": [{"system": system, "code": value}]}


WRONG: list[tuple[str, str, Change, str]] = [
    ("marital-status", "Patient patient",
     put(code(BE + "core/CodeSystem/cd-civilstate", "20"), "maritalStatus"), "Patient.maritalStatus"),
    ("ssin-short", "Patient patient", put("8507309013", "identifier", 0, "value"),
     "Patient.identifier[0] Patient.identifier[0].value"),
    ("ssin-without-value", "Patient patient", without("identifier", 0, "value"), "Patient.identifier[0]"),
    ("gender-at-birth", "Patient patient",
     put(code("urn:x", "x"), "extension", 0, "valueCodeableConcept"), "Patient.extension[0].value"),
    ("marker-false", "Patient pseudonymised-patient",
     put(False, "identifier", 0, "_value", "extension", 0, "extension", 0, "valueBoolean"),
     "Patient.identifier[0].value.extension[0].extension[0].value"),
    ("no-marker", "Patient pseudonymised-patient",
     without("identifier", 0, "_value", "extension", 0, "extension", 0), "Patient.identifier[0].value.extension[0]"),
    ("practitioner-unnamed", "Practitioner practitioner", without("name"), "Practitioner"),
    ("two-authors", "DocumentReference document",
     put({"reference": "Practitioner/p"}, "author", MORE), "DocumentReference"),
    ("no-content-type", "DocumentReference document",
     without("content", 0, "attachment", "contentType"), "DocumentReference.content[0].attachment"),
    ("problem-unidentified", "Condition problem", without("identifier"), "Condition"),
    ("problem-unrecorded", "Condition problem", without("recorder"), "Condition"),
    ("problem-origin", "Condition problem",
     put("hearsay", "extension", 0, "valueCode"), "Condition.extension[0].value"),
    ("procedure-unrecorded", "Procedure procedure", without("extension"), "Procedure"),
    ("procedure-two-performers", "Procedure procedure",
     put({"actor": {"display": "x"}}, "performer", MORE), "Procedure"),
    ("observation-unidentified", "Observation clinical-observation", without("identifier"), "Observation"),
    ("score-at-an-instant", "Observation score",
     lambda one: one.update({"effectiveDateTime": one.pop("effectivePeriod")["start"]}),
     "Observation Observation.effective"),
    ("score-unknown", "Observation score",
     put(code(BE + "core-clinical/CodeSystem/be-cs-score", "NONE"), "code"), "Observation.code"),
    ("allergy-native-type", "AllergyIntolerance allergy", put("allergy", "type"), "AllergyIntolerance"),
    ("allergy-two-manifestations", "AllergyIntolerance allergy",
     put(code(SCT, "271807003"), "reaction", 0, "manifestation", MORE), "AllergyIntolerance.reaction[0]"),
    ("vaccination-lot", "Immunization vaccination", put("L1", "lotNumber"), "Immunization"),
    ("vaccination-unrecorded", "Immunization vaccination", without("extension", 0), "Immunization"),
    ("vaccination-code", "Immunization vaccination", put(code(SCT, "1"), "vaccineCode"), "Immunization.vaccineCode"),
    ("prescription-off-label", "MedicationRequest prescription",
     without("extension", 0, "extension", 1), "MedicationRequest MedicationRequest.extension[0]"),
    ("prescription-draft", "MedicationRequest prescription", put("draft", "status"), "MedicationRequest.status"),
    ("prescription-undosed", "MedicationRequest prescription", without("dosageInstruction"), "MedicationRequest"),
    ("prescription-route", "MedicationRequest prescription",
     put(code(SCT, "1"), "dosageInstruction", 0, "route"), "MedicationRequest.dosageInstruction[0].route"),
    ("line-active", "MedicationStatement medicationline", put("active", "status"), "MedicationStatement.status"),
    ("line-unversioned", "MedicationStatement medicationline", without("extension", 2), "MedicationStatement"),
    ("line-without-start", "MedicationStatement medicationline",
     put({"end": "2026-03-10"}, "effectivePeriod"), "MedicationStatement.effective"),
    ("dispense-function", "MedicationDispense dispense",
     put("pharmacist", "performer", 0, "function", "text"), "MedicationDispense.performer[0].function.text"),
    ("report-without-drid", "DiagnosticReport laboratory-report",
     put("urn:x", "identifier", 0, "system"), "DiagnosticReport"),
    ("report-narrative", "DiagnosticReport laboratory-report",
     put("generated", "text", "status"), "DiagnosticReport.text.status"),
    ("report-category", "DiagnosticReport laboratory-report",
     put("Lab", "category", 0, "coding", 0, "display"), "DiagnosticReport.category[0].coding[0].display"),
    ("will-code", "Consent patientwill",
     put(code(BE + "patientwill/CodeSystem/be-cs-patientwill-code", "dnr9"), "provision", "code", 0),
     "Consent.provision.code[0]"),
    ("will-policy", "Consent patientwill", put("Other", "policyRule", "text"), "Consent.policyRule.text"),
    ("will-purpose", "Consent patientwill",
     put([{"system": "urn:x", "code": "x"}], "provision", "purpose"), "Consent.provision"),
    ("stay-unnumbered", "Encounter stay", without("identifier", 0, "type"), "Encounter"),
    ("stay-of-a-stay", "Encounter stay", put({"reference": "Encounter/e"}, "partOf"), "Encounter"),
    ("stay-without-start", "Encounter stay", without("period"), "Encounter"),
    ("movement-of-none", "Encounter movement", without("partOf"), "Encounter"),
    ("movement-nowhere", "Encounter movement", without("location"), "Encounter"),
    ("agenda-inactive", "Schedule schedule", without("active"), "Schedule"),
    ("appointment-cancelled", "Appointment appointment", put("cancelled", "status"), "Appointment"),
    ("appointment-with-a-group", "Appointment appointment",
     put({"reference": "Group/g"}, "participant", 0, "actor"), "Appointment.participant[0].actor"),
    ("task-unasked", "Task task", without("requester"), "Task"),
    ("task-done-by-nobody", "Task task", put("completed", "status"), "Task"),
    ("network-number-lost", "Patient network-patient", without("identifier", 0), "Patient"),
    ("network-ssin", "Patient network-patient", put("1", "identifier", 1, "value"),
     "Patient.identifier[1] Patient.identifier[1].value"),
    ("relation-without-start", "CareTeam therapeutic-relation", without("period", "start"), "CareTeam.period"),
    ("relation-of-another-kind", "CareTeam therapeutic-relation", put(code("urn:x", "x"), "category", 0), "CareTeam"),
    ("consent-scope", "Consent informed-consent",
     put(code("http://terminology.hl7.org/CodeSystem/consentscope", "research"), "scope"), "Consent.scope"),
    ("device-two-names", "Device device",
     put([{"name": "a", "type": "other"}, {"name": "b", "type": "other"}], "deviceName"), "Device"),
    ("device-use-undated", "DeviceUseStatement device-use", without("recordedOn"), "DeviceUseStatement"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "where"), [c[1:] for c in WRONG], ids=[c[0] for c in WRONG])
def test_an_example_made_wrong_is_refused(
    belgium: OwnPackage, errors_of: Judge, name: str, change: Change, where: str
) -> None:
    example = copy.deepcopy(belgium.examples[f"example/{name.replace(' ', '-example-')}.json"])
    change(example)
    assert {expression for expression, _ in errors_of(example)} == set(where.split())


NIHDI = "a NIHDI number that has a letter or lacks digits"
WRONG_AS_PUBLISHED = {
    "practitioner11": NIHDI,
    "ex02-practitioner11": NIHDI,
    "ex03-practitioner11": NIHDI,
    "ex04-practitioner11": NIHDI,
    "practitioner10": NIHDI,
    "organization1": "a company number and a NIHDI number of other lengths",
    "org-research-hospital": NIHDI,
    "ex02-diagnosticreport1": "a reference that is none",
    "ex04-diagnosticreport1": "a reference that is none",
}
"""Examples of the guides that R4 or a profile refuses, by id; recorders without a value come beside them."""


def test_published_examples_are_valid_but_for_those_that_are_not(corpora: Path, errors_of: Judge) -> None:
    claiming = [one for one in _published_examples(corpora) if one.get("meta", {}).get("profile")]
    wrong = {one["id"] for one in claiming if one["resourceType"] != "Immunization" and _but_numbers(errors_of(one))}
    assert len(claiming) > 100
    assert wrong == WRONG_AS_PUBLISHED.keys()


def test_published_vaccinations_are_valid_once_they_say_who_recorded_them(corpora: Path, errors_of: Judge) -> None:
    vaccinations = [one for one in _published_examples(corpora) if one["resourceType"] == "Immunization"]
    assert len(vaccinations) == 19
    for one in vaccinations:
        assert {expression for expression, _ in _but_numbers(errors_of(one))} == {"Immunization.extension[0]"}
        one["extension"][0]["valueReference"] = {"reference": "Practitioner/p"}
        assert _but_numbers(errors_of(one)) == [], one["id"]


def _but_numbers(errors: Errors) -> Errors:
    """Leave the numbers of persons out that published examples have made up without check digits."""
    return [one for one in errors if not (one[0].endswith("identifier.value") or "check digits" in one[1])]


def _published_examples(corpora: Path) -> Iterator[Json]:
    for file in sorted((corpora / "07-be-fr-profiles").glob("be-*.ndjson.gz")):
        for one in published(file, "example"):
            yield one
            yield from (entry["resource"] for entry in one.get("entry", ()))
