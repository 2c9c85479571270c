"""The required bindings of R4 — http://hl7.org/fhir/R4/terminologies.html#required"""

import time

import pytest

from fhirserver.definitions.registry import Definitions
from fhirserver.terminology.required import RequiredCodes

UNDECIDABLE = {
    "http://hl7.org/fhir/ValueSet/mimetypes|4.0.1",
    "http://hl7.org/fhir/ValueSet/ucum-units|4.0.1",
    "http://hl7.org/fhir/ValueSet/currencies|4.0.1",
    "http://loinc.org/vs/LL379-9|4.0.1",
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


def test_all_but_four_value_sets_are_decided(definitions: Definitions, bindings: set[str]) -> None:
    codes = RequiredCodes(definitions)
    assert len(bindings) > 200
    assert {value_set for value_set in bindings if codes.codes(value_set) is None} == UNDECIDABLE
    assert all(found is None or found.codes for found in map(codes.codes, bindings))


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
    assert time.process_time() - started < 0.1
