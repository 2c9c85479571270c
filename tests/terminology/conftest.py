"""One server for the tests of the terminology operations."""

from collections.abc import Iterator

import pytest

from tests.server_process import ServerProcess, serving


@pytest.fixture(scope="session")
def server(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with an empty record that asks nobody who they are."""
    with serving(ServerProcess(tmp_path_factory.mktemp("terminology"), mongodb_uri)) as started:
        yield started
