"""Quantity parameters: precision, units, comparators — http://hl7.org/fhir/R4/search.html#quantity"""

from decimal import Decimal

import pytest

from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Json, Resource
from tests.door import Door, Selects

UCUM = "http://unitsofmeasure.org"


def observation(name: str, **value: Json) -> Resource:
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "x"}, **value}


def quantity(name: str, value: str, unit: str = "mg", **more: Json) -> Resource:
    coded = {"value": Decimal(value), "unit": unit, "system": UCUM, "code": unit}
    return observation(name, valueQuantity={**coded, **more})


def condition(name: str, **onset: Json) -> Resource:
    return {"resourceType": "Condition", "id": name, "subject": {"reference": "Patient/1"}, **onset}


def years(value: int) -> Json:
    return {"value": value, "unit": "a", "system": UCUM, "code": "a"}


RESOURCES = [
    quantity("mg5.4", "5.4"),
    quantity("mg5.40", "5.40"),
    quantity("mg5.44", "5.44"),
    quantity("mg5.45", "5.45"),
    quantity("g0.0054", "0.0054", "g"),
    quantity("ug5400", "5400", "ug"),
    quantity("mL5.4", "5.4", "mL"),
    quantity("per-h", "23", "mm/h"),
    quantity("cel", "37.0", "Cel"),
    quantity("fahr", "98.6", "[degF]"),
    quantity("printed", "5.4", "mg", system="http://other", code="milligram"),
    observation("unit-only", valueQuantity={"value": Decimal("5.4"), "unit": "mg"}),
    observation("bare", valueQuantity={"value": Decimal("5.4")}),
    observation("no-value", valueQuantity={"unit": "mg", "system": UCUM, "code": "mg"}),
    quantity("lt5", "5", "Pa", comparator="<"),
    quantity("le5", "5", "Pa", comparator="<="),
    quantity("eq5", "5", "Pa"),
    quantity("ge5", "5", "Pa", comparator=">="),
    quantity("gt5", "5", "Pa", comparator=">"),
    quantity("escaped", "7", "a|b", system="http://s|t", code="a|b"),
    observation("two", component=[
        {"code": {"text": "a"}, "valueQuantity": {"value": 900}},
        {"code": {"text": "b"}, "valueQuantity": {"value": 901}},
    ]),
    condition("age", onsetAge=years(40)),
    condition("from-to", onsetRange={"low": years(38), "high": years(42)}),
    condition("from", onsetRange={"low": years(50)}),
    condition("to", onsetRange={"high": years(30)}),
    condition("string", onsetString="forty"),
    {"resourceType": "Invoice", "id": "money", "status": "issued",
     "totalNet": {"value": Decimal("19.99"), "currency": "EUR"}},
]  # fmt: skip

VALUES = [
    pytest.param("5.4", "bare mL5.4 mg5.4 mg5.40 mg5.44 printed unit-only", id="irrespective of the unit"),
    pytest.param("5.40", "bare mL5.4 mg5.4 mg5.40 printed unit-only", id="5.40: one digit more"),
    pytest.param(f"5.4|{UCUM}|mg", "g0.0054 mg5.4 mg5.40 mg5.44 ug5400", id="5.4(+/-0.05) mg, in any unit of mass"),
    pytest.param(f"5.40e-3|{UCUM}|g", "g0.0054 mg5.4 mg5.40 ug5400", id="0.0054(+/-0.000005) g"),
    pytest.param(f"5.4e-6|{UCUM}|kg", "g0.0054 mg5.4 mg5.40 mg5.44 ug5400", id="in kilograms"),
    pytest.param("5.4||mg", "mg5.4 mg5.40 mg5.44 printed unit-only", id="either the code or the stated human unit"),
    pytest.param("5.4||milligram", "printed", id="either the code or the unit: the code"),
    pytest.param(f"5.4|{UCUM}|", "mL5.4 mg5.4 mg5.40 mg5.44", id="a system without a code"),
    pytest.param(f"5.4|{UCUM}", "mL5.4 mg5.4 mg5.40 mg5.44", id="a system without a code and its bar"),
    pytest.param("5.4||", "bare mL5.4 mg5.4 mg5.40 mg5.44 printed unit-only", id="no system and no code"),
    pytest.param("5.4|http://other|milligram", "printed", id="a system that is not UCUM is literal"),
    pytest.param("5.4|http://other|mg", "", id="with a system the human unit does not count"),
    pytest.param(f"5.4|{UCUM}|no-unit", "", id="an unknown unit"),
    pytest.param(f"le5.4|{UCUM}|mg", "g0.0054 mg5.4 mg5.40 ug5400", id="le: exactly 5.4 mg"),
    pytest.param(f"lt5.4|{UCUM}|mg", "", id="lt: less than exactly 5.4 mg"),
    pytest.param(f"gt5.4|{UCUM}|mg&value-quantity=lt1|{UCUM}|g", "mg5.44 mg5.45", id="gt: units of one kind"),
    pytest.param(f"ne5.4|{UCUM}|mg&value-quantity=lt1|{UCUM}|g", "mg5.45", id="ne: of the same kind of unit"),
    pytest.param("ne5.4||mg", "mg5.45", id="ne: of the same unit"),
    pytest.param(f"ap5.6|{UCUM}|mg", "g0.0054 mg5.4 mg5.40 mg5.44 mg5.45 ug5400", id="ap: typically within 10%"),
    pytest.param("0.023||m/h", "", id="a bare unit is not converted"),
    pytest.param(f"0.023|{UCUM}|m/h", "per-h", id="23 mm/h in m/h"),
    pytest.param(f"6.4e-6|{UCUM}|m/s", "per-h", id="23 mm/h in m/s"),
    pytest.param(f"98.6|{UCUM}|[degF]", "cel fahr", id="temperatures have an offset"),
    pytest.param(f"37.0|{UCUM}|Cel", "cel fahr", id="temperatures: the other way"),
    pytest.param("7|http://s\\|t|a\\|b", "escaped", id="escaped bars"),
    pytest.param("7||a\\|b", "escaped", id="an escaped bar in a bare unit"),
    pytest.param("5.45||mg,7||a\\|b", "escaped mg5.45", id="or"),
]


@pytest.mark.parametrize(("value", "expected"), VALUES)
async def test_a_quantity(selects: Selects, value: str, expected: str) -> None:
    assert await selects(f"Observation?value-quantity={value}") == expected


COMPARATORS = [
    pytest.param("5", "eq5", id="5: neither below nor above"),
    pytest.param("lt5", "le5 lt5", id="lt: both reach below"),
    pytest.param("le5", "eq5 ge5 le5 lt5", id="le: >5 is never 5"),
    pytest.param("ge5", "eq5 ge5 gt5 le5", id="ge: <5 is never 5"),
    pytest.param("gt5", "ge5 gt5", id="gt: both reach above"),
    pytest.param("eb5", "lt5", id="eb: <5 ends before 5, <=5 does not"),
    pytest.param("sa5", "gt5", id="sa: >5 starts after 5, >=5 does not"),
    pytest.param("gt4.999", "eq5 ge5 gt5 le5 lt5", id="gt: <5 has numbers above 4.999"),
    pytest.param("lt5.001", "eq5 ge5 gt5 le5 lt5", id="lt: >5 has numbers below 5.001"),
    pytest.param("lt0", "le5 lt5", id="lt: there is no lower end"),
    pytest.param("ne5", "ge5 gt5 le5 lt5", id="ne: a range is not contained"),
]


@pytest.mark.parametrize("unit", [f"|{UCUM}|Pa", "||Pa"])
@pytest.mark.parametrize(("value", "expected"), COMPARATORS)
async def test_a_quantity_with_a_comparator(selects: Selects, value: str, unit: str, expected: str) -> None:
    assert await selects(f"Observation?value-quantity={value}{unit}") == expected


OTHERS = [
    pytest.param("Condition?onset-age=40", "age", id="Age"),
    pytest.param(f"Condition?onset-age=480|{UCUM}|mo", "age", id="Age: in months"),
    pytest.param(f"Condition?onset-age=gt41|{UCUM}|a", "from from-to", id="Range: it reaches above"),
    pytest.param(f"Condition?onset-age=lt39|{UCUM}|a", "from-to to", id="Range: it reaches below"),
    pytest.param(f"Condition?onset-age=sa45|{UCUM}|a", "from", id="Range: without an upper end"),
    pytest.param(f"Condition?onset-age=eb35|{UCUM}|a", "to", id="Range: without a lower end"),
    pytest.param("Condition?onset-age=ap40", "age from-to", id="Range: approximately"),
    pytest.param("Condition?onset-age:missing=true", "string", id="missing: a string is no quantity"),
    pytest.param("Observation?value-quantity:missing=true", "no-value two", id="missing: a quantity without value"),
    pytest.param("Invoice?totalnet=19.99", "money", id="Money"),
    pytest.param("Invoice?totalnet=gt19|urn:iso:std:iso:4217|EUR", "money", id="Money: its currency is a unit"),
    pytest.param("Invoice?totalnet=gt19||EUR", "money", id="Money: the code of its currency"),
    pytest.param("Invoice?totalnet=gt19||USD", "", id="Money: another currency"),
    pytest.param("Observation?component-value-quantity=ne900", "two", id="ne: of several values one suffices"),
    pytest.param("Observation?combo-value-quantity=900,7", "escaped two", id="combo: value or component"),
    pytest.param("Observation?component-value-quantity=900&component-value-quantity=901", "two", id="and"),
    pytest.param(
        "Observation?component-value-quantity=gt900.5&component-value-quantity=lt900.5", "two", id="each alone"
    ),
]


@pytest.mark.parametrize(("query", "expected"), OTHERS)
async def test_what_is_searched_as_a_quantity(selects: Selects, query: str, expected: str) -> None:
    assert await selects(query) == expected


@pytest.mark.parametrize("value", ["mg", "5.4|a|b|c", "|a|b", "gt|a|b", "5,4|x|y|z", "5.4mg", "xx5"])
async def test_what_is_no_quantity_is_refused(door: Door, value: str) -> None:
    with pytest.raises(BadSearchValue) as refused:
        await door.search(f"Observation?value-quantity={value}")
    assert refused.value.issues[0].expression == ("http.value-quantity",)
