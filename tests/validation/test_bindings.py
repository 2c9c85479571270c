"""Required bindings — http://hl7.org/fhir/R4/terminologies.html#required"""

from collections.abc import Callable
from typing import Final

import pytest

from fhirserver.terminology.required import CodeSet
from fhirserver.validation.bindings import bound_coded
from fhirserver.validation.walk import Walk

Problems = list[tuple[str, str]]
COVERAGE: Final = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"

CODES = [
    pytest.param('"gender":"male"', None, id="a code of the value set"),
    pytest.param('"gender":"Male"', "code-invalid", id="codes are case sensitive"),
    pytest.param('"gender":"m"', "code-invalid", id="a code outside the value set"),
    pytest.param('"gender":" male"', "value", id="a malformed code is told as such"),
    pytest.param('"gender":5', "structure", id="not a string"),
    pytest.param('"gender":{}', "structure", id="not hashable"),
    pytest.param('"language":"xx-any"', None, id="a preferred binding is not checked"),
]


@pytest.mark.parametrize(("member", "code"), CODES)
def test_code(problems_of: Callable[[str], Problems], member: str, code: str | None) -> None:
    path = "Patient." + member.split('"')[1]
    assert problems_of(f'{{"resourceType":"Patient",{member}}}') == ([] if code is None else [(code, path)])


CONCEPTS = [
    pytest.param(f'{{"coding":[{{"system":"{COVERAGE}","code":"active"}}]}}', True, id="a coding of the value set"),
    pytest.param(
        f'{{"coding":[{{"system":"http://a.b","code":"x"}},{{"system":"{COVERAGE}","code":"active"}}]}}',
        True,
        id="at least one coding is of the value set",
    ),
    pytest.param(f'{{"coding":[{{"system":"{COVERAGE}","code":"x"}}]}}', False, id="a code outside"),
    pytest.param('{"coding":[{"system":"http://a.b","code":"active"}]}', False, id="a code of another system"),
    pytest.param('{"text":"active"}', True, id="text alone is accepted"),
    pytest.param('{"coding":[{"code":"x"}]}', True, id="a code without a system cannot be judged"),
]


@pytest.mark.parametrize(("concept", "is_valid"), CONCEPTS)
def test_codeable_concept(problems_of: Callable[[str], Problems], concept: str, is_valid: bool) -> None:
    text = f'{{"resourceType":"Condition","subject":{{"reference":"Patient/1"}},"clinicalStatus":{concept}}}'
    assert problems_of(text) == ([] if is_valid else [("code-invalid", "Condition.clinicalStatus")])


@pytest.mark.parametrize("type_name", ["Coding", "Quantity"])
def test_coding_and_quantity_are_compared_by_system_and_code(type_name: str) -> None:
    codes = CodeSet(frozenset({("http://a.b", "x")}), frozenset({"x"}))
    check = bound_coded(codes, "http://a.b/vs", type_name)
    assert check is not None
    walk = Walk({}, 1)
    assert check({"system": "http://a.b", "code": "x"}, walk) is None
    assert check({"system": "http://a.c", "code": "x"}, walk) is not None
    assert check({"code": "y"}, walk) is None
    assert bound_coded(codes, "http://a.b/vs", "Period") is None


MEDIA_TYPES = [
    pytest.param("any/thing; a=b", None, id="a media type is decided by its syntax"),
    pytest.param("json", None, id="a short name of a format of FHIR"),
    pytest.param("any", "code-invalid", id="a type without a subtype is none"),
    pytest.param(" any/thing", "value", id="a malformed code is told as such"),
]


@pytest.mark.parametrize(("media_type", "code"), MEDIA_TYPES)
def test_media_types(problems_of: Callable[[str], Problems], media_type: str, code: str | None) -> None:
    found = problems_of(f'{{"resourceType":"Patient","photo":[{{"contentType":"{media_type}"}}]}}')
    assert found == ([] if code is None else [(code, "Patient.photo[0].contentType")])
