"""Points of clients over HTTP: what answers say, and what happens without any left — RFC 6585 §4"""

import asyncio
import re
import time
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio

from fhirserver.app.knowledge import Knowledge
from fhirserver.settings import Auth
from tests.conftest import new_settings, running
from tests.smart.conftest import BASE, Network, bearer


@pytest_asyncio.fixture(loop_scope="session")
async def workers(
    mongodb_uri: str, knowledge: Knowledge, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Network, Network]]:
    """Two workers on one database, whose clients have 40 points a minute."""
    await asyncio.sleep(60 - time.time() % 60 if time.time() % 60 > 48 else 0)  # no minute may begin within a test
    folder = tmp_path_factory.mktemp("data")
    settings = new_settings(auth=Auth.SMART, data_dir=folder, client_points=40, user_points=0)
    async with running(settings, mongodb_uri, knowledge) as one, running(settings, mongodb_uri, knowledge) as other:
        clients = [
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app.asgi), base_url=f"{BASE}/") for app in (one, other)
        ]
        yield Network(one, clients[0]), Network(other, clients[1])
        for client in clients:
            await client.aclose()


async def spend(network: Network, token: str, most: int = 50) -> list[httpx2.Response]:
    """Read until there are no points left."""
    answers: list[httpx2.Response] = []
    while len(answers) < most and (not answers or answers[-1].status_code != 429):
        answers.append(await network.http.get("Patient/nobody", headers=bearer(token)))
    return answers


async def test_a_client_without_points_waits_on_every_worker(workers: tuple[Network, Network]) -> None:
    one, other = workers
    token = await (await one.backend()).token()
    *served, refused = await spend(one, token)
    assert {answer.status_code for answer in served} == {404}
    assert served[0].headers["RateLimit-Policy"] == '"client";q=40;w=60'
    left = [int(re.match(r'"client";r=(\d+);t=\d+$', answer.headers["RateLimit"])[1]) for answer in served]  # type: ignore[index]
    assert left == sorted(left, reverse=True)
    assert refused.status_code == 429
    assert refused.json()["issue"][0]["code"] == "throttled"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    await asyncio.sleep(0.7)  # they add up twice a second
    assert (await other.http.get("Patient/nobody", headers=bearer(token))).status_code == 404
    await asyncio.sleep(0.7)
    assert (await other.http.get("Patient/nobody", headers=bearer(token))).status_code == 429


async def test_another_client_has_points_of_its_own(workers: tuple[Network, Network]) -> None:
    one, _ = workers
    await spend(one, await (await one.backend()).token())
    another = await (await one.backend()).token()
    assert (await one.http.get("Patient/nobody", headers=bearer(another))).status_code == 404


async def test_what_needs_no_token_has_no_limit(workers: tuple[Network, Network]) -> None:
    one, _ = workers
    answers = [await one.http.get("metadata?_summary=true") for _ in range(50)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[-1].headers


async def test_what_leaves_or_is_written_costs_too(workers: tuple[Network, Network]) -> None:
    one, _ = workers
    token = await (await one.backend()).token("system/Patient.c")
    created = await one.http.post("Patient", json={"resourceType": "Patient"}, headers=bearer(token))
    assert created.status_code == 201
    assert created.headers["RateLimit"].startswith('"client";r=35;'), "40 less 4 for a create and 0.1 for the resource"
