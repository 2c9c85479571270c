"""What every exchange has in common — http://hl7.org/fhir/R4/http.html#general, #custom, security.html#cors"""

import gzip
import json
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient

from fhirserver.definitions.registry import Definitions
from fhirserver.dispatch import Dispatch
from fhirserver.interactions.capabilities import ServerDescription
from fhirserver.kernel.exchange import FhirRequest, FhirResponse, Interaction, Level
from fhirserver.kernel.outcome import LoginRequired
from fhirserver.operations.framework import Operation
from fhirserver.repository.repository import Repository
from fhirserver.repository.trail import UNTRACED
from fhirserver.rest.cors import Cors
from fhirserver.rest.formats import Formats
from fhirserver.rest.lane import LaneServices, RequestRecord, fhir_lane
from fhirserver.rest.limits import Limits

PAGE = "https://app.example.org"
LIMITS = Limits(max_body_bytes=10_000, max_url_bytes=500, min_gzip_bytes=200)


async def echo(request: FhirRequest, _: Repository) -> FhirResponse:
    shown: dict[str, object] = {
        "resourceType": "Basic",
        "parameters": request.parameters,
        "base": request.base_url,
        "body": len(request.body),
    }
    return FhirResponse(status=200, content=json.dumps(shown).encode())


async def break_down(_: FhirRequest, __: Repository) -> FhirResponse:
    raise ZeroDivisionError("Jane Doe, born 1980")


EVERYWHERE = frozenset(Level)
OPERATIONS = (
    Operation(name="echo", definition="http://x/echo", levels=EVERYWHERE, handler=echo),
    Operation(name="change", definition="http://x/change", levels=EVERYWHERE, handler=echo, affects_state=True),
    Operation(
        name="of-patients",
        definition="http://x/of-patients",
        levels=frozenset({Level.TYPE}),
        handler=echo,
        resource_types=frozenset({"Patient"}),
    ),
    Operation(name="break", definition="http://x/break", levels=EVERYWHERE, handler=break_down),
)


class Nothing:
    """Stands for the repository: the operations here need none."""

    trail = UNTRACED
    caller = None


async def nothing(*_: object) -> Nothing:
    return Nothing()


class World:
    """A lane without a database: only operations that need none run on it."""

    def __init__(self, definitions: Definitions, **services: object) -> None:
        self.records: list[RequestRecord] = []
        self.faults: list[tuple[BaseException, str]] = []
        server = ServerDescription(name="test", version="1", since="2026-01-01")
        self.app = fhir_lane(
            LaneServices(
                dispatch=Dispatch(definitions, server, operations=OPERATIONS),
                **{
                    "repository_for": nothing,
                    "formats": Formats(definitions),
                    "on_request": self.records.append,
                    "on_fault": lambda error, request_id: self.faults.append((error, request_id)),
                    "limits": LIMITS,
                    "mounts": ("/fhir", "/main/fhir"),
                    **services,
                },
            )
        )
        self.client = AsyncClient(transport=ASGITransport(self.app), base_url="http://test.example.org/fhir/")


@pytest.fixture
async def world(definitions: Definitions) -> AsyncIterator[World]:
    world = World(definitions)
    async with world.client:
        yield world


async def test_a_caller_without_request_id_gets_one(world: World) -> None:
    response = await world.client.get("$echo")
    assert len(response.headers["X-Request-Id"]) == 24
    assert world.records[-1].request_id == response.headers["X-Request-Id"]


@pytest.mark.parametrize(("sent", "kept"), [("my-id.1", True), ("a b", False), ("x" * 65, False), ("<script>", False)])
async def test_a_request_id_comes_back_when_it_is_safe(world: World, sent: str, kept: bool) -> None:
    response = await world.client.get("$echo", headers={"X-Request-Id": sent})
    assert (response.headers["X-Request-Id"] == sent) is kept


async def test_each_request_is_recorded_once_without_content(world: World) -> None:
    await world.client.get("Patient/1/$echo?name=secret")
    record = world.records[-1]
    assert (record.method, record.interaction, record.operation) == ("GET", Interaction.OPERATION, "echo")
    assert (record.resource_type, record.status) == ("Patient", 200)
    assert record.duration_s >= 0
    assert "secret" not in repr(record)
    await world.client.get("nowhere")
    assert (world.records[-1].interaction, world.records[-1].status) == (None, 404)
    assert len(world.records) == 2


async def test_a_defect_is_500_and_says_only_the_request_id(world: World) -> None:
    response = await world.client.get("$break")
    request_id = response.headers["X-Request-Id"]
    assert response.status_code == 500
    assert response.json()["issue"] == [
        {"severity": "error", "code": "exception", "diagnostics": f"The server failed. Request id: {request_id}."}
    ]
    [(error, logged_id)] = world.faults
    assert isinstance(error, ZeroDivisionError)
    assert logged_id == request_id


URLS = [
    pytest.param("nowhere", 404, id="unknown path"),
    pytest.param("Patient/1/2/3", 404, id="unknown depth"),
    pytest.param("$unheard-of", 404, id="unknown operation"),
    pytest.param("Observation/$of-patients", 404, id="an operation of another type"),
    pytest.param("Patient/1/$of-patients", 404, id="an operation of another level"),
    pytest.param("$change", 405, id="GET of an operation that changes something"),
    pytest.param("$echo?x=%zz", 400, id="malformed escape in the query"),
    pytest.param("$echo?x=%00", 400, id="NUL in the query"),
    pytest.param("$echo?x=%ff", 400, id="the query is not UTF-8"),
    pytest.param("Patient/%ff", 400, id="the path is not UTF-8"),
    pytest.param("Patient/%00", 400, id="NUL in the path"),
    pytest.param("$echo?x=" + "y" * 500, 413, id="the URL is too long"),
    pytest.param("$echo?" + "&" * 300, 200, id="empty parameters"),
    pytest.param("$echo?_format=html", 406, id="a format that is not written"),
    pytest.param("$echo?_format=ttl", 406, id="an operation is not answered in Turtle"),
]


@pytest.mark.parametrize(("url", "status"), URLS)
async def test_every_refusal_is_an_outcome(world: World, url: str, status: int) -> None:
    response = await world.client.get(url)
    assert response.status_code == status
    if status != 200:
        assert response.json()["resourceType"] == "OperationOutcome"
        assert response.headers["Content-Type"].startswith("application/fhir+json")
    assert world.faults == []


async def test_a_path_that_is_only_percent_signs_is_400(world: World) -> None:
    messages = await raw_request(world, "GET", b"/fhir/Patient/%", b"")
    assert messages[0]["status"] == 400


async def raw_request(world: World, method: str, path: bytes, query: bytes, *headers: tuple[bytes, bytes]) -> list[Any]:
    """Send what no client library would."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": method, "scheme": "http", "path": "/", "raw_path": path, "query_string": query,
        "headers": [(b"host", b"test.example.org"), *headers],
    }  # fmt: skip
    await world.app(scope, receive, send)
    return sent


ODD = [
    pytest.param("GET", b"/fhir/\xff\xfe", b"", 400, id="a raw path that is not UTF-8"),
    pytest.param("GET", b"/fhir/Patient", b"\x80=1", 400, id="a raw query that is not UTF-8"),
    pytest.param("BREW", b"/fhir/Patient", b"", 405, id="an unheard-of method"),
    pytest.param("TRACE", b"/fhir/metadata", b"", 405, id="TRACE"),
    pytest.param("GET", b"/fhirish", b"", 404, id="another mount"),
    pytest.param("GET", b"/fhir/../etc/passwd", b"", 404, id="dots lead nowhere"),
]


@pytest.mark.parametrize(("method", "path", "query", "status"), ODD)
async def test_odd_requests(world: World, method: str, path: bytes, query: bytes, status: int) -> None:
    assert (await raw_request(world, method, path, query))[0]["status"] == status


@pytest.mark.parametrize("host", [b"", b"evil.example.org/path", b"a b", b'"><script>', b"x:notaport"])
async def test_a_host_that_is_none_is_400(world: World, host: bytes) -> None:
    sent = await raw_request(world, "GET", b"/fhir/$echo", b"", (b"host", host))
    assert sent[0]["status"] == 400


async def test_404_405_name_what_is_allowed(world: World) -> None:
    response = await world.client.delete("metadata")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_options_says_which_methods_a_url_knows(world: World) -> None:
    response = await world.client.options("Patient/1")
    assert (response.status_code, response.headers["Allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT")
    assert (await world.client.options("nowhere")).status_code == 404


async def test_a_lane_may_stand_at_several_paths(world: World) -> None:
    for mount in ("/fhir", "/main/fhir"):
        response = await world.client.get(f"http://test.example.org{mount}/$echo")
        assert response.json()["base"] == f"http://test.example.org{mount}"


async def test_the_origin_may_be_set(definitions: Definitions) -> None:
    world = World(definitions, origin="https://public.example.org")
    assert (await world.client.get("$echo")).json()["base"] == "https://public.example.org/fhir"


async def test_login_is_asked_before_the_body_is_read(definitions: Definitions) -> None:
    async def refuse(*_: object) -> Repository:
        raise LoginRequired("Log in.", headers={"WWW-Authenticate": "Bearer"})

    world = World(definitions, repository_for=refuse)
    response = await world.client.post("Patient", content=b"not read", headers={"Content-Type": "text/plain"})
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert (await world.client.get("metadata")).status_code == 200, "the statement needs no login"


async def test_a_page_may_call_and_read_the_headers(world: World) -> None:
    response = await world.client.get("$echo", headers={"Origin": PAGE})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    exposed = response.headers["Access-Control-Expose-Headers"]
    for name in ("ETag", "Location", "Last-Modified", "Content-Location", "X-Request-Id"):
        assert name in exposed
    assert "Access-Control-Allow-Credentials" not in response.headers


async def test_preflight(world: World) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "if-match"}
    for url in ("Patient/1", ""):
        response = await world.client.options(url, headers=asked)
        assert (response.status_code, response.content) == (204, b"")
        assert "PUT" in response.headers["Access-Control-Allow-Methods"]
        assert "If-Match" in response.headers["Access-Control-Allow-Headers"]
        assert response.headers["Access-Control-Allow-Origin"] == "*"


async def test_only_listed_origins_may_call(definitions: Definitions) -> None:
    world = World(definitions, cors=Cors(frozenset({PAGE})))
    allowed = await world.client.get("$echo", headers={"Origin": PAGE})
    assert allowed.headers["Access-Control-Allow-Origin"] == PAGE
    assert "Origin" in allowed.headers["Vary"]
    other = await world.client.get("$echo", headers={"Origin": "https://evil.example.org"})
    assert "Access-Control-Allow-Origin" not in other.headers
    asked = {"Origin": "https://evil.example.org", "Access-Control-Request-Method": "PUT"}
    assert "Access-Control-Allow-Methods" not in (await world.client.options("Patient", headers=asked)).headers


async def test_errors_are_readable_for_pages_too(world: World) -> None:
    response = await world.client.get("nowhere", headers={"Origin": PAGE})
    assert response.headers["Access-Control-Allow-Origin"] == "*"


async def test_large_answers_are_compressed_for_who_accepts_it(world: World) -> None:
    url = f"$echo?x={'y' * 200}"
    packed = await world.client.get(url, headers={"Accept-Encoding": "gzip"})
    plain = await world.client.get(url, headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert "Accept-Encoding" in plain.headers["Vary"]
    small = await world.client.get("$echo", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small.headers


async def test_requests_may_be_compressed(world: World) -> None:
    headers = {"Content-Type": "application/fhir+json", "Content-Encoding": "gzip"}
    response = await world.client.post("$echo", content=gzip.compress(b" " * 9_000), headers=headers)
    assert response.json()["body"] == 9_000
    bomb = await world.client.post("$echo", content=gzip.compress(b" " * 10_001), headers=headers)
    assert bomb.status_code == 413
    other = await world.client.post("$echo", content=b"x", headers={**headers, "Content-Encoding": "br"})
    assert other.status_code == 415


async def test_a_body_over_the_limit_is_413(world: World) -> None:
    headers = {"Content-Type": "application/fhir+json"}
    response = await world.client.post("$echo", content=b" " * 10_001, headers=headers)
    assert response.status_code == 413

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 1000

    assert (await world.client.post("$echo", content=endless(), headers=headers)).status_code == 413


async def test_a_caller_that_hangs_up_is_recorded_and_not_answered(world: World) -> None:
    sent: list[Any] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "scheme": "http", "path": "/fhir/$echo", "raw_path": b"/fhir/$echo",
        "query_string": b"", "headers": [(b"host", b"x"), (b"content-length", b"5")],
    }  # fmt: skip
    await world.app(scope, receive, send)
    assert (sent, world.records[-1].status, world.faults) == ([], 499, [])


async def test_responses_are_private_and_never_sniffed(world: World) -> None:
    response = await world.client.get("$echo")
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in response.headers
