"""Login over HTTP: passwords, second factors, sessions, and what a login never tells or does.

Security checklist §8 items 2, 8, 20; conformance §1.2 item 19.
"""

import asyncio
import base64
import re
import secrets
import statistics
import time

import pytest

from fhirserver.smart.people.account import Account
from fhirserver.smart.people.totp import new_secret
from tests.smart.pages.conftest import PASSWORD, Browser, Place

OTHER = "wrong horse battery"
WRONG = "The user name or the password is not right."


async def test_a_right_password_leads_where_the_login_was_asked_for(place: Place, browser: Browser) -> None:
    account = await place.patient()
    await browser.get("/auth/login?next=/auth/account/sessions")
    answer = await browser.post(
        "/auth/login?next=/auth/account/sessions", follow=False, username=account.username.upper(), password=PASSWORD
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/auth/account/sessions")
    session = await browser.session()
    assert session is not None
    assert (session.user_id, session.acr, session.amr) == (account.id, "1fa", ("pwd",))


async def test_every_page_is_framed_by_nobody_cached_nowhere_and_runs_no_script_of_its_own(browser: Browser) -> None:
    page = await browser.get("/auth/login")
    policy = page.headers["content-security-policy"]
    for directive in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "script-src 'self'"):
        assert directive in policy
    assert "unsafe" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", page.text)


async def test_static_files_are_named_by_their_content(browser: Browser) -> None:
    page = await browser.get("/auth/login")
    for path in re.findall(r'"(/auth/static/[^"]+)"', page.text):
        file = await browser.http.get(path)
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"]
    assert (await browser.http.get("/auth/static/../view.py")).status_code == 404


async def test_cookies_are_out_of_reach_of_scripts_and_other_sites(place: Place, browser: Browser) -> None:
    page = await browser.get("/auth/login")
    assert re.fullmatch(r"fhirserver_browser=[^;]+; HttpOnly; Path=/; SameSite=lax", page.headers["set-cookie"])
    account = await place.patient()
    answer = await browser.post("/auth/login", follow=False, username=account.username, password=PASSWORD)
    assert re.search(r"fhirserver_session=[^;]+; HttpOnly; Path=/; SameSite=lax", answer.headers["set-cookie"])
    secure = await browser.http.get("https://localhost/auth/login")
    assert re.fullmatch(
        r"__Host-fhirserver_browser=[^;]+; HttpOnly; Path=/; SameSite=lax; Secure", secure.headers["set-cookie"]
    )


async def test_neither_text_nor_status_tells_whether_a_name_is_known(place: Place) -> None:
    account = await place.patient()
    locked = await place.services.management.lock(await place.patient())
    without = await place.add(None, fhir_user="Patient/p2")
    answers = set()
    for name, password in (
        (account.username, OTHER),
        (secrets.token_hex(8), OTHER),
        ("no user name/at all", OTHER),
        (locked.username, PASSWORD),
        (without.username, PASSWORD),
    ):
        browser = place.browser()
        page = await browser.post("/auth/login", username=name, password=password)
        text = page.text.replace(name, "NAME")
        answers.add((page.status_code, WRONG in text, re.sub(r'(value|data-options)="[^"]*"', "", text)))
    assert len(answers) == 1
    assert next(iter(answers))[:2] == (403, True)


async def test_time_does_not_tell_whether_a_name_is_known(place: Place) -> None:
    sign_in = place.people.sign_in
    account = await place.patient()
    known, unknown = [], []
    for number in range(12):
        for name, times in ((account.username, known), (f"nobody{number}", unknown)):
            await place.people.attempts.forget(f"account:{name}")
            began = time.perf_counter()
            assert await sign_in.by_password(name, "wrong horse battery", f"198.51.100.{number}") is None
            times.append(time.perf_counter() - began)
    ratio = statistics.median(known) / statistics.median(unknown)
    assert 0.6 < ratio < 1.6


async def test_hashing_never_holds_up_the_loop(place: Place) -> None:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - began - 0.001)

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    await asyncio.gather(*(place.people.passwords.verify("some password", None) for _ in range(12)))
    took = time.perf_counter() - began
    watching.cancel()
    assert longest < max(0.25, took / 3)


async def test_attempts_at_an_account_wait_longer_and_longer(place: Place, browser: Browser) -> None:
    account = await place.patient()
    for _ in range(5):
        assert (await browser.post("/auth/login", username=account.username, password=OTHER)).status_code == 403
    page = await browser.post("/auth/login", username=account.username, password=PASSWORD)
    assert page.status_code == 429
    assert 1 <= int(page.headers["retry-after"]) <= 6
    assert "Too many attempts" in page.text
    place.clock.ahead_s += 6
    assert (await browser.post("/auth/login", username=account.username, password=OTHER)).status_code == 403
    place.clock.ahead_s += 6
    assert (await browser.post("/auth/login", username=account.username, password=PASSWORD)).status_code == 429
    place.clock.ahead_s += 5
    assert (await browser.post("/auth/login", username=account.username, password=PASSWORD)).status_code == 200
    assert await browser.session() is not None


async def test_attempts_at_a_name_that_nobody_has_wait_in_the_same_way(place: Place, browser: Browser) -> None:
    name = secrets.token_hex(6)
    for _ in range(5):
        assert (await browser.post("/auth/login", username=name, password=OTHER)).status_code == 403
    assert (await browser.post("/auth/login", username=name, password=OTHER)).status_code == 429


async def test_of_attempts_at_the_same_moment_no_more_are_made_than_one_after_another(place: Place) -> None:
    account = await place.patient()
    browsers = [place.browser() for _ in range(12)]
    for one in browsers:
        await one.get("/auth/login")
    pages = await asyncio.gather(
        *(one.post("/auth/login", username=account.username, password=OTHER) for one in browsers)
    )
    assert sum(page.status_code == 403 for page in pages) == 5
    assert sum(page.status_code == 429 for page in pages) == 7


async def test_one_address_may_not_try_many_names(place: Place) -> None:
    browser = place.browser("203.0.113.9")
    await browser.get("/auth/login")
    statuses = [
        (await browser.post("/auth/login", username=secrets.token_hex(6), password=OTHER)).status_code
        for _ in range(51)
    ]
    assert statuses[:50] == [403] * 50
    assert statuses[50] == 429


FORGED = [
    pytest.param({"token": ""}, {}, id="without a token"),
    pytest.param({"token": "0" * 64}, {}, id="with another token"),
    pytest.param({}, {"Origin": "https://evil.example"}, id="from a page of another origin"),
    pytest.param({}, {"Origin": "null", "Sec-Fetch-Site": "cross-site"}, id="from a page that hides its origin"),
    pytest.param({}, {"Sec-Fetch-Site": "same-site"}, id="from a page of a sister host"),
]


@pytest.mark.parametrize(("fields", "headers"), FORGED)
async def test_a_form_of_another_page_is_refused(
    place: Place, browser: Browser, fields: dict[str, str], headers: dict[str, str]
) -> None:
    account = await place.patient()
    await browser.get("/auth/login")
    form = {"token": browser.hidden("token"), "username": account.username, "password": PASSWORD, **fields}
    assert (await browser.send("/auth/login", form, **headers)).status_code == 403
    assert await browser.session() is None


async def test_the_token_of_one_browser_is_of_no_use_in_another(place: Place, browser: Browser) -> None:
    other = place.browser()
    await other.get("/auth/login")
    await browser.get("/auth/login")
    form = {"token": other.hidden("token"), "username": "anna", "password": "x"}
    assert (await browser.send("/auth/login", form)).status_code == 403


async def test_login_gives_a_new_cookie_and_a_new_form_token(place: Place, browser: Browser) -> None:
    account = await place.patient()
    await browser.log_in(account)
    first, token = browser.http.cookies["fhirserver_session"], browser.hidden("token")
    place.clock.ahead_s += 1
    await browser.log_in(account, path="/auth/login?fresh=1")
    second = browser.http.cookies["fhirserver_session"]
    assert first.split(".")[0] == second.split(".")[0]
    assert first != second
    browser.http.cookies.set("fhirserver_session", first, domain="localhost.local", path="/")
    assert await place.people.sessions.of_cookie(first) is None
    assert token == browser.hidden("token")


NEXT = [
    pytest.param("https://evil.example/", id="another origin"),
    pytest.param("//evil.example/", id="another host"),
    pytest.param("/\\evil.example", id="another host by a backslash"),
    pytest.param("javascript:alert(1)", id="a script"),
    pytest.param("/auth/account\r\nX: y", id="a second header"),
    pytest.param("", id="nothing"),
]


@pytest.mark.parametrize("target", NEXT)
async def test_a_login_leads_nowhere_else(place: Place, browser: Browser, target: str) -> None:
    account = await place.patient()
    await browser.get("/auth/login")
    answer = await browser.http.post(
        "/auth/login",
        params={"next": target},
        content=f"token={browser.hidden('token')}&username={account.username}&password={PASSWORD.replace(' ', '+')}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/auth/account")


async def test_staff_without_a_second_factor_must_set_one_up_before_they_are_let_in(
    place: Place, browser: Browser
) -> None:
    account = await place.add(fhir_user="Practitioner/d1", roles=("physician",))
    page = await browser.log_in(account)
    assert browser.url.startswith("/auth/login/enrol")
    assert await browser.session() is None
    key = re.search(r"<code>([A-Z2-7]{32})</code>", page.text)
    assert key
    secret = base64.b32decode(key[1])
    page = await browser.post(
        browser.url.replace("enrol?", "enrol/app?"), app=browser.hidden("app"), code=place.code(secret)
    )
    codes = re.findall(r"<code>([a-z2-9-]{17})</code>", page.text)
    assert len(codes) == 10
    assert await browser.session() is None
    action = re.search(r'action="(/auth/login/continue[^"]*)"', page.text)
    assert action
    await browser.post(action[1])
    session = await browser.session()
    assert session is not None
    assert session.acr == "2fa"

    again = place.browser()
    await again.log_in(account)
    assert again.url.startswith("/auth/login/second")
    place.clock.ahead_s += 60
    assert (await again.post(again.url, code="000000")).status_code == 403
    await again.post(again.url, code=codes[0])
    session = await again.session()
    assert session is not None
    assert session.amr == ("pwd", "rcv", "mfa")


async def test_a_code_of_the_app_counts_once(place: Place) -> None:
    account, secret = await with_app(place, roles=("physician",))
    code = place.code(secret)
    first, second = place.browser(), place.browser()
    for one in (first, second):
        await one.log_in(account)
    pages = await asyncio.gather(first.post(first.url, code=code), second.post(second.url, code=code))
    assert sorted(page.status_code for page in pages) == [200, 403]


async def test_codes_cannot_be_guessed(place: Place, browser: Browser) -> None:
    account, _ = await with_app(place, roles=("physician",))
    await browser.log_in(account)
    flow = browser.url
    statuses = [(await browser.post(flow, code=f"{number:06d}")).status_code for number in range(6)]
    assert statuses == [403, 403, 403, 403, 403, 429]


async def test_a_second_step_belongs_to_the_browser_of_the_first(place: Place, browser: Browser) -> None:
    account, secret = await with_app(place)
    await browser.log_in(account)
    thief = place.browser()
    await thief.get("/auth/login")
    page = await thief.post(browser.url, code=place.code(secret))
    assert page.status_code == 400
    assert await thief.session() is None


async def test_a_given_password_is_good_for_one_login(place: Place, browser: Browser) -> None:
    account = await place.patient(must_change_password=True)
    await browser.log_in(account)
    assert browser.url.startswith("/auth/login/password")
    assert await browser.session() is None
    flow = browser.url
    assert (await browser.post(flow, new=PASSWORD, again=PASSWORD)).status_code == 400
    assert (await browser.post(flow, new="short", again="short")).status_code == 400
    assert (await browser.post(flow, new="a new long sentence", again="another sentence")).status_code == 400
    await browser.post(flow, new="a new long sentence", again="a new long sentence")
    assert await browser.session() is not None
    other = place.browser()
    assert (await other.log_in(account)).status_code == 403
    await other.log_in(account, "a new long sentence")
    assert await other.session() is not None


async def test_a_session_is_taken_for_what_was_asked_unless_more_is_asked(place: Place, browser: Browser) -> None:
    account, secret = await with_app(place, exempt=True)
    await browser.log_in(account)
    await browser.get("/auth/login?next=/auth/account/apps")
    assert browser.url == "/auth/account/apps"
    await browser.get("/auth/login?next=/auth/account/apps&acr=2fa")
    assert browser.url.startswith("/auth/login/second")
    await browser.post(browser.url, code=place.code(secret))
    assert browser.url == "/auth/account/apps"
    session = await browser.session()
    assert session is not None
    assert session.acr == "2fa"


async def test_fresh_asks_again_for_who_it_is(place: Place, browser: Browser) -> None:
    account = await place.patient()
    await browser.log_in(account)
    before = await browser.session()
    place.clock.ahead_s += 5
    page = await browser.get("/auth/login?next=/auth/account&fresh=1")
    assert "Confirm that it is you" in page.text
    await browser.post(browser.url, username=account.username, password=PASSWORD)
    after = await browser.session()
    assert before is not None
    assert after is not None
    assert after.id == before.id
    assert after.auth_time_s >= before.auth_time_s + 5


async def test_who_finds_a_browser_open_sets_up_no_factor_of_their_own(place: Place, browser: Browser) -> None:
    account = await place.patient()
    await browser.log_in(account)
    place.clock.ahead_s += 601
    await browser.get("/auth/login?next=/auth/account&acr=2fa")
    assert "Confirm that it is you" in browser.text
    await browser.get("/auth/account/app")
    assert "Confirm that it is you" in browser.text


async def test_logout_ends_the_session_and_says_so_to_who_listens(place: Place, browser: Browser) -> None:
    account = await place.patient()
    await browser.log_in(account)
    session = await browser.session()
    assert session is not None
    await browser.post("/auth/logout")
    assert "You are signed out" in browser.text
    assert await browser.session() is None
    assert (account.id, session.id) in place.told


ENDS = [
    pytest.param(1799, 1, True, id="used within half an hour"),
    pytest.param(1801, 1, False, id="not used for half an hour"),
    pytest.param(1700, 30, False, id="used for more than twelve hours"),
]


@pytest.mark.parametrize(("pause_s", "times", "alive"), ENDS)
async def test_sessions_end(place: Place, browser: Browser, pause_s: float, times: int, alive: bool) -> None:
    await browser.log_in(await place.patient())
    for _ in range(times):
        place.clock.ahead_s += pause_s
        await browser.session()
    assert (await browser.session() is not None) is alive


LANGUAGES = [
    pytest.param("nl-BE,nl;q=0.9,en;q=0.5", "nl", "Aanmelden", id="the one that is liked most"),
    pytest.param("en;q=0.3,fr;q=0.8", "fr", "Se connecter", id="by quality, not by order"),
    pytest.param("pl,de;q=0.2", "de", "Anmelden", id="the first that there is"),
    pytest.param("pl", "en", "Sign in", id="English where there is none"),
    pytest.param("*;q=x,;;", "en", "Sign in", id="nonsense"),
]


@pytest.mark.parametrize(("accepted", "language", "text"), LANGUAGES)
async def test_languages(place: Place, accepted: str, language: str, text: str) -> None:
    page = await place.browser(language=accepted).get("/auth/login")
    assert f'<html lang="{language}">' in page.text
    assert text in page.text


async def test_an_app_can_wish_for_a_language(browser: Browser) -> None:
    assert "Aanmelden" in (await browser.get("/auth/login?ui_locales=pl+nl-BE+fr")).text


async def test_another_language_is_chosen_and_kept(browser: Browser) -> None:
    page = await browser.get("/auth/login?next=/auth/account/apps")
    way = re.search(r'href="(/auth/language\?to=fr[^"]*)"', page.text)
    assert way
    await browser.get(way[1].replace("&amp;", "&"))
    assert "Se connecter" in browser.text
    assert "next=%2Fauth%2Faccount%2Fapps" in browser.url
    assert "Se connecter" in (await browser.get("/auth/login")).text


async def with_app(place: Place, **fields: object) -> tuple[Account, bytes]:
    """Enter somebody with an authenticator app."""
    account = await place.add(**{"fhir_user": "Practitioner/d1", **fields})
    secret = new_secret()
    account, _ = await place.services.management.set_totp(account, secret, -1)
    return account, secret
