"""Invariants that compare: what cannot be told is told apart — http://hl7.org/fhir/R4/datatypes.html#Period"""

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


UNTOLD, BROKEN = "invariant-untold", "invariant"
CASES = [
    pytest.param(encounter("2012-02-03T10:00:00Z", "2012-02-03"), "per-1", UNTOLD, id="a time to its day"),
    pytest.param(encounter("2012-02", "2012-02-03T10:00:00Z"), "per-1", UNTOLD, id="a month to a time in it"),
    pytest.param(encounter("2012-02-03", "2012-02-03"), "", "", id="one day"),
    pytest.param(encounter("2012-02-04", "2012-02-03"), "per-1", BROKEN, id="a later day"),
    pytest.param(encounter("2012-02-04T10:00:00Z", "2012-02-03"), "per-1", BROKEN, id="a moment of a later day"),
    pytest.param(encounter("2012-03", "2012-02-03T10:00:00Z"), "per-1", BROKEN, id="a later month"),
    pytest.param(task("2012-02-03T10:00:00Z", "2012-02-03"), "inv-1", UNTOLD, id="changed on the day of its author"),
    pytest.param(task("2012-02-03T10:00:00Z", "2012-02-02"), "inv-1", BROKEN, id="changed on the day before"),
    pytest.param(dispense("2012-02-03T10:00:00Z", "2012-02"), "mdd-1", UNTOLD, id="handed over in the same month"),
    pytest.param(dispense("2012-02-03T10:00:00Z", "2012-01"), "mdd-1", BROKEN, id="handed over in the month before"),
    pytest.param(
        history({"value": 11, "unit": "mois"}, {"value": 1, "unit": "an"}), "rng-2", UNTOLD, id="units that say nothing"
    ),
    pytest.param(history(ucum(11, "mo"), ucum(1, "a")), "", "", id="eleven months are less than a year"),
    pytest.param(history(ucum(13, "mo"), ucum(1, "a")), "rng-2", BROKEN, id="thirteen months are more"),
    pytest.param(history({"value": 2}, {"value": 1}), "rng-2", BROKEN, id="a range written backwards"),
]


@pytest.mark.parametrize(("resource", "rule", "message"), CASES)
def test_what_cannot_be_compared_is_told_apart(
    validator: StructureValidator, resource: Json, rule: str, message: str
) -> None:
    found = validator.validate(parse_json(encode(resource)), resource["resourceType"])
    told = [(issue.rule.key, issue.told.text.id) for issue in found if issue.rule and issue.told]
    assert told == ([(rule, message)] if rule else [])
    assert len(found) == len(told)
