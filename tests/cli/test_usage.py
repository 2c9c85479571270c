"""Bad usage is one line on standard error and exit code 2; help is complete and answers at once."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from fhirserver.cli.main import run

CASES = [
    pytest.param(["serve", "--port", "x"], "'--port'", id="a value of the wrong type"),
    pytest.param(["serve", "--port", "70000"], "less than or equal to 65535 (`--port`, `FHIRSERVER_PORT`)", id="range"),
    pytest.param(["serve", "--auth", "maybe"], "'maybe' is not one of 'smart', 'off'", id="a value of no choice"),
    pytest.param(["serve", "--sites", "fhir"], "`fhir` is a path of the server", id="a site named as a path"),
    pytest.param(["serve", "--verbose"], "No such option: --verbose", id="an unknown option"),
    pytest.param(["serv"], "No such command 'serv'. Did you mean 'serve'", id="an unknown command"),
    pytest.param(["load"], "Missing argument", id="nothing to load"),
    pytest.param(["load", "/nowhere/at/all"], "does not exist", id="a path that is not there"),
    pytest.param(["load", "--site", "other", __file__], "`other` is not a site", id="an unknown site to load into"),
    pytest.param(["load", __file__], "is none of .json, .ndjson, .jsonl", id="a file of another kind"),
    pytest.param(["load", str(Path(__file__).parent)], "nothing to load", id="a folder without files to load"),
    pytest.param(["reindex", "--site", "other"], "`other` is not a site", id="an unknown site to reindex"),
    pytest.param(["reindex", "--pause", "--resume"], "stand alone", id="two things to do with a reindex"),
    pytest.param(["reindex", "--cancel", "--type", "Patient"], "stand alone", id="a reindex to cancel by its type"),
]


@pytest.mark.parametrize(("arguments", "says"), CASES)
def test_bad_usage_is_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("fhirserver: ")
    assert says in printed.err


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FHIRSERVER_MAX_COUNT", "many")
    assert run(["serve"]) == 2
    assert "(`--max-count`, `FHIRSERVER_MAX_COUNT`)" in capsys.readouterr().err


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    printed = capsys.readouterr()
    assert "Usage: fhirserver" in printed.out
    assert printed.err == ""


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["serve", "--help"], ["--version"]])
def test_help_and_version_succeed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    assert capsys.readouterr().out


def test_help_loads_nothing_of_the_server() -> None:
    program = "import sys; from fhirserver.cli.main import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    started = time.monotonic()
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(answer.stderr.split())
    assert not loaded & {"pymongo", "fastapi", "uvicorn", "pydantic_settings", "fhirserver.app", "structlog"}
    assert time.monotonic() - started < 10
