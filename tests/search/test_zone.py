"""Dates without a time zone are those of the server's — http://hl7.org/fhir/R4/search.html#date"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from fhirserver.search.values.date import in_us, parse_interval

BRUSSELS = ZoneInfo("Europe/Brussels")
TICKS_PER_S = 10_000_000


def ticks(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * TICKS_PER_S  # type: ignore[arg-type, misc]


CASES = [
    pytest.param("2024-01-15", (2024, 1, 14, 23), (2024, 1, 15, 23), id="a day in winter"),
    pytest.param("2024-07-15", (2024, 7, 14, 22), (2024, 7, 15, 22), id="a day in summer"),
    pytest.param("2024-03-31", (2024, 3, 30, 23), (2024, 3, 31, 22), id="a day of 23 hours"),
    pytest.param("2024-10-27", (2024, 10, 26, 22), (2024, 10, 27, 23), id="a day of 25 hours"),
    pytest.param("2024", (2023, 12, 31, 23), (2024, 12, 31, 23), id="a year"),
    pytest.param("2024-12", (2024, 11, 30, 23), (2024, 12, 31, 23), id="a month"),
    pytest.param("2024-07-15T10:00", (2024, 7, 15, 8), (2024, 7, 15, 8, 1), id="a minute"),
    pytest.param("2024-07-15T10:00:00Z", (2024, 7, 15, 10), (2024, 7, 15, 10, 0, 1), id="a time that has its zone"),
    pytest.param("2024-07-15T10:00:00-05:30", (2024, 7, 15, 15, 30), (2024, 7, 15, 15, 30, 1), id="a negative offset"),
]


@pytest.mark.parametrize(("text", "low", "high"), CASES)
def test_an_interval_of_a_zone(text: str, low: tuple[int, ...], high: tuple[int, ...]) -> None:
    assert parse_interval(text, BRUSSELS) == (ticks(*low), ticks(*high))


EDGES = [
    pytest.param("0001-01-01", id="the first day"),
    pytest.param("9999-12-31", id="the last day"),
    pytest.param("9999", id="the last year"),
    pytest.param("9999-12-31T23:59:59.9999999-14:00", id="the last instant"),
    pytest.param("1969-12-31T23:59:60Z", id="a leap second"),
]


@pytest.mark.parametrize("zone", [None, UTC, BRUSSELS])
@pytest.mark.parametrize("text", EDGES)
def test_the_edges_of_time(text: str, zone: ZoneInfo | None) -> None:
    interval = parse_interval(text, zone)
    assert interval is not None
    assert -(2**62) < interval[0] < interval[1] < 2**62


def test_leap_days() -> None:
    assert parse_interval("2024-02-29") == (ticks(2024, 2, 29), ticks(2024, 3, 1))
    assert parse_interval("1900-02-29") is None
    assert parse_interval("2000-02") == (ticks(2000, 2, 1), ticks(2000, 3, 1))


@pytest.mark.parametrize(("given", "expected"), [(0, 0), (1, 1), (9, 1), (10, 1), (11, 2), (-1, 0), (-10, -1)])
def test_the_first_us_that_is_not_before(given: int, expected: int) -> None:
    assert in_us(given) == expected
