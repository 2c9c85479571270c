"""The trail is seen by who may see what it names: Provenances by staff, AuditEvents by patients — docs/audit.md"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from tests.access.site import Json, encounter, observation, patient
from tests.smart.conftest import App, Browser, Network, bearer

SCOPE = "user/*.cruds"
SECRETS = ("INVISIBLE_PATIENT", "V")


async def token_of(app: App, browser: Browser, scope: str = SCOPE, **changes: object) -> str:
    return str((await app.tokens(browser, scope, **changes))["access_token"])


async def get(network: Network, token: str, url: str) -> Any:  # noqa: ANN401 - JSON
    answer = await network.http.get(url, headers=bearer(token))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def found(network: Network, token: str, url: str) -> list[Json]:
    return [entry["resource"] for entry in (await get(network, token, url)).get("entry", ())]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def staff(network: Network) -> AsyncIterator[tuple[App, str, str]]:
    """An app, and the tokens of who cares for the patient and of who does not."""
    await network.put(
        patient("a"), {"resourceType": "Practitioner", "id": "own"}, encounter("ea", "a", "Practitioner/own")
    )
    app = await network.app_client(f"{SCOPE} patient/*.rs launch/patient")
    own, other = [await network.person(f"Practitioner/{name}", roles=("physician",)) for name in ("own", "other")]
    yield app, await token_of(app, own), await token_of(app, other)


async def test_a_provenance_is_seen_by_who_may_see_its_target(network: Network, staff: tuple[App, str, str]) -> None:
    _, own, other = staff
    service = await network.backend()
    system = await service.token("system/*.cruds")
    keys = []
    for one in (observation("", "a"), observation("", "a", *SECRETS)):
        del one["id"]
        answer = await network.http.post("Observation", json=one, headers=bearer(system))
        assert answer.status_code == 201, answer.text
        keys.append(f"Observation/{answer.json()['id']}")
    url = f"Provenance?target={','.join(keys)}&_total=accurate"
    async with asyncio.timeout(15):
        while len(await found(network, system, url)) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    (seen,) = await found(network, own, url)
    assert [one["reference"] for one in seen["target"]] == [f"{keys[0]}/_history/1"]
    assert await found(network, other, url) == []
    assert {one["id"] for one in await found(network, own, "Patient/a/$everything")} >= {seen["id"]}


async def test_an_event_names_nothing_that_is_kept_from_the_patient(
    network: Network, staff: tuple[App, str, str]
) -> None:
    app, own, _ = staff
    await network.put(observation("kept", "a", "INVISIBLE_PATIENT"), observation("told", "a"))
    await network.http.get("Observation/kept", headers=bearer(own))
    await network.http.get("Observation?patient=a", headers=bearer(own))
    herself = await network.person("Patient/a", roles=("patient",))
    token = await token_of(app, herself, "patient/*.rs launch/patient", patient="a")
    officer = await token_of(app, await network.person("Practitioner/officer", roles=("data-protection-officer",)))
    everything = "AuditEvent?patient=a&_count=1000"
    async with asyncio.timeout(15):
        while str(await found(network, officer, everything)).count("kept") < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    shown = str(await found(network, token, everything))
    assert "told" in shown
    assert "kept" not in shown
    hidden = [event["id"] for event in await found(network, officer, f"{everything}&_security=INVISIBLE_PATIENT")]
    log, whole = [str(await get(network, who, "Patient/a/$access-log?_count=200")) for who in (token, officer)]
    assert len(hidden) >= 2
    assert [one for one in hidden if one in log] == []
    assert [one for one in hidden if one not in whole] == []
