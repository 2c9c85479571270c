"""``fhirserver client …`` and ``fhirserver key …``: what an operator does, and that servers see it."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def command(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """Run a command on a network of its own."""
    prefix = f"test_{secrets.token_hex(6)}"
    folder = tmp_path_factory.mktemp("data")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FHIRSERVER_")} | {
        "FHIRSERVER_MONGODB_URI": mongodb_uri,
        "FHIRSERVER_DATABASE_PREFIX": prefix,
        "FHIRSERVER_DATA_DIR": str(folder),
        "FHIRSERVER_SITES": "main,second",
        "COLUMNS": "300",
    }

    def run(*arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "fhirserver", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done

    yield run
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client.drop_database(f"{prefix}_network")


def manifest(folder: Path, **changes: object) -> str:
    document = {"client_name": "An app", "redirect_uris": ["https://app.example.org/back"], "scope": "openid user/*.rs"}
    file = folder / f"{secrets.token_hex(4)}.json"
    file.write_text(json.dumps({**document, **changes}))
    return str(file)


def test_a_client_is_entered_shown_approved_and_removed(command: Command, tmp_path: Path) -> None:
    file = manifest(tmp_path, token_endpoint_auth_method="client_secret_basic")  # noqa: S106 - the name of a method
    added = json.loads(command("client", "add", file, "--id", "app", "--site", "main", "--trusted").stdout)
    assert (added["client_id"], added["sites"], added["trusted"]) == ("app", ["main"], True)
    assert len(added["client_secret"]) >= 32
    shown = command("client", "show", "app").stdout
    assert added["client_secret"] not in shown
    assert "An app" in command("client", "list").stdout
    assert json.loads(command("client", "approve", "app", "second").stdout)["sites"] == ["main", "second"]
    assert json.loads(command("client", "approve", "app", "main", "--revoke").stdout)["sites"] == ["second"]
    assert command("client", "secret", "app").stdout.strip() != added["client_secret"]
    command("client", "remove", "app")
    assert "there is no client `app`" in command("client", "show", "app", status=2).stderr


def test_bad_usage_is_one_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    for arguments, expected in (
        (
            ("client", "add", manifest(tmp_path, redirect_uris=["http://app.example.org/"])),
            "`redirect_uris` are of https",
        ),
        (("client", "add", str(tmp_path / "bad.json")), "cannot be read as JSON"),
        (("client", "add", manifest(tmp_path), "--site", "nowhere"), "`nowhere` is no site"),
        (("client", "secret", "nobody"), "there is no client `nobody`"),
    ):
        stderr = command(*arguments, status=2).stderr
        assert expected in stderr
        assert stderr.count("\n") == 1


def test_keys_are_listed_and_rotate(command: Command) -> None:
    first = command("key", "list").stdout
    assert first.count("RS256") == first.count("ES256") == 1
    rotated = command("key", "rotate").stdout
    assert rotated.count("RS256") == rotated.count("ES256") == 2
    at_once = command("key", "rotate", "--at-once").stdout
    assert at_once.count("ES256") == 2, "the first one is published still: what it signed is valid; the second is void"


def test_an_invitation_is_a_token(command: Command) -> None:
    assert len(command("client", "invite", "system/*.rs", "--site", "main").stdout.strip()) >= 32
