"""The official tests of $graphql — http://hl7.org/fhir/R4/graphql.html

Where they expect what a stub of their own made up (the numbers of a connection), the rest is compared.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from tests.conftest import client_of, new_settings, running
from tests.operations.graphql_cases import ABOUT, cases, examples, store

Json = dict[str, Any]
SEARCHES = {"search-simple", "search-full"}
"""They find all active patients, and so need a server that has no others."""
VARIABLES = {"directive-variable": {"var": True}}
NAMES = (
    *("simple", "filter-fhirpath", "using wrong field", "polymorphic", "reference", "reference-type-in"),
    *("reference-type-out", "reference-broken", "reference-optional", "reference-fragment-type", "extension-complex"),
    *("extension-complex-in", "extension-complex-out", "extension-simple", "search-single", "search-simple"),
    *("search-full", "reference-reverse", "directive-skip", "directive-include", "directive-variable", "flatten"),
    *("flatten-first", "flatten-singleton1", "flatten-singleton2", "flatten-singleton3", "flatten-slice1"),
    *("flatten-slice2", "list-sub"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def application(mongodb_uri: str, knowledge: Knowledge, corpora: Path) -> AsyncIterator[Application]:
    async with running(new_settings(), mongodb_uri, knowledge) as app:
        async with client_of(app) as http:
            await store(http, examples(corpora, ABOUT))
        yield app


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def few(mongodb_uri: str, knowledge: Knowledge, corpora: Path) -> AsyncIterator[AsyncClient]:
    """A server with two patients."""
    async with running(new_settings(), mongodb_uri, knowledge) as app, client_of(app) as http:
        for name in ("Patient/example", "Patient/xds"):
            await store(http, examples(corpora, [name]))
        yield http


def test_every_case_is_run(corpora: Path) -> None:
    assert sorted(case.name for case in cases(corpora)) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
async def test_official_case(client: AsyncClient, few: AsyncClient, corpora: Path, name: str) -> None:
    case = next(case for case in cases(corpora) if case.name == name)
    body = {"query": case.query, "operationName": case.operation, "variables": VARIABLES.get(name)}
    context = case.context or "$graphql"
    response = await (few if name in SEARCHES else client).post(context, json=body)
    assert response.headers["content-type"].startswith("application/json")
    answer = response.json()
    if case.expected is None:
        assert response.status_code >= 400
        assert answer["data"] is None
        assert answer["errors"][0]["extensions"]["resource"]["resourceType"] == "OperationOutcome"
        return
    assert response.status_code == 200, response.text
    assert comparable(answer["data"]) == comparable(case.expected)


def comparable(data: Json) -> Json:
    """Leave of a connection what its resources are."""
    if "PatientConnection" not in data:
        return data
    return {"resources": [edge["resource"] for edge in data["PatientConnection"]["edges"]]}


async def test_server_cases(client: AsyncClient, corpora: Path) -> None:
    tests = json.loads((corpora / "10-graphql-r4" / "server-tests.json").read_text())
    for group in ("instance-tests", "root-tests"):
        for test in tests[group].values():
            path, _, query = test["url"].removeprefix("/").partition("?query=")
            response = await client.get(f"{path}?query={quote(query)}")
            assert response.json() == test["output"]
