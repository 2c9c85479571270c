"""conformance §1.2: the authorization endpoint, standalone and from the record.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html, RFC 6749 §4.1
"""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import pytest_asyncio

from fhirserver.smart.decisions import Decisions, NotAsked
from tests.smart.conftest import ORIGIN, App, Browser, Network, error_of

SCOPE = "openid fhirUser launch launch/patient offline_access patient/*.rs"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(network: Network) -> App:
    await network.put({"resourceType": "Patient", "id": "p1"}, {"resourceType": "Patient", "id": "p2"})
    return await network.app_client(SCOPE)


@pytest_asyncio.fixture(loop_scope="session")
async def doctor(network: Network) -> Browser:
    return await network.person()


async def test_1_2_10_get_and_post_are_both_accepted(app: App, doctor: Browser) -> None:
    query = app.query("launch/patient patient/*.rs")
    for answer in (
        await doctor.get(f"/auth/authorize?{urlencode(query)}"),
        await doctor.post("/auth/authorize", query),
    ):
        assert answer.status_code in (302, 303)
        assert answer.headers["location"].startswith("/auth/")
        assert "no-store" in answer.headers["cache-control"]
        assert answer.headers["referrer-policy"] == "no-referrer"


async def test_1_2_11_success_brings_a_code_and_the_exact_state(app: App, doctor: Browser) -> None:
    answer = (await app.authorize(doctor, "launch/patient patient/*.rs")).answer
    assert answer["state"] == "a state & more"
    assert answer["code"]
    assert "error" not in answer
    assert answer["iss"] == ORIGIN, "RFC 9207"


async def test_1_2_12_the_query_of_the_redirection_uri_is_kept(network: Network, doctor: Browser) -> None:
    own = "https://app.example.org/back?tenant=7"
    app = await network.app_client(SCOPE, redirect_uris=(own,))
    app.redirect_uri = own
    answer = (await app.authorize(doctor, "launch/patient patient/*.rs", redirect_uri=own)).answer
    assert answer["tenant"] == "7"
    assert answer["code"]


NOT_REDIRECTED = [
    pytest.param({"client_id": "nobody"}, id="unknown client"),
    pytest.param({"client_id": None}, id="no client"),
    pytest.param({"redirect_uri": None}, id="no redirect_uri"),
    pytest.param({"redirect_uri": "https://evil.example.org/back"}, id="another host"),
    pytest.param({"redirect_uri": "https://app.example.org/back/more"}, id="a longer path"),
    pytest.param({"redirect_uri": "https://app.example.org/back?x=1"}, id="a query more"),
    pytest.param({"redirect_uri": "https://app.example.org/back#x"}, id="a fragment"),
    pytest.param({"redirect_uri": "https://APP.example.org/back"}, id="another case"),
    pytest.param({"redirect_uri": "https://app.example.org/back/../back"}, id="a path that means the same"),
]


@pytest.mark.parametrize("changes", NOT_REDIRECTED)
async def test_1_2_13_a_wrong_client_or_redirection_is_never_redirected(
    app: App, doctor: Browser, changes: dict[str, Any]
) -> None:
    answer = await doctor.get(f"/auth/authorize?{urlencode(app.query('patient/*.rs', **changes))}")
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_1_2_13_a_parameter_given_twice_is_never_redirected(app: App, doctor: Browser) -> None:
    query = f"{urlencode(app.query('patient/*.rs'))}&redirect_uri=https%3A%2F%2Fevil.example.org"
    assert (await doctor.get(f"/auth/authorize?{query}")).status_code == 400


ERRORS = [
    # changes, the error that the app is told
    pytest.param({"response_type": "token"}, "unsupported_response_type", id="response_type token"),
    pytest.param({"response_type": None}, "invalid_request", id="no response_type"),
    pytest.param({"code_challenge": None}, "invalid_request", id="no challenge"),
    pytest.param({"code_challenge": "short"}, "invalid_request", id="a challenge that is no digest"),
    pytest.param({"code_challenge_method": "plain"}, "invalid_request", id="the method plain"),
    pytest.param({"code_challenge_method": None}, "invalid_request", id="no method, which would be plain"),
    pytest.param({"scope": "patient/Nothing.rs"}, "invalid_scope", id="a type that is none"),
    pytest.param({"scope": "patient/Patient.sr"}, "invalid_scope", id="rights out of order"),
    pytest.param({"scope": "system/*.rs"}, "invalid_scope", id="scopes of backend services"),
    pytest.param({"scope": None}, "invalid_scope", id="no scope"),
    pytest.param({"scope": "user/*.rs"}, "invalid_scope", id="nothing that the client is registered for"),
    pytest.param({"aud": None}, "invalid_request", id="no aud"),
    pytest.param({"aud": "https://inferno.healthit.gov/invalid_aud"}, "invalid_request", id="another server's aud"),
    pytest.param({"aud": "http://localhost/nothing/fhir"}, "invalid_request", id="an aud that is no base"),
    pytest.param({"aud": "http://localhost/second/fhir"}, "unauthorized_client", id="a site that has not approved it"),
    pytest.param({"scope": "launch patient/*.rs"}, "invalid_request", id="the scope launch without a launch"),
    pytest.param({"launch": "x"}, "invalid_request", id="a launch without its scope"),
    pytest.param({"scope": "launch patient/*.rs", "launch": "forged"}, "invalid_request", id="a forged launch"),
    pytest.param({"request": "x"}, "request_not_supported", id="a request object"),
    pytest.param({"request_uri": "x"}, "request_uri_not_supported", id="the URI of one"),
    pytest.param({"prompt": "none"}, "interaction_required", id="prompt none where a patient must be chosen"),
    pytest.param({"prompt": "none login"}, "invalid_request", id="prompt none with another"),
    pytest.param({"prompt": "now"}, "invalid_request", id="an unknown prompt"),
    pytest.param({"max_age": "soon"}, "invalid_request", id="a max_age that is no number"),
    pytest.param({"response_mode": "fragment"}, "invalid_request", id="another response_mode"),
]


@pytest.mark.parametrize(("changes", "error"), ERRORS)
async def test_1_2_14_15_problems_are_told_to_the_app_with_its_state(
    app: App, doctor: Browser, changes: dict[str, Any], error: str
) -> None:
    asked = await app.ask(doctor, **{"scope": "patient/*.rs", **changes})
    assert (asked.answer["error"], asked.answer["state"]) == (error, "a state & more")
    assert "code" not in asked.answer


async def test_1_2_14_without_a_state_the_answer_has_none(app: App, doctor: Browser) -> None:
    asked = await app.ask(doctor, "patient/*.rs", state=None)
    assert asked.answer["error"] == "invalid_request"
    assert "state" not in asked.answer


async def test_1_2_14_a_user_who_refuses_is_access_denied(app: App, doctor: Browser) -> None:

    asked = await app.ask(doctor, "openid")
    assert asked.page == "/auth/consent"
    await Decisions(app.network.services).decide(asked.request_id, doctor.session_id, None)
    answer = (await app.resume(doctor, asked)).answer
    assert (answer["error"], answer["state"]) == ("access_denied", "a state & more")


async def test_1_2_15_an_aud_with_a_slash_at_its_end_is_the_same(app: App, doctor: Browser) -> None:
    assert (await app.authorize(doctor, "openid", aud="http://localhost/fhir/")).answer["code"]


async def test_a_user_who_has_not_logged_in_is_sent_there_and_back(app: App, network: Network) -> None:
    answer = await network.http.get(f"{ORIGIN}/auth/authorize?{urlencode(app.query('openid', login_hint='anne'))}")
    assert answer.status_code == 303
    location = answer.headers["location"]
    assert location.startswith("/auth/login?next=%2Fauth%2Fauthorize%2Fresume%3Fasked%3D")
    assert "login_hint=anne" in location


async def test_prompt_none_without_a_login_is_login_required(app: App, network: Network) -> None:
    query = urlencode(app.query("openid", prompt="none"))
    answer = await network.http.get(f"{ORIGIN}/auth/authorize?{query}")
    assert "error=login_required" in answer.headers["location"]


async def test_who_has_not_logged_in_leaves_nothing_in_the_database(
    app: App, network: Network, doctor: Browser
) -> None:
    records, query = network.services.state.pending, app.query("openid")
    before = len(await records.find({}))
    for answer in (
        await network.http.get(f"{ORIGIN}/auth/authorize?{urlencode(query)}"),
        await network.post("/auth/authorize", query),
    ):
        resume = answer.headers["location"]
        if answer.request.method == "GET":
            assert resume.startswith("/auth/login?next=")
            resume = parse_qs(urlsplit(resume).query)["next"][0]
        assert len(await records.find({})) == before
        assert (await app.follow(doctor, resume)).page == "/auth/consent"
        before += 1  # it is kept once somebody has logged in
        assert len(await records.find({})) == before


@pytest.mark.parametrize("asked", ["", "AAAA", "é", "A" * 5000])
async def test_what_was_not_sealed_here_is_expired(network: Network, doctor: Browser, asked: str) -> None:
    answer = await doctor.get(f"/auth/authorize/resume?{urlencode({'asked': asked})}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")


async def test_what_was_sealed_is_good_for_as_long_as_a_user_may_take(app: App, network: Network) -> None:
    pending, policy = network.services.pending, network.services.policy
    answer = await network.post("/auth/authorize", app.query("openid"))
    sealed = parse_qs(urlsplit(answer.headers["location"]).query)["asked"][0]
    now_s = network.services.clock()
    assert pending.opened(sealed, now_s + policy.pending_s - 5) is not None
    assert pending.opened(sealed, now_s + policy.pending_s + 5) is None
    assert pending.opened(sealed[:-4] + "AAAA", now_s) is None


async def test_the_longest_request_that_is_taken_comes_through_the_login(app: App, network: Network) -> None:
    fields = {"state": "é" * 1000, "nonce": "n" * 2000}
    answer = await network.http.get(f"{ORIGIN}/auth/authorize?{urlencode(app.query('openid', **fields))}")
    page = await network.http.get(f"{ORIGIN}{answer.headers['location']}")
    assert "asked%3D" in page.text, "the form of the login names it"
    fields["login_hint"] = "h" * 2000
    answer = await network.http.get(f"{ORIGIN}/auth/authorize?{urlencode(app.query('openid', **fields))}")
    assert "error=invalid_request" in answer.headers["location"]


async def test_max_age_and_prompt_login_ask_for_a_new_login(app: App, doctor: Browser) -> None:
    for changes in ({"prompt": "login"}, {"max_age": "0"}):
        asked = await app.ask(doctor, "openid", **changes)
        assert asked.page == "/auth/login"
        assert "fresh=1" in asked.location
    assert (await app.ask(doctor, "openid", max_age="3600")).page == "/auth/consent"


async def test_a_level_of_login_that_is_asked_for_is_asked_of_the_user(app: App, doctor: Browser) -> None:
    asked = await app.ask(doctor, "openid", acr_values="2fa")
    assert asked.page == "/auth/login"
    assert "acr=2fa" in asked.location


async def launch_of(app: App, browser: Browser, **more: object) -> dict[str, Any]:
    body = {"client_id": app.client.client_id, **more}
    answer = await app.network.http.post(f"{ORIGIN}/auth/launch", json=body, headers=browser.headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_1_2_16_the_record_opens_an_app_for_a_patient(app: App, doctor: Browser) -> None:
    opened = await launch_of(app, doctor, patient="p1", need_patient_banner=False, intent="order", tenant="t1")
    assert opened["iss"] == "http://localhost/fhir"
    assert opened["launch_uri"].startswith("https://app.example.org/launch?iss=http%3A%2F%2Flocalhost%2Ffhir&launch=")
    answer = await app.tokens(doctor, "launch patient/*.rs", launch=opened["launch"])
    assert (answer["patient"], answer["intent"], answer["tenant"]) == ("p1", "order", "t1")
    assert answer["need_patient_banner"] is False
    assert answer["smart_style_url"] == f"{ORIGIN}/auth/style.json"


async def test_1_2_16_a_launch_is_good_once(app: App, doctor: Browser) -> None:
    launch = (await launch_of(app, doctor, patient="p1"))["launch"]
    assert (await app.authorize(doctor, "launch patient/*.rs", launch=launch)).answer["code"]
    again = await app.authorize(doctor, "launch patient/*.rs", launch=launch)
    assert again.answer["error"] == "invalid_request"


async def test_1_2_16_of_many_uses_of_a_launch_at_once_one_succeeds(app: App, doctor: Browser) -> None:
    launch = (await launch_of(app, doctor, patient="p1"))["launch"]
    asked = await asyncio.gather(*(app.ask(doctor, "launch patient/*.rs", launch=launch) for _ in range(8)))
    assert sorted("error" in one.answer for one in asked) == [False, *[True] * 7]


async def test_1_2_16_a_launch_of_another_session_user_or_app_gives_no_code(
    app: App, network: Network, doctor: Browser
) -> None:
    other_user = await network.person()
    other_app = await network.app_client(SCOPE)
    for which, browser in ((app, other_user), (other_app, doctor)):
        launch = (await launch_of(app, doctor, patient="p1"))["launch"]
        asked = await which.ask(browser, "launch patient/*.rs", launch=launch)
        assert asked.answer["error"] == "invalid_request"


async def test_1_2_16_a_launch_needs_a_login_of_this_server(app: App, network: Network, doctor: Browser) -> None:
    body = {"client_id": app.client.client_id, "patient": "p1"}
    url = f"{ORIGIN}/auth/launch"
    assert (await network.http.post(url, json=body)).status_code == 401
    foreign = {**doctor.headers, "Origin": "https://evil.example.org"}
    assert (await network.http.post(url, json=body, headers=foreign)).status_code == 403
    form = await network.http.post(url, content=b"client_id=x", headers=doctor.headers)
    assert form.status_code == 400, "a form of another page is no JSON"


async def test_1_2_16_a_launch_for_a_patient_that_is_not_there_is_refused(app: App, doctor: Browser) -> None:
    body = {"client_id": app.client.client_id, "patient": "nobody"}
    answer = await app.network.http.post(f"{ORIGIN}/auth/launch", json=body, headers=doctor.headers)
    assert error_of(answer) == "invalid_request"


async def test_1_2_17_patient_scopes_need_a_patient(app: App, doctor: Browser) -> None:
    asked = await app.ask(doctor, "patient/*.rs")
    assert asked.page == "/auth/pick/patient"
    assert (await app.tokens(doctor, "patient/*.rs"))["patient"] == "p1"


async def test_1_2_17_a_patient_is_their_own_context(app: App, network: Network) -> None:
    patient = await network.person(fhir_user="Patient/p2")
    assert (await app.tokens(patient, "launch/patient patient/*.rs"))["patient"] == "p2"


async def test_1_2_18_the_user_grants_less_than_asked_for(app: App, doctor: Browser) -> None:
    asked = "launch/patient patient/Patient.rs patient/Observation.rs patient/Condition.rs"
    narrow = "launch/patient patient/Patient.rs patient/Observation.rs?category=laboratory"
    answer = await app.tokens(doctor, asked, granted=narrow)
    assert answer["scope"].split() == narrow.split()


@pytest.mark.parametrize(
    "granted", ["patient/Procedure.rs", "patient/Observation.cruds", "offline_access", "user/Patient.rs", ""]
)
async def test_1_2_18_nothing_can_be_granted_that_was_not_asked_for(app: App, doctor: Browser, granted: str) -> None:

    patient = await app.network.person(fhir_user="Patient/p2")
    asked = await app.ask(patient, "patient/Observation.rs")
    with pytest.raises(NotAsked):
        await Decisions(app.network.services).decide(asked.request_id, patient.session_id, tuple(granted.split()))


async def test_consent_is_remembered_and_can_be_asked_for_anew(app: App, doctor: Browser) -> None:
    assert (await app.authorize(doctor, "openid fhirUser")).answer["code"]
    assert (await app.ask(doctor, "openid fhirUser")).answer["code"], "asked once, not twice"
    assert (await app.ask(doctor, "openid fhirUser", prompt="none")).answer["code"]
    assert (await app.ask(doctor, "openid fhirUser", prompt="consent")).page == "/auth/consent"
    assert (await app.ask(doctor, "openid")).page == "/auth/consent", "another question"


async def test_a_trusted_client_needs_no_consent(network: Network, doctor: Browser) -> None:
    app = await network.app_client(SCOPE, trusted=True)
    assert (await app.ask(doctor, "openid fhirUser")).answer["code"]


async def test_a_pending_authorization_is_of_one_session(app: App, network: Network, doctor: Browser) -> None:
    asked = await app.ask(doctor, "openid")
    other = await network.person()
    answer = await other.get(f"/auth/authorize/resume?request={asked.request_id}")
    assert answer.status_code == 400


async def test_of_many_who_resume_at_once_one_has_the_code(app: App, doctor: Browser) -> None:

    asked = await app.ask(doctor, "openid", prompt="consent")
    await Decisions(app.network.services).decide(asked.request_id, doctor.session_id, ("openid",))
    url = f"/auth/authorize/resume?request={asked.request_id}"
    answers = await asyncio.gather(*(doctor.get(url) for _ in range(8)))
    codes = [answer for answer in answers if "code=" in answer.headers.get("location", "")]
    assert len(codes) == 1


async def test_an_account_of_another_site_gets_no_code(app: App, network: Network) -> None:
    stranger = await network.person(site="second")
    assert (await app.ask(stranger, "openid")).answer["error"] == "access_denied"


async def test_a_blocked_client_is_not_known(network: Network, doctor: Browser) -> None:
    app = await network.app_client(SCOPE, blocked=True)
    answer = await doctor.get(f"/auth/authorize?{urlencode(app.query('openid'))}")
    assert answer.status_code == 400
