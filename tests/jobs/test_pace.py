"""Jobs give way to requests: they rest while somebody waits, and only then."""

import time
from collections.abc import MutableMapping
from typing import Any

import pytest

from fhirserver.app.composition import Application
from fhirserver.jobs.pace import Pace

WORK_S = 0.03

RESTS = [
    pytest.param(1.0, True, WORK_S, 10.0, id="awaited: as long as the work took"),
    pytest.param(0.5, True, WORK_S / 2, 10.0, id="awaited: for a share of it"),
    pytest.param(1.0, False, 0.0, WORK_S / 2, id="nobody waits: not at all"),
    pytest.param(0.0, True, 0.0, WORK_S / 2, id="a pace without rest"),
]


@pytest.mark.parametrize(("rest", "is_awaited", "least_s", "most_s"), RESTS)
async def test_rest(*, rest: float, is_awaited: bool, least_s: float, most_s: float) -> None:
    pace = Pace(rest, lambda: is_awaited)
    pace.begin()
    while time.monotonic() < pace.since_s + WORK_S:
        pass
    started = time.monotonic()
    await pace.give_way()
    assert least_s <= time.monotonic() - started <= most_s


async def test_the_server_knows_whether_it_is_awaited(application: Application) -> None:
    seen: list[int] = []

    async def receive() -> MutableMapping[str, Any]:
        seen.append(application.open_requests)
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        seen.append(application.open_requests)

    scope = {"type": "http", "method": "POST", "path": "/fhir/Patient", "raw_path": b"/fhir/Patient"}
    more = {"query_string": b"", "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1), "scheme": "http"}
    await application.asgi({**scope, **more, "http_version": "1.1", "server": ("localhost", 80)}, receive, send)
    assert set(seen) == {1}
    assert application.open_requests == 0
