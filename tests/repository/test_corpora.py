"""The official examples and a population of Synthea's, stored: nothing is lost, all is found, by an index

http://hl7.org/fhir/R4/search.html, http://hl7.org/fhir/R4/http.html#transaction
"""

import asyncio
import gzip
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from fhirserver.app.knowledge import Knowledge
from fhirserver.codec.fhir_json import Body, parse_json, parse_resource
from fhirserver.kernel.outcome import Unprocessable
from fhirserver.kernel.reference import parse_rest_reference
from fhirserver.kernel.resource import Json
from fhirserver.repository.requests import Create, Update
from fhirserver.search.bind import presence
from fhirserver.search.match import Candidate, match
from fhirserver.search.plan import HasTerm, all_of
from fhirserver.store.compile import compile_plan
from tests.door import Door, opened

NOT_R4 = {
    "ActivityDefinition/blood-tubes-supply", "ActivityDefinition/heart-valve-replacement", "EventDefinition/example",
    "ImplementationGuide/fhir", "Questionnaire/qs1", "Questionnaire/zika-virus-exposure-assessment",
}  # fmt: skip
"""Examples that break the definitions they illustrate, and are refused."""


class Entry(msgspec.Struct):
    resource: msgspec.Raw
    fullUrl: str


class Bundle(msgspec.Struct):
    entry: list[Entry]


class Line(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw()
    bundle: msgspec.Raw = msgspec.Raw()


def lines(path: Path) -> Iterator[Line]:
    with gzip.open(path) as file:
        for line in file:
            yield msgspec.json.decode(line, type=Line)


@dataclass(frozen=True)
class Examples:
    door: Door
    refused: set[str]
    candidates: list[Candidate]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def examples(corpora: Path, mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Examples]:
    bodies = [
        parse_resource(bytes(line.resource)) for line in lines(corpora / "01-r4-examples" / "r4-examples.ndjson.gz")
    ]
    async with opened(mongodb_uri, knowledge) as door:
        stored = Examples(door, set(), [])
        await asyncio.gather(*(store(stored, body) for body in bodies))
        yield stored


async def store(examples: Examples, body: Body) -> None:
    resource_type, logical_id = body.value["resourceType"], body.value.get("id")
    write = Update if logical_id else Create
    own = {"logical_id": logical_id} if logical_id else {}
    try:
        written = await examples.door.repository.write(write(resource_type=resource_type, body=body, **own))
    except Unprocessable:
        examples.refused.add(f"{resource_type}/{logical_id}")
        return
    assert written.version is not None
    assert written.version.content is not None
    values = examples.door.services.extractor.extract(parse_json(written.version.content))
    examples.candidates.append(Candidate(written.version.key, written.version.last_updated_us, values))


async def test_all_examples_that_are_r4_are_stored(examples: Examples) -> None:
    assert examples.refused == NOT_R4
    assert len(examples.candidates) == 864 - len(NOT_R4)


async def test_each_is_found_by_what_is_indexed_of_it(examples: Examples) -> None:
    holders: dict[str, set[str]] = {}
    for candidate in examples.candidates:
        for term in candidate.values.terms:
            holders.setdefault(term, set()).add(candidate.key)
    by_key = {term.partition("=")[0]: term for term in holders}  # one value of each parameter and form
    assert len(by_key) > 1000
    find = examples.door.services.searcher.keys
    for term in by_key.values():
        assert set(await find(HasTerm((term,)), 1000)) == holders[term], term


async def test_missing_and_not_missing_divide_each_type(examples: Examples) -> None:
    by_type: dict[str, list[Candidate]] = {}
    for candidate in examples.candidates:
        by_type.setdefault(candidate.key.partition("/")[0], []).append(candidate)
    find, parameters = examples.door.services.searcher.keys, examples.door.services.binder.parameters
    for resource_type, candidates in by_type.items():
        for bound in parameters.of(resource_type).bound.values():
            if bound.keys:
                there = all_of(HasTerm((resource_type,)), presence(bound))
                expected = {c.key for c in candidates if match(presence(bound), c)}
                assert set(await find(there, 1000)) == expected, bound.definition.url


@dataclass(frozen=True)
class Population:
    door: Door
    expected: Counter[str]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def population(corpora: Path, mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Population]:
    async with opened(mongodb_uri, knowledge) as door:
        expected: Counter[str] = Counter()
        for line in lines(corpora / "05-synthea" / "synthea-dev.ndjson.gz"):
            entries = msgspec.json.decode(line.bundle, type=Bundle).entry
            bodies = [(parse_resource(bytes(entry.resource)), entry.fullUrl) for entry in entries]
            creates = [Create(resource_type=b.value["resourceType"], body=b, full_url=url) for b, url in bodies]
            written = await door.repository.transact(creates)
            expected.update(w.version.resource_type for w in written if w.version is not None)
            assert len(written) == len(entries)
        yield Population(door, expected)


async def test_totals_of_types_are_right(population: Population) -> None:
    for resource_type, expected in population.expected.items():
        assert (await population.door.search(f"{resource_type}?_summary=count")).total == expected
    assert (await population.door.search("?_summary=count")).total == population.expected.total()


async def test_every_reference_resolves(population: Population) -> None:
    keys: set[str] = set()
    references: set[str] = set()
    async for document in population.door.services.store.resources.find({}, {"x": 1}):
        keys.add(document["_id"])
        references |= set(references_in(parse_json(document["x"])))
    local = {reference for reference in references if not reference.startswith("#")}
    assert len(local) > 1000
    assert {r for r in local if (found := parse_rest_reference(r)) is None or found.key not in keys} == set()


def references_in(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for child in value.values():
            yield from references_in(child)
    elif isinstance(value, list):
        for child in value:
            yield from references_in(child)


async def test_a_patient_and_the_compartment_hold_the_same(population: Population) -> None:
    patient = (await population.door.search("Patient?_count=1")).matches[0].logical_id
    by_reference = await population.door.ids(f"Observation?subject=Patient/{patient}")
    assert by_reference
    assert by_reference == await population.door.ids(f"Patient/{patient}/Observation?")
    assert by_reference <= await population.door.ids(f"Patient/{patient}/*?")


PAGES = [
    pytest.param("Observation?code=http://loinc.org|8302-2", id="token"),
    pytest.param("Observation?code=8302-2", id="code"),
    pytest.param("Patient?identifier=http://hospital.smarthealthit.org|{patient}", id="identifier"),
    pytest.param("Patient?identifier={patient}", id="identifier without system"),
    pytest.param("Patient?family:exact=Smith", id="string exact"),
    pytest.param("Observation?_lastUpdated=lt2000", id="_lastUpdated, nothing"),
    pytest.param("Observation?_lastUpdated=gt2000", id="_lastUpdated, everything"),
    pytest.param("Patient?_id={patient}", id="_id"),
    pytest.param("?_id={patient}", id="_id of any type"),
    pytest.param("Observation?", id="type-level list"),
    pytest.param("Patient/{patient}/*?", id="compartment, all types"),
    pytest.param("Observation?subject=Patient/{patient}", id="reference"),
]
SETS = [
    pytest.param("Patient?family=s", 1, id="string prefix"),
    pytest.param("Patient?name:contains=mi", 9, id="string contains"),
    pytest.param("Observation?patient={patient}&date=ge2015", 9, id="patient and date"),
    pytest.param("Observation?patient={patient}&code=8302-2&date=ge2015&status=final", 9, id="patient, code and date"),
    pytest.param("Patient/{patient}/Observation?", 1, id="compartment"),
    pytest.param("Observation?date=2018-02", 2, id="date"),
    pytest.param("Observation?date=gt2019-06", 2, id="date range"),
    pytest.param("Observation?date=ge2018-01-01&date=lt2018-02-01", 2, id="date range, closed"),
    pytest.param("Encounter?date=ge2018-01-01&date=le2018-01-31", 2, id="period within a month"),
    pytest.param(
        "Observation?value-quantity=gt1.5|http://unitsofmeasure.org|m&value-quantity=lt1.6||cm", 9, id="quantity range"
    ),
    pytest.param("Patient?birthdate=1980", 2, id="birth date"),
    pytest.param("Observation?value-quantity=gt150||cm", 9, id="quantity by its printed unit"),
    pytest.param("Observation?value-quantity=gt1|http://unitsofmeasure.org|m", 2, id="quantity canonical"),
    pytest.param("Observation?component-code-value-quantity=8480-6$gt120", 9, id="composite"),
]


@pytest.mark.parametrize("query", PAGES)
async def test_a_page_is_read_by_an_index_in_its_order(population: Population, query: str) -> None:
    run = await explain(population.door, query)
    assert run["totalDocsExamined"] <= run["nReturned"]


@pytest.mark.parametrize(("query", "times"), SETS)
async def test_matches_are_read_by_an_index(population: Population, query: str, times: int) -> None:
    """``times``: how many documents may be read for each match, and for fifty more."""
    run = await explain(population.door, query, limit=0)
    assert run["totalDocsExamined"] <= times * (run["nReturned"] + 50)


async def explain(door: Door, query: str, limit: int = 51) -> dict[str, Any]:
    """Return the statistics of a run, which must go by an index."""
    patient = (await door.search("Patient?_count=1")).matches[0].logical_id
    plan = await door.plan(query.format(patient=patient))
    find = {"find": "resource", "filter": compile_plan(plan), "sort": {"n": 1}, "limit": limit}
    explained = await door.command({"explain": find, "verbosity": "executionStats"})
    used = stages(explained["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in used
    assert "COLLSCAN" not in used
    run: dict[str, Any] = explained["executionStats"]
    return run


def stages(plan: dict[str, Any]) -> set[str]:
    found = {plan["stage"]} if "stage" in plan else set()
    for inner in (*plan.get("inputStages", ()), plan.get("inputStage"), plan.get("queryPlan")):
        if inner is not None:
            found |= stages(inner)
    return found
