"""The expressions of R4's SearchParameters: http://hl7.org/fhir/R4/searchparameter-registry.html"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import CompiledExpression, Environment, FhirPathExecutionError, compile_fhirpath

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "meta": {"tag": [{"code": "t"}], "lastUpdated": "2024-01-01T00:00:00Z"},
    "extension": [{"url": "http://x/a", "valueString": "A"}, {"url": "http://x/b", "valueCode": "b"}],
    "name": [
        {"family": "One", "given": ["A", None, "C"], "_given": [None, {"extension": [{"url": "u"}]}, {"id": "c"}]},
        {"family": "Two"},
        {"_family": {"extension": [{"url": "u", "valueString": "no value"}]}},
    ],
    "telecom": [{"system": "phone", "value": "1"}, {"system": "email", "value": "2"}, {"value": "3"}],
    "birthDate": "1980-02",
    "_birthDate": {"extension": [{"url": "http://x/time", "valueDateTime": "1980-02-01T10:00:00Z"}]},
    "deceasedBoolean": True,
    "generalPractitioner": [{"reference": "Practitioner/1"}, {"reference": "Organization/2"}],
}

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "contained": [{"resourceType": "Patient", "id": "inner"}],
    "code": {"text": "c"},
    "valueQuantity": {"value": Decimal("1.50"), "code": "mg"},
    "effectiveDateTime": "2024-02",
    "component": [
        {"code": {"text": "c"}, "valueString": "s"},
        {"code": {"text": "d"}, "valueQuantity": {"value": 2}},
    ],
}

SELECTIONS = [
    pytest.param("Patient.birthDate", PATIENT, [("date", "1980-02")], id="a primitive with an extension is its value"),
    pytest.param("Patient.name.given", PATIENT, [("string", "A"), ("string", "C")], id="nulls are skipped"),
    pytest.param("Patient.name.family", PATIENT, [("string", "One"), ("string", "Two")], id="no value, no item"),
    pytest.param("Resource.id", PATIENT, [("id", "p")], id="leading ancestor"),
    pytest.param("DomainResource.extension.value", PATIENT, [("string", "A"), ("code", "b")], id="choice by item"),
    pytest.param("meta.tag.code", PATIENT, [("code", "t")], id="without a leading type"),
    pytest.param("Encounter.status", PATIENT, [], id="another leading type"),
    pytest.param("Patient.deceased", PATIENT, [("boolean", True)], id="choice"),
    pytest.param("(Patient.deceased as dateTime)", PATIENT, [], id="as another type"),
    pytest.param("Patient.deceased.exists() and Patient.deceased != false", PATIENT, [("boolean", True)], id="boolean"),
    pytest.param("Patient.telecom.where(system='phone').value", PATIENT, [("string", "1")], id="where"),
    pytest.param("Patient.telecom.where(system = 'phone' and value = '1').value", PATIENT, [("string", "1")], id="and"),
    pytest.param("Patient.telecom[1].value", PATIENT, [("string", "2")], id="indexer"),
    pytest.param("Patient.telecom.first().value", PATIENT, [("string", "1")], id="first"),
    pytest.param("Patient.extension('http://x/a').value", PATIENT, [("string", "A")], id="extension()"),
    pytest.param("Patient.birthDate.extension('http://x/time').value.as(dateTime)", PATIENT,
                 [("dateTime", "1980-02-01T10:00:00Z")], id="extension of a primitive"),
    pytest.param("Patient.name.given.extension.url", PATIENT, [("uri", "u")], id="extension of a repeated primitive"),
    pytest.param("Patient.name.where(given = 'X')", PATIENT, [], id="where on a repeating element"),
    pytest.param("Patient.generalPractitioner.where(resolve() is Practitioner)", PATIENT,
                 [("Reference", {"reference": "Practitioner/1"})], id="resolve() is"),
    pytest.param("Observation.value", OBSERVATION, [("Quantity", OBSERVATION["valueQuantity"])], id="polymorphic"),
    pytest.param("Observation.valueQuantity", OBSERVATION, [], id="JSON names are not element names"),
    pytest.param("Observation.value.value", OBSERVATION, [("decimal", Decimal("1.50"))], id="only Quantity has value"),
    pytest.param("Observation.component.value", OBSERVATION, [("string", "s"), ("Quantity", {"value": 2})],
                 id="choice in the order of the items"),
    pytest.param("Observation.component.value.ofType(Quantity)", OBSERVATION, [("Quantity", {"value": 2})],
                 id="ofType"),
    pytest.param("Observation.component.value as string", OBSERVATION, [("string", "s")], id="as filters a collection"),
    pytest.param("Observation.code | Observation.component.code", OBSERVATION,
                 [("CodeableConcept", {"text": "c"}), ("CodeableConcept", {"text": "d"})], id="no duplicates"),
    pytest.param("Observation.code | Condition.code", OBSERVATION, [("CodeableConcept", {"text": "c"})], id="union"),
    pytest.param("Observation.effective.as(DateTime)", OBSERVATION, [("dateTime", "2024-02")], id="the wrong case"),
    pytest.param("Observation.contained.id", OBSERVATION, [("id", "inner")], id="into any resource"),
    pytest.param("Observation.contained.gender | Observation.contained.ofType(Patient).id", OBSERVATION,
                 [("id", "inner")], id="resource types are known when it runs"),
    pytest.param("Observation.contained", OBSERVATION, [("Patient", {"resourceType": "Patient", "id": "inner"})],
                 id="a resource is an item of its own type"),
    pytest.param("%resource.code", OBSERVATION, [("CodeableConcept", {"text": "c"})], id="%resource"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "resource", "expected"), SELECTIONS)
def test_select(source: str, resource: dict[str, Any], expected: list[Any], definitions: Definitions) -> None:
    compiled = compile_fhirpath(source, resource["resourceType"], definitions)
    assert compiled.select(resource) == expected
    assert {name for name, _ in expected} <= compiled.types or not compiled.types.isdisjoint({"System.Any", "Resource"})


TYPES = [
    pytest.param("Patient.name", "Patient", {"HumanName"}, id="complex"),
    pytest.param("Patient.name", "Observation", set(), id="nothing can match"),
    pytest.param("Patient.deceased", "Patient", {"boolean", "dateTime"}, id="choice"),
    pytest.param("Observation.value.as(Age)", "Observation", set(), id="not a type of this choice"),
    pytest.param("Observation.component", "Observation", {"Observation.component"}, id="backbone"),
    pytest.param("value.as(Quantity) | value.as(Range)", "Observation.component", {"Quantity", "Range"}, id="relative"),
    pytest.param("%resource.referenceSeq.chromosome", "MolecularSequence.variant", {"CodeableConcept"}, id="%resource"),
    pytest.param("Patient.name.exists()", "Patient", {"boolean"}, id="System types are given as FHIR types"),
    pytest.param("Bundle.entry[0].resource", "Bundle", {"Resource"}, id="any resource"),
    pytest.param("ConceptMap.source as uri", "ConceptMap", {"uri"}, id="a canonical is not selected as a uri"),
]


@pytest.mark.parametrize(("source", "context", "expected"), TYPES)
def test_static_types(source: str, context: str, expected: set[str], definitions: Definitions) -> None:
    assert compile_fhirpath(source, context, definitions).types == expected


REFERENCES = [
    pytest.param({"reference": "Patient/1"}, True, id="relative"),
    pytest.param({"reference": "Patient/1/_history/2"}, True, id="versioned"),
    pytest.param({"reference": "http://other.org/fhir/Patient/1"}, True, id="absolute"),
    pytest.param({"reference": "http://other.org/fhir/Patient/1", "type": "Group"}, True, id="the text decides"),
    pytest.param({"reference": "#inner"}, True, id="contained"),
    pytest.param({"reference": "#none"}, False, id="contained, not there"),
    pytest.param({"reference": "Group/1"}, False, id="another type"),
    pytest.param({"reference": "Patients/1"}, False, id="not a resource type"),
    pytest.param({"reference": "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"}, False, id="urn: not known"),
    pytest.param({"reference": "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7", "type": "Patient"}, True, id="hint"),
    pytest.param({"identifier": {"value": "1"}, "type": "Patient"}, True, id="logical with a type"),
    pytest.param({"identifier": {"value": "1"}}, False, id="logical without a type"),
    pytest.param({"display": "somebody"}, False, id="only a text"),
]


@pytest.mark.parametrize(("reference", "is_patient"), REFERENCES)
def test_the_type_of_a_reference(reference: dict[str, Any], is_patient: bool, definitions: Definitions) -> None:
    compiled = compile_fhirpath("Observation.subject.where(resolve() is Patient)", "Observation", definitions)
    resource = {**OBSERVATION, "subject": reference}
    assert compiled.select(resource) == ([("Reference", reference)] if is_patient else [])


class OneBundle:
    """Resolves what one bundle contains."""

    def resolve(self, reference: str) -> dict[str, Any] | None:
        """Find by full url."""
        return {"resourceType": "Patient", "id": "x"} if reference == "urn:uuid:1" else None


def test_a_resolver_knows_more(definitions: Definitions) -> None:
    compiled = compile_fhirpath("Observation.subject.where(resolve() is Patient)", "Observation", definitions)
    resource = {"resourceType": "Observation", "subject": {"reference": "urn:uuid:1"}}
    assert compiled.select(resource) == []
    assert compiled.select(resource, Environment(resolver=OneBundle())) == [("Reference", {"reference": "urn:uuid:1"})]


def test_a_component_sees_the_whole_resource(definitions: Definitions) -> None:
    variant = {"start": 1}
    resource = {"resourceType": "MolecularSequence", "referenceSeq": {"windowStart": 7}, "variant": [variant]}
    compiled = compile_fhirpath("%resource.referenceSeq.windowStart", "MolecularSequence.variant", definitions)
    assert compiled.select(variant, Environment(resource=resource)) == [("integer", 7)]


def test_values_are_not_copied(definitions: Definitions) -> None:
    [(_, name), *_] = compile_fhirpath("Patient.name", "Patient", definitions).select(PATIENT)
    assert name is PATIENT["name"][0]


def test_input_of_another_structure_is_an_error(definitions: Definitions) -> None:
    compiled = compile_fhirpath("Patient.name.given", "Patient", definitions)
    with pytest.raises(FhirPathExecutionError):
        compiled.select({"resourceType": "Patient", "name": "Peter"})


def _all_pairs(definitions: Definitions) -> Iterator[tuple[str, str, CompiledExpression]]:
    for resource_type in definitions.resource_types:
        for code, parameter in definitions.search_parameters(resource_type).items():
            if parameter.expression is not None:
                yield resource_type, code, compile_fhirpath(parameter.expression, resource_type, definitions)


def test_every_search_parameter_of_r4_can_match(definitions: Definitions) -> None:
    pairs = list(_all_pairs(definitions))
    assert len(pairs) > 2500
    assert {(base, code) for base, code, compiled in pairs if not compiled.types} == set()
    assert not any("System.Any" in compiled.types for _, _, compiled in pairs)
