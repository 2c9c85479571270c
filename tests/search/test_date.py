"""Date parameters and their prefixes — http://hl7.org/fhir/R4/search.html#date, search.html#prefix"""

from datetime import UTC, datetime, timedelta

import pytest

from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Json, Resource
from tests.door import Door, Selects

PUT_OFF = ("per-1",)
"""A site may hold periods written backwards: the search does not mind."""


def observation(name: str, **effective: Json) -> Resource:
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "x"}, **effective}


def period(name: str, **bounds: str) -> Resource:
    return observation(name, effectivePeriod=bounds)


def timing(name: str, **schedule: Json) -> Resource:
    return observation(name, effectiveTiming=schedule)


DATE_TIMES = {
    "year": "2013",
    "month": "2013-01",
    "d13": "2013-01-13",
    "d14": "2013-01-14",
    "t14-00": "2013-01-14T00:00:00Z",
    "t14-10": "2013-01-14T10:00:00Z",
    "t14-zone": "2013-01-15T00:30:00+01:00",
    "t15-00": "2013-01-15T00:00:00Z",
}
RESOURCES = [
    *(observation(name, effectiveDateTime=value) for name, value in DATE_TIMES.items()),
    period("from-jan", start="2013-01-21"),
    period("from-mar", start="2013-03-15"),
    period("until-jan", end="2013-01-21"),
    period("one-day", start="2013-01-14", end="2013-01-14"),
    period("two-days", start="2013-01-14", end="2013-01-15"),
    period("backwards", start="2018-02-02", end="2018-01-01"),
    observation("none"),
    observation("moment", effectiveInstant="2020-06-15T12:00:00.5Z"),
    observation("tick", effectiveInstant="2020-06-15T12:00:00.5000001Z"),
    observation("second", effectiveInstant="2020-06-15T12:00:00Z"),
    observation("minute", effectiveDateTime="2020-06-15T12:00:00+02:00"),
    timing("events", event=["2021-05-01", "2021-05-03"]),
    timing("bounds", repeat={"boundsPeriod": {"start": "2022-01-31", "end": "2022-03-24"}}),
    timing("endless", repeat={"boundsPeriod": {"start": "2022-01-31"}}),
    timing("unbound", repeat={"frequency": 1, "period": 1, "periodUnit": "d"}),
]
IN_2013 = "date=ge2013&date=lt2014"

CASES = [
    # eq, ne: the range of the search value fully contains the range of the target value, or does not
    pytest.param("date=2013-01-14", "d14 one-day t14-00 t14-10 t14-zone", id="eq is assumed without a prefix"),
    pytest.param("date=eq2013-01-14", "d14 one-day t14-00 t14-10 t14-zone", id="eq: 2013-01-14T00:00 and T10:00 match"),
    pytest.param("date=eq2013-01", "d13 d14 month one-day t14-00 t14-10 t14-zone t15-00 two-days", id="eq: a month"),
    pytest.param("date=eq2013-01-14T10:00", "t14-10", id="time can consist of hours and minutes with no seconds"),
    pytest.param("date=eq2013-01-14T00:00:00", "t14-00", id="eq: a second"),
    pytest.param("date=eq2013-01-14T11:00:00%2B01:00", "t14-10", id="correct for time zones"),
    pytest.param("date=eq2013-01-14T11:00:00 01:00", "t14-10", id="a plus that the client did not escape"),
    pytest.param(
        "date=ne2013-01-14&date=ge2013-01-14&date=le2013-01-15",
        "month t15-00 two-days until-jan year",
        id="ne: 2013-01-15T00:00 matches, what is in the range does not",
    ),
    # lt, gt
    pytest.param(
        "date=lt2013-01-14T10:00",
        "d13 d14 month one-day t14-00 two-days until-jan year",
        id="lt: 2013-01-14 matches, because it includes the part before 10am",
    ),
    pytest.param(
        "date=gt2013-01-14T10:00&date=lt2014",
        "d14 from-jan from-mar month one-day t14-zone t15-00 two-days until-jan year",
        id="gt: 2013-01-14 matches, because it includes the part after 10am",
    ),
    pytest.param("date=gt2013-01-14&date=lt2013-01-14", "month until-jan year", id="gt and lt: around a day"),
    # ge, le
    pytest.param("date=ge2013-03-14&date=lt2014", "from-jan from-mar year", id="ge: a period from before may reach it"),
    pytest.param(
        "date=le2013-03-14",
        "d13 d14 from-jan month one-day t14-00 t14-10 t14-zone t15-00 two-days until-jan year",
        id="le: a period from 21-Jan onwards may include times before",
    ),
    pytest.param("date=ge2013-01-31&date=lt2014", "from-jan from-mar month year", id="ge: a month has its last day"),
    pytest.param("date=ge2013-12-31&date=lt2014", "from-jan from-mar year", id="ge: a year has its last day"),
    pytest.param("date=le2013-01-01", "month until-jan year", id="le: a year has its first day"),
    pytest.param("date=ge2013-01-15&date=le2013-01-15", "month t15-00 two-days until-jan year", id="ge and le"),
    # sa, eb
    pytest.param("date=sa2013-03-14&date=lt2014", "from-mar", id="sa: from 15-Mar onwards starts after 14-Mar"),
    pytest.param("date=sa2013-01-14&date=lt2014", "from-jan from-mar t15-00", id="sa: adjacent days do not overlap"),
    pytest.param(
        "date=eb2013-03-14",
        "d13 d14 month one-day t14-00 t14-10 t14-zone t15-00 two-days until-jan",
        id="eb: what does not end before is not included",
    ),
    pytest.param("date=eb2013-01-14", "d13", id="eb: up to the first moment"),
    # instants
    pytest.param("date=eq2020-06-15T12:00:00", "moment second tick", id="a second holds its fractions"),
    pytest.param("date=eq2020-06-15T12:00:00.5", "moment tick", id="a tenth holds its fractions"),
    pytest.param("date=eq2020-06-15T12:00:00.500", "moment tick", id="a millisecond holds its fractions"),
    pytest.param("date=eq2020-06-15T12:00:00.5000000", "moment", id="an instant has an effective width of 0"),
    pytest.param("date=eq2020-06-15T12:00:00.5000001", "tick", id="an instant of 100 ns"),
    pytest.param(
        "date=gt2020-06-15T12:00:00.5000000&date=eb2020-06-16", "second tick", id="gt: an instant ends at once"
    ),
    pytest.param("date=sa2020-06-15T12:00:00.4999999&date=lt2020-06-16", "moment tick", id="sa: the next 100 ns"),
    pytest.param("date=eb2020-06-15T12:00:00.5000001&date=sa2020-06-14", "minute moment", id="eb: the last 100 ns"),
    pytest.param("date=eq2020-06-15T10:00:00Z", "minute", id="an offset is not the precision"),
    pytest.param("date=eq2018&date=gt2018-01-20&date=lt2018-01-20", "backwards", id="a period written backwards"),
    # Timing
    pytest.param("date=eq2021-05", "events", id="Timing: only the outer limits matter"),
    pytest.param("date=sa2021-05-01&date=lt2021-06", "", id="Timing: it starts with its first event"),
    pytest.param("date=ge2022-02-01&date=le2022-02-01", "bounds endless from-jan from-mar", id="Timing: a day between"),
    pytest.param("date=eb2022-03-25&date=sa2022-01-30", "bounds", id="Timing: bounds"),
    # several
    pytest.param("date=2013-01-13,2013-01-15", "d13 t15-00", id="or"),
    pytest.param("date:missing=true", "none unbound", id=":missing=true"),
    pytest.param("date:missing=true&date=ge1900", "", id="no resource can satisfy both at once"),
]


@pytest.mark.parametrize(("query", "expected"), CASES)
async def test_a_date(selects: Selects, query: str, expected: str) -> None:
    assert await selects(f"Observation?{query}") == expected


async def test_a_missing_value_is_not_unequal(selects: Selects) -> None:
    assert "none" not in (await selects("Observation?date=ne1900")).split()


UNREADABLE = [
    *("!", "20130114", "2013-1-1", "2013-02-29", "2013-13", "23 May 2009", "xx2013", "gt", "\uff12\uff10\uff11\uff13"),
    *("2013-01-14T10", "2013-01-14T24:00", "2013-01-14T10:61", "2013-01-14T10:00Z+01:00"),
    "2013-01-14T01:01:09.999999999999999999",
]


@pytest.mark.parametrize("value", UNREADABLE)
@pytest.mark.parametrize("code", ["date", "_lastUpdated"])
async def test_a_date_that_is_none_is_refused(door: Door, code: str, value: str) -> None:
    with pytest.raises(BadSearchValue) as refused:
        await door.search(f"Observation?{code}={value}")
    assert refused.value.issues[0].expression == (f"http.{code}",)


async def test_last_updated_is_an_instant(door: Door) -> None:
    body = RESOURCES[0]
    version = await door.repository.read("Observation", body["id"])
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=version.last_updated_us)
    exact, second = moment.isoformat(), moment.replace(microsecond=0).isoformat()
    earlier = (moment - timedelta(microseconds=1)).isoformat()
    later = (moment + timedelta(microseconds=1)).isoformat()

    async def found(criterion: str) -> bool:
        return body["id"] in await door.ids(f"Observation?_lastUpdated={criterion}")

    for criterion, expected in {
        exact: True, later: False, f"ne{exact}": False, f"ne{later}": True, second: True, f"gt{earlier}": True,
        f"gt{exact}": False, f"ge{exact}": True, f"ge{later}": False, f"lt{exact}": False, f"lt{later}": True,
        f"le{exact}": True, f"le{earlier}": False, f"sa{earlier}": True, f"sa{exact}": False, f"eb{later}": True,
        f"eb{exact}": False, f"gt{second}": False, f"ge{second}": True, f"{earlier},{exact}": True,
        f"ap{moment.date()}": True,
    }.items():  # fmt: skip
        assert await found(criterion) is expected, criterion
    assert await door.ids("Observation?_lastUpdated:missing=true") == set()


async def test_approximately_is_a_tenth_of_the_distance_from_now(selects: Selects) -> None:
    assert "from-mar" in (await selects("Observation?date=ap2013-03-14")).split()
    assert "events" not in (await selects("Observation?date=ap2013-03-14")).split()
