"""The repository on a database of its own, wired by hand: tests see its floors, and count what they need to count."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote

from pymongo import MongoClient

from fhirserver.access import Unrestricted
from fhirserver.access.access import Right
from fhirserver.app.knowledge import Knowledge
from fhirserver.codec.fhir_json import Body, encode, parse_json, parse_resource
from fhirserver.kernel.ids import random_id
from fhirserver.kernel.instant import UniqueClock
from fhirserver.repository.cursors import Cursors
from fhirserver.repository.planning import conjoined, resolve, types_of, within_access
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Parameters, SearchPage, SearchRequest, Update
from fhirserver.repository.services import Limits, Services
from fhirserver.search.bind import Binder
from fhirserver.search.extract import Extractor, IndexingRules
from fhirserver.search.match import Candidate, match
from fhirserver.search.plan import Plan, all_of
from fhirserver.search.query import parse_query
from fhirserver.store.connection import Connection
from fhirserver.store.history import HistoryReader
from fhirserver.store.search import Searcher
from fhirserver.terminology.terms import Terms
from fhirserver.validation.policy import ValidationPolicy

BASE = "http://localhost:8080/fhir/"
Json: TypeAlias = dict[str, Any]
Selects: TypeAlias = Callable[[str], Awaitable[str]]
"""The ids a query selects, in alphabetical order, separated by spaces"""


@dataclass(frozen=True)
class Door:
    """A repository and the floors under it."""

    services: Services
    repository: Repository

    def putting_off(self, *rules: str) -> "Door":
        """Return the door of a site whose policy lets these rules only warn."""
        policy = ValidationPolicy(warn_until=dict.fromkeys(rules, date.max))
        services = replace(self.services, validation=policy)
        return Door(services, Repository(services, Unrestricted()))

    async def clear(self) -> None:
        """Forget everything."""
        await self.services.store.resources.delete_many({})
        await self.services.store.histories.delete_many({})

    async def put(self, *resources: Json) -> None:
        """Store resources under their ids."""
        await asyncio.gather(*(self._put(resource) for resource in resources))

    async def _put(self, resource: Json) -> None:
        body = body_of(resource)
        await self.repository.write(
            Update(resource_type=resource["resourceType"], logical_id=resource["id"], body=body)
        )

    async def search(self, query: str, *more: str, lenient: bool = False) -> SearchPage:
        """Search by what stands in a url: ``Patient?name=x``, ``Patient/1/Observation?code=x``, ``?_id=x``."""
        path, parameters = split(query)
        return await self.repository.search(request_of(path, (*parameters, *map(pair, more)), lenient=lenient))

    async def plan(self, query: str) -> Plan:
        """Return the plan that the store runs for a query."""
        path, parameters = split(query)
        request = request_of(path, parameters)
        types = request.resource_types or self.services.definitions.resource_types
        plans = []
        for resource_type in types:
            bound = [self.services.binder.bind(resource_type, given) for given in parse_query(parameters).criteria]
            if request.compartment is not None:
                bound.append(
                    self.services.binder.compartment(resource_type, *request.compartment, of_many=len(types) > 1)
                )
            plans.append(
                (
                    resource_type,
                    within_access(
                        Unrestricted(), resource_type, conjoined(self.services, resource_type, bound), Right.SEARCH
                    ),
                )
            )
        plan = plans[0][1] if len(plans) == 1 else types_of(plans)
        return await resolve(self.services, Unrestricted(), plan)

    async def command(self, command: Json) -> Json:
        """Run a command of the database."""
        return await self.services.store.resources.database.command(command)

    async def ids(self, query: str) -> set[str]:
        """Return the ids of all matches, page by page."""
        page = await self.search(query)
        found = [version.logical_id for version in page.matches]
        while page.next_cursor is not None:
            page = await self.search(query, f"_cursor={page.next_cursor}")
            found += [version.logical_id for version in page.matches]
        assert len(found) == len(set(found))
        return set(found)

    def matched(self, query: str, resources: Iterable[Json], updated_us: int = 0) -> set[str]:
        """Return the ids of those of the resources that ``search.match`` selects."""
        resource_type, parameters = split(query)
        given = parse_query(parameters).criteria
        plan = all_of(*(self.services.binder.bind(resource_type, criterion) for criterion in given))
        own = (parse_json(encode(r)) for r in resources if r["resourceType"] == resource_type)
        return {r["id"] for r in own if match(plan, self._candidate(r, updated_us))}

    def _candidate(self, resource: Json, updated_us: int) -> Candidate:
        key = f"{resource['resourceType']}/{resource['id']}"
        return Candidate(key, updated_us, self.services.extractor.extract(resource))


def body_of(resource: Json) -> Body:
    """Return a resource as it comes in a request."""
    return parse_resource(encode(resource))


def pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def split(query: str) -> tuple[str, Parameters]:
    """Split a url; ``+`` is itself, and ``#`` has no meaning."""
    path, _, parameters = query.partition("?")
    pairs = parse_qsl(parameters.replace("+", "%2B"), keep_blank_values=True)
    return unquote(path), tuple(pairs)


def request_of(path: str, parameters: Parameters, *, lenient: bool = False) -> SearchRequest:
    parts = path.split("/") if path else []
    compartment = (parts[0], parts[1]) if len(parts) == 3 else None
    types = tuple(part for part in parts[-1:] if part != "*")
    return SearchRequest(resource_types=types, parameters=parameters, compartment=compartment, lenient=lenient)


@asynccontextmanager
async def opened(uri: str, knowledge: Knowledge, **limits: int) -> AsyncIterator[Door]:
    """Open a door to a new database; it is dropped at the end."""
    name = f"test_{secrets.token_hex(6)}"
    try:
        async with beside(uri, knowledge, name, **limits) as door:
            await door.services.store.prepare()
            yield door
    finally:
        with MongoClient[Json](uri) as client:
            client.drop_database(name)


@asynccontextmanager
async def beside(uri: str, knowledge: Knowledge, name: str, **limits: int) -> AsyncIterator[Door]:
    """Open another door to a database, as another worker has one."""
    connection = Connection(uri)
    try:
        services = services_of(connection, name, knowledge, replace(Limits(), **limits))
        yield Door(services, Repository(services, Unrestricted()))
    finally:
        await connection.close()


def services_of(connection: Connection, name: str, knowledge: Knowledge, limits: Limits) -> Services:
    clock = UniqueClock()
    rules = IndexingRules(ucum=knowledge.ucum, own_bases=(BASE,))
    store = connection.store(name, clock)
    return Services(
        definitions=knowledge.definitions,
        binder=Binder(knowledge.definitions, knowledge.parameters, rules),
        extractor=Extractor(knowledge.definitions, knowledge.parameters, rules),
        validator=knowledge.validator,
        links=knowledge.links,
        store=store,
        searcher=Searcher(store, 10_000),
        histories=HistoryReader(store, 10_000),
        clock=clock,
        new_id=random_id,
        cursors=Cursors(b"k" * 32),
        limits=limits,
        terms=Terms((knowledge.packaged,)),
    )
