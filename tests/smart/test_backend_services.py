"""conformance §1.6: backend services and client assertions.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html
"""

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.jws import JWSRegistry

from fhirserver.smart.clients import AuthMethod
from tests.smart.conftest import ASSERTION, TOKEN, Backend, Network, bearer, claims_of, error_of


async def test_1_6_38_an_unknown_grant_type_is_400(service: Backend) -> None:
    answer = await service.ask(grant_type="not_a_grant_type")
    assert answer.status_code == 400
    assert error_of(answer) == "unsupported_grant_type"


async def test_1_6_38_an_unknown_assertion_type_is_refused(service: Backend) -> None:
    answer = await service.ask(client_assertion_type="not_an_assertion_type")
    assert answer.status_code in (400, 401)
    assert error_of(answer) == "invalid_request"


async def test_1_6_39_a_valid_request_gives_a_short_token_and_no_refresh_token(service: Backend) -> None:
    answer = await service.ask("system/*.rs")
    assert answer.status_code == 200
    body = answer.json()
    assert body["token_type"].lower() == "bearer"
    assert 0 < body["expires_in"] <= 300
    assert body["scope"] == "system/*.rs"
    assert isinstance(body["access_token"], str)
    assert "refresh_token" not in body
    assert "no-store" in answer.headers["cache-control"]
    assert answer.headers["pragma"] == "no-cache"


async def test_1_6_40_a_json_body_is_an_oauth_error(network: Network, service: Backend) -> None:
    answer = await network.http.post(TOKEN, json=service.form())
    assert error_of(answer) == "invalid_request"


@pytest.mark.parametrize("name", ["grant_type", "client_assertion_type", "scope", "client_assertion"])
async def test_1_6_40_a_missing_parameter_is_an_oauth_error(network: Network, service: Backend, name: str) -> None:
    form = service.form()
    del form[name]
    error_of(await network.post("/auth/token", form))


@pytest.mark.parametrize("name", ["grant_type", "client_assertion_type", "scope", "client_assertion"])
async def test_1_6_40_an_invalid_parameter_is_an_oauth_error(service: Backend, name: str) -> None:
    error_of(await service.network.post("/auth/token", {**service.form(), name: "invalid test value"}))


async def test_1_6_40_a_parameter_given_twice_is_an_oauth_error(network: Network, service: Backend) -> None:
    form = [*service.form().items(), ("scope", "system/Patient.rs")]
    body = "&".join(f"{name}={value}" for name, value in form).replace("+", "%2B")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert error_of(await network.http.post(TOKEN, content=body, headers=headers)) == "invalid_request"


CLAIMS = [
    pytest.param({"aud": "http://localhost/auth/other"}, id="the aud is another URL"),
    pytest.param({"aud": "https://evil.example.org/auth/token"}, id="the aud is the token endpoint of another server"),
    pytest.param({"aud": None}, id="no aud"),
    pytest.param({"iss": "someone else"}, id="iss and sub differ"),
    pytest.param({"iss": "nobody", "sub": "nobody"}, id="the client is unknown"),
    pytest.param({"iss": None}, id="no iss"),
    pytest.param({"sub": None}, id="no sub"),
    pytest.param({"exp": None}, id="no exp"),
    pytest.param({"exp": timedelta(seconds=-120)}, id="expired"),
    pytest.param({"exp": timedelta(hours=1)}, id="exp more than five minutes ahead"),
    pytest.param({"exp": "soon"}, id="exp is no number"),
    pytest.param({"iat": timedelta(minutes=10)}, id="made in the future"),
    pytest.param({"jti": None}, id="no jti"),
    pytest.param({"jti": ""}, id="an empty jti"),
    pytest.param({"jti": 7}, id="a jti that is no text"),
    pytest.param({"jti": "x" * 300}, id="a jti that is too long"),
]


@pytest.mark.parametrize("claims", CLAIMS)
async def test_1_6_42_an_assertion_with_wrong_claims_is_invalid_client(
    service: Backend, claims: dict[str, Any]
) -> None:
    answer = await service.ask(client_assertion=service.assertion(**{name: from_now(v) for name, v in claims.items()}))
    assert error_of(answer) == "invalid_client"


def from_now(value: object) -> object:
    """Return the time that a claim means, in seconds; the whole of the tests may last longer than an assertion."""
    return int(time.time() + value.total_seconds()) if isinstance(value, timedelta) else value


HEADERS = [
    pytest.param({"kid": None}, id="no kid"),
    pytest.param({"kid": "unknown"}, id="an unknown kid"),
    pytest.param({"kid": "../../etc/passwd"}, id="a kid that is a path"),
    pytest.param({"kid": {"$ne": ""}}, id="a kid that is an operator"),
    pytest.param({"typ": None}, id="no typ"),
    pytest.param({"typ": "at+jwt"}, id="another typ"),
    pytest.param({"jku": "https://test-bad-jku.example.org"}, id="a jku that is not registered"),
]


@pytest.mark.parametrize("header", HEADERS)
async def test_1_6_42_44_an_assertion_with_a_wrong_header_is_invalid_client(
    service: Backend, header: dict[str, Any]
) -> None:
    good = service.assertion()
    head = {"alg": service.algorithm, "kid": service.key.kid, "typ": "JWT", **header}
    registry = JWSRegistry(algorithms=["ES384"], strict_check_header=False)
    registry.header_registry = {}
    claims = jwt.decode(good, service.key, algorithms=["ES384"]).claims
    key = service.key.as_dict(private=True)
    key.pop("kid")
    assertion = jwt.encode(
        {name: value for name, value in head.items() if value is not None},
        claims,
        ECKey.import_key(key),
        registry=registry,
        default_type=None,
    )
    assert error_of(await service.ask(client_assertion=assertion)) == "invalid_client"


async def test_1_6_42_rs384_and_es384_are_both_taken(network: Network) -> None:
    for key in (RSAKey.generate_key(2048, auto_kid=True), ECKey.generate_key("P-384", auto_kid=True)):
        backend = await network.backend(key=key)
        assert (await backend.ask()).status_code == 200


async def test_1_6_43_an_assertion_is_good_once(service: Backend) -> None:
    assertion = service.assertion()
    assert (await service.ask(client_assertion=assertion)).status_code == 200
    assert error_of(await service.ask(client_assertion=assertion)) == "invalid_client"


async def test_1_6_43_of_many_uses_at_once_one_succeeds(service: Backend) -> None:
    assertion = service.assertion()
    answers = await asyncio.gather(*(service.ask(client_assertion=assertion) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 9]


async def test_0_11_a_replay_that_asks_too_much_is_told_about_its_scope(service: Backend) -> None:
    assertion = service.assertion()
    assert error_of(await service.ask("launch fhirUser", client_assertion=assertion)) == "invalid_scope"
    assert error_of(await service.ask("system/Nothing.rs", client_assertion=assertion)) == "invalid_scope"
    assert error_of(await service.ask("system/*.rs", client_assertion=assertion)) == "invalid_client"


async def test_1_6_44_a_key_of_another_client_is_refused(network: Network, service: Backend) -> None:
    other = await network.backend()
    assertion = Backend(network, service.client, other.key).assertion(header={"kid": service.key.kid})
    assert error_of(await service.ask(client_assertion=assertion)) == "invalid_client"


async def test_1_6_44_hs256_with_the_public_key_is_refused(network: Network) -> None:
    backend = await network.backend(key=RSAKey.generate_key(2048, auto_kid=True))
    secret = OctKey.import_key(backend.key.as_pem(private=False).decode().replace("-", "+"))
    claims = jwt.decode(backend.assertion(), backend.key, algorithms=["RS384"]).claims
    assertion = jwt.encode({"alg": "HS256", "kid": backend.key.kid}, claims, secret)
    assert error_of(await backend.ask(client_assertion=assertion)) == "invalid_client"


@pytest.mark.filterwarnings("ignore")
async def test_1_6_44_alg_none_is_refused(service: Backend) -> None:
    head, claims, _ = service.assertion().split(".")
    none = jwt.encode({"alg": "none", "kid": "x"}, {}, OctKey.generate_key(), algorithms=["none"]).split(".")[0]
    for assertion in (f"{none}.{claims}.", f"{none}.{claims}", f"{head}.{claims}."):
        assert error_of(await service.ask(client_assertion=assertion)) == "invalid_client"


async def test_1_6_44_a_key_in_the_header_is_refused(service: Backend) -> None:
    own = ECKey.generate_key("P-384", auto_kid=True)
    forger = Backend(service.network, service.client, own)
    assertion = forger.assertion(header={"jwk": own.as_dict(private=False)})
    assert error_of(await service.ask(client_assertion=assertion)) == "invalid_client"


SCOPES = [
    # asked, granted or None for invalid_scope
    pytest.param("launch fhirUser", None, id="scopes of apps"),
    pytest.param("system/*.read", "system/*.read", id="v1 on all types"),
    pytest.param("system/*.rs", "system/*.rs", id="v2 on all types"),
    pytest.param("system/Patient.unknownAction", None, id="an unknown right of v1"),
    pytest.param("system/Patient.xyz", None, id="unknown letters"),
    pytest.param("system/Patient.sr", None, id="letters out of order"),
    pytest.param("system/UnknownResource.read", None, id="an unknown type, v1"),
    pytest.param("system/UnknownResource.r", None, id="an unknown type, v2"),
    pytest.param("patient/Patient.rs", None, id="the context of a patient"),
    pytest.param("user/Patient.rs", None, id="the context of a user"),
    pytest.param("system/Patient.read system/Observation.rs", "system/Patient.read system/Observation.rs", id="mixed"),
    pytest.param("system/Patient.rs?name=a", "system/Patient.rs?name=a", id="granular"),
]


@pytest.mark.parametrize(("asked", "granted"), SCOPES)
async def test_1_6_41_scopes(service: Backend, asked: str, granted: str | None) -> None:
    answer = await service.ask(asked)
    if granted is None:
        assert error_of(answer) == "invalid_scope"
    else:
        assert answer.json()["scope"] == granted


CEILINGS = [
    # the ceiling, asked, granted or None for invalid_scope
    pytest.param("system/*.rs", "system/*.*", "system/*.read", id="v1 all on a reader's ceiling is v1 read"),
    pytest.param("system/*.rs", "system/*.cruds", "system/*.rs", id="v2 all on a reader's ceiling is rs"),
    *(
        pytest.param("system/*.rs", f"system/Patient.{rights}", None, id=f"a reader asks for {rights}")
        for rights in ("write", "c", "u", "d", "cu", "cd", "cud", "ud")
    ),
    pytest.param("system/Patient.rs", "system/*.rs", "system/Patient.rs", id="all types are those of the ceiling"),
    pytest.param("system/Patient.rs", "system/Observation.rs", None, id="another type"),
    pytest.param(
        "system/Observation.rs?category=laboratory",
        "system/Observation.rs",
        "system/Observation.rs?category=laboratory",
        id="a granular ceiling narrows",
    ),
    pytest.param("system/*.r", "system/Patient.read", "system/Patient.r", id="half of v1 is v2"),
]


@pytest.mark.parametrize(("ceiling", "asked", "granted"), CEILINGS)
async def test_0_4_the_ceiling_of_a_client_bounds_what_it_gets(
    network: Network, ceiling: str, asked: str, granted: str | None
) -> None:
    answer = await (await network.backend(ceiling)).ask(asked)
    if granted is None:
        assert error_of(answer) == "invalid_scope"
    else:
        assert answer.json()["scope"] == granted


async def test_1_6_46_each_client_has_the_grants_it_is_registered_for(network: Network, service: Backend) -> None:
    app = await network.backend(grant_types=("authorization_code",))
    assert error_of(await app.ask()) == "unauthorized_client"
    answer = await service.ask(None, grant_type="authorization_code", code="x", redirect_uri="x", code_verifier="x")
    assert error_of(answer) == "unauthorized_client"


async def test_6_5_iua_basic_authentication_gives_a_service_its_token(network: Network) -> None:
    client = await network.register(
        token_endpoint_auth_method=AuthMethod.BASIC, grant_types=("client_credentials",), scope="system/*.rs"
    )
    form = {"grant_type": "client_credentials", "scope": "system/Patient.rs", "resource": "http://localhost/fhir"}
    answer = await network.post("/auth/token", form, auth=(client.client_id, network.secrets[client.client_id]))
    assert answer.status_code == 200
    claims = claims_of(answer.json()["access_token"])
    assert {"iss", "sub", "aud", "jti", "exp", "client_id", "scope", "iat"} <= set(claims)
    assert claims["aud"] == "http://localhost/fhir"
    iua = claims["extensions"]["ihe_iua"]
    assert iua["purpose_of_use"][0]["code"] == "TREAT"


async def test_a_site_that_has_not_approved_the_client_refuses_it(network: Network, service: Backend) -> None:
    assert error_of(await service.ask(resource="http://localhost/second/fhir")) == "unauthorized_client"


async def test_a_token_opens_the_base_it_is_for_and_no_other(network: Network, service: Backend) -> None:
    token = await service.token("system/*.cruds")
    assert (await network.http.get("Patient", headers=bearer(token))).status_code == 200
    other = await network.http.get("http://localhost/second/fhir/Patient", headers=bearer(token))
    assert other.status_code == 401
    assert 'error="invalid_token"' in other.headers["www-authenticate"]


def test_the_type_of_assertions_is_that_of_rfc_7523() -> None:
    assert ASSERTION.endswith("jwt-bearer")
