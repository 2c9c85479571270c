"""Composite parameters: values that must match together — http://hl7.org/fhir/R4/search.html#composite"""

import pytest

from fhirserver.kernel.outcome import BadRequest, BadSearchValue
from fhirserver.kernel.resource import Json, Resource
from tests.door import Door, Selects

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"


def code(value: str, system: str = LOINC) -> Json:
    return {"coding": [{"system": system, "code": value}]}


def observation(name: str, of: str, **more: Json) -> Resource:
    return {"resourceType": "Observation", "id": name, "status": "final", "code": code(of), **more}


def mm_hg(value: int) -> Json:
    return {"value": value, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"}


def pressure(name: str, systolic: int, diastolic: int) -> Resource:
    values = (("8480-6", systolic), ("8462-4", diastolic))
    return observation(name, "85354-9", component=[{"code": code(c), "valueQuantity": mm_hg(v)} for c, v in values])


def context(name: str, *pairs: tuple[str, Json]) -> Resource:
    contexts = [{"code": {"system": "http://u", "code": kind}, **value} for kind, value in pairs]
    return {"resourceType": "Questionnaire", "id": name, "status": "active", "useContext": contexts}


def document(name: str, *relations: tuple[str, str]) -> Resource:
    relates = [{"code": kind, "target": {"reference": target}} for kind, target in relations]
    return {"resourceType": "DocumentReference", "id": name, "status": "current", "relatesTo": relates,
            "content": [{"attachment": {"title": "t"}}]}  # fmt: skip


RESOURCES = [
    observation("k-high", "2823-3", valueQuantity={"value": 6, "system": UCUM, "code": "mmol/L", "unit": "mmol/L"}),
    observation("k-low", "2823-3", valueQuantity={"value": 3, "system": UCUM, "code": "mmol/L", "unit": "mmol/L"}),
    observation("na-high", "2951-2", valueQuantity={"value": 150, "system": UCUM, "code": "mmol/L", "unit": "mmol/L"}),
    pressure("bp-low", 59, 100),
    pressure("bp-high", 120, 59),
    observation("blue", "eye", valueString="Blue$Green"),
    observation("concept", "concept", valueCodeableConcept={"coding": [{"system": "s", "code": "a$b"}], "text": "x"}),
    observation("when", "when", valueDateTime="2020-05-05"),
    observation("range", "range", valuePeriod={"start": "2020-05-05", "end": "2020-05-07"}),
    observation("dollar", "a$b", valueString="x"),
    context("focus", ("focus", {"valueCodeableConcept": code("408934002", "http://snomed.info/sct")})),
    context("mixed", ("age", {"valueRange": {"low": {"value": 10}, "high": {"value": 20}}}),
            ("focus", {"valueCodeableConcept": code("1", "http://snomed.info/sct")})),
    document("appends", ("appends", "DocumentReference/1")),
    document("crossed", ("appends", "DocumentReference/2"), ("replaces", "DocumentReference/1")),
    {"resourceType": "Group", "id": "gender", "type": "person", "actual": True, "characteristic": [
        {"code": code("gender"), "valueCodeableConcept": code("mixed"), "exclude": False},
        {"code": code("owner"), "valueBoolean": True, "exclude": False}]},
    {"resourceType": "MolecularSequence", "id": "sequence", "coordinateSystem": 0,
     "referenceSeq": {"genomeBuild": "GRCh38", "chromosome": code("1"), "windowStart": 5, "windowEnd": 50},
     "variant": [{"start": 10, "end": 20}, {"start": 30, "end": 40}]},
]  # fmt: skip

CASES = [
    pytest.param("Observation?code-value-quantity=http://loinc.org|2823-3$gt5.4|http://unitsofmeasure.org|mmol/L",
                 "k-high", id="a potassium value of >5.4 mmol/L"),
    pytest.param("Observation?code-value-quantity=2823-3$lt5.4||mmol/L", "k-low", id="each part in its own syntax"),
    pytest.param("Observation?code-value-quantity=2951-2$ne5", "na-high", id="a number without unit"),
    pytest.param("Observation?component-code-value-quantity=http://loinc.org|8480-6$lt60", "bp-low",
                 id="a systolic blood pressure < 60, not a diastolic one"),
    pytest.param("Observation?combo-code-value-quantity=8480-6$lt60,2823-3$gt5", "bp-low k-high",
                 id="combo: value or component, as alternatives"),
    pytest.param("Observation?component-code-value-quantity=8480-6$120&component-code-value-quantity=8462-4$59",
                 "bp-high", id="and"),
    pytest.param("Observation?code-value-quantity=8480-6$lt60", "", id="the code of the whole, not of a component"),
    pytest.param("Observation?code-value-string=eye$blue", "blue", id="a string by its beginning"),
    pytest.param("Observation?code-value-string=eye$Blue\\$Green", "blue", id="an escaped dollar in a string"),
    pytest.param("Observation?code-value-string=eye$Blue\\$x", "", id="an escaped dollar is compared"),
    pytest.param("Observation?code-value-string=a\\$b$x", "dollar", id="an escaped dollar in a code"),
    pytest.param("Observation?code-value-concept=concept$s|a\\$b", "concept", id="an escaped dollar in a token"),
    pytest.param("Observation?code-value-concept=concept$|a\\$b", "", id="a token without system"),
    pytest.param("Observation?code-value-date=when$2020-05", "when", id="a date"),
    pytest.param("Observation?code-value-date=when$gt2020-05-05", "", id="a date with a prefix"),
    pytest.param("Observation?code-value-date=range$gt2020-05-05", "range", id="a period with a prefix"),
    pytest.param("Questionnaire?context-type-value=focus$http://snomed.info/sct|408934002", "focus",
                 id="questionnaires that have a clinical focus"),
    pytest.param("Questionnaire?context-type-value=age$408934002", "", id="type and value of one context"),
    pytest.param("Questionnaire?context-type-quantity=age$gt15", "mixed", id="a range"),
    pytest.param("Group?characteristic-value=gender$mixed", "gender", id="gender with a value of mixed"),
    pytest.param("Group?characteristic-value=owner$mixed", "", id="a value of another characteristic"),
    pytest.param("Group?characteristic-value=gender$mixed,owner$Eve", "gender", id="a sequence is a single value"),
    pytest.param("Group?characteristic-value=owner$true", "gender", id="a boolean"),
    pytest.param("DocumentReference?relationship=DocumentReference/1$appends", "appends",
                 id="relationship: relatesto, then relation, as R4B has corrected"),
    pytest.param("DocumentReference?relationship=1$replaces", "crossed", id="relationship: an id"),
    pytest.param("MolecularSequence?chromosome-variant-coordinate=1$ge10$le20", "sequence", id="three parts"),
    pytest.param("MolecularSequence?chromosome-variant-coordinate=1$ge25$le25", "", id="three parts of one variant"),
    pytest.param("MolecularSequence?chromosome-window-coordinate=1$5$50", "sequence", id="whole numbers are exact"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), CASES)
async def test_a_composite(selects: Selects, query: str, expected: str) -> None:
    assert await selects(query) == expected


@pytest.mark.parametrize(
    "value", ["2823-3", "2823-3$", "$5", "2823-3$5$6", "2823-3$xx5", "2823-3\\$5", "2823-3$5|a|b|c"]
)
async def test_what_is_no_composite_is_refused(door: Door, value: str) -> None:
    with pytest.raises(BadSearchValue):
        await door.search(f"Observation?code-value-quantity={value}")


@pytest.mark.parametrize("modifier", ["missing", "not", "exact"])
async def test_modifiers_are_not_used_on_composite_parameters(door: Door, modifier: str) -> None:
    with pytest.raises(BadRequest):
        await door.search(f"Observation?code-value-quantity:{modifier}=true")
