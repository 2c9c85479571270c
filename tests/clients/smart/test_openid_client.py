"""openid-client, from npm, as an app with a server, an app without and a backend service: ``openid-client.mjs``.

Spec: https://openid.net/specs/openid-connect-core-1_0.html, https://www.rfc-editor.org/rfc/rfc7662, rfc7009, rfc9207
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final

from joserfc.jwk import ECKey, RSAKey

from tests.clients.smart.conftest import Network
from tests.programs import node_with

NODE: Final = Path(__file__).parents[1] / "node"
BACK: Final = "http://127.0.0.1/back"
SCOPE: Final = "openid fhirUser profile launch/patient offline_access patient/Patient.rs"
PATIENCE_S: Final = 60


def app(network: Network, method: str) -> dict[str, Any]:
    """Enter an app; return what it knows of itself."""
    grants = ["authorization_code", "refresh_token"]
    entered = network.client(redirect_uris=[BACK], grant_types=grants, token_endpoint_auth_method=method, scope=SCOPE)
    return {"client_id": entered.client_id, "secret": entered.secret, "redirect_uri": BACK}


def service(network: Network, key: RSAKey | ECKey, algorithm: str) -> dict[str, Any]:
    """Enter a backend service; return it with its private key."""
    return {
        "client_id": network.service_with(key, scope="system/Patient.rs"),
        "key": {**key.as_dict(private=True), "kid": key.kid, "alg": algorithm},
    }


def test_the_client_finds_what_it_needs(network: Network) -> None:
    services = [
        service(network, ECKey.generate_key("P-384", auto_kid=True), "ES384"),
        service(network, RSAKey.generate_key(2048, auto_kid=True), "RS384"),
    ]
    given = {
        "ISSUER": network.origin,
        "FHIR_BASE": network.base,
        "APP": json.dumps(app(network, "client_secret_basic")),
        "PUBLIC_APP": json.dumps(app(network, "none")),
        "SERVICES": json.dumps(services),
        "NODE_NO_WARNINGS": "1",
    }
    person = network.log_in(network.clinician)
    command = [node_with(NODE), "openid-client.mjs"]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, cwd=NODE, env={**os.environ, **given}, text=True, **pipes) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        said = ""
        for line in client.stdout:
            said = line.strip()
            if said.startswith(network.origin):
                client.stdin.write(f"{person.authorize(said, patient='p1')}\n")
                client.stdin.flush()
        assert said == "done", client.stderr and client.stderr.read()
        assert client.wait(PATIENCE_S) == 0
