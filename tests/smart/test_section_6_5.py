"""conformance §6.5: IHE Internet User Authorization — https://profiles.ihe.net/ITI/IUA"""

from typing import Any

import pytest
import pytest_asyncio

from fhirserver.smart.clients import AuthMethod
from tests.smart.conftest import BASE, ORIGIN, App, Backend, Network, bearer, claims_of, error_of

JWT = "urn:ietf:params:oauth:token-type:jwt"
IUA = "http://profiles.ihe.net/fhir/ihe.securityTypes.fhir/CodeSystem/securityTypes"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(network: Network) -> App:
    await network.put({"resourceType": "Patient", "id": "p1"}, {"resourceType": "Patient", "id": "p2"})
    return await network.app_client("launch/patient patient/*.rs", AuthMethod.BASIC)


async def service_asks(network: Network, **changes: object) -> Any:  # noqa: ANN401 - a response
    client = await network.register(
        token_endpoint_auth_method=AuthMethod.BASIC, grant_types=("client_credentials",), scope="system/*.rs"
    )
    form = {"grant_type": "client_credentials", "scope": "system/Patient.rs", "resource": BASE, **changes}
    return await network.post("/auth/token", form, auth=(client.client_id, network.secrets[client.client_id]))


async def test_6_5_14_both_grants_give_tokens_with_the_claims(app: App, network: Network) -> None:
    await network.put({"resourceType": "Organization", "id": "1", "name": "Hospital A"})
    browser = await network.person(roles=("physician",), organizations=("Organization/1",))
    of_user = claims_of((await app.tokens(browser, "launch/patient patient/*.rs"))["access_token"])
    of_service = claims_of((await service_asks(network)).json()["access_token"])
    for claims in (of_user, of_service):
        assert {"iss", "sub", "aud", "jti", "exp", "client_id", "scope", "iat"} <= set(claims)
        assert claims["aud"] == BASE
        assert claims["extensions"]["ihe_iua"]["purpose_of_use"][0]["code"] == "TREAT"
    iua = of_user["extensions"]["ihe_iua"]
    assert (iua["subject_name"], iua["subject_organization_id"]) == ("Dr A", "Organization/1")
    assert iua["subject_organization"] == "Hospital A"
    assert (iua["subject_role"][0]["code"], iua["person_id"]) == ("physician", "p1")


ASKED = [
    pytest.param({"requested_token_type": JWT}, None, id="a JWT"),
    pytest.param({"requested_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request", id="SAML"),
    pytest.param({"resource": f"{ORIGIN}/main/fhir"}, None, id="the base of a site"),
    pytest.param({"resource": "https://elsewhere.example.org/fhir"}, "invalid_target", id="another server"),
    pytest.param({"scope": "user/Patient.rs"}, "invalid_scope", id="a scope of users"),
]


@pytest.mark.parametrize(("changes", "error"), ASKED)
async def test_6_5_14_what_a_service_asks_for(network: Network, changes: dict[str, str], error: str | None) -> None:
    answer = await service_asks(network, **changes)
    if error is None:
        assert answer.json()["token_type"].lower() == "bearer"
    else:
        assert error_of(answer) == error


async def test_6_5_14_a_code_lives_five_minutes_at_most(network: Network) -> None:
    assert network.services.policy.code_s <= 300


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_6_5_14_introspection_is_asked_by_post_only(network: Network, method: str) -> None:
    answer = await network.http.request(method, f"{ORIGIN}/auth/introspect?token=x")
    assert answer.status_code == 405


async def test_6_5_14_the_metadata_name_the_endpoints(network: Network) -> None:
    """ITI-103."""
    found = (await network.http.get(f"{ORIGIN}/.well-known/oauth-authorization-server")).json()
    assert {"authorization_endpoint", "token_endpoint", "introspection_endpoint", "jwks_uri"} <= set(found)
    assert {"authorization_code", "client_credentials"} <= set(found["grant_types_supported"])


async def test_6_5_14_a_token_is_held_to_its_patient_scope_and_audience(app: App, network: Network) -> None:
    """ITI-72."""
    token = (await app.tokens(await network.person(), "launch/patient patient/*.rs", patient="p1"))["access_token"]
    statuses = {
        url: (await network.http.get(url, headers=bearer(token))).status_code
        for url in ("Patient/p1", "Patient/p2", f"{ORIGIN}/second/fhir/Patient/p1")
    }
    assert list(statuses.values()) == [200, 404, 401]
    service: Backend = await network.backend()
    narrow = await service.token("system/Observation.rs")
    assert (await network.http.get("Patient/p1", headers=bearer(narrow))).status_code == 403


async def test_6_5_15_the_capability_statement_names_iua(network: Network) -> None:
    security = (await network.http.get("metadata")).json()["rest"][0]["security"]
    assert {"system": IUA, "code": "IUA"} in [coding for one in security["service"] for coding in one["coding"]]
