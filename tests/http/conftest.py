"""Server processes for the tests of this folder, called over the network as clients do."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from tests.http.refusals import nothing_stored
from tests.server_process import ServerProcess, serving
from tests.wire import Wire


@pytest.fixture(scope="module")
def server(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with a database of its own, for a module that fills it."""
    with serving(ServerProcess(tmp_path_factory.mktemp("server"), mongodb_uri)) as started:
        yield started


@pytest.fixture(scope="session")
def empty_server(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server in which no test leaves anything."""
    with serving(ServerProcess(tmp_path_factory.mktemp("server"), mongodb_uri)) as started:
        yield started


@pytest.fixture(scope="session")
def database(empty_server: ServerProcess) -> Iterator[Database[dict[str, Any]]]:
    """What the empty server has stored, seen from behind it."""
    with MongoClient[dict[str, Any]](empty_server.mongodb_uri) as client:
        yield client[empty_server.database]


@pytest.fixture
def wire(empty_server: ServerProcess, database: Database[dict[str, Any]]) -> Iterator[Wire]:
    """A connection for requests that are refused: nothing may be stored over it."""
    with nothing_stored(database), Wire(empty_server.port) as connection:
        yield connection
