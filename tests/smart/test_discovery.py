"""conformance §1.1: discovery; §1.5 33 to 35, the documents of OpenID Connect; §6.5 15, IUA.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html
"""

from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc.jwk import ECKey, RSAKey

from tests.smart.conftest import BASE, ORIGIN, Network

SMART = ".well-known/smart-configuration"
G10 = (
    "launch-ehr launch-standalone authorize-post client-public client-confidential-symmetric "
    "client-confidential-asymmetric sso-openid-connect context-banner context-style context-ehr-patient "
    "context-ehr-encounter context-standalone-patient permission-offline permission-patient permission-user "
    "permission-v1 permission-v2"
)


async def smart(network: Network) -> dict[str, Any]:
    return dict((await network.http.get(SMART)).json())


@pytest.mark.parametrize("accept", ["application/json", "application/fhir+json", "text/html", None])
@pytest.mark.parametrize("base", ["/fhir", "/main/fhir", "/second/fhir"])
async def test_1_1_1_smart_configuration_is_json_whatever_is_accepted(
    network: Network, base: str, accept: str | None
) -> None:
    headers = {} if accept is None else {"Accept": accept}
    answer = await network.http.get(f"{ORIGIN}{base}/{SMART}", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert isinstance(answer.json(), dict)


async def test_1_1_2_what_is_required_is_there(network: Network) -> None:
    found = await smart(network)
    for name in ("authorization_endpoint", "token_endpoint"):
        assert isinstance(found[name], str)
    assert all(isinstance(one, str) for one in found["capabilities"])
    assert {"authorization_code", "client_credentials"} <= set(found["grant_types_supported"])
    assert found["code_challenge_methods_supported"] == ["S256"]


async def test_1_1_3_issuer_and_keys_are_named(network: Network) -> None:
    found = await smart(network)
    assert found["issuer"] == ORIGIN
    assert isinstance(found["jwks_uri"], str)


async def test_1_1_4_urls_are_absolute_and_below_this_server(network: Network) -> None:
    found = await smart(network)
    named = {name: value for name, value in found.items() if name.endswith(("_endpoint", "_uri", "_bundle"))}
    assert {"introspection_endpoint", "revocation_endpoint", "management_endpoint"} <= set(named)
    assert all(url.startswith(f"{ORIGIN}/auth/") for url in named.values())


async def test_1_1_5_asymmetric_clients_find_their_algorithms(network: Network) -> None:
    found = await smart(network)
    assert "private_key_jwt" in found["token_endpoint_auth_methods_supported"]
    assert set(found["token_endpoint_auth_signing_alg_values_supported"]) == {"RS384", "ES384"}
    assert found["scopes_supported"]


async def test_1_1_6_the_capabilities_of_g10(network: Network) -> None:
    assert set(G10.split()) <= set((await smart(network))["capabilities"])


@pytest.mark.parametrize("path", [SMART, "metadata"])
async def test_1_1_7_web_pages_may_read_what_there_is(network: Network, path: str) -> None:
    answer = await network.http.get(path, headers={"Origin": "https://page.example.org"})
    assert answer.headers["access-control-allow-origin"] in ("*", "https://page.example.org")


async def test_1_1_8_the_capability_statement_names_the_endpoints_and_services(network: Network) -> None:
    security = (await network.http.get("metadata")).json()["rest"][0]["security"]
    assert security["cors"] is True
    (oauth,) = (one for one in security["extension"] if one["url"].endswith("StructureDefinition/oauth-uris"))
    uris = {one["url"]: one["valueUri"] for one in oauth["extension"]}
    assert uris["token"] == f"{ORIGIN}/auth/token"
    assert uris["authorize"] == f"{ORIGIN}/auth/authorize"
    codes = {coding["code"] for service in security["service"] for coding in service["coding"]}
    assert {"SMART-on-FHIR", "IUA"} <= codes


async def test_1_5_33_openid_configuration_is_below_the_issuer(network: Network) -> None:
    answer = await network.http.get(f"{ORIGIN}/.well-known/openid-configuration")
    assert answer.headers["content-type"].startswith("application/json")
    found = answer.json()
    assert found["issuer"] == ORIGIN
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        assert urlsplit(found[name]).path.startswith("/auth/")
    assert found["response_types_supported"] == ["code"]
    assert found["subject_types_supported"]
    assert "RS256" in found["id_token_signing_alg_values_supported"]


async def test_rfc_8414_metadata_is_below_the_issuer(network: Network) -> None:
    found = (await network.http.get(f"{ORIGIN}/.well-known/oauth-authorization-server")).json()
    assert found["issuer"] == ORIGIN
    assert found["authorization_response_iss_parameter_supported"] is True
    assert found["userinfo_endpoint"] == f"{ORIGIN}/auth/userinfo"


async def test_1_5_34_37_the_keys_are_public_and_importable(network: Network) -> None:
    keys = (await network.http.get((await smart(network))["jwks_uri"])).json()["keys"]
    kinds = {"RSA": RSAKey, "EC": ECKey}
    assert {key["kty"] for key in keys} == set(kinds)
    assert len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"}.intersection(key)
        kinds[key["kty"]].import_key(key)


@pytest.mark.parametrize("host", ["evil.example.org", "localhost.evil.example.org", "localhost:80@evil.example.org"])
async def test_a_server_without_a_public_origin_is_called_as_this_machine_only(network: Network, host: str) -> None:
    answer = await network.http.get(SMART, headers={"Host": host})
    assert answer.status_code == 421
    assert host not in answer.text


async def test_a_base_that_is_none_has_no_configuration(network: Network) -> None:
    assert (await network.http.get(f"{ORIGIN}/third/fhir/{SMART}")).status_code == 404
    assert (await network.http.get(f"{BASE}/.well-known/other")).status_code == 404


async def test_metadata_and_discovery_need_no_token_all_else_does(network: Network) -> None:
    assert (await network.http.get("metadata")).status_code == 200
    answer = await network.http.get("Patient")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert answer.json()["issue"][0]["code"] == "login"


async def test_user_access_brands_name_each_site_with_its_base(network: Network) -> None:
    provider = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/organization-type", "code": "prov"}]}
    hospital = {"resourceType": "Organization", "id": "beffroi", "name": "Hôpital du Beffroi", "type": [provider]}
    await network.put(hospital, {**hospital, "id": "ward", "partOf": {"reference": "Organization/beffroi"}})
    answer = await network.http.get((await smart(network))["user_access_brand_bundle"])
    assert answer.headers["content-type"].startswith("application/fhir+json")
    bundle = answer.json()
    assert bundle["type"] == "collection"
    resources = [entry["resource"] for entry in bundle["entry"]]
    endpoints = [one for one in resources if one["resourceType"] == "Endpoint"]
    assert [one["address"] for one in endpoints] == [BASE, f"{ORIGIN}/second/fhir"]
    brands = {one["id"]: one for one in resources if one["resourceType"] == "Organization"}
    assert set(brands) == {"beffroi", "second"}
    assert brands["beffroi"]["name"] == "Hôpital du Beffroi"
    full_urls = {entry["fullUrl"] for entry in bundle["entry"]}
    assert {one["endpoint"][0]["reference"] for one in brands.values()} <= full_urls
