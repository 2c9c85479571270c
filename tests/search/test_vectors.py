"""Search tests by others, over HTTP: queries and what they must select — http://hl7.org/fhir/R4/search.html

A corpus of public tests (MIT licence); where the R4 text differs from its origin, R4 decides.
"""

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from fhirserver.settings import Validation
from tests.conftest import client_of, new_settings, running

SUITES = ("string", "date", "number", "quantity", "token", "uri", "reference", "composite", "chaining", "include")

_UNTYPED = "references.html#literal: a relative reference is `[type]/[id]`, and `{}` has no type"
REFUSED = {"ref-2": _UNTYPED.format("ijk"), "ref-4": _UNTYPED.format("p2")}
"""Fixtures that are no R4 resources."""

DIFFERENT = {
    "Patient?organization=Organization/ijk&_tag=e2e-reference": REFUSED["ref-2"],
    "Patient?organization=ijk&_tag=e2e-reference": REFUSED["ref-2"],
    "Patient?_tag=e2e-include&_revinclude=DeviceAssociation:patient": "R4 has no resource type DeviceAssociation",
}
"""Tests that R4 decides otherwise, or cannot decide."""

Json = dict[str, Any]


@pytest.fixture(scope="module")
def suites(corpora: Path) -> dict[str, Json]:
    with gzip.open(corpora / "08-search" / "search-vectors.json.gz") as file:
        return {suite["name"]: suite for suite in json.load(file)["suites"]}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def application(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Application]:
    """A server that does not look at profiles: some fixtures do not meet those that they claim."""
    async with running(new_settings(validation=Validation.OFF), mongodb_uri, knowledge) as app:
        yield app


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def loaded(application: Application, suites: dict[str, Json]) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a server that holds the fixtures of all suites."""
    async with client_of(application) as client:
        for suite in suites.values():
            for resource in suite["fixture"]:
                response = await client.put(f"{resource['resourceType']}/{resource['id']}", json=valid(resource))
                refused = response.status_code == 422
                assert refused is (resource["id"] in REFUSED), response.text
        yield client


def valid(resource: Json) -> Json:
    """Make an array of ``interpretation``, which repeats since R4, and name an Organization (org-1)."""
    fixed = {**resource}
    if resource.get("resourceType") == "Organization" and not resource.keys() & {"name", "identifier"}:
        fixed["name"] = resource["id"]
    if isinstance(fixed.get("interpretation"), dict):
        fixed["interpretation"] = [fixed["interpretation"]]
    if "component" in fixed:
        fixed["component"] = [valid(component) for component in fixed["component"]]
    return fixed


async def answer(client: httpx2.AsyncClient, query: str) -> httpx2.Response:
    path, _, parameters = query.partition("?")
    pairs = [tuple(parameter.split("=", 1)) for parameter in parameters.split("&")]
    return await client.get(path, params=[*pairs, ("_count", "100")])


def selected(bundle: Json, mode: str) -> set[str]:
    entries = bundle.get("entry", ())
    return {entry["resource"]["id"] for entry in entries if entry["search"]["mode"] == mode}


async def difference(client: httpx2.AsyncClient, test: Json) -> str | None:
    response = await answer(client, test["query"])
    if response.status_code != test.get("status", 200):
        return f"{test['query']}: {response.status_code} {response.text[:200]}"
    if "status" in test:
        return None
    expected = set(test.get("expect_r4", test["expect"])) - REFUSED.keys(), set(test.get("include", ()))
    found = selected(response.json(), "match"), selected(response.json(), "include")
    return None if found == expected else f"{test['query']}: {found} is not {expected}"


@pytest.mark.parametrize("name", SUITES)
async def test_a_suite(suites: dict[str, Json], loaded: httpx2.AsyncClient, name: str) -> None:
    tests = [test for test in suites[name]["tests"] if test["query"] not in DIFFERENT]
    assert [problem for test in tests if (problem := await difference(loaded, test)) is not None] == []


async def test_the_suites_are_all_known_and_so_are_the_exceptions(suites: dict[str, Json]) -> None:
    queries = {test["query"] for suite in suites.values() for test in suite["tests"]}
    assert set(suites) == set(SUITES)
    assert queries >= DIFFERENT.keys()
