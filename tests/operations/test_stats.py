"""$stats — http://hl7.org/fhir/R4/observation-operation-stats.html"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from tests.conftest import client_of, new_settings, running

Json = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"


def quantity(text: str) -> Json:
    value, unit = text.split()
    return {"value": float(value), "system": UCUM, "code": unit}


def coded(code: str) -> Json:
    return {"coding": [{"system": LOINC, "code": code}]}


def measured(name: str, code: str, when: str, **parts: Any) -> Json:  # noqa: ANN401 - JSON
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": coded(code),
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": when,
        **parts,
    }


def pressure(name: str, when: str, systolic: str, diastolic: str) -> Json:
    parts = ((code, value) for code, value in (("8480-6", systolic), ("8462-4", diastolic)))
    return measured(
        name, "85354-9", when, component=[{"code": coded(c), "valueQuantity": quantity(v)} for c, v in parts]
    )


RECENT = (datetime.now(UTC) - timedelta(minutes=30)).isoformat(timespec="seconds")
RESOURCES: list[Json] = [
    {"resourceType": "Patient", "id": "p"},
    {"resourceType": "Patient", "id": "q"},
    measured("w1", "weight", "2020-01-01", valueQuantity=quantity("70 kg")),
    measured("w2", "weight", "2020-01-02", valueQuantity=quantity("72 kg")),
    measured("w3", "weight", "2020-01-03", valueQuantity=quantity("71000 g")),
    measured("w4", "weight", "2021-01-04", valueQuantity=quantity("90 kg")),
    measured("w5", "weight", "2020-01-05", valueQuantity=quantity("1 m")),
    measured("w6", "weight", "2020-01-06", dataAbsentReason={"text": "refused"}),
    measured("w7", "weight", "2020-01-07", valueQuantity={**quantity("500 kg"), "comparator": "<"}),
    {**measured("w8", "weight", "2020-01-08", valueQuantity=quantity("999 kg")), "status": "entered-in-error"},
    {**measured("w9", "weight", "2020-01-09", valueQuantity=quantity("5 kg")), "subject": {"reference": "Patient/q"}},
    pressure("b1", RECENT, "120 mm[Hg]", "80 mm[Hg]"),
    pressure("b2", "2020-01-01", "130 mm[Hg]", "85 mm[Hg]"),
    measured("h1", "8867-4", RECENT, valueQuantity=quantity("60 /min")),
    measured("vitals", "85353-1", RECENT, hasMember=[{"reference": "Observation/h1"}]),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def application(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Application]:
    async with running(new_settings(), mongodb_uri, knowledge) as app:
        async with client_of(app) as http:
            for resource in RESOURCES:
                response = await http.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
                assert response.status_code == 201, response.text
        yield app


def results(parameters: Json) -> dict[str, dict[str, str]]:
    """Return value and unit of each statistic of each code."""
    found: dict[str, dict[str, str]] = {}
    for parameter in parameters["parameter"]:
        if parameter["name"] == "statistics":
            observation = parameter["resource"]
            assert observation["status"] == "final"
            of_code = found.setdefault(observation["code"]["coding"][0]["code"], {})
            for part in observation["component"]:
                value = part.get("valueQuantity")
                shown = f"{value['value']:g} {value['code']}" if value else "none"
                of_code[part["code"]["coding"][0]["code"]] = shown
    return found


async def stats(client: AsyncClient, query: str) -> Json:
    response = await client.get(f"Observation/$stats?{query}")
    assert response.status_code == 200, response.text
    parameters: Json = response.json()
    assert parameters["resourceType"] == "Parameters"
    return parameters


WEIGHT = f"subject=Patient/p&code=weight&system={LOINC}"
CASES = [
    pytest.param("average", "75.75 kg", id="quantities are computed in one unit"),
    pytest.param("maximum", "90 kg", id="what is entered in error does not count, nor what is only a bound"),
    pytest.param("minimum", "70 kg", id="what is another patient's does not count"),
    pytest.param("count", "4 {observations}", id="how many contributed"),
    pytest.param("total-count", "7 {observations}", id="with those that had no valid value"),
    pytest.param("median", "71.5 kg", id="the median"),
    pytest.param("sum", "303 kg", id="the sum"),
    pytest.param("variance", "90.9167 (kg)2", id="the variance has the unit squared"),
    pytest.param("skew", "1.12937 1", id="a number without unit"),
]


@pytest.mark.parametrize(("statistic", "expected"), CASES)
async def test_one_statistic(client: AsyncClient, statistic: str, expected: str) -> None:
    assert results(await stats(client, f"{WEIGHT}&statistic={statistic}")) == {"weight": {statistic: expected}}


async def test_several_statistics_within_a_period(client: AsyncClient) -> None:
    period = {"start": "2020-01-01", "end": "2020-01-02"}
    parameter = [
        {"name": "subject", "valueUri": "Patient/p"},
        {"name": "coding", "valueCoding": {"system": LOINC, "code": "weight", "display": "Weight"}},
        {"name": "period", "valuePeriod": period},
        {"name": "statistic", "valueCode": "min"},
        {"name": "statistic", "valueCode": "maximum"},
    ]
    response = await client.post("Observation/$stats", json={"resourceType": "Parameters", "parameter": parameter})
    observation = response.json()["parameter"][0]["resource"]
    assert observation["effectivePeriod"] == period
    assert observation["subject"] == {"reference": "Patient/p"}
    assert observation["code"]["coding"][0]["display"] == "Weight"
    assert results(response.json()) == {"weight": {"minimum": "70 kg", "maximum": "72 kg"}}


async def test_a_panel_stands_for_its_components(client: AsyncClient) -> None:
    found = results(await stats(client, f"patient=p&code=85354-9&system={LOINC}&statistic=average,count"))
    count = "2 {observations}"
    assert found == {
        "8480-6": {"average": "125 mm[Hg]", "count": count},
        "8462-4": {"average": "82.5 mm[Hg]", "count": count},
    }


async def test_a_component_is_found_by_its_own_code_within_a_duration(client: AsyncClient) -> None:
    query = f"subject=Patient/p&code=8480-6&system={LOINC}&duration=1&statistic=average"
    assert results(await stats(client, query)) == {"8480-6": {"average": "120 mm[Hg]"}}


async def test_a_panel_stands_for_its_members(client: AsyncClient) -> None:
    query = f"subject=Patient/p&code=85353-1&system={LOINC}&statistic=maximum"
    assert results(await stats(client, query)) == {"8867-4": {"maximum": "60 /min"}}


async def test_gradient_and_intercept_of_a_regression(client: AsyncClient) -> None:
    query = f"{WEIGHT}&statistic=regression"
    (parameter,) = (await stats(client, query))["parameter"]
    texts = [part["code"]["text"] for part in parameter["resource"]["component"]]
    assert texts == ["gradient", "intercept at 1970-01-01"]
    assert parameter["resource"]["component"][0]["valueQuantity"]["code"] == "(kg)/d"


async def test_nothing_measured_is_said_so(client: AsyncClient) -> None:
    parameters = await stats(client, f"subject=Patient/p&code=none&system={LOINC}&statistic=average&statistic=count")
    assert results(parameters) == {"none": {"average": "none", "count": "0 {observations}"}}


@pytest.mark.parametrize(
    ("query", "expected"), [("", 0), ("&limit=2", 0), ("&include=true", 7), ("&include=true&limit=2", 2)]
)
async def test_sources_are_returned_when_asked_for(client: AsyncClient, query: str, expected: int) -> None:
    parameters = await stats(client, f"{WEIGHT}&statistic=count{query}")
    assert len([each for each in parameters["parameter"] if each["name"] == "source"]) == expected


async def test_the_results_are_valid_observations(client: AsyncClient) -> None:
    codes = "average,std-dev,variance,skew,count,regression"
    for query in (f"{WEIGHT}&statistic={codes}&duration=1", f"{WEIGHT}&statistic={codes}"):
        resource = (await stats(client, query))["parameter"][0]["resource"]
        assert (await client.post("Observation", json=resource)).status_code == 201


REFUSED = [
    pytest.param(f"code=weight&system={LOINC}&statistic=count", id="a subject is required"),
    pytest.param("subject=Patient/p&statistic=count", id="a code is required"),
    pytest.param("subject=Patient/p&code=weight&statistic=count", id="a code needs its system"),
    pytest.param(WEIGHT, id="a statistic is required"),
    pytest.param(f"{WEIGHT}&statistic=mode", id="an unknown statistic"),
    pytest.param(f"{WEIGHT}&statistic=count&duration=-1", id="a negative duration"),
    pytest.param(f"{WEIGHT}&statistic=count&duration=NaN", id="a duration that is no number"),
    pytest.param(f"{WEIGHT}&statistic=count&period=2020", id="a Period cannot stand in a URL"),
    pytest.param(f"{WEIGHT}&statistic=count&include=maybe", id="include is true or false"),
    pytest.param(f"{WEIGHT}&statistic=count&include=true&limit=0", id="limit is positive"),
    pytest.param(f"{WEIGHT}&statistic=count&nonsense=1", id="an unknown parameter"),
]


@pytest.mark.parametrize("query", REFUSED)
async def test_what_cannot_be_answered_is_refused(client: AsyncClient, query: str) -> None:
    response = await client.get(f"Observation/$stats?{query}")
    assert response.status_code == 400, response.text
    assert response.json()["resourceType"] == "OperationOutcome"
