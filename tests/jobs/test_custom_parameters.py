"""SearchParameters at run time: indexed at once, served when complete, withdrawn — by every worker, whoever writes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from httpx2 import AsyncClient, Response

from fhirserver.app import background
from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from fhirserver.app.sites import Site, sites_of
from fhirserver.audit.auditor import UNAUDITED
from fhirserver.store.parameters import ParameterStore
from tests.conftest import client_of, new_settings, running

Json = dict[str, Any]
SIZE = "http://example.org/shoe-size"
PATIENCE_S = 20.0


def patient(logical_id: str, size: int | None, url: str = SIZE) -> Json:
    extension = [] if size is None else [{"url": url, "valueInteger": size}]
    return {"resourceType": "Patient", "id": logical_id, **({"extension": extension} if extension else {})}


def parameter(**changes: object) -> Json:
    return {
        "resourceType": "SearchParameter",
        "id": "shoe",
        "url": SIZE,
        "name": "ShoeSize",
        "status": "active",
        "description": "The size of the shoes",
        "code": "shoe-size",
        "base": ["Patient"],
        "type": "number",
        "expression": f"Patient.extension('{SIZE}').value.as(integer)",
        **changes,
    }


async def put(client: AsyncClient, resource: Json) -> None:
    response = await client.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
    assert response.status_code in (200, 201), response.text


async def ids(client: AsyncClient, query: str) -> list[str]:
    response = await client.get(query)
    assert response.status_code == 200, response.text
    return sorted(entry["resource"]["id"] for entry in response.json().get("entry", ()))


async def until(ask: Callable[[], Awaitable[Response]], status: int, patience_s: float = PATIENCE_S) -> Response:
    async with asyncio.timeout(patience_s):
        while (response := await ask()).status_code != status:  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.05)
    return response


@pytest_asyncio.fixture(loop_scope="session")
async def app(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Application]:
    async with running(new_settings(), mongodb_uri, knowledge) as application:
        yield application


@pytest_asyncio.fixture(loop_scope="session")
async def http(app: Application) -> AsyncIterator[AsyncClient]:
    async with client_of(app) as client:
        yield client


async def test_the_life_of_a_search_parameter(app: Application, http: AsyncClient) -> None:
    site = app.sites["main"]
    query = "Patient?shoe-size=ge40"
    for number in range(30):
        await put(http, patient(f"p{number}", number + 20 if number % 3 else None))
    assert (await http.get(query)).status_code == 400
    await put(http, parameter())
    await site.watch.refresh()

    refused = await http.get(query, headers={"Prefer": "handling=lenient"})
    assert refused.status_code == 400, "it is never ignored"
    (issue,) = refused.json()["issue"]
    assert issue["code"] == "not-supported"
    assert issue["expression"] == ["http.shoe-size"]
    assert "is not searched by `shoe-size` yet" in issue["diagnostics"]
    assert "until its index is complete" in (await listed(http))["documentation"]

    await put(http, patient("new", 44))
    await until(lambda: http.get(query), 200)
    expected = sorted(f"p{n}" for n in range(30) if n % 3 and n + 20 >= 40)
    assert await ids(http, query) == sorted([*expected, "new"])
    assert await ids(http, "Patient?shoe-size=44") == ["new", "p24"] if 24 % 3 else ["new"]
    assert (await listed(http))["documentation"].endswith("served.")
    assert (await listed(http))["definition"] == SIZE

    await put(http, patient("new", 12))
    assert "new" not in await ids(http, query), "no search lags a write"

    await put(http, parameter(status="retired"))
    await until(lambda: http.get(query), 400)
    assert "has no search parameter" in (await http.get(query)).text
    assert await listed(http) == {}
    await put(http, patient("meanwhile", 50))
    await put(http, parameter())
    await site.watch.refresh()
    assert (await http.get(query)).status_code == 400, "what was written meanwhile has no value yet"
    await until(lambda: http.get(query), 200)
    assert await ids(http, query) == sorted([*expected, "meanwhile"])

    await http.delete("SearchParameter/shoe")
    await until(lambda: http.get(query), 400)


async def listed(http: AsyncClient) -> Json:
    """Return what the CapabilityStatement says of the parameter."""
    (rest,) = (await http.get("metadata")).json()["rest"]
    own = next(resource for resource in rest["resource"] if resource["type"] == "Patient")
    return next((p for p in own["searchParam"] if p["name"] == "shoe-size"), {})


async def test_another_expression_is_another_index(app: Application, http: AsyncClient) -> None:
    other = "http://example.org/hat-size"
    await put(http, patient("shoes", 44))
    await put(http, patient("hat", 44, other))
    await put(http, parameter())
    query = "Patient?shoe-size=44"
    await app.sites["main"].watch.refresh()
    await until(lambda: http.get(query), 200)
    assert await ids(http, query) == ["shoes"]
    await put(http, parameter(expression=f"Patient.extension('{other}').value.as(integer)"))
    await app.sites["main"].watch.refresh()
    assert (await http.get(query)).status_code == 400
    await until(lambda: http.get(query), 200)
    assert await ids(http, query) == ["hat"]


async def test_what_cannot_be_served_is_refused_when_it_is_written(app: Application, http: AsyncClient) -> None:
    response = await http.post("SearchParameter", json=parameter(expression="Patient.name\n.where("))
    assert response.status_code == 422
    (issue,) = response.json()["issue"]
    assert issue["expression"] == ["SearchParameter.expression"]
    assert "line 2, column" in issue["diagnostics"]
    await put(http, parameter())
    await app.sites["main"].watch.refresh()
    await put(http, parameter(description="its own code is no clash"))
    clash = await http.put("SearchParameter/second", json=parameter(id="second", url="http://example.org/second"))
    assert clash.status_code == 422
    assert clash.json()["issue"][0]["expression"] == ["SearchParameter.code"]


async def test_an_expression_that_fails_on_a_resource_indexes_nothing_of_it(
    app: Application, http: AsyncClient
) -> None:
    await put(http, parameter(type="string", expression="Patient.name.given.single()"))
    await app.sites["main"].watch.refresh()
    await put(http, {"resourceType": "Patient", "id": "one", "name": [{"given": ["Ada"]}]})
    await put(http, {"resourceType": "Patient", "id": "two", "name": [{"given": ["Ada", "Bea"]}]})
    await until(lambda: http.get("Patient?shoe-size=ada"), 200)
    assert await ids(http, "Patient?shoe-size=ada") == ["one"]


async def test_chains_and_includes_follow_a_custom_reference(app: Application, http: AsyncClient) -> None:
    for resource in (
        {"resourceType": "Patient", "id": "boss", "gender": "female"},
        {
            "resourceType": "Patient",
            "id": "report",
            "extension": [{"url": "http://b", "valueReference": {"reference": "Patient/boss"}}],
        },
        parameter(type="reference", target=["Patient"], expression="Patient.extension('http://b').value.as(Reference)"),
    ):
        await put(http, resource)
    await app.sites["main"].watch.refresh()
    await until(lambda: http.get("Patient?shoe-size=boss"), 200)
    assert await ids(http, "Patient?shoe-size.gender=female") == ["report"]
    assert await ids(http, "Patient?_has:Patient:shoe-size:_id=report") == ["boss"]
    assert await ids(http, "Patient?_id=report&_include=Patient:shoe-size") == ["boss", "report"]


@asynccontextmanager
async def second_worker(app: Application, uri: str, knowledge: Knowledge) -> AsyncIterator[Site]:
    """Open the same site as another process does: with a clock and parameters of its own."""
    async with sites_of(app.settings, uri, knowledge, jobs_rest=0.1) as builder:
        yield await builder.open("main")


async def test_every_worker_learns_of_it(
    app: Application, http: AsyncClient, mongodb_uri: str, knowledge: Knowledge
) -> None:
    async with second_worker(app, mongodb_uri, knowledge) as other:
        await put(http, parameter())
        await until(lambda: http.get("Patient?shoe-size=40"), 200)
        async with asyncio.timeout(PATIENCE_S):
            while "shoe-size" not in other.live.now.binder.parameters.of("Patient").bound:
                await other.watch.refresh()


async def test_a_parameter_is_not_served_while_a_worker_may_write_without_it(
    app: Application, http: AsyncClient
) -> None:
    """A worker that has spoken of late and does not index by it holds it back."""
    stored = ParameterStore(app.sites["main"].store)
    await put(http, parameter())
    await stored.speak("other", (), 10**6)
    await asyncio.sleep(3)
    refused = await http.get("Patient?shoe-size=40")
    assert refused.status_code == 400
    assert "is not searched by `shoe-size` yet. Its index is being completed: 0 %" in refused.text
    await stored.leave("other")
    await until(lambda: http.get("Patient?shoe-size=40"), 200)


async def test_a_worker_looks_again_before_it_writes_after_a_silence(
    mongodb_uri: str, knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_EVERY_S", 600.0)  # but for the start, nothing looks by itself
    async with running(new_settings(), mongodb_uri, knowledge) as app, client_of(app) as http:
        site = app.sites["main"]
        await site.live.newest()
        await site.live.newest()  # whose turn is after the start's own look, which waits for the one before
        await put(http, parameter())
        site.live.confirm(0.0)
        await put(http, patient("late", 40))
        assert "Patient" in site.live.now.binder.parameters.customs.types
        assert await site.store.resources.find_one({"_id": "Patient/late", "r.p": "Patient.shoe-size"})


class Writers:
    """Change Patients through several clients until told to stop."""

    def __init__(self, clients: list[AsyncClient]) -> None:
        self._clients = clients
        self.stop = asyncio.Event()
        self.sizes: dict[str, int | None] = {}

    async def write(self, worker: int) -> None:
        client, turn = self._clients[worker % len(self._clients)], 0
        while not self.stop.is_set():
            turn += 1
            logical_id, size = f"w{worker}-{turn * 7 % 40}", (turn * 13) % 60
            if turn % 5 == 0:
                await client.delete(f"Patient/{logical_id}")
                self.sizes[logical_id] = None
            else:
                await put(client, patient(logical_id, size))
                self.sizes[logical_id] = size

    def with_size(self, least: int) -> list[str]:
        return sorted(name for name, size in self.sizes.items() if size is not None and size >= least)


async def change_definitions(first: AsyncClient, second: AsyncClient) -> None:
    """Define the parameter, define it otherwise, delete it, define it again: each before the last is complete."""
    await put(first, parameter())
    await asyncio.sleep(0.7)
    await put(first, parameter(expression="Patient.extension('http://none').value.as(integer)"))
    await asyncio.sleep(0.4)
    await first.delete("SearchParameter/shoe")
    await asyncio.sleep(0.3)
    await put(second, parameter())
    await asyncio.sleep(1.2)


async def test_writers_change_everything_meanwhile(
    app: Application, http: AsyncClient, mongodb_uri: str, knowledge: Knowledge
) -> None:
    """Two workers write while the parameter comes, changes and goes; at the end the index is exact."""
    query = "Patient?shoe-size=ge30&_count=1000"
    async with (
        second_worker(app, mongodb_uri, knowledge) as other,
        client_of(replace_sites(app, other)) as second,
        asyncio.TaskGroup() as tasks,
    ):
        writers = Writers([http, second])
        for worker in range(4):
            tasks.create_task(writers.write(worker))
        await change_definitions(http, second)
        await until(lambda: http.get(query), 200)
        await until(lambda: second.get(query), 200)
        writers.stop.set()
        await asyncio.sleep(0.5)
        expected = writers.with_size(30)
        assert len(expected) > 20
        assert await ids(http, query) == expected
        assert await ids(second, query) == expected


def replace_sites(app: Application, site: Site) -> Application:
    """Return an application that serves one opened site."""
    other = Application(app.settings, app._uri, app._knowledge)
    other.sites["main"] = site
    other.gateway._lanes = other._lane("main", site.dispatch, UNAUDITED, None)
    return other


def condition(logical_id: str, system: str, code: str) -> Json:
    coding = {"coding": [{"system": system, "code": code}]}
    return {"resourceType": "Condition", "id": logical_id, "subject": {"reference": "Patient/p"}, "code": coding}


async def test_a_code_finds_what_a_concept_map_says_is_the_same(app: Application, http: AsyncClient) -> None:
    """``https://hl7.org/fhir/R4/conceptmap.html``: read there and back, by the map as it is now."""
    old, new = "http://example.org/old", "http://example.org/new"
    map_url = "http://example.org/map"

    def concept_map(*targets: tuple[str, str]) -> Json:
        mapped = [{"code": code, "equivalence": how, "comment": "as a test has it"} for code, how in targets]
        element = {"code": "o1", "target": mapped}
        group = {"source": old, "target": new, "element": [element]}
        return {"resourceType": "ConceptMap", "id": "map", "url": map_url, "status": "active", "group": [group]}

    for logical_id, system, code in (("a", old, "o1"), ("b", new, "n1"), ("c", new, "n2"), ("d", old, "o2")):
        await put(http, condition(logical_id, system, code))
    by_map = {"url": "urn:fhirserver:StructureDefinition:search-by-concept-map", "valueCanonical": map_url}
    await put(
        http,
        parameter(
            id="meaning", url="http://example.org/meaning", name="Meaning", code="meaning", base=["Condition"],
            type="token", expression="Condition.code", extension=[by_map],
        ),
    )  # fmt: skip
    await app.sites["main"].watch.refresh()
    await until(lambda: http.get("Condition?meaning=o1"), 200)

    refused = await http.get(f"Condition?meaning={old}|o1")
    assert (refused.status_code, map_url in refused.text) == (400, True)
    await put(http, concept_map(("n1", "equivalent"), ("n2", "narrower")))
    assert await ids(http, f"Condition?meaning={old}|o1") == ["a", "b"]
    assert await ids(http, f"Condition?meaning={new}|n1") == ["a", "b"]
    assert await ids(http, f"Condition?meaning={new}|n2") == ["c"]
    assert await ids(http, "Condition?meaning=o1") == ["a"]
    await put(http, concept_map(("n2", "equal")))
    assert await ids(http, f"Condition?meaning={old}|o1") == ["a", "c"]
