"""The SMART client for Python, fhirclient, with a login: it finds the endpoints by itself, and refreshes.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html
"""

from typing import Any, Final

import pytest
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from fhirclient.client import FHIRClient
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException, FHIRPermissionDeniedException, FHIRUnauthorizedException
from joserfc.jwk import ECKey

from tests.clients.smart.conftest import Network

BACK: Final = "http://127.0.0.1/back"
CEILING: Final = "openid profile launch launch/patient offline_access user/*.cruds patient/*.rs"


def settings(network: Network, method: str, **more: str) -> dict[str, Any]:
    """Return the settings of an app that was just entered."""
    grants = ["authorization_code", "refresh_token"]
    entered = network.client(redirect_uris=[BACK], grant_types=grants, token_endpoint_auth_method=method, scope=CEILING)
    own = {"app_id": entered.client_id, "api_base": network.base, "redirect_uri": BACK}
    return {**own, **({"app_secret": entered.secret} if entered.secret else {}), **more}


def logged_in(network: Network, given: dict[str, Any]) -> FHIRClient:
    """Return the client after its user has chosen a patient and consented."""
    client = FHIRClient(settings=given)
    assert not client.prepare(), "a login is missing"
    person = network.log_in(network.clinician)
    client.handle_callback(person.authorize(client.authorize_url, patient="p1"))
    assert client.ready
    return client


@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_standalone_launch_with_the_scopes_that_the_client_asks_by_default(network: Network, method: str) -> None:
    client = logged_in(network, settings(network, method))
    assert client.patient.name[0].family == "Dubois"
    found = Observation.where({"patient": "p1"}).perform_resources_iter(client.server)
    assert [one.id for one in found] == ["weight-p1"]
    assert client.server.auth.refresh_token is None


def test_a_launch_from_the_record(network: Network) -> None:
    given = settings(network, "none", scope="openid patient/*.read")
    launch = network.log_in(network.clinician).launch(client_id=given["app_id"], patient="p2")["launch"]
    client = FHIRClient(settings={**given, "launch_token": launch})
    assert not client.prepare()
    with pytest.raises(Exception, match="another session"):
        client.handle_callback(network.log_in(network.clinician).authorize(client.authorize_url))
    person = network.log_in(network.clinician)
    launch = person.launch(client_id=given["app_id"], patient="p2")["launch"]
    client = FHIRClient(settings={**given, "launch_token": launch})
    assert not client.prepare()
    client.handle_callback(person.authorize(client.authorize_url))
    assert (client.patient_id, client.patient.name[0].family) == ("p2", "Maes")


@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_refresh_and_errors(network: Network, method: str) -> None:
    client = logged_in(network, settings(network, method, scope="offline_access openid patient/*.rs"))
    before = client.server.auth.access_token
    assert client.reauthorize()
    assert client.server.auth.access_token != before
    assert Patient.read("p1", client.server).id == "p1"
    with pytest.raises(FHIRNotFoundException):
        Patient.read("p2", client.server)
    with pytest.raises(FHIRPermissionDeniedException):
        Patient({"active": True}).create(client.server)
    client.server.auth.access_token = "made-up"  # noqa: S105 - no token
    with pytest.raises(FHIRUnauthorizedException):
        Patient.read("p1", client.server)


def test_backend_service(network: Network) -> None:
    key = ECKey.generate_key("P-384", auto_kid=True)
    client_id = network.service_with(key, "system/*.rs")
    token_endpoint = f"{network.origin}/auth/token"
    how = {"alg": "ES384", "header": {"kid": key.kid}, "expires_in": 200}
    assertion = private_key_jwt_sign(key, client_id=client_id, token_endpoint=token_endpoint, **how)
    own = {"app_id": client_id, "api_base": network.base, "scope": "system/Patient.rs", "jwt_token": assertion}
    client = FHIRClient(settings=own)
    client.wants_patient = False
    assert not client.prepare()
    client.authorize()
    assert [one.id for one in Patient.where({"family": "Maes"}).perform_resources_iter(client.server)] == ["p2"]
