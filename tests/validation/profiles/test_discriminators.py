"""To which slice a value belongs where a discriminator goes through slices, or where one of several tells nothing.

Spec: http://hl7.org/fhir/R4/profiling.html#discriminator, http://hl7.org/fhir/R4/bp.html
"""

import json
from typing import Any

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
