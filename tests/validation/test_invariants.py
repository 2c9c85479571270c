"""Invariants that compare: what cannot be told breaks no rule — http://hl7.org/fhir/R4/datatypes.html#Period"""

from typing import Any

import pytest

from fhirserver.codec.fhir_json import encode, parse_json
from fhirserver.validation.structure import StructureValidator

Json = dict[str, Any]


def encounter(start: str, end: str) -> Json:
    visit = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}
    return {**visit, "period": {"start": start, "end": end}}


def task(authored: str, modified: str) -> Json:
    made = {"authoredOn": authored, "lastModified": modified}
    return {"resourceType": "Task", "status": "draft", "intent": "order", **made}


def dispense(prepared: str, handed_over: str) -> Json:
    made = {"whenPrepared": prepared, "whenHandedOver": handed_over}
    drug = {"medicationCodeableConcept": {"text": "x"}}
    return {"resourceType": "MedicationDispense", "status": "completed", **drug, **made}


def history(low: Json, high: Json) -> Json:
    about = {"patient": {"reference": "Patient/1"}, "relationship": {"text": "x"}}
    return {
        "resourceType": "FamilyMemberHistory", "status": "partial", **about, "ageRange": {"low": low, "high": high}
    }  # fmt: skip


def ucum(value: float, code: str) -> Json:
    return {"value": value, "system": "http://unitsofmeasure.org", "code": code}


CASES = [
    pytest.param(encounter("2012-02-03T10:00:00Z", "2012-02-03"), "", id="an end includes any matching time"),
    pytest.param(encounter("2012-02", "2012-02-03T10:00:00Z"), "", id="a start that may be before the end"),
    pytest.param(encounter("2012-02-03", "2012-02-03"), "", id="one day"),
    pytest.param(encounter("2012-02-04", "2012-02-03"), "per-1", id="a later day"),
    pytest.param(encounter("2012-02-04T10:00:00Z", "2012-02-03"), "per-1", id="a moment of a later day"),
    pytest.param(encounter("2012-03", "2012-02-03T10:00:00Z"), "per-1", id="a later month"),
    pytest.param(task("2012-02-03T10:00:00Z", "2012-02-03"), "", id="changed on the day that it was authored on"),
    pytest.param(task("2012-02-03T10:00:00Z", "2012-02-02"), "inv-1", id="changed on the day before"),
    pytest.param(dispense("2012-02-03T10:00:00Z", "2012-02"), "", id="handed over in the month of preparation"),
    pytest.param(dispense("2012-02-03T10:00:00Z", "2012-01"), "mdd-1", id="handed over in the month before"),
    pytest.param(history({"value": 11, "unit": "mois"}, {"value": 1, "unit": "an"}), "", id="units that say nothing"),
    pytest.param(history(ucum(11, "mo"), ucum(1, "a")), "", id="eleven months are less than a year"),
    pytest.param(history(ucum(13, "mo"), ucum(1, "a")), "rng-2", id="thirteen months are more"),
    pytest.param(history({"value": 2}, {"value": 1}), "rng-2", id="a range written backwards"),
]


@pytest.mark.parametrize(("resource", "broken"), CASES)
def test_what_cannot_be_compared_breaks_no_rule(validator: StructureValidator, resource: Json, broken: str) -> None:
    found = validator.validate(parse_json(encode(resource)), resource["resourceType"])
    assert [issue.rule.key for issue in found if issue.rule is not None] == ([broken] if broken else [])
    assert len(found) == bool(broken)
