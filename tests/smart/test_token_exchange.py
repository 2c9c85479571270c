"""conformance §1.3: codes become tokens; §1.4: refresh; §1.5: OpenID Connect.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html, RFC 6749 §4.1.3, §6, RFC 7636, OpenID Connect Core
"""

import asyncio
import time
from typing import Any

import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from fhirserver.smart.clients import AuthMethod
from tests.smart.conftest import BASE, ORIGIN, App, Browser, Network, bearer, claims_of, error_of

SCOPE = "openid fhirUser profile launch launch/patient offline_access online_access patient/*.cruds user/*.cruds"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(network: Network) -> App:
    await network.put(
        {"resourceType": "Patient", "id": "p1"},
        {"resourceType": "Patient", "id": "p2"},
        {"resourceType": "Practitioner", "id": "doctor", "name": [{"family": "A"}]},
    )
    return await network.app_client(SCOPE)


@pytest_asyncio.fixture(loop_scope="session")
async def doctor(network: Network) -> Browser:
    return await network.person()


async def code_of(app: App, browser: Browser, scope: str = "launch/patient patient/*.rs", **changes: object) -> str:
    return (await app.authorize(browser, scope, **changes)).answer["code"]


@pytest.mark.parametrize("method", [AuthMethod.NONE, AuthMethod.BASIC, AuthMethod.POST])
async def test_1_3_20_each_kind_of_client_exchanges_its_code(
    network: Network, doctor: Browser, method: AuthMethod
) -> None:
    app = await network.app_client(SCOPE, method)
    answer = await app.exchange(await code_of(app, doctor))
    assert answer.status_code == 200


async def test_1_3_20_an_app_with_a_key_proves_itself_by_assertions(network: Network, doctor: Browser) -> None:
    key = RSAKey.generate_key(2048, auto_kid=True)
    jwks = {"keys": [{**key.as_dict(private=False), "kid": key.kid}]}
    app = await network.app_client(SCOPE, AuthMethod.PRIVATE_KEY, jwks=jwks)
    app.key = key
    granted = await app.tokens(doctor, "offline_access user/*.rs")
    assert (await app.refresh(granted["refresh_token"])).status_code == 200
    by_id = {
        "client_id": app.client.client_id,
        "grant_type": "refresh_token",
        "refresh_token": granted["refresh_token"],
    }
    assert error_of(await network.post("/auth/token", by_id)) == "invalid_client", "its id alone proves nothing"


async def test_1_3_21_22_24_the_answer_and_its_headers(app: App, doctor: Browser) -> None:
    answer = await app.exchange(await code_of(app, doctor))
    body = answer.json()
    assert isinstance(body["access_token"], str)
    assert body["token_type"].lower() == "bearer"
    assert isinstance(body["expires_in"], int)
    assert body["scope"] == "launch/patient patient/*.rs"
    assert body["patient"] == "p1"
    assert "refresh_token" not in body
    assert "no-store" in answer.headers["cache-control"]
    assert "no-cache" in answer.headers["pragma"]
    found = await app.network.http.get("Patient/p1", headers=bearer(body["access_token"]))
    assert found.status_code == 200


async def test_1_3_23_a_web_page_may_read_the_answer(app: App, doctor: Browser) -> None:
    form = {
        "grant_type": "authorization_code",
        "client_id": app.client.client_id,
        "code": await code_of(app, doctor),
        "redirect_uri": app.redirect_uri,
        "code_verifier": app.verifier,
    }
    answer = await app.network.post("/auth/token", form, headers={"Origin": "https://app.example.org"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] in ("*", "https://app.example.org")
    assert "access-control-allow-credentials" not in answer.headers


async def test_1_3_24_25_the_context_of_a_launch(app: App) -> None:
    network = app.network
    doctor = await network.person("Practitioner/attending")
    await network.put({"resourceType": "Encounter", "id": "e1", "status": "in-progress", "class": {"code": "AMB"},
                       "participant": [{"individual": {"reference": "Practitioner/attending"}}],
                       "period": {"start": "2020-01-01"},
                       "subject": {"reference": "Patient/p1"}})  # fmt: skip
    body = {
        "client_id": app.client.client_id,
        "patient": "p1",
        "encounter": "e1",
        "need_patient_banner": True,
        "fhirContext": [{"reference": "ImagingStudy/1", "role": "launch"}, {"canonical": "http://example.org/q|1"}],
    }
    launch = (await network.http.post(f"{ORIGIN}/auth/launch", json=body, headers=doctor.headers)).json()["launch"]
    answer = await app.tokens(doctor, "launch patient/*.rs", launch=launch)
    assert (answer["patient"], answer["encounter"], answer["need_patient_banner"]) == ("p1", "e1", True)
    assert answer["fhirContext"] == body["fhirContext"]
    style = await network.http.get(answer["smart_style_url"])
    assert style.status_code == 200
    assert isinstance(style.json(), dict)
    for url in ("Patient/p1", "Encounter/e1"):
        assert (await network.http.get(url, headers=bearer(answer["access_token"]))).status_code == 200


BAD_CONTEXTS = [
    pytest.param(["ImagingStudy/1"], id="a string, as in SMART 2.0"),
    pytest.param([{"reference": "http://example.org/ImagingStudy/1"}], id="an absolute reference"),
    pytest.param([{"reference": "ImagingStudy/1", "role": ""}], id="an empty role"),
    pytest.param([{"reference": "Nothing/1"}], id="an unknown type"),
    pytest.param([{"role": "launch"}], id="nothing named"),
    pytest.param([{"canonical": "q"}], id="a canonical that is no URL"),
    pytest.param([{"reference": "ImagingStudy/1", "type": "Nothing"}], id="type is no type"),
    pytest.param([{"reference": "Patient/p1"}], id="a patient without a role of its own"),
    pytest.param([{"reference": "Patient/p1", "role": "launch"}], id="a patient with the role launch"),
]


@pytest.mark.parametrize("context", BAD_CONTEXTS)
async def test_1_3_25_a_wrong_context_is_refused_before_it_is_launched(
    app: App, doctor: Browser, context: list[Any]
) -> None:
    body = {"client_id": app.client.client_id, "patient": "p1", "fhirContext": context}
    answer = await app.network.http.post(f"{ORIGIN}/auth/launch", json=body, headers=doctor.headers)
    assert error_of(answer) == "invalid_request"


async def test_1_3_26_an_id_token_comes_with_openid_and_fhir_user_with_its_scope(app: App, doctor: Browser) -> None:
    assert "id_token" not in await app.tokens(doctor, "user/*.rs")
    assert "fhirUser" not in claims_of((await app.tokens(doctor, "openid user/*.rs"))["id_token"])
    claims = claims_of((await app.tokens(doctor, "openid fhirUser user/*.rs"))["id_token"])
    assert claims["fhirUser"] == f"{BASE}/Practitioner/doctor"


@pytest.mark.parametrize("code", ["BAD_CODE", "x" * 43])
async def test_1_3_27_a_bad_code_is_400_invalid_grant(app: App, code: str) -> None:
    answer = await app.exchange(code)
    assert answer.status_code == 400
    assert error_of(answer) == "invalid_grant"


async def test_1_3_27_a_bad_client_is_invalid_client(network: Network, app: App) -> None:
    basic = await network.app_client(SCOPE, AuthMethod.BASIC)
    form = {"grant_type": "authorization_code", "code": "x", "redirect_uri": "x", "code_verifier": "x"}
    wrong = await network.post("/auth/token", form, auth=(basic.client.client_id, "wrong"))
    assert wrong.status_code == 401
    assert wrong.headers["www-authenticate"].startswith("Basic ")
    assert error_of(wrong) == "invalid_client"
    for more in (
        {"client_id": "nobody"},
        {"client_id": basic.client.client_id},
        {"client_id": basic.client.client_id, "client_secret": network.secrets[basic.client.client_id]},
        {"client_id": app.client.client_id, "client_secret": "made up"},
        {},
    ):
        answer = await network.post("/auth/token", {**form, **more})
        assert error_of(answer) == "invalid_client", more


VERIFIERS = [
    pytest.param(None, id="missing"),
    pytest.param("", id="blank"),
    pytest.param("x" * 43, id="wrong"),
    pytest.param("short", id="too short"),
    pytest.param("CHALLENGE", id="equal to the challenge"),
]


@pytest.mark.parametrize("verifier", VERIFIERS)
async def test_1_3_27_without_its_verifier_a_code_gives_nothing(
    app: App, doctor: Browser, verifier: str | None
) -> None:
    if verifier == "CHALLENGE":
        verifier = app.query("openid")["code_challenge"]
    answer = await app.exchange(await code_of(app, doctor), code_verifier=verifier)
    assert answer.status_code == 400
    assert error_of(answer) in ("invalid_grant", "invalid_request")


async def test_1_3_27_another_redirect_uri_is_invalid_grant(app: App, doctor: Browser) -> None:
    answer = await app.exchange(await code_of(app, doctor), redirect_uri="https://app.example.org/other")
    assert error_of(answer) == "invalid_grant"


async def test_1_3_27_another_client_is_invalid_grant_and_does_not_use_it_up(
    network: Network, app: App, doctor: Browser
) -> None:
    code = await code_of(app, doctor)
    thief = await network.app_client(SCOPE)
    thief.verifier = app.verifier
    assert error_of(await thief.exchange(code)) == "invalid_grant"
    assert (await app.exchange(code)).status_code == 200


async def test_1_3_27_a_code_is_good_once_and_its_reuse_ends_what_it_gave(app: App, doctor: Browser) -> None:
    code = await code_of(app, doctor, "launch/patient offline_access patient/*.rs")
    first = (await app.exchange(code)).json()
    assert error_of(await app.exchange(code)) == "invalid_grant"
    assert error_of(await app.refresh(first["refresh_token"])) == "invalid_grant"
    found = await app.network.http.get("Patient/p1", headers=bearer(first["access_token"]))
    assert found.status_code == 401


async def test_1_3_27_of_many_uses_of_a_code_at_once_one_succeeds(app: App, doctor: Browser) -> None:
    code = await code_of(app, doctor)
    answers = await asyncio.gather(*(app.exchange(code) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers).count(200) <= 1
    assert sorted(answer.status_code for answer in answers)[1:] == [400] * 9


async def test_1_3_28_a_token_lives_an_hour_at_most_and_not_longer(app: App, doctor: Browser) -> None:
    answer = await app.tokens(doctor, "launch/patient patient/*.rs")
    claims = claims_of(answer["access_token"])
    assert claims["exp"] - claims["iat"] <= 3600
    services = app.network.services
    await services.access_tokens.change(claims["jti"], {"expires_at_s": time.time() - 1})
    found = await app.network.http.get("Patient/p1", headers=bearer(answer["access_token"]))
    assert found.status_code == 401


async def test_1_4_29_refresh_gives_the_same_scopes(app: App, doctor: Browser) -> None:
    granted = await app.tokens(doctor, "launch/patient offline_access patient/*.rs")
    answer = await app.refresh(granted["refresh_token"])
    body = answer.json()
    assert {"access_token", "token_type", "expires_in", "scope"} <= set(body)
    assert body["scope"] == granted["scope"]
    assert body["access_token"] != granted["access_token"]
    assert "no-store" in answer.headers["cache-control"]
    assert "no-cache" in answer.headers["pragma"]


async def test_1_4_29_refresh_with_the_granted_scopes_and_with_less(app: App, doctor: Browser) -> None:
    granted = await app.tokens(doctor, "launch/patient offline_access patient/*.rs")
    same = (await app.refresh(granted["refresh_token"], scope=granted["scope"])).json()
    assert same["scope"] == granted["scope"]
    less = (await app.refresh(same["refresh_token"], scope="patient/Patient.r")).json()
    assert less["scope"] == "patient/Patient.r"
    again = (await app.refresh(less["refresh_token"])).json()
    assert again["scope"] == granted["scope"], "the refresh token keeps what was granted"


async def test_1_4_30_refresh_that_asks_too_much_or_shows_nothing_good_is_refused(
    network: Network, app: App, doctor: Browser
) -> None:
    granted = await app.tokens(doctor, "launch/patient offline_access patient/Patient.rs")
    assert error_of(await app.refresh("unknown")) == "invalid_grant"
    assert error_of(await app.refresh(granted["refresh_token"], scope="patient/*.rs")) == "invalid_scope"
    other = await network.app_client(SCOPE)
    assert error_of(await other.refresh(granted["refresh_token"])) == "invalid_grant"
    assert (await app.refresh(granted["refresh_token"])).status_code == 200, "none of these used it up"


@pytest.mark.parametrize("scope", ["offline_access", "online_access"])
async def test_1_4_31_offline_and_online_access_both_give_a_refresh_token(
    app: App, doctor: Browser, scope: str
) -> None:
    assert (await app.tokens(doctor, f"{scope} user/*.rs"))["refresh_token"]


async def test_1_4_31_who_is_not_registered_to_refresh_is_granted_no_offline_access(
    network: Network, doctor: Browser
) -> None:
    app = await network.app_client(SCOPE, grant_types=("authorization_code",))
    granted = await app.tokens(doctor, "offline_access online_access user/*.rs")
    assert granted["scope"] == "user/*.rs"
    assert "refresh_token" not in granted


async def test_1_4_31_online_access_dies_with_the_session_offline_access_does_not(app: App, network: Network) -> None:
    assert network.app.authorization is not None
    browser = await network.person()
    online = await app.tokens(browser, "online_access user/*.rs")
    offline = await app.tokens(browser, "offline_access user/*.rs")
    await network.app.authorization.people.end_session(browser.account.id, browser.session_id)
    assert error_of(await app.refresh(online["refresh_token"])) == "invalid_grant"
    assert (await network.http.get("Patient", headers=bearer(online["access_token"]))).status_code == 401
    assert (await app.refresh(offline["refresh_token"])).status_code == 200
    assert (await network.http.get("Patient", headers=bearer(offline["access_token"]))).status_code == 200


async def test_1_4_31_renewing_online_access_keeps_the_session_from_lying_idle(app: App, network: Network) -> None:
    assert network.app.authorization is not None
    people = network.app.authorization.people
    browser = await network.person()
    online = await app.tokens(browser, "online_access user/*.rs")
    assert online["expires_in"] <= people.options.sessions.idle_s / 2
    before = await people.sessions.alive(browser.session_id)
    assert (await app.refresh(online["refresh_token"])).status_code == 200
    after = await people.sessions.alive(browser.session_id)
    assert before is not None
    assert after is not None
    assert after["seen_s"] > before["seen_s"]


async def test_1_4_31_the_reuse_of_a_public_clients_token_ends_the_family(app: App, doctor: Browser) -> None:
    first = await app.tokens(doctor, "offline_access user/*.rs")
    second = (await app.refresh(first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert error_of(await app.refresh(first["refresh_token"])) == "invalid_grant"
    assert error_of(await app.refresh(second["refresh_token"])) == "invalid_grant"
    assert (await app.network.http.get("Patient", headers=bearer(second["access_token"]))).status_code == 401


async def test_1_4_30_a_public_app_may_leave_out_who_it_is(app: App, network: Network, doctor: Browser) -> None:
    first = (await app.tokens(doctor, "offline_access user/*.rs"))["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": first}
    renewed = await network.post("/auth/token", form)
    assert renewed.status_code == 200, renewed.text
    assert error_of(await network.post("/auth/token", form)) == "invalid_grant", "it is good once all the same"
    assert error_of(await app.refresh(renewed.json()["refresh_token"])) == "invalid_grant"
    assert error_of(await network.post("/auth/token", {**form, "refresh_token": "unknown"})) == "invalid_grant"
    assert error_of(await network.post("/auth/token", {"grant_type": "refresh_token"})) == "invalid_client"


async def test_1_4_30_a_client_that_keeps_secrets_proves_itself_to_refresh(network: Network, doctor: Browser) -> None:
    app = await network.app_client(SCOPE, AuthMethod.BASIC)
    token = (await app.tokens(doctor, "offline_access user/*.rs"))["refresh_token"]
    answer = await network.post("/auth/token", {"grant_type": "refresh_token", "refresh_token": token})
    assert (answer.status_code, error_of(answer)) == (401, "invalid_client")
    assert (await app.refresh(token)).status_code == 200


async def test_1_4_31_of_many_refreshes_at_once_one_succeeds_at_most(app: App, doctor: Browser) -> None:
    token = (await app.tokens(doctor, "offline_access user/*.rs"))["refresh_token"]
    answers = await asyncio.gather(*(app.refresh(token) for _ in range(10)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[1:] == [400] * 9


async def test_1_4_31_a_client_that_keeps_secrets_keeps_its_refresh_token(network: Network, doctor: Browser) -> None:
    app = await network.app_client(SCOPE, AuthMethod.BASIC)
    token = (await app.tokens(doctor, "offline_access user/*.rs"))["refresh_token"]
    for _ in range(2):
        assert (await app.refresh(token)).json()["refresh_token"] == token


async def test_1_4_32_the_launched_patient_is_repeated(app: App, doctor: Browser) -> None:
    granted = await app.tokens(doctor, "launch/patient offline_access patient/*.rs")
    assert (await app.refresh(granted["refresh_token"])).json()["patient"] == granted["patient"]


async def test_1_5_34_35_37_the_id_token_is_signed_with_a_published_key(app: App, doctor: Browser) -> None:
    scope = "openid fhirUser profile user/*.rs"
    answer = await app.tokens(doctor, scope, nonce="n-1", max_age="3600")
    published = KeySet.import_key_set((await app.network.http.get(f"{ORIGIN}/auth/keys")).json())
    token = jwt.decode(answer["id_token"], published, algorithms=["RS256"])
    assert token.header["alg"] == "RS256"
    claims = token.claims
    assert claims["iss"] == ORIGIN
    assert claims["aud"] == app.client.client_id
    assert claims["exp"] > time.time() - 1
    assert claims["iat"] <= time.time() + 1
    assert 0 < len(claims["sub"]) < 256
    assert claims["nonce"] == "n-1"
    assert claims["auth_time"] <= time.time()
    assert claims["acr"] == "1fa"


async def test_1_5_36_fhir_user_can_be_read_with_the_token(app: App, doctor: Browser) -> None:
    answer = await app.tokens(doctor, "openid fhirUser user/Practitioner.r")
    url = claims_of(answer["id_token"])["fhirUser"]
    headers = {**bearer(answer["access_token"]), "Origin": "https://app.example.org"}
    found = await app.network.http.get(url, headers=headers)
    assert found.status_code == 200
    assert found.headers["access-control-allow-origin"]


async def test_userinfo_says_what_the_scopes_allow(app: App, doctor: Browser) -> None:
    http, url = app.network.http, f"{ORIGIN}/auth/userinfo"
    answer = await app.tokens(doctor, "openid profile user/*.rs")
    found = await http.get(url, headers=bearer(answer["access_token"]))
    assert found.json() == {"sub": claims_of(answer["id_token"])["sub"], "name": "Dr A"}
    assert (await http.get(url)).status_code == 401
    without = await app.tokens(doctor, "user/*.rs")
    assert (await http.get(url, headers=bearer(without["access_token"]))).status_code == 403


async def test_iua_claims_name_the_user(app: App, network: Network) -> None:
    browser = await network.person(roles=("physician",), organizations=("Organization/1",))
    claims = claims_of((await app.tokens(browser, "launch/patient patient/*.rs"))["access_token"])
    iua = claims["extensions"]["ihe_iua"]
    assert iua["subject_name"] == "Dr A"
    assert iua["subject_organization_id"] == "Organization/1"
    assert iua["subject_role"][0]["code"] == "physician"
    assert iua["person_id"] == "p1"
