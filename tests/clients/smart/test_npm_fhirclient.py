"""The SMART client of browsers, fhirclient from npm, in Chromium: both launches, context, refresh, who the user is.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html
"""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright

from fhirserver.smart.clients import AuthMethod
from tests.clients.smart.conftest import PASSWORD, Folder, Network
from tests.programs import CHROMIUM_ARGUMENTS, chromium, node_with

NODE: Final = Path(__file__).parents[1] / "node"
STATUS: Final = "(problem) => problem.status ?? problem.statusCode"
SCOPE: Final = "openid fhirUser launch/patient patient/Patient.rs patient/Observation.rs"


@pytest.fixture(scope="module")
def app(network: Network, served: Folder) -> str:
    """The client_id of an app that two pages and the bundle of the library make."""
    node_with(NODE)
    for page in (Path(__file__).parent / "app").iterdir():
        shutil.copy(page, served.path)
    shutil.copy(NODE / "node_modules" / "fhirclient" / "build" / "fhir-client.js", served.path)
    entered = network.client(
        client_name="Growth chart",
        redirect_uris=[f"{served.origin}/app.html"],
        launch_uri=f"{served.origin}/launch.html",
        token_endpoint_auth_method=AuthMethod.NONE.value,
        grant_types=["authorization_code", "refresh_token"],
        scope=f"{SCOPE} launch patient/Encounter.rs offline_access",
    )
    return entered.client_id


@pytest_asyncio.fixture(loop_scope="session")
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    """A page of a browser with a profile of its own; what its scripts complain of is a failure."""
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            str(tmp_path), executable_path=chromium(), args=list(CHROMIUM_ARGUMENTS), locale="en", headless=True
        )
        page = context.pages[0]
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        await context.close()
        assert complaints == []


async def log_in(page: Page, username: str) -> None:
    await page.wait_for_url("**/auth/login**")
    await page.fill("#username", username)
    await page.fill("#password", PASSWORD)
    await page.click("button.main")


async def allow(page: Page) -> None:
    """Consent, and wait until the library has its token."""
    await page.wait_for_url("**/auth/consent**")
    await page.click("button[value=allow]")
    await page.wait_for_function("document.title === 'ready' || document.title.startsWith('failed')")
    assert await page.title() == "ready"


async def test_standalone_launch_by_a_clinician_who_picks_a_patient(
    network: Network, served: Folder, app: str, page: Page
) -> None:
    query = urlencode({"iss": network.base, "client": app, "scope": SCOPE})
    await page.goto(f"{served.origin}/launch.html?{query}")
    await log_in(page, network.clinician)
    await page.wait_for_url("**/auth/pick/patient**")
    await page.fill("#name", "Dubois")
    await page.click("form.search button")
    await page.click("button[name=patient]")
    await allow(page)
    assert await page.evaluate("client.patient.id") == "p1"
    patient = await page.evaluate("client.patient.read()")
    assert (patient["resourceType"], patient["name"][0]["family"]) == ("Patient", "Dubois")
    assert await page.evaluate("client.user.fhirUser") == "Practitioner/doctor"
    assert await page.evaluate("client.user.resourceType") == "Practitioner"
    claims = await page.evaluate("client.getIdToken()")
    assert (claims["aud"], claims["iss"]) == (app, network.origin)
    assert claims["fhirUser"] == f"{network.base}/Practitioner/doctor"
    found: list[Any] = await page.evaluate("client.patient.request('Observation', {flat: true})")
    assert [one["id"] for one in found] == ["weight-p1"]
    assert await page.evaluate(
        "client.request('Patient/p2').catch((problem) => problem.status ?? problem.statusCode)"
    ) in (403, 404)
    assert await page.evaluate(f"client.create({{resourceType: 'Patient'}}).catch({STATUS})") == 403
    assert await page.evaluate("client.state.tokenResponse.refresh_token ?? null") is None


async def test_ehr_launch_with_the_patient_in_context(network: Network, served: Folder, app: str, page: Page) -> None:
    await page.goto(f"{network.origin}/auth/login")
    await log_in(page, network.clinician)
    await page.wait_for_url("**/auth/account")
    wanted = {"client_id": app, "patient": "p2", "encounter": "visit-p2", "need_patient_banner": False}
    opened = await page.context.request.post(f"{network.origin}/auth/launch", data=wanted)
    assert opened.status == 201, await opened.text()
    launch_uri = (await opened.json())["launch_uri"]
    scope = "openid fhirUser launch patient/Patient.rs patient/Encounter.rs patient/Observation.rs"
    await page.goto(f"{launch_uri}&{urlencode({'client': app, 'scope': scope})}")
    await allow(page)
    assert await page.evaluate("[client.patient.id, client.encounter.id]") == ["p2", "visit-p2"]
    assert (await page.evaluate("client.encounter.read()"))["status"] == "in-progress"
    assert await page.evaluate("client.state.tokenResponse.need_patient_banner") is False
    assert await page.evaluate(f"client.user.read().catch({STATUS})") == 403


async def test_a_patient_lets_an_app_in_that_refreshes_its_token(
    network: Network, served: Folder, app: str, page: Page
) -> None:
    query = urlencode({"iss": network.base, "client": app, "scope": f"{SCOPE} offline_access"})
    await page.goto(f"{served.origin}/launch.html?{query}")
    await log_in(page, network.patient)
    await allow(page)
    assert await page.evaluate("client.patient.id") == "p1"
    assert await page.evaluate("client.user.fhirUser") == "Patient/p1"
    before = await page.evaluate("({...client.state.tokenResponse})")
    after = await page.evaluate("client.refresh().then(() => ({...client.state.tokenResponse}))")
    assert after["access_token"] != before["access_token"]
    assert after["refresh_token"] != before["refresh_token"], "that of a public client is good once"
    assert (await page.evaluate("client.patient.read()"))["id"] == "p1"
    await page.evaluate("client.state.expiresAt = 1")  # so the library refreshes by itself before it asks
    assert (await page.evaluate("client.request('Patient/p1')"))["id"] == "p1"
    assert (await page.evaluate("client.state.tokenResponse.access_token")) != after["access_token"]
