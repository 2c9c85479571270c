"""Scopes that need a surer login than the user has: ``step_up`` of the login file, asked for by the endpoint."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import pytest_asyncio

from fhirserver.app.knowledge import Knowledge
from fhirserver.settings import Auth
from tests.conftest import new_settings, running
from tests.smart.conftest import BASE, Network

LOGIN_FILE = """
[step_up]
"user/*.cud" = "2fa"
"user/Consent.*" = "phr"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strict(
    mongodb_uri: str, knowledge: Knowledge, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Network]:
    """A network where writing needs two factors, and Consents a passkey."""
    folder: Path = tmp_path_factory.mktemp("data")
    file = folder / "login.toml"
    file.write_text(LOGIN_FILE)
    file.chmod(0o600)
    settings = new_settings(auth=Auth.SMART, data_dir=folder, login_file=file, audit=False)
    async with running(settings, mongodb_uri, knowledge) as app:
        transport = httpx2.ASGITransport(app.asgi)
        async with httpx2.AsyncClient(transport=transport, base_url=f"{BASE}/") as http:
            yield Network(app, http)


STEPS = [
    pytest.param("user/Observation.rs", ("pwd",), None, id="reading by a password"),
    pytest.param("user/Observation.cruds", ("pwd",), "2fa", id="writing by a password"),
    pytest.param("user/Observation.write", ("pwd",), "2fa", id="writing as v1 says it"),
    pytest.param("user/*.rs", ("pwd", "otp"), "phr", id="all types, Consents among them"),
    pytest.param("user/Observation.cruds", ("pwd", "otp"), None, id="writing by two factors"),
    pytest.param("user/Observation.rs user/Patient.u", ("pwd",), "2fa", id="the surest of all scopes"),
    pytest.param("user/Consent.rs", ("pwd", "otp"), "phr", id="Consents by two factors"),
    pytest.param("user/Consent.rs", ("hwk",), None, id="Consents by a passkey"),
]


@pytest.mark.parametrize(("scope", "amr", "wanted"), STEPS)
async def test_a_scope_asks_for_the_login_that_it_needs(
    strict: Network, scope: str, amr: tuple[str, ...], wanted: str | None
) -> None:
    app = await strict.app_client("user/*.cruds")
    asked = await app.ask(await strict.person(amr=amr), scope)
    if wanted is None:
        assert asked.page == "/auth/consent"
    else:
        assert asked.page == "/auth/login"
        assert parse_qs(urlsplit(asked.location).query)["acr"] == [wanted]
