"""schemathesis, over all that the server describes of itself: no fault, and every answer as it is described.

More than a look: ``SCHEMATHESIS_EXAMPLES=200 pytest tests/clients/smart/test_openapi.py``.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx2

from fhirserver.smart.clients import AuthMethod
from tests.clients.smart.conftest import Network
from tests.clients.smart.person import Person

EXAMPLES: Final = os.environ.get("SCHEMATHESIS_EXAMPLES", "8")
CHECKS: Final = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance"
)
CONFIG: Final = """[phases.coverage.extra-data-sources]
responses = false
[phases.fuzzing.extra-data-sources]
responses = false
"""
"""No ids out of answers: among them is that of the administrator who asks, who would be locked."""
PATIENCE_S: Final = 1200
METHODS: Final = {"get", "put", "post", "patch", "delete"}


def examined(folder: Path, url: str, *more: str, config: str = CONFIG) -> None:
    """Run the tool; its report is the message of a failure."""
    file = folder / "schemathesis.toml"
    file.write_text(config)
    tool = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(file), "run", url]
    bounds = ["--max-examples", EXAMPLES, "--checks", CHECKS, "--seed", "1", "--workers", "2"]
    command = [*tool, *bounds, "--warnings", "off", "--no-color", "--continue-on-failure", *more]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert found.returncode == 0, f"{found.stdout[-20_000:]}{found.stderr[-2_000:]}"


def described(url: str) -> dict[str, Any]:
    return dict(httpx2.get(url).json())


OPERATIONS: Final = [
    *("GET /auth/admin/clients", "POST /auth/admin/clients", "POST /auth/admin/clients/initial-access-tokens"),
    *("GET /auth/admin/clients/{client_id}", "PATCH /auth/admin/clients/{client_id}"),
    *("DELETE /auth/admin/clients/{client_id}", "POST /auth/admin/clients/{client_id}/secret"),
    *("PUT /auth/admin/clients/{client_id}/sites/{site}", "DELETE /auth/admin/clients/{client_id}/sites/{site}"),
    *("GET /auth/admin/users", "POST /auth/admin/users", "GET /auth/admin/users/{id}", "PATCH /auth/admin/users/{id}"),
    *("DELETE /auth/admin/users/{id}", "GET /auth/admin/users/{id}/sessions", "POST /auth/admin/users/{id}/lock"),
    *("DELETE /auth/admin/users/{id}/sessions/{session}", "POST /auth/admin/users/{id}/unlock"),
    *("POST /auth/admin/users/{id}/password", "POST /auth/admin/users/{id}/reset-factors", "POST /auth/launch"),
    *("GET /auth/admin/keys", "POST /auth/admin/keys/rotate", "GET /auth/grants", "DELETE /auth/grants/{grant}"),
    *("GET /auth/authorize", "POST /auth/authorize", "POST /auth/token", "POST /auth/introspect", "POST /auth/revoke"),
    *("GET /auth/userinfo", "POST /auth/userinfo", "POST /auth/register", "GET /auth/register/{client_id}"),
    *("PUT /auth/register/{client_id}", "DELETE /auth/register/{client_id}"),
]


def test_every_endpoint_of_programs_is_described_with_what_it_takes(network: Network) -> None:
    paths = described(f"{network.origin}/auth/openapi.json")["paths"]
    found = {
        f"{method.upper()} {path}": operation
        for path, operations in paths.items()
        for method, operation in operations.items()
        if method in METHODS
    }
    assert set(found) == set(OPERATIONS)
    without_body = ("/lock", "/unlock", "/secret", "/reset-factors", "/userinfo")
    for name, operation in found.items():
        if name.startswith(("POST", "PATCH")) and not name.endswith(without_body):
            assert operation["requestBody"]["content"], name
        assert "422" not in operation["responses"], name
        assert "400" in operation["responses"], name


def test_without_a_token(network: Network, tmp_path: Path) -> None:
    examined(tmp_path, f"{network.origin}/auth/openapi.json", "--phases", "fuzzing")


def test_as_an_administrator(network: Network, tmp_path: Path) -> None:
    person = network.log_in(network.account(is_admin=True, roles=("administrator",)))
    phases = ("--phases", "coverage,fuzzing", "--exclude-path", "/auth/admin/keys/rotate")  # many keys take long
    examined(tmp_path, f"{network.origin}/auth/openapi.json", *phases, *_as(person))
    assert person.may_administer(), "the tool was an administrator from first to last"


def test_as_an_administrator_about_what_there_is(network: Network, tmp_path: Path) -> None:
    """The clients and accounts that the tool names are there; it removes none, so that they stay so."""
    person = network.log_in(network.account(is_admin=True, roles=("administrator",)))
    method = AuthMethod.BASIC.value
    client = network.client(redirect_uris=["http://127.0.0.1/"], token_endpoint_auth_method=method, scope="openid")
    known = {"path.id": network.account(), "path.client_id": client.client_id, "path.site": "main"}
    named = "".join(f'"{name}" = "{value}"\n' for name, value in known.items())
    phases = ("--phases", "fuzzing", "--exclude-method", "DELETE")
    url = f"{network.origin}/auth/openapi.json"
    examined(tmp_path, url, *phases, *_as(person), config=f"[parameters]\n{named}{CONFIG}")
    assert person.may_administer()


def _as(person: Person) -> Sequence[str]:
    cookie = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
    return ("--header", f"Cookie: {cookie}", "--include-path-regex", "/auth/(admin|launch|grants)")


def test_as_an_app(network: Network, tmp_path: Path) -> None:
    bearer = f"Authorization: Bearer {network.token('system/*.cruds')}"
    only = ("--include-path-regex", "/auth/(?!admin)")
    examined(tmp_path, f"{network.origin}/auth/openapi.json", "--header", bearer, "--phases", "fuzzing", *only)


def test_the_pages_beside_it(network: Network, tmp_path: Path) -> None:
    url = f"{network.origin}/openapi.json"
    assert set(described(url)["paths"]) == {"/healthz", "/readyz", "/metrics"}
    examined(tmp_path, url)
