"""``fhirserver user …``: what an operator does to accounts, and that servers see it."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from fhirserver.app.people import people_of
from fhirserver.settings import Settings
from fhirserver.smart.people.account import Account
from fhirserver.smart.people.people import People
from fhirserver.smart.secret import secret_of
from fhirserver.store.connection import Connection
from tests.conftest import new_settings

Command = Callable[..., subprocess.CompletedProcess[str]]
PASSWORD = "a long way to tipperary"  # noqa: S105 - of these tests


@pytest.fixture(scope="module")
def settings(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a network of its own."""
    made = new_settings(data_dir=tmp_path_factory.mktemp("data"), sites="main,second", mongodb_uri=mongodb_uri)
    yield made
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client.drop_database(made.network_database)


@pytest.fixture(scope="module")
def command(settings: Settings) -> Command:
    """Run a command on it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FHIRSERVER_")} | {
        "FHIRSERVER_MONGODB_URI": str(settings.mongodb_uri),
        "FHIRSERVER_DATABASE_PREFIX": settings.database_prefix,
        "FHIRSERVER_DATA_DIR": str(settings.data_dir),
        "FHIRSERVER_SITES": "main,second",
        "COLUMNS": "300",
    }

    def run(*arguments: str, status: int = 0, typed: str = "") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "fhirserver", "user", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            input=typed,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


async def looked_up(settings: Settings, username: str, password: str | None = None) -> Account | None:
    """Return an account as a server sees it; with a password, who logs in by it."""
    connection = Connection(str(settings.mongodb_uri))
    people: People = people_of(connection, settings, secret_of(None, settings.data_dir))
    try:
        if password is None:
            return await people.accounts.named(username)
        return await people.sign_in.by_password(username, password, f"192.0.2.{secrets.randbelow(250)}")
    finally:
        people.close()
        await connection.close()


async def test_an_account_from_its_first_day_to_its_last(command: Command, settings: Settings) -> None:
    added = json.loads(
        command(
            *("add", "Dr.Who", "--name", "Dr Who", "--fhir-user", "Practitioner/w", "--role", "physician"),
            *("--organization", "Organization/o", "--site", "second"),
        ).stdout
    )
    assert (added["username"], added["site"], added["fhirUser"]) == ("dr.who", "second", "Practitioner/w")
    account = await looked_up(settings, "dr.who", added["password"])
    assert account is not None
    assert account.must_change_password
    assert "dr.who" in command("list", "--role", "physician").stdout
    assert "dr.who" not in command("list", "--site", "main").stdout
    shown = json.loads(command("show", "dr.who").stdout)
    assert (shown["id"], shown["roles"]) == (added["id"], ["physician"])
    assert "password" not in shown
    changed = json.loads(command("role", "dr.who", "--add", "nurse", "--remove", "physician", "--admin").stdout)
    assert (changed["roles"], changed["isAdmin"]) == (["nurse"], True)
    command("password", "dr.who", "--password-stdin", "--keep", typed=f"{PASSWORD}\n")
    account = await looked_up(settings, "dr.who", PASSWORD)
    assert account is not None
    assert not account.must_change_password
    command("lock", "dr.who")
    assert await looked_up(settings, "dr.who", PASSWORD) is None
    command("unlock", "dr.who")
    assert await looked_up(settings, "dr.who", PASSWORD) is not None
    command("remove", "dr.who")
    assert await looked_up(settings, "dr.who") is None


BAD = [
    pytest.param(("add", "a b", "--name", "x"), "", "A user name has", id="a name with a space"),
    pytest.param(("add", "ab", "--name", "x", "--site", "other"), "", "`other` is not a site", id="another site"),
    pytest.param(("add", "ab", "--name", "x", "--fhir-user", "Observation/1"), "", "fhirUser", id="a link to nobody"),
    pytest.param(("add", "ab", "--name", "x", "--password-stdin"), "short\n", "too short", id="a short password"),
    pytest.param(("add", "ab", "--name", "x", "--password-stdin"), "", "no password", id="no password"),
    pytest.param(("show", "nobody"), "", "there is no user `nobody`", id="nobody"),
]


@pytest.mark.parametrize(("arguments", "typed", "text"), BAD)
def test_what_is_refused(command: Command, arguments: tuple[str, ...], typed: str, text: str) -> None:
    refused = command(*arguments, status=2, typed=typed)
    assert text in refused.stderr
    assert refused.stderr.count("\n") == 1


async def test_without_a_password_only_another_provider_lets_somebody_in(command: Command, settings: Settings) -> None:
    command("add", "anna", "--name", "Anna", "--no-password", "--identity", "https://idp.example.org|s1")
    account = await looked_up(settings, "anna")
    assert account is not None
    assert (account.password_hash, account.identities) == (None, ("https://idp.example.org|s1",))
