"""One's own account, sessions and apps; ward stations; the API of administrators."""

import asyncio
import base64
import re
from typing import Any
from urllib.parse import urlencode

import pytest

from fhirserver.smart.pages.contracts import ClientCard, GrantCard
from fhirserver.smart.pages.router import PAGES
from fhirserver.smart.people.account import Account
from fhirserver.smart.people.totp import new_secret
from tests.smart.pages.conftest import PASSWORD, Browser, Place

NEW = "a new long sentence"
OTHER = "wrong horse battery"
PIN = "274913"
LOGGED_OUT = (
    "/auth/account",
    "/auth/account/sessions",
    "/auth/account/apps",
    "/auth/account/password",
    "/auth/station",
)


@pytest.mark.parametrize("path", LOGGED_OUT)
async def test_nothing_of_an_account_is_shown_to_who_is_not_logged_in(browser: Browser, path: str) -> None:
    await browser.get(path)
    assert browser.url.startswith("/auth/login?next=")


POSTED = (
    "/auth/account/password", "/auth/account/app", "/auth/account/app/remove", "/auth/account/recovery",
    "/auth/account/passkey", "/auth/account/passkey/remove", "/auth/account/pin", "/auth/account/pin/remove",
    "/auth/account/sessions/end", "/auth/account/sessions/end-others", "/auth/account/apps/withdraw", "/auth/logout",
    "/auth/station/lock", "/auth/station/register", "/auth/station/remove", "/auth/consent", "/auth/pick/patient",
    "/auth/pick/encounter",
)  # fmt: skip


@pytest.mark.parametrize("path", POSTED)
async def test_no_form_does_anything_without_its_token(place: Place, browser: Browser, path: str) -> None:
    account = await place.patient()
    await browser.log_in(account)
    before = await place.people.accounts.get(account.id)
    page = await browser.send(path, {"token": "0" * 64, "pin": PIN, "new": NEW, "again": NEW, "current": PASSWORD})
    assert page.status_code in (400, 403)
    assert await place.people.accounts.get(account.id) == before
    assert await browser.session() is not None


async def test_a_new_password_ends_all_other_sessions(place: Place, browser: Browser) -> None:
    account = await place.patient()
    other = place.browser()
    await other.log_in(account)
    await browser.log_in(account)
    await browser.get("/auth/account/password")
    page = await browser.post("/auth/account/password", current=OTHER, new=NEW, again=NEW)
    assert page.status_code == 400
    await browser.post("/auth/account/password", current=PASSWORD, new=NEW, again=NEW)
    assert "Your password is changed" in browser.text
    assert await browser.session() is not None
    assert await other.session() is None


async def test_an_app_and_recovery_codes_are_set_up_and_removed(place: Place, browser: Browser) -> None:
    account = await place.patient()
    await browser.log_in(account)
    page = await browser.get("/auth/account/app")
    key = re.search(r"<code>([A-Z2-7]{32})</code>", page.text)
    assert key
    assert "<svg" in page.text
    code = place.code(base64.b32decode(key[1]))
    assert (await browser.post("/auth/account/app", app=browser.hidden("app"), code="000000")).status_code == 400
    page = await browser.post("/auth/account/app", app=browser.hidden("app"), code=code)
    assert len(re.findall(r"<code>[a-z2-9-]{17}</code>", page.text)) == 10
    stored = await place.people.accounts.get(account.id)
    assert stored is not None
    assert stored.totp_secret is not None
    assert base64.b32decode(key[1]) not in stored.totp_secret
    await browser.post("/auth/account/recovery")
    renewed = await place.people.accounts.get(account.id)
    assert renewed is not None
    assert renewed.recovery != stored.recovery
    await browser.get("/auth/account")
    await browser.post("/auth/account/app/remove")
    assert "The authenticator app is removed" in browser.text


async def test_the_last_factor_of_a_role_that_needs_one_stays(place: Place, browser: Browser) -> None:
    account = await place.add(fhir_user="Practitioner/d1")
    account, codes = await place.services.management.set_totp(account, new_secret(), -1)
    await browser.log_in(account)
    await browser.post(browser.url, code=codes[0])
    await browser.post("/auth/account/app/remove")
    assert "set up another one" in browser.text
    stored = await place.people.accounts.get(account.id)
    assert stored is not None
    assert stored.totp_secret is not None


async def test_sessions_are_listed_and_ended(place: Place, browser: Browser) -> None:
    account = await place.patient()
    other, stranger = place.browser(), place.browser()
    await other.log_in(account)
    await stranger.log_in(await place.patient())
    theirs, foreign = await other.session(), await stranger.session()
    await browser.log_in(account)
    page = await browser.get("/auth/account/sessions")
    assert page.text.count('name="session"') == 2
    assert theirs is not None
    assert foreign is not None
    assert (await browser.post("/auth/account/sessions/end", session=foreign.id)).status_code == 404
    await browser.get("/auth/account/sessions")
    await browser.post("/auth/account/sessions/end", session=theirs.id)
    assert await other.session() is None
    assert await stranger.session() is not None
    assert (account.id, theirs.id) in place.told


async def test_apps_are_listed_in_words_and_withdrawn(place: Place, browser: Browser) -> None:
    account = await place.patient()
    client = ClientCard(id="app", name="<b>Growth</b>", owner="Example Ltd")
    grant = GrantCard(
        id="g1", client=client, scopes=("patient/Immunization.rs", "offline_access"), since_s=0.0, patient="p1"
    )
    place.asked.grants[account.id] = [grant]
    await browser.log_in(account)
    page = await browser.get("/auth/account/apps")
    assert "&lt;b&gt;Growth&lt;/b&gt;" in page.text
    assert "vaccinations: see" in page.text
    assert (await browser.post("/auth/account/apps/withdraw", grant="g2")).status_code == 404
    await browser.get("/auth/account/apps")
    await browser.post("/auth/account/apps/withdraw", grant="g1")
    assert place.asked.withdrawn == ["g1"]
    assert "has no access any more" in browser.text


async def nurse_at_station(place: Place, browser: Browser) -> Account:
    """Return a nurse with a PIN whose session is suspended at a station."""
    account = await place.add(fhir_user="Practitioner/n1", roles=("nurse",), exempt=True)
    await browser.log_in(account)
    await browser.get("/auth/station")
    await browser.post("/auth/station/register", name="Cardiology 3")
    await browser.log_in(account, path="/auth/login?fresh=1")
    session = await browser.session()
    if session is not None and session.station is None:  # the one from before it was a station
        await browser.post("/auth/logout")
        await browser.log_in(account)
    await browser.get("/auth/account/pin")
    assert (await browser.post("/auth/account/pin", pin="123456")).status_code == 400
    await browser.post("/auth/account/pin", pin=PIN)
    await browser.post("/auth/station/lock")
    return account


async def test_a_suspended_session_is_taken_up_by_its_pin(place: Place, browser: Browser) -> None:
    account = await nurse_at_station(place, browser)
    assert await browser.session() is None
    assert account.name in browser.text
    await browser.post("/auth/station/unlock", session=browser.hidden("session"), pin=PIN)
    session = await browser.session()
    assert session is not None
    assert (session.user_id, session.amr) == (account.id, ("pwd", "pin"))


async def test_unlocking_is_no_full_login(place: Place, browser: Browser) -> None:
    await nurse_at_station(place, browser)
    place.clock.ahead_s += 700
    await browser.post("/auth/station/unlock", session=browser.hidden("session"), pin=PIN)
    await browser.get("/auth/account/password")
    assert "Confirm that it is you" in browser.text


async def test_three_wrong_pins_end_the_session(place: Place, browser: Browser) -> None:
    await nurse_at_station(place, browser)
    session = browser.hidden("session")
    for _ in range(3):
        page = await browser.post("/auth/station/unlock", session=session, pin="111222")
        assert page.status_code == 403
    page = await browser.post("/auth/station/unlock", session=session, pin=PIN)
    assert "cannot be unlocked any more" in page.text
    assert await browser.session() is None


async def test_of_pins_tried_at_once_three_count(place: Place, browser: Browser) -> None:
    await nurse_at_station(place, browser)
    session, token = browser.hidden("session"), browser.hidden("token")
    form = {"token": token, "session": session, "pin": "111222"}
    copies = [Browser(place, browser.http) for _ in range(8)]
    await asyncio.gather(*(one.send("/auth/station/unlock", form) for one in copies))
    page = await browser.post("/auth/station/unlock", session=session, pin=PIN)
    assert page.status_code == 403


async def test_a_pin_is_good_at_its_station_only(place: Place, browser: Browser) -> None:
    await nurse_at_station(place, browser)
    session = browser.hidden("session")
    elsewhere = place.browser()
    await elsewhere.get("/auth/login")
    assert (await elsewhere.post("/auth/station/unlock", session=session, pin=PIN)).status_code == 403
    other_station = place.browser()
    await nurse_at_station(place, other_station)
    assert (await other_station.post("/auth/station/unlock", session=session, pin=PIN)).status_code == 403


async def test_a_session_that_lies_idle_at_a_station_is_suspended(place: Place, browser: Browser) -> None:
    await nurse_at_station(place, browser)
    await browser.post("/auth/station/unlock", session=browser.hidden("session"), pin=PIN)
    place.clock.ahead_s += 1801
    assert await browser.session() is None
    await browser.get("/auth/station")
    await browser.post("/auth/station/unlock", session=browser.hidden("session"), pin=PIN)
    assert await browser.session() is not None


async def test_after_the_shift_a_full_login_is_needed(place: Place, browser: Browser) -> None:
    await nurse_at_station(place, browser)
    session = browser.hidden("session")
    place.clock.ahead_s += 43_201
    assert (await browser.post("/auth/station/unlock", session=session, pin=PIN)).status_code == 403
    await browser.get("/auth/station")
    assert "No session is suspended here" in browser.text


async def test_patients_make_no_stations(place: Place, browser: Browser) -> None:
    await browser.log_in(await place.patient())
    await browser.get("/auth/station")
    assert (await browser.post("/auth/station/register", name="x")).status_code == 403


async def administrator(place: Place, browser: Browser) -> Account:
    account = await place.add(is_admin=True, exempt=True)
    await browser.log_in(account)
    return account


async def call(browser: Browser, method: str, path: str = "", body: Any = None, **headers: str) -> Any:  # noqa: ANN401
    return await browser.http.request(method, f"/auth/admin/users{path}", json=body, headers=headers)


async def test_administrators_make_change_lock_and_remove_accounts(place: Place, browser: Browser) -> None:
    await administrator(place, browser)
    new = {"username": "Dr.Who", "name": "Dr Who", "fhirUser": "Practitioner/w", "roles": ["physician"]}
    made = await call(browser, "POST", body={**new, "password": PASSWORD, "mustChangePassword": False})
    assert made.status_code == 201
    user = made.json()
    assert (user["username"], user["fhirUser"], user["hasPassword"]) == ("dr.who", "Practitioner/w", True)
    assert not {"passwordHash", "password_hash", "totpSecret", "recovery"} & set(user)
    assert (await call(browser, "POST", body=new)).status_code == 400
    assert (await call(browser, "GET", "/dr.who")).json() == user
    assert [one["id"] for one in (await call(browser, "GET", "?role=physician&site=main")).json()].count(
        user["id"]
    ) == 1
    changed = await call(browser, "PATCH", "/dr.who", {"roles": ["nurse"], "organizations": ["Organization/1"]})
    assert (changed.json()["roles"], changed.json()["organizations"]) == (["nurse"], ["Organization/1"])
    assert (user["id"], None) in place.told
    theirs = place.browser()
    await theirs.log_in(Account(id="", username="dr.who", name="", site="main"))
    assert (await call(browser, "POST", "/dr.who/lock")).json()["locked"] is True
    assert (await theirs.log_in(Account(id="", username="dr.who", name="", site="main"))).status_code == 403
    assert (await call(browser, "POST", "/dr.who/unlock")).json()["locked"] is False
    assert (await call(browser, "POST", "/dr.who/password", {"password": NEW})).json()["mustChangePassword"] is True
    assert (await call(browser, "DELETE", "/dr.who")).status_code == 204
    assert (await call(browser, "GET", "/dr.who")).status_code == 404


async def test_a_lock_ends_sessions_at_once(place: Place, browser: Browser) -> None:
    await administrator(place, browser)
    account = await place.patient()
    theirs = place.browser()
    await theirs.log_in(account)
    listed = (await call(browser, "GET", f"/{account.id}/sessions")).json()
    assert len(listed) == 1
    await call(browser, "POST", f"/{account.id}/lock")
    assert await theirs.session() is None
    assert (account.id, listed[0]["id"]) in place.told
    assert await place.people.account(account.id) is None


BAD = [
    pytest.param(("POST", ""), {"username": "a b", "name": "x"}, 400, id="a name with a space"),
    pytest.param(("POST", ""), {"username": "ab", "name": "x", "site": "other"}, 400, id="another site"),
    pytest.param(
        ("POST", ""), {"username": "ab", "name": "x", "fhirUser": "Observation/1"}, 400, id="a link to no person"
    ),
    pytest.param(("POST", ""), {"username": "ab", "name": "x", "roles": ["$ne"]}, 400, id="a role that is none"),
    pytest.param(("POST", ""), {"username": "ab", "name": "x", "password": "short"}, 400, id="a short password"),
    pytest.param(("POST", ""), {"username": "ab", "name": "x", "locked": True}, 422, id="a field that there is not"),
    pytest.param(("GET", "?_count=0"), None, 422, id="no accounts at all"),
    pytest.param(("PATCH", "/nobody"), {"name": "x"}, 404, id="nobody"),
]


@pytest.mark.parametrize(("request_line", "body", "status"), BAD)
async def test_what_the_api_refuses(
    place: Place, browser: Browser, request_line: tuple[str, str], body: object, status: int
) -> None:
    await administrator(place, browser)
    assert (await call(browser, *request_line, body)).status_code == status


NULLS = [
    pytest.param({"name": None}, 422, id="nobody is without a name"),
    pytest.param({"name": ""}, 422, id="nor has an empty one"),
    pytest.param({"roles": None}, 422, id="roles are a list"),
    pytest.param({"isAdmin": None}, 422, id="an administrator or not"),
    pytest.param({"fhirUser": None}, 200, id="but linked to nobody"),
    pytest.param({}, 200, id="or not changed at all"),
]


@pytest.mark.parametrize(("change", "status"), NULLS)
async def test_what_of_an_account_can_be_null(
    place: Place, browser: Browser, change: dict[str, object], status: int
) -> None:
    await administrator(place, browser)
    account = await place.patient()
    assert (await call(browser, "PATCH", f"/{account.id}", change)).status_code == status
    shown = (await call(browser, "GET", f"/{account.id}")).json()
    assert shown["name"] == account.name
    assert shown["fhirUser"] == (None if "fhirUser" in change else "Patient/p1")


async def test_the_api_is_for_administrators_who_are_logged_in_here(place: Place, browser: Browser) -> None:
    assert (await call(browser, "GET")).status_code == 401
    await browser.log_in(await place.patient())
    assert (await call(browser, "GET")).status_code == 403
    chief = place.browser()
    await administrator(place, chief)
    assert (await call(chief, "POST", "/x/lock", Origin="https://evil.example")).status_code == 403
    assert (await call(chief, "GET", Authorization="Bearer forged")).status_code == 401


FIELDS = (
    *("username", "password", "code", "challenge", "credential", "app", "new", "again", "current", "pin", "passkey"),
    *("session", "grant", "choice", "decision", "patient", "encounter", "name", "identifier", "birth_date", "to"),
)
NONSENSE = (
    "\x00",
    "é" * 300,
    "{}",
    '{"rawId": 5, "response": []}',
    '{"rawId": "AA", "response": {"transports": 1}}',
    "AAAA",
)


@pytest.mark.parametrize("value", NONSENSE, ids=["NUL", "long", "object", "base64", "numbers", "no lists"])
async def test_nonsense_is_refused_and_never_a_fault(place: Place, browser: Browser, value: str) -> None:
    account = await place.add(fhir_user="Practitioner/d1", exempt=True)
    fields = dict.fromkeys(FIELDS, value)
    for path, methods, _ in PAGES:
        if path == "/auth/logout":
            continue
        if await browser.session() is None:
            await browser.log_in(account)
        where = path.replace("{issuer}", "x")
        query = {name: value for name in ("flow", "request", "next", "acr", "state", "login_hint", "done")}
        if methods == ("GET",):
            answer = await browser.http.get(where, params=query)
        else:
            token = browser.hidden("token")
            answer = await browser.http.post(
                where,
                params=query,
                content=urlencode({**fields, "token": token}),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
        assert answer.status_code < 500, (path, answer.text)
