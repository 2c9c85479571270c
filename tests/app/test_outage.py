"""A database that goes away: requests are answered 503, and served again once it is back."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from httpx2 import Response

from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from fhirserver.app.sites import sites_of
from fhirserver.store.mongod import ManagedMongod
from tests.conftest import client_of, new_settings
from tests.server_process import free_port

READY = "http://localhost/readyz"
PATIENCE_S = 30.0


async def answered(call: Callable[[], Awaitable[Response]], status: int) -> Response:
    """Call until the status is the one wanted."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        answer = await call()
        if answer.status_code == status or time.monotonic() > deadline:
            return answer
        await asyncio.sleep(0.1)


async def test_a_server_outlives_its_database(tmp_path: Path, knowledge: Knowledge) -> None:
    mongod = ManagedMongod.start(tmp_path)
    settings = new_settings()
    patient = {"resourceType": "Patient", "id": "a"}
    try:
        async with sites_of(settings, mongod.uri, knowledge) as builder:
            await builder.prepare("main")
        app = Application(settings, mongod.uri, knowledge)
        async with app.gateway.serving(), client_of(app) as client:
            assert (await client.put("Patient/a", json=patient)).status_code == 201
            mongod.stop()

            for call in (
                lambda: client.get("Patient/a"),
                lambda: client.get("Patient?_id=a"),
                lambda: client.put("Patient/a", json={**patient, "active": True}),
                lambda: client.post("Patient", json={"resourceType": "Patient"}),
            ):
                answer = await call()
                assert answer.status_code == 503
                assert int(answer.headers["retry-after"]) > 0
                assert answer.json()["issue"][0]["code"] == "transient"
            assert "fhirserver_database_errors_total 4.0" in (await client.get("http://localhost/metrics")).text
            assert (await client.get(READY)).status_code == 503
            assert (await client.get("http://localhost/healthz")).status_code == 200
            assert (await client.get("metadata")).status_code == 200

            mongod = ManagedMongod.start(tmp_path)
            assert (await answered(lambda: client.get(READY), 200)).status_code == 200
            assert (await client.get("Patient/a")).json()["id"] == "a"
            assert (await client.put("Patient/a", json={**patient, "active": True})).status_code == 200
    finally:
        mongod.stop()


async def test_a_server_starts_without_its_database_and_serves_once_it_is_there(
    tmp_path: Path, knowledge: Knowledge
) -> None:
    settings = new_settings()
    with ManagedMongod.start(tmp_path) as mongod:  # which keeps its port
        async with sites_of(settings, mongod.uri, knowledge) as builder:
            await builder.prepare("main")
    app = Application(settings, mongod.uri, knowledge)
    async with app.gateway.serving(), client_of(app) as client:
        assert (await client.get(READY)).status_code == 503
        assert (await client.get("Patient/a")).status_code == 503
        assert (await client.get("metadata")).status_code == 200
        with ManagedMongod.start(tmp_path):
            assert (await answered(lambda: client.get(READY), 200)).status_code == 200
            assert (await client.get("Patient/a")).status_code == 404


async def test_a_server_that_waits_for_its_database_can_be_stopped(knowledge: Knowledge) -> None:
    app = Application(new_settings(), f"mongodb://127.0.0.1:{free_port()}/?replicaSet=x", knowledge)
    async with asyncio.timeout(20):
        async with app.gateway.serving():
            assert await app.problems() == ["The database cannot be reached."]
