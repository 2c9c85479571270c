"""The examples of our packages are valid by the profiles that they claim, and what a profile forbids is found in them.

Spec: http://hl7.org/fhir/R4/profiling.html; the shapes and numbers are worked examples of ours
"""

import copy
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from fhirserver import assets
from fhirserver.codec.fhir_json import parse_json
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import Severity
from fhirserver.terminology.builtin import Builtin
from fhirserver.terminology.library import Given
from fhirserver.terminology.required import RequiredCodes
from fhirserver.validation.profiles.sources import GivenStructures, PackagedStructures
from fhirserver.validation.validator import Validator
from tests.profiles.compare import published

Json: TypeAlias = Any
Errors: TypeAlias = Callable[[Json], list[str]]
COUNTRIES = ("be", "fr")
SHAPES: dict[str, Json] = json.loads((Path(__file__).parent / "shapes.json").read_bytes())
"""Resources as hospitals of both countries write them."""


def _validator(resources: Iterable[Json], definitions: Definitions, builtin: Builtin) -> Validator:
    """Return a validator that knows the definitions given beside R4."""
    given = list(resources)
    own = [one for one in given if one["resourceType"] == "StructureDefinition"]
    terms = Given([one for one in given if one["resourceType"] in ("ValueSet", "CodeSystem")])
    codes = RequiredCodes(definitions, (terms, builtin))
    structures = GivenStructures(own, PackagedStructures(definitions))
    return Validator(definitions, RequiredCodes(definitions, (builtin,)), structures, codes)


def _read(folder: Path) -> dict[str, Json]:
    files = sorted(file for file in folder.glob("*.json") if file.name != "package.json")
    return {file.stem: parse_json(file.read_bytes()) for file in files}


def _package(country: str) -> Path:
    return assets.folder("profiles") / country / "package"


def _errors_of(validator: Validator, resource: Json) -> list[str]:
    issues = validator.issues(resource, resource["resourceType"])
    return [f"{one.expression[0]}: {one.diagnostics}" for one in issues if one.severity is Severity.ERROR]


@pytest.fixture(scope="module")
def validators(definitions: Definitions, builtin: Builtin) -> dict[str, Validator]:
    """A validator with each package."""
    return {one: _validator(_read(_package(one)).values(), definitions, builtin) for one in COUNTRIES}


@pytest.mark.parametrize("country", COUNTRIES)
def test_examples_are_valid(country: str, validators: dict[str, Validator]) -> None:
    examples = _read(_package(country) / "example")
    found = {name: _errors_of(validators[country], one) for name, one in examples.items()}

    assert len(examples) > 20
    assert {name: errors for name, errors in found.items() if errors} == {}


@pytest.fixture(scope="module")
def both(definitions: Definitions, builtin: Builtin) -> Validator:
    """A validator with both packages, as a site has it."""
    return _validator([one for each in COUNTRIES for one in _read(_package(each)).values()], definitions, builtin)


@pytest.mark.parametrize(("version", "told"), [("2.2.0", 0), ("2.1.0", 1), ("2.0.1", 1), ("1.2.0", 1)])
def test_older_versions_of_fr_core_are_judged_by_ours(version: str, told: int, both: Validator) -> None:
    """Versions 2.0 to 2.2 are accepted, and told of; those before are not known."""
    patient = copy.deepcopy(_read(_package("fr") / "example")["Patient-fr-qualified"])
    patient["meta"]["profile"] = [f"https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient-ins|{version}"]
    del patient["birthDate"]
    issues = both.issues(patient, "Patient")
    versions = [one.told.values[-1] for one in issues if one.told and one.told.text.id == "profile-version"]
    unknown = [one for one in issues if one.told and one.told.text.id == "profile-unknown"]
    assert (len(versions), len(unknown)) == ((0, told) if version < "2" else (told, 0))
    assert set(versions) <= {"2.2.0"}
    assert bool([one for one in issues if one.severity is Severity.ERROR]) is not bool(unknown)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_valid(name: str, both: Validator) -> None:
    assert _errors_of(both, parse_json(_bytes(SHAPES[name]))) == []


def test_the_published_examples_of_fr_core_have_the_same_errors_by_our_definitions(
    corpora: Path, validators: dict[str, Validator], definitions: Definitions, builtin: Builtin
) -> None:
    """Not valid are a patient, whose INS has a wrong key, and what a build reported, with extensions of R5."""
    folder = corpora / "07-be-fr-profiles"
    files = (folder / "fr-core-2.2.0.ndjson.gz", folder / "fr-core-2.2.0-dependencies.ndjson.gz")
    official = _validator([one for file in files for one in published(file)], definitions, builtin)
    examples = [parse_json(_bytes(one)) for one in published(files[0], "example")]
    ours, theirs = ([_errors_of(one, each) for each in examples] for one in (validators["fr"], official))

    assert ours == theirs
    assert [one["resourceType"] for one, errors in zip(examples, ours, strict=True) if errors] == ["Patient", "Bundle"]


def _bytes(resource: Json) -> bytes:
    return json.dumps(resource).encode()


def _identifier(number: int, **more: object) -> Callable[[Json], object]:
    return lambda one: one["identifier"][number].update(more)


def _without(*path: str | int) -> Callable[[Json], object]:
    def change(one: Json) -> None:
        for step in path[:-1]:
            one = one[step]
        del one[path[-1]]

    return change


BROKEN: dict[str, tuple[str, Callable[[Json], object], str]] = {
    "an INS patient has a birth place": ("Patient-fr-qualified", _without("extension", 1), "Patient"),
    "a birth place has an INSEE code": (
        "Patient-fr-qualified",
        _without("extension", 1, "valueAddress", "extension"),
        "Patient.extension[1].value",
    ),
    "an INS patient has a birth name": ("Patient-fr-qualified", _without("name", 0), "Patient"),
    "a birth name has all given names": ("Patient-fr-qualified", _without("name", 0, "extension"), "Patient.name[0]"),
    "a birth name has one given name": (
        "Patient-fr-qualified",
        lambda one: one["name"][0]["given"].append("PAUL"),
        "Patient.name[0]",
    ),
    "an INS patient has a birth date": ("Patient-fr-qualified", _without("birthDate"), "Patient"),
    "an INS patient has a sex": ("Patient-fr-qualified", _without("gender"), "Patient"),
    "the sex is not `other`": ("Patient-fr-qualified", lambda one: one.update(gender="other"), "Patient.gender"),
    "a local number is never official": (
        "Patient-fr-provisional",
        _identifier(0, use="official"),
        "Patient.identifier[0].use",
    ),
    "a local number has a system": (
        "Patient-fr-provisional",
        _without("identifier", 0, "system"),
        "Patient.identifier[0]",
    ),
    "an identity is validated by a strong document": (
        "Patient-fr-qualified",
        lambda one: one["extension"][0]["extension"][3]["valueCoding"].update(code="PC"),
        "Patient.extension[0].extension[3].value",
    ),
    "a contact point has a system": ("Patient-fr-provisional", _without("telecom", 0, "system"), "Patient.telecom[0]"),
    "a stay has a number": ("Encounter-fr-stay", _without("identifier"), "Encounter"),
    "a stay has a period": ("Encounter-fr-stay", _without("period"), "Encounter"),
    "a stay has no number of pre-admission": (
        "Encounter-fr-stay",
        lambda one: one.update(hospitalization={"preAdmissionIdentifier": {"value": "1"}}),
        "Encounter.hospitalization",
    ),
    "a place has a French type": (
        "Location-fr-room",
        lambda one: one["type"][0]["coding"][0].update(code="GARAGE"),
        "Location.type[0]",
    ),
    "a unit is of type UF": (
        "Organization-fr-unit",
        lambda one: one["type"][0]["coding"][0].update(code="POLE"),
        "Organization.type[0]",
    ),
    "a national number is official": (
        "Organization-fr-legal-entity",
        _identifier(0, use="usual"),
        "Organization.identifier[0].use",
    ),
    "a related person has one identifier": (
        "RelatedPerson-fr-daughter",
        lambda one: one["identifier"].append({"value": "2"}),
        "RelatedPerson",
    ),
    "an agenda has no types of service": (
        "Schedule-fr-agenda",
        lambda one: one.update(serviceType=[{"text": "Consultation"}]),
        "Schedule",
    ),
    "a time of an agenda has an end": (
        "Schedule-fr-agenda",
        _without("extension", 0, "extension", 3),
        "Schedule.extension[0]",
    ),
    "blood pressure has a systolic value": ("Observation-fr-blood-pressure", _without("component", 0), "Observation"),
    "blood pressure has no value": (
        "Observation-fr-blood-pressure",
        lambda one: one.update(valueString="128/79"),
        "Observation",
    ),
    "the oxygen is oxygen": (
        "MedicationAdministration-fr-oxygen",
        lambda one: one["medicationCodeableConcept"]["coding"][0].update(code="387207008"),
        "MedicationAdministration.medication.coding[0].code",
    ),
    "a document is published with its data": (
        "DocumentReference-fr-report",
        _without("content", 0, "attachment", "data"),
        "DocumentReference.content[0].attachment",
    ),
    "a document is published without an address": (
        "DocumentReference-fr-report",
        lambda one: one["content"][0]["attachment"].update(url="http://a.b/c"),
        "DocumentReference.content[0].attachment",
    ),
    "a document has a custodian": ("DocumentReference-fr-report", _without("custodian"), "DocumentReference"),
    "a shared document has a contained author": (
        "DocumentReference-fr-report-shared",
        _without("contained"),
        "DocumentReference",
    ),
    "a submission has one submission set": ("Bundle-fr-provide", _without("entry", 0), "Bundle"),
    "a care circle has a patient": ("Bundle-fr-care-circle-creation", _without("entry", 1), "Bundle"),
    "a member of a care circle has a begin": (
        "CareTeam-fr-care-circle",
        _without("participant", 0, "period", "start"),
        "CareTeam.participant[0].period",
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_what_breaks_a_french_profile_is_found_where_it_is(rule: str, validators: dict[str, Validator]) -> None:
    name, change, place = BROKEN[rule]
    example = copy.deepcopy(_read(_package("fr") / "example")[name])
    change(example)

    found = _errors_of(validators["fr"], example)
    assert place in {error.partition(": ")[0] for error in found}, found
