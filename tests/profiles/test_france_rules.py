"""The rules of the French profiles, on the worked example of each and on what breaks it.

Spec: https://hl7.fr/ig/fhir/core, profiles fr-core-patient-ins, fr-core-location; PDSm and CDS
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from fhirserver import assets
from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import CompiledExpression, compile_fhirpath
from tests.profiles.packages import OwnPackage

Json: TypeAlias = Any
CORE = "https://hl7.fr/ig/fhir/core"
NSS = {
    "use": "official",
    "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "NH"}]},
    "system": "urn:oid:1.2.250.1.213.1.4.13",
    "value": "185076276543238",
}


@pytest.fixture(scope="module")
def france(definitions: Definitions) -> OwnPackage:
    return OwnPackage(assets.folder("profiles") / "fr", definitions)


@pytest.fixture(scope="module")
def broken(france: OwnPackage, definitions: Definitions) -> Callable[[str, Json], set[str]]:
    """Name the rules that a resource breaks, of those at the top of a profile and of its base."""

    def check(profile: str, resource: Json) -> set[str]:
        rules = france.content(f"{CORE}/StructureDefinition/{profile}")[0]["constraint"]
        own = [rule for rule in rules if "hl7.fr" in rule.get("source", "")]
        assert own
        tests = {
            rule["key"]: compile_fhirpath(rule["expression"], resource["resourceType"], definitions) for rule in own
        }
        return {key for key, test in tests.items() if not _holds(test, resource)}

    return check


def _holds(test: CompiledExpression, value: Json) -> bool:
    return [item for _, item in test.evaluate(value)] == [True]


def _changed(france: OwnPackage, name: str, change: Callable[[Json], object]) -> Json:
    resource = copy.deepcopy(france.examples[f"example/{name}.json"])
    change(resource)
    return resource


def _status(patient: Json) -> Json:
    return patient["extension"][0]["extension"]


PATIENTS: dict[str, tuple[Callable[[Json], object], set[str]]] = {
    "as it is": (lambda one: None, set()),
    "its number is old": (lambda one: one["identifier"][0].update(use="old"), {"fr-core-1", "fr-core-2"}),
    "its number is of the insurance": (lambda one: one["identifier"][0].update(system=NSS["system"]), {"fr-core-1"}),
    "it has the number of the insurance too": (lambda one: one["identifier"].append(NSS), {"fr-core-2"}),
    "its number is one for tests": (
        lambda one: one["identifier"][0].update(system="urn:oid:1.2.250.1.213.1.4.10"),
        set(),
    ),
    "its birth place is unknown": (
        lambda one: one["extension"][1]["valueAddress"]["extension"][0]["valueCoding"].update(code="99999"),
        {"fr-core-3"},
    ),
    "it is provisional and has no number": (
        lambda one: (
            _status(one)[1]["valueCoding"].update(code="PROV"),
            _status(one)[0]["valueCoding"].update(code="PROV"),
            one.update(identifier=[]),
        ),
        set(),
    ),
}


@pytest.mark.parametrize("case", PATIENTS)
def test_a_validated_identity(case: str, france: OwnPackage, broken: Callable[[str, Json], set[str]]) -> None:
    change, rules = PATIENTS[case]

    assert broken("fr-core-patient-ins", _changed(france, "Patient-fr-qualified", change)) == rules


def _type(place: Json, code: str) -> None:
    place["type"][0]["coding"][0]["code"] = code


@pytest.mark.parametrize(
    ("example", "code", "rules"),
    [
        ("Location-fr-room", "CHAMB", set()),
        ("Location-fr-room", "LIT", {"inv-location-type-chambre"}),
        ("Location-fr-bed", "LIT", set()),
        ("Location-fr-bed", "BOX", {"inv-location-type-lit"}),
    ],
)
def test_extensions_of_rooms_and_beds(
    example: str, code: str, rules: set[str], france: OwnPackage, broken: Callable[[str, Json], set[str]]
) -> None:
    assert broken("fr-core-location", _changed(france, example, lambda one: _type(one, code))) == rules


def _rules(france: OwnPackage, key: str) -> Iterator[tuple[str, str]]:
    for structure in france.structures.values():
        for element in structure["differential"]["element"]:
            yield from (
                (element["id"], rule["expression"]) for rule in element.get("constraint", ()) if rule["key"] == key
            )


CODES = {
    "constr-bind-type": {"http://loinc.org": True, "http://snomed.info/sct": False},
    "constr-bind-category": {
        "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument-CISIS/FHIR/TRE-A03-ClasseDocument-CISIS": True,
        "http://loinc.org": False,
    },
    "constr-bind-ProducteurDoc": {"urn:oid:1.2.250.1.71.4.2.4": True, "http://loinc.org": False},
}


@pytest.mark.parametrize("key", CODES)
def test_code_systems_of_a_shared_document(key: str, france: OwnPackage, definitions: Definitions) -> None:
    expressions = {expression for _, expression in _rules(france, key)}

    assert len(expressions) == 1
    test = compile_fhirpath(expressions.pop(), "CodeableConcept", definitions)
    found = {system: _holds(test, {"coding": [{"system": system, "code": "x"}]}) for system in CODES[key]}
    assert found == CODES[key]
    assert _holds(test, {"text": "Lettre"})


def test_entries_of_a_care_circle_are_created_or_updated(france: OwnPackage, definitions: Definitions) -> None:
    [expression] = {expression for _, expression in _rules(france, "req-met")}
    test = compile_fhirpath(expression, "code", definitions)

    methods = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH")
    assert [method for method in methods if _holds(test, method)] == ["POST", "PUT"]
