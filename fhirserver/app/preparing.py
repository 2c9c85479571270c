"""What is done once before a server listens: collections, indexes and, on the first start, the demo record."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fhirserver.access.policy_reader import PolicyProblem
from fhirserver.app.database import DatabaseProblem
from fhirserver.app.knowledge import Knowledge
from fhirserver.app.sites import Builder, Site, sites_of
from fhirserver.kernel.outcome import FhirError, Unavailable
from fhirserver.repository.requests import SearchRequest
from fhirserver.settings import Auth, Settings, is_loopback
from fhirserver.smart.demo_clients import DemoClients, make_demo_clients
from fhirserver.smart.people.demo import DemoLogin, make_demo_accounts
from fhirserver.smart.secret import WrongSecret
from fhirserver.smart.trust import BadCertificates
from fhirserver.store.connection import BadConnection

_PATIENCE_S: Final = 30.0
_RETRY_S: Final = 1.0
_BEGUN: Final = "demo begun"
_COMPLETE: Final = "demo complete"
_IN_FLIGHT: Final = 4
SECRET_FILE: Final = "example-service.secret"  # noqa: S105 - a name
"""In the data folder: the secret of the demo's backend service."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo record: transaction Bundles, and who hears how many of how many are loaded.

    It is loaded when the database is new, or when an earlier start was interrupted in loading it.
    """

    bundles: Callable[[], Iterable[bytes]]
    progress: Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class DemoAccess:
    """How to come to the demo record: the people who log in, and the clients where there are any."""

    logins: Sequence[DemoLogin]
    clients: DemoClients | None


async def prepare(settings: Settings, uri: str, knowledge: Knowledge, demo: Demo | None = None) -> DemoAccess | None:
    """Make every site ready to serve: its collections, its indexes and, in the first one, the demo record.

    Return how to come to the demo record, where there is one and who comes must log in. Raises DatabaseProblem.
    """
    try:
        async with sites_of(settings, uri, knowledge) as builder:
            await _await_database(builder)
            for name in settings.sites:
                await builder.prepare(name)
            await builder.prepare_network()
            if demo is None:
                return None
            site = await builder.open(settings.sites[0])
            await _load_demo(site, demo)
            if settings.auth is Auth.OFF or await site.store.setting(_COMPLETE) is None:
                return None
            return await _open_demo(settings, builder)
    except (BadConnection, BadCertificates, FhirError, WrongSecret, PolicyProblem) as problem:
        raise DatabaseProblem(str(problem)) from problem


async def _open_demo(settings: Settings, builder: Builder) -> DemoAccess:
    """Let who tries the demo record in; how, depends on who else could come."""
    is_private = is_loopback(settings.host) and settings.base_url is None
    authorization, site = builder.authorization(), settings.sites[0]
    try:
        logins = await make_demo_accounts(authorization.people, site, is_private=is_private)
        clients = await make_demo_clients(
            authorization.services, authorization.people.secret, site, is_private=is_private
        )
    finally:
        authorization.close()
    _note_secret(settings.data_dir / SECRET_FILE, clients)
    return DemoAccess(logins, clients)


def _note_secret(file: Path, clients: DemoClients | None) -> None:
    """Write down the secret of the demo's service, for its owner alone, or remove it."""
    file.unlink(missing_ok=True)
    if clients is not None:
        file.touch(mode=0o600)
        file.write_text(clients.service_secret, encoding="ascii")


async def _await_database(builder: Builder) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            await builder.connection.check()
            return
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_RETRY_S)


async def _load_demo(site: Site, demo: Demo) -> None:
    if await site.store.setting(_COMPLETE) is not None:
        return
    if await site.store.setting(_BEGUN) is None and not await _is_new(site):
        return
    await site.store.set_once(_BEGUN, {})
    await _load_all(site, list(demo.bundles()), demo.progress)
    await site.store.set_once(_COMPLETE, {})


async def _is_new(site: Site) -> bool:
    parameters = (("_count", "1"), ("_total", "none"))
    page = await site.repository.search(SearchRequest(resource_types=(), parameters=parameters))
    return not page.matches


async def _load_all(site: Site, bundles: Sequence[bytes], progress: Callable[[int, int], None]) -> None:
    waiting = iter(bundles)
    done = 0

    async def work() -> None:
        nonlocal done
        for bundle in waiting:  # shared: each worker takes the next one
            await site.execute(bundle)
            done += 1
            progress(done, len(bundles))

    progress(0, len(bundles))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_IN_FLIGHT):
                group.create_task(work())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
