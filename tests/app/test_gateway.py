"""Which application a path belongs to, and whose requests are answered without login."""

from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from fhirserver.app.gateway import AsgiApp, Gateway, LocalCallers, Receive, Scope, Send


def named(name: str) -> AsgiApp:
    """Return an application that answers its name."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": name.encode()})

    return app


@asynccontextmanager
async def two_sites() -> AsyncIterator[Mapping[str, AsgiApp]]:
    main, lux = named("main"), named("lux")
    yield {"/fhir": main, "/main/fhir": main, "/lux/fhir": lux}


async def call(app: AsgiApp, path: str, **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost:8080") as client:
        return await client.get(path, headers=headers)


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/fhir", "main"),
        ("/fhir/", "main"),
        ("/fhir/Patient/1", "main"),
        ("/main/fhir/metadata", "main"),
        ("/lux/fhir", "lux"),
        ("/lux/fhir/Patient?name=x", "lux"),
        ("/", "pages"),
        ("/fhirs", "pages"),
        ("/lux", "pages"),
        ("/lux/fhirs", "pages"),
        ("/other/fhir/Patient", "pages"),
        ("/healthz", "pages"),
        ("//fhir", "pages"),
    ],
)
async def test_the_first_segments_choose_the_application(path: str, owner: str) -> None:
    gateway = Gateway(two_sites, named("pages"))
    async with gateway.serving():
        assert (await call(gateway, path)).text == owner


async def test_lanes_are_opened_and_closed_with_the_server() -> None:
    sent: list[Any] = []
    opened: list[str] = []

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Mapping[str, AsgiApp]]:
        opened.append("open")
        yield {}
        opened.append("closed")

    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append((message["type"], list(opened)))

    await Gateway(lifespan, named("pages"))({"type": "lifespan"}, receive, send)
    assert sent == [("lifespan.startup.complete", ["open"]), ("lifespan.shutdown.complete", ["open", "closed"])]


LOCAL = LocalCallers(named("served"), "https://record.example", frozenset({"http://localhost:3000"}))


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        pytest.param("localhost:8080", None, 200, id="this machine by name"),
        pytest.param("127.0.0.1:8080", None, 200, id="this machine by address"),
        pytest.param("[::1]:8080", None, 200, id="this machine by IPv6 address"),
        pytest.param("record.example", None, 200, id="the public name of a proxy"),
        pytest.param("rebound.example:8080", None, 421, id="a foreign name that resolves to loopback"),
        pytest.param("localhost.evil.example", None, 421, id="a foreign name that begins like ours"),
        pytest.param("", None, 421, id="no host"),
        pytest.param("[::1", None, 421, id="a malformed host"),
        pytest.param("localhost:8080", "http://localhost:8080", 200, id="a page of this server"),
        pytest.param("localhost:8080", "http://localhost:3000", 200, id="a page of an allowed origin"),
        pytest.param("localhost:8080", "https://evil.example", 403, id="a page from elsewhere"),
        pytest.param("localhost:8080", "null", 403, id="a page of no origin"),
    ],
)
async def test_without_login_only_local_callers_are_served(host: str, origin: str | None, status: int) -> None:
    headers = {"Host": host, **({"Origin": origin} if origin else {})}
    assert (await call(LOCAL, "/fhir/Patient", **headers)).status_code == status
