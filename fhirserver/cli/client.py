"""``fhirserver client …``: the catalogue of clients at the command line; secrets are printed once."""

import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from fhirserver.app.authorization import Authorization
from fhirserver.app.commanding import with_authorization
from fhirserver.app.database import DatabaseProblem
from fhirserver.cli.problems import Failure, UsageProblem
from fhirserver.settings import Settings
from fhirserver.smart.catalogue import Catalogue
from fhirserver.smart.client_admin import entry_of
from fhirserver.smart.clients import Client
from fhirserver.smart.errors import OAuthError
from fhirserver.smart.registration import new_initial_token

T = TypeVar("T")


def add(settings: Settings, document: Mapping[str, Any], client_id: str | None) -> int:
    """Enter a client and print it with its secret. Raises UsageProblem, Failure."""

    async def work(authorization: Authorization) -> tuple[Client, str | None]:
        return await Catalogue(authorization.services).add(document, client_id)

    client, secret = _with(settings, work)
    _print({**entry_of(client), **({"client_secret": secret} if secret else {})})
    return 0


def show_all(settings: Settings) -> int:
    """Print the catalogue as a table."""

    async def work(authorization: Authorization) -> list[Client]:
        return await authorization.services.clients.find()

    table = Table("client_id", "name", "kind", "sites", "scope")
    for client in _with(settings, work):
        kind = "blocked" if client.blocked else client.token_endpoint_auth_method.value
        table.add_row(client.client_id, client.client_name, kind, ", ".join(client.sites) or "none", client.scope)
    Console().print(table)
    return 0


def show(settings: Settings, client_id: str) -> int:
    """Print a client."""
    _print(entry_of(_with(settings, lambda authorization: _client(authorization, client_id))))
    return 0


def approve(settings: Settings, client_id: str, site: str, *, revoke: bool) -> int:
    """Let a site let a client in, or no more."""

    async def work(authorization: Authorization) -> Client:
        catalogue = Catalogue(authorization.services)
        client = await _client(authorization, client_id)
        return await (catalogue.disapprove(client, site) if revoke else catalogue.approve(client, site))

    _print(entry_of(_with(settings, work)))
    return 0


def remove(settings: Settings, client_id: str) -> int:
    """Delete a client and end all that it has."""

    async def work(authorization: Authorization) -> None:
        await Catalogue(authorization.services).remove(await _client(authorization, client_id))

    _with(settings, work)
    return 0


def secret(settings: Settings, client_id: str) -> int:
    """Give a client another secret and print it."""

    async def work(authorization: Authorization) -> str:
        return await Catalogue(authorization.services).renew_secret(await _client(authorization, client_id))

    sys.stdout.write(f"{_with(settings, work)}\n")
    return 0


def invite(settings: Settings, scope: str, sites: tuple[str, ...]) -> int:
    """Print a token with which one client can register itself."""

    async def work(authorization: Authorization) -> str:
        return await new_initial_token(authorization.services, scope=scope, sites=sites)

    sys.stdout.write(f"{_with(settings, work)}\n")
    return 0


def read_manifest(path: Path) -> dict[str, Any]:
    """Read what a file says of a client. Raises UsageProblem."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise UsageProblem(f"{path} cannot be read as JSON ({type(problem).__name__}).") from None
    if not isinstance(document, dict):
        raise UsageProblem(f"{path} is a JSON object with the members of RFC 7591.")
    return document


async def _client(authorization: Authorization, client_id: str) -> Client:
    client = await authorization.services.clients.get(client_id)
    if client is None:
        raise UsageProblem(f"there is no client `{client_id}`; `fhirserver client list` shows them.")
    return client


def _with(settings: Settings, work: Callable[[Authorization], Awaitable[T]]) -> T:
    try:
        return with_authorization(settings, work)
    except OAuthError as problem:
        raise UsageProblem(problem.description) from None
    except (DatabaseProblem, LookupError) as problem:
        raise Failure(str(problem)) from None


def _print(entry: Mapping[str, Any]) -> None:
    known = {name: value for name, value in entry.items() if value not in (None, [], False)}
    sys.stdout.write(f"{json.dumps(known, indent=2, ensure_ascii=False)}\n")
