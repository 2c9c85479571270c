"""Several workers are one server: what one has used up or ended, all of them know."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from fhirserver.smart.clients import new_secret
from tests.server_process import ServerProcess, serving
from tests.smart.conftest import ASSERTION

WORKERS = 2
KEY = ECKey.generate_key("P-384", auto_kid=True)


@pytest.fixture(scope="module")
def server(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder: Path = tmp_path_factory.mktemp("server")
    environment = {"AUTH": "smart", "AUDIT": "false"}
    with serving(ServerProcess(folder, mongodb_uri, workers=WORKERS, environment=environment)) as running:
        yield running


@pytest.fixture(scope="module")
def client_id(server: ServerProcess, mongodb_uri: str) -> str:
    """A backend service, entered while the server serves."""
    manifest = server.folder / "service.json"
    public = {**KEY.as_dict(private=False), "kid": KEY.kid}
    document = {
        "client_name": "A service",
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [public]},
        "scope": "system/*.rs",
    }
    manifest.write_text(json.dumps(document))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FHIRSERVER_")} | {
        "FHIRSERVER_MONGODB_URI": mongodb_uri,
        "FHIRSERVER_DATABASE_PREFIX": server.database_prefix,
        "FHIRSERVER_DATA_DIR": str(server.folder / "data"),
    }
    command = [sys.executable, "-m", "fhirserver", "client", "add", str(manifest), "--site", "main"]
    added = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    return str(json.loads(added.stdout)["client_id"])


def form(server: ServerProcess, client_id: str) -> dict[str, Any]:
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": f"{server.origin}/auth/token",
        "exp": int(time.time()) + 200,
        "jti": new_secret(),
    }
    return {
        "grant_type": "client_credentials",
        "scope": "system/*.rs",
        "client_assertion_type": ASSERTION,
        "client_assertion": jwt.encode({"alg": "ES384", "kid": KEY.kid}, claims, KEY, algorithms=["ES384"]),
    }


async def post(server: ServerProcess, path: str, data: dict[str, Any]) -> httpx2.Response:
    """Send a form by a connection of its own, so that any worker may get it."""
    async with httpx2.AsyncClient(timeout=60) as http:
        return await http.post(f"{server.origin}{path}", data=data)


async def read(server: ServerProcess, token: str) -> int:
    async with httpx2.AsyncClient(timeout=60) as http:
        answer = await http.get(f"{server.base}/Patient?_count=1", headers={"Authorization": f"Bearer {token}"})
        return answer.status_code


async def test_an_assertion_is_good_once_whichever_worker_gets_it(server: ServerProcess, client_id: str) -> None:
    once = form(server, client_id)
    answers = await asyncio.gather(*(post(server, "/auth/token", once) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 11]


async def test_a_revoked_token_counts_on_no_worker_after_a_second(server: ServerProcess, client_id: str) -> None:
    token = (await post(server, "/auth/token", form(server, client_id))).json()["access_token"]
    assert set(await asyncio.gather(*(read(server, token) for _ in range(4 * WORKERS)))) == {200}
    proof = form(server, client_id)
    revoked = await post(server, "/auth/revoke", {**proof, "token": token})
    assert revoked.status_code == 200
    await asyncio.sleep(1.0)
    assert set(await asyncio.gather(*(read(server, token) for _ in range(4 * WORKERS)))) == {401}
