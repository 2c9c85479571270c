"""A server with an audit trail, and what waits for the events of a request."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx2
import pytest
import pytest_asyncio

from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from tests.conftest import new_settings, running

Resource = dict[str, Any]
_PATIENCE_S = 15.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def application(
    mongodb_uri: str, knowledge: Knowledge, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Application]:
    """The server with its audit trail on."""
    settings = new_settings(audit=True, data_dir=tmp_path_factory.mktemp("data"))
    async with running(settings, mongodb_uri, knowledge) as app:
        yield app


class Trail:
    """Finds the events of a request."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client
        self._name = secrets.token_hex(6)
        self._count = 0

    async def of(self, method: str, url: str, **more: object) -> list[Resource]:
        """Make a request and return its events, in the order of their ids."""
        return (await self.answer_and_events(method, url, **more))[1]

    async def answer_and_events(self, method: str, url: str, **more: object) -> tuple[httpx2.Response, list[Resource]]:
        """Make a request and return its answer and its events."""
        self._count += 1
        request_id = f"test-{self._name}-{self._count}"
        headers = {**{"X-Request-Id": request_id}, **cast(dict[str, str], more.pop("headers", {}))}
        answer = await self.client.request(method, url, headers=headers, **cast(dict[str, Any], more))
        return answer, await self.events(request_id)

    async def events(self, request_id: str) -> list[Resource]:
        """Wait for the events of a request."""
        async with asyncio.timeout(_PATIENCE_S):
            while not (found := await self.found("AuditEvent", {"entity:identifier": request_id})):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return sorted(found, key=lambda event: event["id"])

    async def found(self, resource_type: str, parameters: dict[str, str]) -> list[Resource]:
        """Search."""
        answer = await self.client.get(resource_type, params={**parameters, "_count": "1000"})
        assert answer.status_code == 200, answer.text
        return [entry["resource"] for entry in answer.json().get("entry", [])]


@pytest.fixture
def trail(client: httpx2.AsyncClient) -> Trail:
    """What makes requests and finds their events."""
    return Trail(client)


def entities(event: Resource, code: str) -> list[Resource]:
    """Return the entities of a type."""
    return [entity for entity in event.get("entity", []) if entity["type"]["code"] == code]


def patients(events: list[Resource]) -> list[str]:
    """Return the patients that events are about."""
    return sorted(entity["what"]["reference"] for event in events for entity in entities(event, "1"))
