"""Authlib as a backend service: assertions of RS384 and ES384, then the record with system scopes.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html
"""

import time
from typing import Any, Final

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey, RSAKey

from tests.clients.smart.conftest import Network

SCOPE: Final = "system/Patient.cruds system/Observation.rs"
KEYS: Final = [
    pytest.param(RSAKey.generate_key(2048, auto_kid=True), "RS384", id="RS384"),
    pytest.param(ECKey.generate_key("P-384", auto_kid=True), "ES384", id="ES384"),
]


def session_of(network: Network, key: RSAKey | ECKey, algorithm: str, scope: str = SCOPE) -> Any:  # noqa: ANN401
    """Return a session of a service that was just entered."""
    client_id = network.service_with(key, SCOPE)
    session = OAuth2Session(client_id, key, scope=scope, token_endpoint_auth_method="private_key_jwt")  # noqa: S106
    session.register_client_auth_method(proof_by(network, key, algorithm))
    return session


def proof_by(network: Network, key: RSAKey | ECKey, algorithm: str, lives_s: int = 200) -> PrivateKeyJWT:
    """Return what signs assertions: the hour that they live otherwise is more than SMART allows."""
    claims = {"exp": int(time.time()) + lives_s}
    return PrivateKeyJWT(f"{network.origin}/auth/token", claims=claims, headers={"kid": key.kid}, alg=algorithm)


def test_an_assertion_lives_five_minutes_at_most(network: Network) -> None:
    key = ECKey.generate_key("P-384", auto_kid=True)
    session = session_of(network, key, "ES384")
    session.register_client_auth_method(proof_by(network, key, "ES384", lives_s=3600))
    with pytest.raises(OAuthError, match="`exp` is more than 300 s ahead"):
        session.fetch_token(f"{network.origin}/auth/token", grant_type="client_credentials")


@pytest.mark.parametrize(("key", "algorithm"), KEYS)
def test_a_service_works_within_its_scopes(network: Network, key: RSAKey | ECKey, algorithm: str) -> None:
    session = session_of(network, key, algorithm)
    token = session.fetch_token(f"{network.origin}/auth/token", grant_type="client_credentials")
    assert set(token["scope"].split()) == set(SCOPE.split())
    assert (token["token_type"].lower(), token["expires_in"]) == ("bearer", 300)
    created = session.post(f"{network.base}/Patient", json={"resourceType": "Patient", "gender": "other"})
    assert created.status_code == 201, created.text
    found = session.get(f"{network.base}/Observation", params={"patient": "p1", "_count": "5"}).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["weight-p1"]
    assert session.get(f"{network.base}/Encounter").status_code == 403
    assert session.delete(created.headers["Location"].partition("/_history")[0]).status_code == 204


def test_a_key_that_is_not_registered_gets_no_token(network: Network) -> None:
    session = session_of(network, ECKey.generate_key("P-384", auto_kid=True), "ES384")
    stranger = ECKey.generate_key("P-384", auto_kid=True)
    session.client_secret = stranger
    session.register_client_auth_method(proof_by(network, stranger, "ES384"))
    with pytest.raises(OAuthError, match="invalid_client"):
        session.fetch_token(f"{network.origin}/auth/token", grant_type="client_credentials")


def test_scopes_beyond_what_is_registered_are_refused(network: Network) -> None:
    session = session_of(network, ECKey.generate_key("P-384", auto_kid=True), "ES384", "system/Condition.d")
    with pytest.raises(OAuthError, match="invalid_scope"):
        session.fetch_token(f"{network.origin}/auth/token", grant_type="client_credentials")
