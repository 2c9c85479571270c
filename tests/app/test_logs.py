"""The log: one line per request, and never what was asked for or sent."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from fhirserver.app.composition import Application
from fhirserver.app.knowledge import Knowledge
from fhirserver.app.logs import configure_logs, notice, request_log
from fhirserver.settings import LogFormat, LogLevel
from tests.conftest import client_of, new_settings, running

SECRET = "Zyxwvutsrq"  # noqa: S105 - stands for a patient's name


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes; logging is as it was before at the end."""
    handlers, level = logging.root.handlers, logging.root.level
    yield io.StringIO()
    logging.root.handlers, logging.root.level = handlers, level
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_a_request_is_one_line_without_anything_of_its_content(
    mongodb_uri: str, knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    async with running(new_settings(log_level="info"), mongodb_uri, knowledge) as app, client_of(app) as client:
        await client.put(
            f"Patient/{SECRET}", json={"resourceType": "Patient", "id": SECRET, "name": [{"family": SECRET}]}
        )
        await client.get(f"Patient?name={SECRET}", headers={"X-Request-Id": "r-1"})
        await client.get(f"{SECRET}/{SECRET}?{SECRET}={SECRET}")
        await client.get(f"Patient/${SECRET}")
        await client.post("Patient", content=f'{{"{SECRET}"')
    assert SECRET not in stream.getvalue()
    update, search, unknown, operation, create = lines(stream)
    assert (update["interaction"], update["resource_type"], update["status"]) == ("update", "Patient", 201)
    assert (search["event"], search["request_id"], search["site"]) == ("request", "r-1", "main")
    assert search["duration_ms"] > 0
    assert (unknown["interaction"], unknown["resource_type"], unknown["status"]) == ("unknown", None, 404)
    assert (operation["status"], "operation" in operation) == (404, False)
    assert create["status"] == 400


async def test_a_defect_is_logged_with_its_places_but_not_its_text(
    application: Application, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logs(new_settings(log_level="error"), stream)
    monkeypatch.setattr(application.sites["main"].store, "current", _fail)
    async with client_of(application) as client:
        answer = await client.get("Patient/1", headers={"X-Request-Id": "r-2"})
    assert answer.status_code == 500
    assert SECRET not in answer.text
    assert "r-2" in answer.text
    (entry,) = lines(stream)
    assert (entry["level"], entry["request_id"], entry["exception"]) == ("error", "r-2", "builtins.KeyError")
    assert any("test_logs.py" in place and place.endswith("_fail") for place in entry["stack"])
    assert SECRET not in stream.getvalue()


async def _fail(*_: object) -> None:
    raise KeyError(SECRET)


def test_libraries_log_through_the_same_stream(stream: io.StringIO) -> None:
    configure_logs(new_settings(log_level="warning"), stream)
    logging.getLogger("some.library").info("not worth a line")
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("some.library").exception("it failed")
    (entry,) = lines(stream)
    assert (entry["event"], entry["logger"], entry["exception"]) == ("it failed", "some.library", "builtins.ValueError")
    assert SECRET not in stream.getvalue()


def test_notices_are_warnings_for_the_operator(stream: io.StringIO) -> None:
    configure_logs(new_settings(log_level="info"), stream)
    notice("Bring your own MongoDB.")
    (entry,) = lines(stream)
    assert (entry["event"], entry["level"]) == ("Bring your own MongoDB.", "warning")


def test_people_read_columns(stream: io.StringIO) -> None:
    settings = new_settings(log_level="info", log_format=LogFormat.CONSOLE)
    configure_logs(settings, stream)
    request_log(settings, stream)({"interaction": "read", "status": 200})
    assert "interaction" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_requests_are_left_out_of_a_log_of_warnings(stream: io.StringIO) -> None:
    request_log(new_settings(log_level=LogLevel.WARNING), stream)({"status": 200})
    assert stream.getvalue() == ""
