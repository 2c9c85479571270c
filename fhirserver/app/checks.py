"""What the server needs on this machine, each checked apart from the others, for ``fhirserver doctor``."""

import asyncio
import importlib
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from fhirserver.app.database import DatabaseProblem, database
from fhirserver.app.knowledge import load_definitions
from fhirserver.kernel.instant import UniqueClock
from fhirserver.kernel.outcome import FhirError
from fhirserver.settings import ENV_PREFIX, Settings
from fhirserver.store.connection import BadConnection, Connection

OLDEST_PYTHON: Final = (3, 11)
LOW_DISK_BYTES: Final = 2 * 1024**3
NO_DISK_BYTES: Final = 512 * 1024**2
_LIBRARIES: Final = ("fastapi", "httptools", "isal", "msgspec", "orjson", "pymongo", "uvicorn", "uvloop")


class Verdict(Enum):
    """What a finding means for the server."""

    GOOD = "good"
    NOTABLE = "notable"
    """It can serve, but the operator should know."""
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked; ``detail`` says what was found and what to do about it."""

    subject: str
    verdict: Verdict
    detail: str


def check_all(settings: Settings) -> Iterator[Finding]:
    """Check everything; nothing that lacks keeps the rest from being checked."""
    yield _python()
    yield _libraries()
    yield from _environment()
    yield _disk(settings)
    yield _definitions(settings)
    yield _port(settings)
    yield from _database(settings)


def _python() -> Finding:
    found = sys.version.split()[0]
    if sys.version_info < OLDEST_PYTHON:
        return Finding("Python", Verdict.BAD, f"{found}; 3.11 is the oldest that serves")
    return Finding("Python", Verdict.GOOD, found)


def _libraries() -> Finding:
    found = []
    for name in _LIBRARIES:
        try:
            importlib.import_module(name)
            found.append(f"{name} {version(name)}")
        except (ImportError, PackageNotFoundError) as problem:
            return Finding(
                "libraries", Verdict.BAD, f"{name} cannot be imported ({problem}); install requirements/run.lock"
            )
    return Finding("libraries", Verdict.GOOD, ", ".join(found))


def _environment() -> Iterator[Finding]:
    known = {ENV_PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(ENV_PREFIX) and name not in known:
            yield Finding("environment", Verdict.NOTABLE, f"{name} is no setting of this server")


def _disk(settings: Settings) -> Finding:
    folder = next(path for path in (settings.data_dir.resolve(), *settings.data_dir.resolve().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1024**3:.1f} GiB free for `{settings.data_dir}`"
    if not os.access(folder, os.W_OK):
        return Finding("data folder", Verdict.BAD, f"`{folder}` cannot be written to")
    if free < NO_DISK_BYTES:
        return Finding("data folder", Verdict.BAD, f"{detail}; MongoDB stops without space")
    return Finding("data folder", Verdict.NOTABLE if free < LOW_DISK_BYTES else Verdict.GOOD, detail)


def _definitions(settings: Settings) -> Finding:
    try:
        definitions = load_definitions(settings)
    except (LookupError, OSError, ValueError) as problem:
        return Finding("definitions", Verdict.BAD, str(problem))
    return Finding("definitions", Verdict.GOOD, f"FHIR R4, {len(definitions.resource_types)} resource types")


def _port(settings: Settings) -> Finding:
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as problem:
            return Finding("port", Verdict.NOTABLE, f"{settings.host}:{settings.port} is taken ({problem.strerror})")
    return Finding("port", Verdict.GOOD, f"{settings.host}:{settings.port} is free")


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        with database(settings) as when_ready:
            found = when_ready()
            for notice in found.notices:
                yield Finding("MongoDB", Verdict.NOTABLE, notice)
            yield from asyncio.run(_connected(settings, found.uri))
    except (DatabaseProblem, BadConnection, FhirError, OSError) as problem:
        yield Finding("MongoDB", Verdict.BAD, str(problem))


async def _connected(settings: Settings, uri: str) -> list[Finding]:
    connection = Connection(uri)
    try:
        findings = [Finding("MongoDB", Verdict.GOOD, f"{await connection.check()}, a replica set")]
        for site in settings.sites:
            store = connection.store(settings.database(site), UniqueClock())
            findings.append(_indexes(settings.database(site), await store.problems()))
    finally:
        await connection.close()
    return findings


def _indexes(name: str, missing: list[str]) -> Finding:
    if missing:
        return Finding(
            "indexes", Verdict.NOTABLE, f"`{name}` lacks {', '.join(missing)}; `fhirserver serve` makes them"
        )
    return Finding("indexes", Verdict.GOOD, f"`{name}` has all")
