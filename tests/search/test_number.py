"""Number parameters and their prefixes — http://hl7.org/fhir/R4/search.html#number"""

from decimal import Decimal

import pytest

from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Json, Resource
from tests.door import Door, Selects

MANY = "7." + "1" * 40
VALUES = (MANY, "0.8", "-1", "1e-7", "95", "99.4999", "99.5", "100", "100.004", "100.005", "100.4999", "100.5",
          "105", "5", "5.00")  # fmt: skip
DECIMALS = {text: Decimal(text) for text in VALUES}
PUT_OFF = ("ras-1", "ras-2", "rng-2")
"""A site may hold probabilities that are none: the search does not mind."""
SUBJECT = {"reference": "Patient/1"}


def risk(name: str, **probability: Json) -> Resource:
    resource = {"resourceType": "RiskAssessment", "id": name, "status": "final", "subject": SUBJECT}
    return {**resource, "prediction": [probability]} if probability else resource


def sequence(name: str, *starts: int) -> Resource:
    variants = [{"start": start, "end": start + 1} for start in starts]
    return {"resourceType": "MolecularSequence", "id": name, "coordinateSystem": 0, "variant": variants}


RESOURCES = [
    *(risk(f"r{text}", probabilityDecimal=value) for text, value in DECIMALS.items()),
    risk("range", probabilityRange={"low": {"value": Decimal("200.1")}, "high": {"value": Decimal("200.3")}}),
    risk("backwards", probabilityRange={"low": {"value": Decimal("-250.1")}, "high": {"value": Decimal("-250.3")}}),
    risk("at-least", probabilityRange={"low": {"value": 300}}),
    risk("none"),
    sequence("s1", 1),
    sequence("s2", 2),
    sequence("s2-20", 2, 20),
    sequence("s95", 95),
    sequence("s104", 104),
    sequence("s106", 106),
]

CASES = [
    pytest.param("100", "r100 r100.004 r100.005 r100.4999 r99.5", id="100: the range [99.5 ... 100.5)"),
    pytest.param("eq100", "r100 r100.004 r100.005 r100.4999 r99.5", id="eq is what no prefix means"),
    pytest.param("100.00", "r100 r100.004", id="100.00: the range [99.995 ... 100.005)"),
    pytest.param("1e2", "r100 r100.004 r100.005 r100.4999 r100.5 r95 r99.4999 r99.5", id="1e2: the range [95 ... 105)"),
    pytest.param("1.0E2", "r100 r100.004 r100.005 r100.4999 r100.5 r95 r99.4999 r99.5", id="1.0E2: two digits"),
    pytest.param("1.00e2", "r100 r100.004 r100.005 r100.4999 r99.5", id="100 and 1.00e2 have the same digits"),
    pytest.param("lt100,eb100&probability=gt90", "r95 r99.4999 r99.5", id="lt: less than exactly 100"),
    pytest.param("le100&probability=gt90", "r100 r95 r99.4999 r99.5", id="le: less or equal to exactly 100"),
    pytest.param(
        "gt100&probability=lt110", "r100.004 r100.005 r100.4999 r100.5 r105", id="gt: greater than exactly 100"
    ),
    pytest.param(
        "ge100&probability=le101", "r100 r100.004 r100.005 r100.4999 r100.5", id="ge: or equal to exactly 100"
    ),
    pytest.param("ne100&probability=le110&probability=ge90", "r100.5 r105 r95 r99.4999", id="ne100: not in the range"),
    pytest.param("ne5&probability=lt6&probability=gt-9", "r-1 r0.8 r1e-7", id="ne: a missing value is not unequal"),
    pytest.param("gt100.0000&probability=sa99&probability=lt100.005", "r100.004", id="gt: the precision is ignored"),
    pytest.param("ap100", "r100 r100.004 r100.005 r100.4999 r100.5 r105 r95 r99.4999 r99.5", id="ap: within 10%"),
    pytest.param("ap5", "r5 r5.00", id="ap: within 10% of 5"),
    pytest.param("-1", "r-1", id="a negative number"),
    pytest.param("lt0&probability=gt-200", "r-1", id="below zero"),
    pytest.param("8e-1", "r0.8", id="could also be 8e-1 using exponential form"),
    pytest.param("gt8e-1&probability=lt7e0", "r5 r5.00", id="gt8e-1"),
    pytest.param(".8,1e-7", "r0.8 r1e-7", id="or"),
    pytest.param(f"{MANY},ge{MANY}&probability=lt8", "r" + MANY, id="more digits than the database holds: equal"),
    pytest.param(f"le{MANY}&probability=gt7", "r" + MANY, id="more digits than the database holds: le"),
    pytest.param(f"gt{MANY},sa{MANY}&probability=lt8", "", id="more digits than the database holds: gt"),
    pytest.param("5.000", "r5 r5.00", id="digits of the value that is stored do not matter"),
    # Range
    pytest.param("200.2", "", id="eq: a range that is wider than the digits"),
    pytest.param("200", "range", id="eq: the search value contains the range"),
    pytest.param("gt200.2&probability=lt300", "range", id="gt: the range reaches above"),
    pytest.param("lt200.2&probability=gt200", "range", id="lt: the range reaches below"),
    pytest.param("ge200.3&probability=lt300", "range", id="ge: the range ends there"),
    pytest.param("le200.1&probability=ge200.1", "range", id="le: the range begins there"),
    pytest.param("sa200&probability=lt300", "range", id="sa: starts after"),
    pytest.param("sa200.1&probability=lt300", "", id="sa: not where it starts"),
    pytest.param("eb200.3&probability=gt200", "", id="eb: not where it ends"),
    pytest.param("eb200.31&probability=gt200", "range", id="eb: ends before"),
    pytest.param("ap200.2", "range", id="ap: the ranges overlap"),
    pytest.param("-250", "backwards", id="a range written backwards is the same range"),
    pytest.param("gt1e300", "at-least", id="a range without an upper end"),
    pytest.param("ne200&probability=gt199", "at-least", id="ne: contained is equal"),
]


@pytest.mark.parametrize(("value", "expected"), CASES)
async def test_a_decimal(selects: Selects, value: str, expected: str) -> None:
    assert await selects(f"RiskAssessment?probability={value}") == expected


INTEGERS = [
    pytest.param("2", "s2 s2-20", id="integer: based on exact matches"),
    pytest.param("2.0", "s2 s2-20", id="integer: no non-zero digits after the point"),
    pytest.param("2.5", "", id="integer: with such digits there cannot be any matches"),
    pytest.param("1e2", "s104 s95", id="integer: an exponential form has its range"),
    pytest.param("100", "", id="integer: significance does not matter"),
    pytest.param("gt2", "s104 s106 s2-20 s95", id="integer: gt"),
    pytest.param("ge2&variant-start=le2", "s2 s2-20", id="integer: ge and le"),
    pytest.param("ne2", "s1 s104 s106 s2-20 s95", id="integer: ne, of several values one suffices"),
    pytest.param("1,20", "s1 s2-20", id="integer: or"),
]


@pytest.mark.parametrize(("value", "expected"), INTEGERS)
async def test_an_integer(selects: Selects, value: str, expected: str) -> None:
    assert await selects(f"MolecularSequence?variant-start={value}") == expected


async def test_missing(selects: Selects) -> None:
    assert await selects("RiskAssessment?probability:missing=true") == "none"
    assert len((await selects("RiskAssessment?probability:missing=false")).split()) == len(RESOURCES) - 7


UNREADABLE = ("abc", "1_000", "0x10", "NaN", "Infinity", "gt", "xx5", "1e999", "5,x", "--1", "1|2", "\u0661", "9" * 70)


@pytest.mark.parametrize("value", UNREADABLE)
async def test_what_is_no_number_is_refused(door: Door, value: str) -> None:
    with pytest.raises(BadSearchValue) as refused:
        await door.search(f"RiskAssessment?probability={value}")
    assert refused.value.issues[0].expression == ("http.probability",)
