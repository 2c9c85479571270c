"""The required bindings of R4 — http://hl7.org/fhir/R4/terminologies.html#required"""

import time

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.terminology.builtin import Builtin
from fhirserver.terminology.required import RequiredCodes

LOINC_ANSWERS = "http://loinc.org/vs/LL379-9|4.0.1"
BY_REGISTRIES = {
    "http://hl7.org/fhir/ValueSet/mimetypes|4.0.1",
    "http://hl7.org/fhir/ValueSet/ucum-units|4.0.1",
    "http://hl7.org/fhir/ValueSet/currencies|4.0.1",
    LOINC_ANSWERS,
}


@pytest.fixture(scope="module")
def bindings(definitions: Definitions) -> set[str]:
    """The value sets of every required binding of every type."""
    seen: set[str] = set()
    pending = [*definitions.resource_types, "Extension", "Dosage", "ElementDefinition", "DataRequirement"]
    found = set()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        for child in definitions.children(name).values():
            pending.append(child.type_name)
            if child.element.required_binding is not None:
                found.add(child.element.required_binding)
    return found


def test_all_but_four_value_sets_are_decided_by_the_package(definitions: Definitions, bindings: set[str]) -> None:
    codes = RequiredCodes(definitions)
    assert len(bindings) > 200
    assert {value_set for value_set in bindings if codes.codes(value_set) is None} == BY_REGISTRIES


@pytest.fixture(scope="module")
def by_registries(definitions: Definitions, builtin: Builtin) -> RequiredCodes:
    return RequiredCodes(definitions, (builtin,))


def test_all_but_one_are_decided_with_registries(by_registries: RequiredCodes, bindings: set[str]) -> None:
    assert {value_set for value_set in bindings if by_registries.codes(value_set) is None} == {LOINC_ANSWERS}


BY_GRAMMAR = [
    pytest.param("mimetypes", "urn:ietf:bcp:13", "text/plain; charset=utf-8", True, id="a media type with a parameter"),
    pytest.param("mimetypes", "urn:ietf:bcp:13", "text plain", False, id="no media type"),
    pytest.param("ucum-units", "http://unitsofmeasure.org", "mg/dL", True, id="a unit"),
    pytest.param("ucum-units", "http://unitsofmeasure.org", "mgXX", False, id="no unit"),
    pytest.param("ucum-units", "http://a.b", "mg", False, id="a unit of another system"),
    pytest.param("currencies", "urn:iso:std:iso:4217", "EUR", True, id="a currency"),
    pytest.param("currencies", "urn:iso:std:iso:4217", "EURO", False, id="no currency"),
]


@pytest.mark.parametrize(("value_set", "system", "code", "is_one"), BY_GRAMMAR)
def test_codes_of_registries(
    by_registries: RequiredCodes, value_set: str, system: str, code: str, is_one: bool
) -> None:
    found = by_registries.codes(f"http://hl7.org/fhir/ValueSet/{value_set}|4.0.1")
    assert found is not None
    assert ((system, code) in found.codings) == is_one
    if system != "http://a.b":
        assert (code in found.codes) == is_one


def test_nearly_all_value_sets_of_the_package_are_decided(definitions: Definitions) -> None:
    """The 97 others need SNOMED CT, LOINC, UCUM, ISO 3166, BCP 47 and the like."""
    codes = RequiredCodes(definitions)
    value_sets = [url for url in definitions.canonicals() if "/ValueSet/" in url or "/vs/" in url]
    undecided = [url for url in value_sets if codes.codes(url) is None and _is_value_set(definitions, url)]
    assert len(undecided) < 100


def _is_value_set(definitions: Definitions, url: str) -> bool:
    resource = definitions.resource(url)
    return resource is not None and resource["resourceType"] == "ValueSet"


def test_codes_and_codings(definitions: Definitions) -> None:
    genders = RequiredCodes(definitions).codes("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1")
    assert genders is not None
    assert genders.codes == {"male", "female", "other", "unknown"}
    assert ("http://hl7.org/fhir/administrative-gender", "male") in genders.codings


def test_nested_concepts_are_codes_too(definitions: Definitions) -> None:
    items = RequiredCodes(definitions).codes("http://hl7.org/fhir/ValueSet/item-type|4.0.1")
    assert items is not None
    assert {"question", "open-choice"} <= items.codes


def test_a_code_set_is_worked_out_once(definitions: Definitions) -> None:
    codes = RequiredCodes(definitions)
    value_set = "http://hl7.org/fhir/ValueSet/observation-status|4.0.1"
    assert codes.codes(value_set) is codes.codes(value_set)


def test_one_value_set_does_not_load_everything(definitions: Definitions) -> None:
    started = time.process_time()
    RequiredCodes(definitions).codes("http://hl7.org/fhir/ValueSet/observation-status|4.0.1")
    assert time.process_time() - started < 1
