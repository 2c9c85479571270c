"""One server process for clients of other makers, who know nothing of it but its FHIR base."""

from collections.abc import Iterator

import pytest

from tests.server_process import ServerProcess, serving


@pytest.fixture(scope="session")
def base(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The FHIR base of a running server."""
    with serving(ServerProcess(tmp_path_factory.mktemp("server"), mongodb_uri)) as server:
        yield server.base
