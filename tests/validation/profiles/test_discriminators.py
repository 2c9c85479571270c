"""To which slice a value belongs where a discriminator goes through slices, or where one of several tells nothing.

Spec: http://hl7.org/fhir/R4/profiling.html#discriminator, http://hl7.org/fhir/R4/bp.html
"""

import json
from typing import Any

import pytest

from tests.validation.profiles.conftest import Judge, profile

BP = "http://hl7.org/fhir/StructureDefinition/bp"


def _pressure(*loinc: str) -> str:
    parts = [
        f'{{"code": {{"coding": [{{"system": "http://loinc.org", "code": "{code}"}}]}}, "valueQuantity":'
        ' {"value": 80, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}}'
        for code in loinc
    ]
    return (
        '{"resourceType": "Observation", "status": "final", "category": [{"coding": [{"system":'
        ' "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],'
        ' "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},'
        ' "subject": {"reference": "Patient/a"},'
        f' "effectiveDateTime": "2026-03-04", "component": [{", ".join(parts)}]}}'
    )


def test_a_discriminator_goes_through_the_slices_that_must_be_there(judge: Judge) -> None:
    """``code.coding.code`` is fixed in the slice of ``coding`` that each component has."""
    assert judge(_pressure("8480-6", "8462-4"), profiles=[BP]) == []
    assert judge(_pressure("8480-6", "8478-0"), profiles=[BP]) == [("error", "required", "Observation")]


def test_a_discriminator_that_tells_nothing_leaves_the_others_to_tell(judge: Judge) -> None:
    """Both the system and the type discriminate, and the slice says nothing of the type."""
    numbers: list[dict[str, Any]] = [
        {
            "path": "Organization.identifier",
            "slicing": {
                "discriminator": [{"type": "pattern", "path": "system"}, {"type": "pattern", "path": "type"}],
                "rules": "open",
            },
        },
        {"id": "Organization.identifier:a", "path": "Organization.identifier", "sliceName": "a", "min": 0, "max": "1"},
        {
            "id": "Organization.identifier:a.system",
            "path": "Organization.identifier.system",
            "patternUri": "http://a.b",
        },
        {"id": "Organization.identifier:a.value", "path": "Organization.identifier.value", "min": 1},
    ]
    numbered = profile("Organization", *numbers)
    text = '{"resourceType": "Organization", "name": "A", "identifier": [{"system": "http://a.b"%s}]}'

    assert judge(text % ', "value": "1"', numbered, profiles=["http://a.b/p"]) == []
    found = judge(text % "", numbered, profiles=["http://a.b/p"])
    assert [severity for severity, _, _ in found] == ["error"], json.dumps(found)


def _qualified(*value_sets: str) -> dict[str, Any]:
    """Return a profile with slices that are told apart by closed slices of their codings, by value sets."""
    elements: list[dict[str, Any]] = [
        {"path": "Practitioner.qualification", "slicing": _by("code.coding", "open")},
    ]
    for name, value_set in zip(("degree", "profession"), value_sets, strict=True):
        above = f"Practitioner.qualification:{name}"
        coding = "Practitioner.qualification.code.coding"
        elements += [
            {"id": above, "path": "Practitioner.qualification", "sliceName": name, "min": 0, "max": "1"},
            {"id": f"{above}.period", "path": "Practitioner.qualification.period", "min": 1},
            {"id": f"{above}.code.coding", "path": coding, "slicing": _by("$this", "closed")},
            {
                "id": f"{above}.code.coding:one", "path": coding, "sliceName": "one", "min": 0, "max": "1",
                "binding": {"strength": "required", "valueSet": value_set},
            },
        ]  # fmt: skip
    return profile("Practitioner", *elements)


def _by(path: str, rules: str) -> dict[str, Any]:
    return {"discriminator": [{"type": "value", "path": path}], "rules": rules}


def _value_set(name: str) -> dict[str, Any]:
    include = {"system": "http://a.b/s", "concept": [{"code": name}]}
    return {"resourceType": "ValueSet", "url": f"http://a.b/{name}", "status": "active",
            "compose": {"include": [include]}}  # fmt: skip


CODES: dict[str, Any] = {
    "resourceType": "CodeSystem", "url": "http://a.b/s", "status": "active", "content": "complete",
    "concept": [{"code": "d"}, {"code": "p"}, {"code": "other"}],
}  # fmt: skip
D, P, NONE = "http://a.b/d", "http://a.b/p", "http://a.b/none"
MISSING = ("error", "required", "Practitioner.qualification[0]")
UNSURE = ("warning", "processing", "Practitioner.qualification[0]")
QUALIFIED = [
    pytest.param((D, P), "d", [MISSING], id="the code is of the first slice"),
    pytest.param((D, P), "p", [MISSING], id="the code is of the second slice"),
    pytest.param((D, P), "other", [], id="the code is of neither"),
    pytest.param((NONE, P), "p", [MISSING], id="one slice cannot be decided, the other holds the code"),
    pytest.param((NONE, P), "d", [UNSURE], id="the slice that cannot be decided may hold the code"),
    pytest.param((NONE, NONE), None, [], id="what has no code is in no slice"),
]


@pytest.mark.parametrize(("value_sets", "code", "expected"), QUALIFIED)
def test_closed_slices_of_codes_tell_apart(
    judge: Judge, value_sets: tuple[str, str], code: str | None, expected: list[tuple[str, str, str]]
) -> None:
    """As the slices of ``Practitioner.qualification`` of FR Core do; a warning only where codes are not known."""
    coding = f', "coding": [{{"system": "http://a.b/s", "code": "{code}"}}]' if code else ""
    text = f'{{"resourceType": "Practitioner", "qualification": [{{"code": {{"text": "A"{coding}}}}}]}}'
    given = (_qualified(*value_sets), CODES, _value_set("d"), _value_set("p"))
    assert judge(text, *given, profiles=["http://a.b/p"]) == expected
