"""What tests share: the definitions, the corpora, a real mongod and the server on top of it.

Every test that touches a database runs against a real mongod on loopback: the one of FHIRSERVER_MONGODB_URI, or
one started for the session in a temporary folder. Databases are named by chance and dropped at the end.
"""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from pymongo import MongoClient

from fhirserver import assets
from fhirserver.app.composition import Application
from fhirserver.app.draining import Draining
from fhirserver.app.knowledge import Knowledge, knowledge_of
from fhirserver.app.sites import Site, sites_of
from fhirserver.definitions import compiled
from fhirserver.definitions.registry import Definitions
from fhirserver.settings import Auth, Settings
from fhirserver.store.mongod import ManagedMongod
from fhirserver.terminology.builtin import Builtin
from fhirserver.ucum import Ucum, compile_essence

CHECKOUT = Path(__file__).resolve().parents[1]
FHIR_JSON = {"Accept": "application/fhir+json", "Content-Type": "application/fhir+json"}


@pytest.fixture(scope="session")
def definitions() -> Definitions:
    """R4 as published."""
    archive = assets.definition_file("hl7.fhir.r4.core-4.0.1.tgz")
    return Definitions([compiled.load(archive, CHECKOUT / ".cache" / "compiled")])


@pytest.fixture(scope="session")
def builtin() -> Builtin:
    """The code systems that are a grammar or a registry."""
    return Builtin(Ucum(compile_essence(assets.definition_file("ucum-essence.xml").read_bytes())))


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of public test corpora, or a skip that says what to set."""
    folder = Path(os.environ.get("FHIRSERVER_CORPORA", CHECKOUT.parent / "shared" / "corpora"))
    if not folder.is_dir():
        pytest.skip("there is no folder of test corpora; FHIRSERVER_CORPORA names one")
    return folder


@pytest.fixture(scope="session")
def knowledge(definitions: Definitions) -> Knowledge:
    """What is compiled from the definitions, compiled once for all tests."""
    return knowledge_of(definitions)


@pytest.fixture(scope="session")
def mongodb_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MongoDB replica set."""
    given = os.environ.get("FHIRSERVER_MONGODB_URI")
    if given is not None:
        yield given
        return
    with ManagedMongod.start(tmp_path_factory.mktemp("mongod"), oplog_mb=1000) as mongod:
        yield mongod.uri


def new_settings(**changes: object) -> Settings:
    """Return settings with a database of their own, whatever the environment says."""
    own = {"auth": Auth.OFF, "database_prefix": f"test_{secrets.token_hex(6)}", "demo": False, "log_level": "error"}
    return Settings.model_validate({**own, **changes})


@asynccontextmanager
async def running(settings: Settings, uri: str, knowledge: Knowledge) -> AsyncIterator[Application]:
    """Run the application in this process; its databases are dropped at the end."""
    async with sites_of(settings, uri, knowledge) as builder:
        for site in settings.sites:
            await builder.prepare(site)
        await builder.prepare_network()
    app = Application(settings, uri, knowledge)
    try:
        async with app.gateway.serving(), drained(app):
            yield app
    finally:
        with MongoClient[dict[str, object]](uri) as client:
            for name in (*map(settings.database, settings.sites), settings.network_database):
                client.drop_database(name)


@asynccontextmanager
async def drained(app: Application) -> AsyncIterator[None]:
    """Do for an application in this process what another process does for servers: drain its audit trail."""
    if not app.settings.is_audited:
        yield
        return
    problems: list[tuple[str, BaseException | None]] = []
    draining = Draining(
        app.settings, os.getpid(), app.sites, lambda problem, defect: problems.append((problem, defect))
    )
    draining.begin()
    try:
        yield
    finally:
        await draining.end()
    assert problems == []


def client_of(app: Application) -> httpx2.AsyncClient:
    """Return an HTTP client of an application in this process; its paths are below the FHIR base."""
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app.asgi), base_url="http://localhost/fhir/", headers=FHIR_JSON
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def application(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Application]:
    """The server, in this process, with a new database for every test module."""
    async with running(new_settings(), mongodb_uri, knowledge) as app:
        yield app


@pytest_asyncio.fixture(loop_scope="session")
async def client(application: Application) -> AsyncIterator[httpx2.AsyncClient]:
    """An HTTP client of ``application``: ``await client.get("Patient/1")``."""
    async with client_of(application) as http:
        yield http


@pytest.fixture
def site(application: Application) -> Site:
    """The site behind ``client``: its repository and store."""
    return application.sites["main"]
