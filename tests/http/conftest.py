"""One server process for the tests of this folder, called over the network as clients do."""

from collections.abc import Iterator

import pytest

from tests.server_process import ServerProcess, serving


@pytest.fixture(scope="module")
def server(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with a database of its own for every test module."""
    with serving(ServerProcess(tmp_path_factory.mktemp("server"), mongodb_uri)) as started:
        yield started
