"""Passkeys end to end, and the pages as a browser sees them: Debian's Chromium with a virtual authenticator.

Spec: https://www.w3.org/TR/webauthn-3/#sctn-automation-webdriver-capability
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import BrowserContext, Page, async_playwright

from fhirserver.smart.people.account import Account
from tests.programs import CHROMIUM_ARGUMENTS, chromium
from tests.smart.pages.conftest import PASSWORD, Place

WIDTHS: Final = (320, 360, 1100)
AUTHENTICATOR: Final = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def origin(place: Place) -> AsyncIterator[str]:
    """The pages, listening."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        own = f"http://localhost:{listener.getsockname()[1]}"
        place.where[0] = own
        server = uvicorn.Server(uvicorn.Config(place.app, log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield own
        server.should_exit = True
        await serving


@pytest_asyncio.fixture(loop_scope="session")
async def context(tmp_path: Path) -> AsyncIterator[BrowserContext]:
    """A browser with a profile of its own."""
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            str(tmp_path / "profile"),
            executable_path=chromium(),
            args=list(CHROMIUM_ARGUMENTS),
            locale="en",
            headless=True,
        )
        yield context
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A page whose every complaint is a failure: of scripts, and of the policy that pages come with."""
    page = context.pages[0]
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if "Content Security Policy" in line.text else None)
    session = await context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    yield page
    assert complaints == []


async def log_in(page: Page, origin: str, account: Account, path: str = "/auth/login") -> None:
    await page.goto(origin + path)
    await page.fill("#username", account.username)
    await page.fill("#password", PASSWORD)
    await page.click("button.main")


async def amr_of(place: Place, account: Account) -> list[Any]:
    return [record["amr"] for record in await place.people.sessions.of_user(account.id)]


async def test_a_passkey_is_made_and_logs_in_without_a_name_or_password(place: Place, origin: str, page: Page) -> None:
    account = await place.patient()
    await log_in(page, origin, account)
    await page.goto(f"{origin}/auth/account/passkey")
    await page.fill("#name", "my telephone")
    await page.click("form.passkey button")
    await page.wait_for_url("**/auth/account?done=passkey_saved")
    assert "my telephone" in await page.content()
    await page.click("header form:last-of-type button")
    await page.wait_for_url("**/auth/signed-out")
    await page.goto(f"{origin}/auth/login?next=/auth/account/sessions&acr=phr")
    await page.click("form.passkey button")
    await page.wait_for_url("**/auth/account/sessions")
    [session] = await place.people.sessions.of_user(account.id)
    assert session["acr"] == "phr"
    stored = await place.people.accounts.get(account.id)
    assert stored is not None
    assert stored.passkeys[0].used_s > 0


async def test_staff_can_set_up_a_passkey_at_their_first_login_and_use_it_as_second_step(
    place: Place, origin: str, page: Page, context: BrowserContext
) -> None:
    account = await place.add(fhir_user="Practitioner/d1", roles=("physician",))
    await log_in(page, origin, account, "/auth/login?next=/auth/account/sessions")
    await page.wait_for_url("**/auth/login/enrol**")
    await page.click("form.passkey button")
    await page.wait_for_url("**/auth/account/sessions")
    await context.clear_cookies()
    await log_in(page, origin, account, "/auth/login?next=/auth/account/sessions")
    await page.wait_for_url("**/auth/login/second**")
    await page.click("form.passkey button")
    await page.wait_for_url("**/auth/account/sessions")
    used = await amr_of(place, account)
    assert len(used) == 2
    assert all(set(amr) & {"hwk", "swk"} and "mfa" in amr for amr in used)


async def test_who_does_not_verify_themselves_to_the_authenticator_is_told_so(
    place: Place, origin: str, page: Page, context: BrowserContext
) -> None:
    await page.goto(f"{origin}/auth/login")
    await page.click("form.passkey button")  # there is no passkey yet
    await page.wait_for_selector("form.passkey [role=alert]:not([hidden])")
    assert page.url.endswith("/auth/login")


async def test_a_passkey_of_another_account_is_no_second_step(
    place: Place, origin: str, page: Page, context: BrowserContext
) -> None:
    thief, victim = await place.patient(), await place.add(fhir_user="Practitioner/d1", roles=("physician",))
    await place.services.management.set_totp(victim, b"x" * 20, -1)
    await log_in(page, origin, thief)
    await page.goto(f"{origin}/auth/account/passkey")
    await page.click("form.passkey button")
    await page.wait_for_url("**/auth/account?done=passkey_saved")
    await context.clear_cookies()
    await log_in(page, origin, victim)
    await page.wait_for_url("**/auth/login/second**")
    flow = page.url.split("flow=")[1]
    await page.goto(f"{origin}/auth/login")
    await page.evaluate(
        "flow => document.querySelector('form.passkey').action = `/auth/login/second/passkey?flow=${flow}`", flow
    )
    await page.click("form.passkey button")
    await page.wait_for_load_state()
    await page.wait_for_selector("main .wrong")
    assert await amr_of(place, victim) == []


PAGES = ("/auth/login", "/auth/account", "/auth/account/password", "/auth/account/sessions", "/auth/account/apps",
         "/auth/account/app", "/auth/account/pin", "/auth/station", "/auth/account/nothing")  # fmt: skip


async def test_every_page_fits_its_window_and_can_be_used_by_keyboard(place: Place, origin: str, page: Page) -> None:
    name = "Dr Marie-Antoinette van der Straeten-Ponthoz"
    account = await place.add(fhir_user="Practitioner/d1", exempt=True, name=name)
    await log_in(page, origin, account)
    for path in PAGES:
        for language in ("de", "fr"):
            await page.goto(f"{origin}/auth/language?to={language}&next={path}")
            for width in WIDTHS:
                await page.set_viewport_size({"width": width, "height": 700})
                wide = await page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                assert wide <= 0, (path, language, width)
        names = await page.evaluate(UNNAMED)
        assert names == [], path
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement !== document.body")


UNNAMED = """() => [...document.querySelectorAll('input:not([type=hidden]), button, a')]
  .filter((one) => !one.closest('[hidden]') && !one.hidden)
  .filter((one) => !(one.labels && one.labels.length) && !one.textContent.trim() && !one.getAttribute('aria-label'))
  .map((one) => one.outerHTML)"""

CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('body *')]
    .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))
    .filter((one) => one.getClientRects().length && !one.closest('.picture'))
    .map((one) => {
      const [a, b] = [light(parse(getComputedStyle(one).color)), light(ground(one))].sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), one.textContent.trim().slice(0, 40)];
    })
    .filter(([ratio]) => ratio < 4.5);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_has_the_contrast_of_wcag_aa(place: Place, origin: str, page: Page, scheme: Any) -> None:  # noqa: ANN401
    await page.emulate_media(color_scheme=scheme)
    account = await place.add(fhir_user="Practitioner/d1", exempt=True)
    await page.goto(f"{origin}/auth/login")
    assert await page.evaluate(CONTRAST) == []
    await log_in(page, origin, account)
    pending = place.asked.ask("openid", "patient/Observation.rs", "patient/*.cruds", "offline_access", patient="p1")
    for path in (*PAGES, f"/auth/consent?request={pending.id}"):
        await page.goto(origin + path)
        assert await page.evaluate(CONTRAST) == [], path
