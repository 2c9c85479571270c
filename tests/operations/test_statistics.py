"""The arithmetic of $stats — http://hl7.org/fhir/R4/valueset-observation-statistics.html"""

import statistics
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.operations.statistics import STATISTICS, regression

SOME = [Decimal(text) for text in ("2", "4", "4", "4", "5", "5", "7", "9")]
CASES = [
    ("average", "5"),
    ("maximum", "9"),
    ("minimum", "2"),
    ("count", "8"),
    ("median", "4.5"),
    ("sum", "40"),
    ("variance", "4.57142857142857143"),
    ("std-dev", "2.13808993529939508"),
    ("4-lower", "4"),
    ("4-upper", "5.5"),
    ("4-dev", "0.75"),
    ("20-percent", "4"),
    ("80-percent", "6.2"),
    ("5-1", "4"),
    ("5-2", "4"),
    ("5-3", "5"),
    ("5-4", "6.2"),
    ("skew", "0.65625"),
    ("kurtosis", "2.78125"),
]


@pytest.mark.parametrize(("code", "expected"), CASES)
def test_statistic(code: str, expected: str) -> None:
    assert STATISTICS[code].compute(SOME) == Decimal(expected)


def test_nothing_is_lost_by_floats() -> None:
    assert STATISTICS["sum"].compute([Decimal("0.1")] * 3) == Decimal("0.3")
    assert STATISTICS["average"].compute([Decimal("1E-20"), Decimal("1E+5")]) == Decimal("50000.000000000000000000005")
    assert str(STATISTICS["maximum"].compute([Decimal("1.0"), Decimal("7.40")])) == "7.40"


def test_every_code_is_there() -> None:
    undefined = {"average", "maximum", "minimum", "median", "std-dev", "variance", "skew", "kurtosis", "4-dev", "5-1"}
    assert all(STATISTICS[code].compute([]) is None for code in undefined)
    assert STATISTICS["std-dev"].compute([Decimal(1)]) is None
    assert STATISTICS["skew"].compute([Decimal(1), Decimal(1)]) is None


DECIMALS = st.decimals(-1000, 1000, places=2)


@settings(max_examples=200)
@given(st.lists(DECIMALS, min_size=2, max_size=30))
def test_like_the_library(values: list[Decimal]) -> None:
    ordered = sorted(values)
    computed = {code: STATISTICS[code].compute(ordered) for code in ("average", "median", "variance", "4-lower")}
    exact = [Fraction(value) for value in ordered]
    expected = {
        "average": statistics.mean(exact),
        "median": statistics.median(exact),
        "variance": statistics.variance(exact),
        "4-lower": statistics.quantiles(exact, n=4, method="inclusive")[0],
    }
    for code, value in computed.items():
        assert value is not None
        assert abs(Fraction(value) - expected[code]) <= abs(expected[code]) * Fraction(1, 10**17), code


@settings(max_examples=100)
@given(st.lists(st.integers(0, 1000), min_size=2, unique=True), DECIMALS, DECIMALS)
def test_points_on_a_line_give_the_line(days: list[int], gradient: Decimal, intercept: Decimal) -> None:
    points = [(Fraction(day), gradient * day + intercept) for day in days]
    assert regression(points) == (gradient, intercept)
    assert regression(points[:1]) is None
