"""The bare ceiling beside which the server is measured: the same driver calls on raw bytes, and nothing else.

Starlette on uvicorn with one worker and PyMongo's asynchronous client. No validation, no history, no access control,
no log, no request coalescing; about a dozen index terms picked by hand, in one compound index. Creates are one
``insert_one`` acknowledged by the majority, transactions one ``insert_many``.

Command: ``python benchmarks/ref.py PORT MONGODB_URI DATABASE``; ``benchmarks/rest.py`` runs it.
"""

import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import uvicorn
from pymongo import ASCENDING, AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_JSON: Final = "application/fhir+json"
_RAW: Final = {"x": 1}
_COUNT: Final = 50

Document = dict[str, Any]


class Ref:
    """The handlers."""

    def __init__(self, uri: str, database: str) -> None:
        """Serve ``database``."""
        self._uri = uri
        self._name = database

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Connect and create the collection and its one compound index."""
        self._client: AsyncMongoClient[Document] = AsyncMongoClient(self._uri)
        database = self._client.get_database(
            self._name, write_concern=WriteConcern("majority"), read_concern=ReadConcern("majority")
        )
        await database.create_collection(
            "resource", storageEngine={"wiredTiger": {"configString": "block_compressor=zstd"}}
        )
        self._resources = database["resource"]
        await self._resources.create_index([("t", ASCENDING), ("d", ASCENDING)])
        yield
        await self._client.close()

    async def health(self, request: Request) -> Response:
        """Answer once the database does."""
        await self._client.admin.command("ping")
        return Response(b"{}", media_type=_JSON)

    async def read(self, request: Request) -> Response:
        """Return the stored bytes."""
        key = f"{request.path_params['type']}/{request.path_params['id']}"
        found = await self._resources.find_one({"_id": key}, _RAW)
        return Response(found["x"], media_type=_JSON) if found else Response(status_code=404)

    async def search(self, request: Request) -> Response:
        """Join the stored bytes of a page."""
        resource_type = request.path_params["type"]
        wanted: Document = {}
        limit = _COUNT
        for name, value in request.query_params.multi_items():
            if name == "_count":
                limit = int(value)
            elif name == "date":
                wanted.setdefault("d", {})[f"${'gte' if value[:2] == 'ge' else 'lt'}"] = _instant(value[2:])
            elif not name.startswith("_"):
                term = f"Patient/{value}" if name == "patient" else value
                wanted["t"] = f"{resource_type}.{name}={term}"
        found = await self._resources.find(wanted, _RAW, limit=limit, batch_size=limit + 1).to_list()
        base = f"{request.base_url}fhir/".encode()
        entries = (
            b'{"fullUrl":"%b","resource":%b,"search":{"mode":"match"}}' % (base + one["_id"].encode(), one["x"])
            for one in found
        )
        body = b'{"resourceType":"Bundle","type":"searchset","entry":[%b]}' % b",".join(entries)
        return Response(body, media_type=_JSON)

    async def create(self, request: Request) -> Response:
        """Store a resource under a new id."""
        document = _document(orjson.loads(await request.body()), str(uuid.uuid4()))
        await self._resources.insert_one(document)
        location = f"{request.base_url}fhir/{document['_id']}/_history/1"
        return Response(document["x"], 201, {"location": location}, _JSON)

    async def update(self, request: Request) -> Response:
        """Replace a resource."""
        document = _document(orjson.loads(await request.body()), request.path_params["id"])
        await self._resources.replace_one({"_id": document["_id"]}, document, upsert=True)
        return Response(document["x"], media_type=_JSON)

    async def transaction(self, request: Request) -> Response:
        """Store all resources of a Bundle or none, their references by ``urn:uuid`` resolved."""
        entries = orjson.loads(await request.body())["entry"]
        ids = [str(uuid.uuid4()) for _ in entries]
        known = {
            entry["fullUrl"]: f"{entry['resource']['resourceType']}/{new}"
            for entry, new in zip(entries, ids, strict=True)
        }
        documents = []
        for entry, new in zip(entries, ids, strict=True):
            subject = entry["resource"].get("subject")
            if subject:
                subject["reference"] = known.get(subject["reference"], subject["reference"])
            documents.append(_document(entry["resource"], new))

        async def work(session: AsyncClientSession) -> None:
            await self._resources.insert_many(documents, session=session)

        async with self._client.start_session() as session:
            await session.with_transaction(work)
        answers = [{"response": {"status": "201", "location": f"{one['_id']}/_history/1"}} for one in documents]
        return Response(
            orjson.dumps({"resourceType": "Bundle", "type": "transaction-response", "entry": answers}),
            media_type=_JSON,
        )


def _document(resource: Document, logical_id: str) -> Document:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    kind = resource["resourceType"]
    whole = {**resource, "id": logical_id, "meta": {"versionId": "1", "lastUpdated": now}}
    document: Document = {"_id": f"{kind}/{logical_id}", "y": kind, "m": time.time_ns(), "x": orjson.dumps(whole)}
    if kind == "Observation":
        document["d"] = _instant(resource["effectiveDateTime"])
    terms = _observation_terms(resource) if kind == "Observation" else _patient_terms(resource)
    return {**document, "t": [kind, *(f"{kind}.{term}" for term in terms)]}


def _observation_terms(resource: Document) -> Iterator[str]:
    yield from _tokens("identifier", resource["identifier"], "value")
    yield from _tokens("category", resource["category"][0]["coding"], "code")
    yield from _tokens("code", resource["code"]["coding"], "code")
    yield f"status={resource['status']}"
    yield f"subject={resource['subject']['reference']}"
    yield f"patient={resource['subject']['reference']}"


def _patient_terms(resource: Document) -> Iterator[str]:
    yield from _tokens("identifier", resource["identifier"], "value")
    for name in resource["name"]:
        yield from (f"name={part.lower()}" for part in (name.get("family", ""), *name["given"]))
    yield from (f"telecom={point['value']}" for point in resource["telecom"])
    yield f"gender={resource['gender']}"
    yield f"birthdate={resource['birthDate']}"


def _tokens(name: str, values: list[Document], code: str) -> Iterator[str]:
    for value in values:
        yield f"{name}={value['system']}|{value[code]}"
        yield f"{name}={value[code]}"


def _instant(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def application(uri: str, database: str) -> Starlette:
    """Return the ASGI application."""
    ref = Ref(uri, database)
    routes = [
        Route("/readyz", ref.health),
        Route("/fhir/{type}/{id}", ref.read, methods=["GET"]),
        Route("/fhir/{type}/{id}", ref.update, methods=["PUT"]),
        Route("/fhir/{type}", ref.search, methods=["GET"]),
        Route("/fhir/{type}", ref.create, methods=["POST"]),
        Route("/fhir", ref.transaction, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=ref.lifespan)


if __name__ == "__main__":
    _, port, uri, database = sys.argv
    uvicorn.run(
        application(uri, database),
        port=int(port),
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
    )
