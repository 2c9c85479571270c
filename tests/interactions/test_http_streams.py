"""Searches answered in lines — https://github.com/ndjson/ndjson-spec, https://www.rfc-editor.org/rfc/rfc4180"""

import csv
import io
import json
import time

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from fhirserver.app.composition import Application
from tests.conftest import client_of

NDJSON = "application/fhir+ndjson"
NAMES = ["Peeters", '=HYPERLINK("http://x")', 'Van "den", Berghe', "-1.5", "+32", "Émile\nZola"]


@pytest_asyncio.fixture(loop_scope="session", scope="module", autouse=True)
async def patients(application: Application) -> None:
    async with client_of(application) as client:
        for number, family in enumerate(NAMES):
            patient = {"resourceType": "Patient", "id": f"p{number}", "active": True, "birthDate": f"198{number}-01-01",
                       "name": [{"family": family, "given": ["A", "B"]}], "multipleBirthInteger": number}  # fmt: skip
            assert (await client.put(f"Patient/p{number}", json=patient)).status_code == 201


@pytest.mark.parametrize("accept", [NDJSON, "application/ndjson", f"{NDJSON};q=0.9, application/json;q=0.5"])
async def test_each_match_is_a_line(client: AsyncClient, accept: str) -> None:
    response = await client.get("Patient?active=true&_count=2&_sort=-_id", headers={"Accept": accept})
    assert response.headers["content-type"] == f"{NDJSON}; charset=utf-8"
    assert "content-length" not in response.headers
    assert [json.loads(line)["id"] for line in response.text.splitlines()] == [f"p{n}" for n in range(5, -1, -1)]


@pytest.mark.parametrize(
    "form", ["ndjson", "application/fhir+ndjson", "application/fhir%2Bndjson", "application/ndjson"]
)
async def test_by_format(client: AsyncClient, form: str) -> None:
    lines = (await client.get(f"Patient?_format={form}&_elements=birthDate&_maxresults=4")).text.splitlines()
    assert [sorted(json.loads(line)) for line in lines] == [["active", "birthDate", "id", "meta", "resourceType"]] * 4


async def test_by_a_form(client: AsyncClient) -> None:
    body = "family=peeters&_format=ndjson"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await client.post("Patient/_search", content=body, headers=headers)
    assert [json.loads(line)["id"] for line in response.text.splitlines()] == ["p0"]


async def test_nothing_found_is_nothing_sent(client: AsyncClient) -> None:
    response = await client.get("Patient?_id=nobody&_format=ndjson")
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    "query",
    ["_include=Patient:link", "_summary=count", "_cursor=x", "_explain=true", "nothing=1", "birthdate=x", "_text=("],
)
async def test_what_is_wrong_is_said_as_an_outcome(client: AsyncClient, query: str) -> None:
    response = await client.get(f"Patient?{query}&_format=ndjson")
    assert (response.status_code, response.json()["resourceType"]) == (400, "OperationOutcome")
    assert response.headers["content-type"].startswith("application/fhir+json")


async def test_only_searches_have_lines(client: AsyncClient) -> None:
    for path in ("Patient/p0", "Patient/_history", "metadata"):
        assert (await client.get(f"{path}?_format=ndjson")).status_code == 406


async def read(client: AsyncClient, columns: str, **more: str) -> list[list[str]]:
    response = await client.get("Patient", params={"_sort": "_id", **more, "_columns": columns, "_format": "csv"})
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(response.text, newline="")))


async def test_columns(client: AsyncClient) -> None:
    rows = await read(client, "id,name.family,birthDate")
    assert rows[0] == ["id", "name.family", "birthDate"]
    assert [row[0] for row in rows[1:]] == [f"p{n}" for n in range(6)]
    assert rows[1] == ["p0", "Peeters", "1980-01-01"]


async def test_no_cell_is_a_formula(client: AsyncClient) -> None:
    cells = [row[0] for row in (await read(client, "name.family"))[1:]]
    assert cells == ["Peeters", '\'=HYPERLINK("http://x")', 'Van "den", Berghe', "-1.5", "'+32", "Émile\nZola"]


@pytest.mark.parametrize(
    ("columns", "cell"),
    [
        ("name.given", "A; B"),
        ("name.given.first()", "A"),
        ("name.where(use = 'official').family", ""),
        ("active", "true"),
        ("multipleBirth", "0"),
        ("name.given.join(', ')", "A, B"),
        ("iif(active, 'yes', 'no')", "yes"),
        ("Patient.name.family", "Peeters"),
        ("name", '{"family":"Peeters","given":["A","B"]}'),
    ],
)
async def test_a_column_is_an_expression(client: AsyncClient, columns: str, cell: str) -> None:
    rows = await read(client, columns, _id="p0")
    assert rows == [[columns], [cell]]


@pytest.mark.parametrize(
    "columns",
    ["", "name.family,nothing", "name.", "name.where(", "'a", ",", "x" * 501, ",".join(["id"] * 101), "name.family)"],
)
async def test_what_is_no_column_is_refused(client: AsyncClient, columns: str) -> None:
    response = await client.get("Patient", params={"_columns": columns, "_format": "csv"})
    assert response.status_code == 400
    assert response.json()["issue"][0]["expression"] == ["http._columns"]


async def test_columns_are_of_one_type_and_of_csv_alone(client: AsyncClient) -> None:
    assert (await client.get("?_columns=id&_format=csv")).status_code == 400
    assert (await client.get("Patient?_columns=id")).status_code == 400


COSTLY = [
    pytest.param("1.repeat($this + 0.001).distinct().count()", id="no end"),
    pytest.param("descendants().select(%resource.descendants().select(%resource))", id="much to write"),
    pytest.param(",".join(["descendants().select(%resource.descendants())"] * 99), id="much to write in many columns"),
]


@pytest.mark.parametrize("columns", COSTLY)
async def test_columns_cost_a_bounded_time_together(client: AsyncClient, columns: str) -> None:
    members = [{"entity": {"reference": f"Patient/p{number}"}} for number in range(300)]
    for number in range(6):
        group = {"resourceType": "Group", "id": f"g{number}", "type": "person", "actual": True, "member": members}
        assert (await client.put(f"Group/g{number}", json=group)).status_code in (200, 201)
    started = time.process_time()  # the server is in this process; the machine may have other work
    response = await client.get("Group", params={"_columns": columns, "_format": "csv"})
    assert time.process_time() - started < 15
    assert len(response.content) < 10_000_000
    assert response.text.splitlines()[-1].endswith("#ERROR")
    assert len(response.text.splitlines()) == 7


async def test_columns_that_cost_a_little_are_evaluated_on_every_line(client: AsyncClient) -> None:
    rows = await read(client, "id,descendants().where($this is string).count()")
    assert all(int(count) > 0 for _, count in rows[1:])
