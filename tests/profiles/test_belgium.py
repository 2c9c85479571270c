"""The Belgian package is well-formed, and says what the official definitions say."""

import sys
from pathlib import Path

import pytest

from fhirserver import assets
from fhirserver.definitions.registry import Definitions
from fhirserver.search.custom import collect_customs
from tests.profiles.compare import Json, codes_of, differences, published, structures
from tests.profiles.packages import OwnPackage

BE = "https://www.ehealth.fgov.be/standards/fhir/"
OWN = "https://fhirserver.example.org/be/"
R5 = "an extension of R5 or of artifacts that the source names; the official compilation lacked its definition"
NARROWED = "a choice whose one slice must be there has no other type; our snapshots say it at the choice as well"
REPEATED = "the rule of the extension, repeated where the extension stands"
RECORDER = "two extensions are named BeExtRecorder; either one is accepted, one of them asked for"

DOCUMENTED = {
    (
        "be-device",
        "Device.type",
        "binding",
    ): "the value set is named extensible; without its name the compiled one lacks it",
    ("be-procedure", "Procedure.extension:recorded", "element"): R5,
    ("be-scoreresult", "Observation.effective[x]", "type"): NARROWED,
    ("BeMedicationDispense", "MedicationDispense.extension:recorded", "element"): R5,
    (
        "BeMedicationDispense",
        "MedicationDispense.extension:beExtOffLabel",
        "invariant offLabel-reason-required",
    ): REPEATED,
    (
        "BeMedicationDispense",
        "MedicationDispense.performer",
        "invariant performer-nidhi",
    ): "the published rule cannot be parsed and is attached to nothing; ours is, as the warning that it is",
    ("BeMedicationLine", "MedicationStatement.extension", "min"): R5,
    ("BeMedicationLine", "MedicationStatement.effective[x]", "type"): NARROWED,
    ("BeMedicationLine", "MedicationStatement.extension:offLabel", "invariant offLabel-reason-required"): REPEATED,
    ("BeMedicationLine", "MedicationStatement.extension:artifact-version", "element"): R5,
    ("BeMedicationLine", "MedicationStatement.extension:artifact-date", "element"): R5,
    ("BeMedicationLine", "MedicationStatement.extension:adherenceStatus", "element"): R5,
    ("BeMedicationPrescription", "MedicationRequest.extension:statusChanged", "element"): R5,
    (
        "BeMedicationPrescription",
        "MedicationRequest.extension:offLabel",
        "invariant offLabel-reason-required",
    ): REPEATED,
    ("be-vaccination", "Immunization", "invariant be-own-vaccination-recorder"): RECORDER,
    ("be-vaccination", "Immunization.extension:recorder", "min"): RECORDER,
    ("be-vaccination", "Immunization.extension:recorder-core", "element"): RECORDER,
}
"""Where our snapshots differ from the official ones, and why; `docs/profiles.md` says it at length."""

WIDER_CONTEXTS = {
    "BeExtRecorder": "be-vaccination has it on Immunization",
    "BeExtOffLabel": "BeMedicationDispense has it on MedicationDispense",
}

OF_OTHER_GUIDES = {"be-ns-claim-related-claim", "cvko-id"}
"""Naming systems of insurers and of screening, which are no part of the package."""

SSIN_OID = "2.16.840.1.113883.3.6777.5.1"


@pytest.fixture(scope="module")
def belgium(definitions: Definitions) -> OwnPackage:
    return OwnPackage(assets.folder("profiles") / "be", definitions)


@pytest.fixture(scope="module")
def official(corpora: Path) -> dict[str, Json]:
    """The official StructureDefinitions, without logical models."""
    found = {url: one for file in _files(corpora) for url, one in structures(published(file)).items()}
    return {url: one for url, one in found.items() if one["kind"] != "logical"}


def test_every_file_has_the_name_of_its_resource(belgium: OwnPackage) -> None:
    assert list(belgium.misnamed()) == []
    assert belgium.repeated() == []


def test_every_definition_that_is_named_is_known(belgium: OwnPackage) -> None:
    assert belgium.unknown_canonicals() == set()


def test_snapshots_are_generated_without_a_problem(belgium: OwnPackage) -> None:
    assert belgium.snapshot_problems() == []


def test_every_invariant_is_understood(belgium: OwnPackage) -> None:
    assert list(belgium.misunderstood_invariants()) == []


def test_structures_have_an_official_canonical_or_ours(belgium: OwnPackage) -> None:
    outside = {url for url in belgium.structures if not url.startswith((BE, OWN))}
    assert all(url.startswith("http://hl7.org/fhir/") for url in outside)
    assert len(outside) == 6, "cross-version extensions and those of artifacts, which the core package lacks"


def test_every_example_claims_a_profile_of_the_package(belgium: OwnPackage) -> None:
    claims = {name: example["meta"]["profile"] for name, example in belgium.examples.items()}
    assert {name for name, urls in claims.items() if not set(urls) <= set(belgium.structures)} == set()


def test_every_profile_of_a_record_has_an_example(belgium: OwnPackage) -> None:
    claimed = {url for example in belgium.examples.values() for url in example["meta"]["profile"]}
    without = {"be-Consent", "BeGroup", "be-communication", "be-provenance", "be-laboratory-report-composition"}
    profiles = [one for one in belgium.structures.values() if one["kind"] == "resource" and one["status"] != "retired"]
    assert {one["id"] for one in profiles if one["url"] not in claimed} == without


def test_codes_that_value_sets_list_are_in_the_code_systems(belgium: OwnPackage) -> None:
    assert list(belgium.unknown_codes()) == []


def test_search_parameters_can_be_indexed(belgium: OwnPackage, definitions: Definitions) -> None:
    parameters = [one for one in belgium.resources.values() if one["resourceType"] == "SearchParameter"]
    refused: list[tuple[str, str]] = []
    customs = collect_customs(definitions, parameters, refused)
    assert refused == []
    assert sum(len(one["base"]) for one in parameters) == len(parameters) == 5
    assert {one.code for one in customs.of("Encounter")} == {"estimated-discharge"}
    assert {one.code for one in customs.of("MedicationStatement")} == {"registration-status"}


def test_every_official_definition_in_force_is_there(belgium: OwnPackage, official: dict[str, Json]) -> None:
    assert official.keys() - belgium.structures.keys() == set()


def test_snapshots_say_what_the_official_ones_say(belgium: OwnPackage, official: dict[str, Json]) -> None:
    found = [
        difference
        for url, theirs in official.items()
        for difference in differences(belgium.with_snapshot(url), theirs, belgium.content)
    ]
    sys.stdout.write("\n".join(str(one) for one in found))
    keys = {(one.url.rpartition("/")[2], one.element, one.fact) for one in found}
    assert keys == DOCUMENTED.keys()


def test_extensions_may_stand_where_the_official_ones_may(belgium: OwnPackage, official: dict[str, Json]) -> None:
    for url, theirs in official.items():
        ours, other = (_contexts(one) for one in (belgium.structures[url], theirs))
        assert ours >= other, url
        assert ours == other or url.rpartition("/")[2] in WIDER_CONTEXTS, url


def test_terminology_says_what_the_official_one_says(belgium: OwnPackage, corpora: Path) -> None:
    files = [file for file in _files(corpora) if "terminology" not in file.name]
    official = [one for file in files for one in published(file) if one["resourceType"] in ("ValueSet", "CodeSystem")]
    assert len(official) > 60
    for theirs in official:
        assert codes_of(belgium.by_url[theirs["url"]]) == codes_of(theirs), theirs["url"]


def test_naming_systems_have_every_official_address(belgium: OwnPackage, corpora: Path) -> None:
    ours = {one["id"]: _addresses(one) for one in belgium.resources.values() if one["resourceType"] == "NamingSystem"}
    for file in _files(corpora):
        for theirs in published(file):
            if theirs["resourceType"] == "NamingSystem" and theirs["id"] not in OF_OTHER_GUIDES:
                assert ours[theirs["id"]] >= _addresses(theirs), theirs["id"]


def test_aliases_belong_to_one_naming_system(belgium: OwnPackage) -> None:
    systems = [_addresses(one) for one in belgium.resources.values() if one["resourceType"] == "NamingSystem"]
    assert sum(len(one) for one in systems) == len(set[str]().union(*systems))
    assert {BE + "core/NamingSystem/ssin", BE + "NamingSystem/ssin"} in [one - {SSIN_OID} for one in systems]


def _addresses(naming_system: Json) -> set[str]:
    return {one["value"] for one in naming_system["uniqueId"]}


def _files(corpora: Path) -> list[Path]:
    return sorted((corpora / "07-be-fr-profiles").glob("be-*.ndjson.gz"))


def _contexts(structure: Json) -> set[str]:
    return {one["expression"] for one in structure.get("context", ())}
