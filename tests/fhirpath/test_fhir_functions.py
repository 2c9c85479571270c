"""What R4 adds to the language: http://hl7.org/fhir/R4/fhirpath.html#functions, and what later drafts add to it."""

from typing import Any

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import (
    Coded,
    Environment,
    FhirPathError,
    FhirPathExecutionError,
    FhirPathTypeError,
    Rules,
    compile_fhirpath,
)
from fhirserver.kernel.resource import Json, Resource

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>P</div>"},
    "modifierExtension": [{"url": "http://example.org/m", "valueBoolean": True}],
    "name": [{"family": "A", "given": ["B", "C"]}, {"family": "D"}],
    "contact": [{"name": {"family": "E"}, "gender": "male"}],
    "birthDate": "1980-02-03",
    "maritalStatus": {"coding": [{"system": "s", "code": "narrow"}, {"system": "s", "code": "other"}]},
    "communication": [{"language": {"coding": [{"system": "s", "code": "broad"}]}}],
}
TRUE_EXPRESSIONS = [
    pytest.param("communication.language.subsumes(maritalStatus)", id="a concept subsumes where one coding does"),
    pytest.param("communication.language.coding.subsumes(maritalStatus.coding[0])", id="a coding subsumes a coding"),
    pytest.param("maritalStatus.coding[0].subsumes(maritalStatus.coding[0])", id="a code subsumes itself"),
    pytest.param("maritalStatus.coding[0].subsumes(communication.language).not()", id="the narrower does not subsume"),
    pytest.param("maritalStatus.subsumedBy(communication.language)", id="subsumedBy is the other way round"),
    pytest.param("maritalStatus.coding[1].subsumes(maritalStatus.coding[0]).empty()", id="not related: not known"),
    pytest.param("maritalStatus.subsumes({}).empty() and {}.subsumes(maritalStatus).empty()", id="empty in, empty out"),
    pytest.param("text.`div`.htmlChecks()", id="htmlChecks of a narrative"),
    pytest.param("name.htmlChecks().empty() and {}.htmlChecks().empty()", id="htmlChecks is of xhtml only"),
    pytest.param("name.slice('p', 'family-only').family = 'D'", id="slice keeps what is in it"),
    pytest.param("{}.slice('none', 'none').empty()", id="slice of nothing"),
    pytest.param("name.first().conformsTo('p')", id="conformsTo asks"),
    pytest.param("checkModifiers('http://example.org/m').name.count() = 2", id="checkModifiers lets known ones pass"),
    pytest.param("name.checkModifiers().count() = 2", id="checkModifiers looks at each item"),
    pytest.param("name.elementDefinition().path = ('Patient.name').combine('Patient.name')", id="of each element"),
    pytest.param("name.first().family.elementDefinition().path = 'HumanName.family'", id="of a datatype's element"),
    pytest.param("contact.gender.elementDefinition().binding.strength = 'required'", id="of a backbone's element"),
    pytest.param("elementDefinition().path = 'Patient' and {}.elementDefinition().empty()", id="of the resource"),
    pytest.param("deceased.elementDefinition().empty()", id="of no element"),
    pytest.param(
        "%`vs-languages` = 'http://hl7.org/fhir/ValueSet/languages' and %loinc = 'http://loinc.org'", id="urls"
    ),
    pytest.param("%`ext-patient-birthTime`.endsWith('/StructureDefinition/patient-birthTime')", id="extension urls"),
    # later drafts
    pytest.param("name.defineVariable('n').given.select(%n.count()) = (2).combine(2)", id="the collection"),
    pytest.param("defineVariable('n', name).contact.select(%n.family).count() = 2", id="a value computed from it"),
    pytest.param("name.select(defineVariable('f', family).given.where(%f = 'A')).count() = 2", id="of each item"),
    pytest.param("name.defineVariable('a').first().defineVariable('b').select(%a | %b).count() = 2", id="several"),
    pytest.param(
        "(1 | 2 | 3).sum() = 6 and (1 | 2).avg() = 1.5 and (2 | 3).min() = 2 and (2 | 3).max() = 3", id="sums"
    ),
    pytest.param("{}.sum().empty() and {}.max().empty() and (1 'm' | 2 'm').sum() = 3 'm'", id="sums of quantities"),
    pytest.param(
        "birthDate.yearOf() = 1980 and birthDate.hourOf().empty() and @T10:20:30.456.millisecondOf() = 456", id="p"
    ),
    pytest.param(
        "@2024-02-03T10:00:00.5-02:30.timezoneOffsetOf() = -2.5 and @2024-02-03T10:00Z.timeOf() = @T10:00", id="z"
    ),
    pytest.param("5L is System.Long and 5L + 1 = 6 and 5L = 5 and '7'.toLong() is System.Long", id="long integers"),
    pytest.param("%factory.Coding('s', 'c').system = 's' and %factory.code('a') is code", id="the factory"),
]


class Services:
    """A terminology with one hierarchy, profiles with one slice, narratives that are all safe."""

    def is_member(self, system: str | None, code: str, value_set: str) -> bool | None:
        """Know no value set."""
        return None

    def subsumes(self, broader: Coded, narrower: Coded) -> bool | None:
        """`broad` is above `narrow`; `other` is related to nothing."""
        codes = (broader[1], narrower[1])
        return None if "other" in codes else codes == ("broad", "narrow")

    def conforms(self, resource: Resource, profile: str) -> bool | None:
        """Everything conforms to `p`."""
        return True if profile == "p" else None

    def is_in_slice(self, value: Json, structure: str, slice_name: str) -> bool | None:
        """`family-only` of `p` are names without given names."""
        return "given" not in value if (structure, slice_name) == ("p", "family-only") else None

    def is_safe(self, xhtml: str) -> bool:
        """Every narrative is."""
        return True


SERVICES = Services()
ENVIRONMENT = Environment(terminology=SERVICES, conformance=SERVICES, markup=SERVICES)


@pytest.mark.parametrize("source", TRUE_EXPRESSIONS)
def test_is_true(source: str, definitions: Definitions) -> None:
    compiled = compile_fhirpath(source, "Patient", definitions, rules=Rules.LANGUAGE)
    assert compiled.select(PATIENT, ENVIRONMENT) == [("boolean", True)]


ERRORS = [
    pytest.param("checkModifiers()", FhirPathExecutionError, id="a modifier extension that is not known"),
    pytest.param("name.slice('p', 'none')", FhirPathExecutionError, id="no such slice"),
    pytest.param("name.first().conformsTo('none')", FhirPathExecutionError, id="no such profile"),
    pytest.param("defineVariable('a').defineVariable('a')", FhirPathTypeError, id="a name is given once"),
    pytest.param("defineVariable('context')", FhirPathTypeError, id="the language's own names are taken"),
    pytest.param("defineVariable(id)", FhirPathTypeError, id="a name is a literal"),
    pytest.param("name.defineVariable('a').given | %a", FhirPathExecutionError, id="a variable ends with its chain"),
    pytest.param("%factory.integer(1.5)", FhirPathExecutionError, id="no integer"),
    pytest.param("%factory.oid('1.2')", FhirPathExecutionError, id="no oid"),
    pytest.param("%factory.Coding(1)", FhirPathExecutionError, id="no system"),
    pytest.param("%factory.name()", FhirPathTypeError, id="not of the factory"),
]


@pytest.mark.parametrize(("source", "error"), ERRORS)
def test_is_an_error(source: str, error: type[FhirPathError], definitions: Definitions) -> None:
    with pytest.raises(error):
        compile_fhirpath(source, "Patient", definitions, rules=Rules.LANGUAGE).select(PATIENT, ENVIRONMENT)


@pytest.mark.parametrize("source", ["name.slice('p', 'family-only')", "text.`div`.htmlChecks()", "id.subsumes(id)"])
def test_services_that_are_not_there_are_an_error(source: str, definitions: Definitions) -> None:
    compiled = compile_fhirpath(source, "Patient", definitions)
    with pytest.raises(FhirPathExecutionError):
        compiled.select({**PATIENT, "id": "i"}, Environment())
