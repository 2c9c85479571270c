"""A MongoDB to work with: the one that is given, or a mongod of this process."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeAlias

from fhirserver.settings import Settings
from fhirserver.store.mongod import ManagedMongod, MongodError


class DatabaseProblem(Exception):
    """There is no database to work with; the text is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Database:
    """Where a MongoDB listens, and what the operator should know about it."""

    uri: str
    notices: tuple[str, ...] = ()


WhenReady: TypeAlias = Callable[[], Database]
"""Waits for the database; raises DatabaseProblem."""


@contextmanager
def database(settings: Settings) -> Iterator[WhenReady]:
    """Begin to start a mongod unless one is given, and stop it with the context.

    What is yielded waits for it: the caller has its imports to do meanwhile.
    """
    if settings.mongodb_uri is not None:
        given = Database(settings.mongodb_uri)
        yield lambda: given
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="mongod-start") as starter:
        start = starter.submit(ManagedMongod.start, settings.data_dir)
        try:
            yield lambda: _started(start)
        finally:
            with suppress(MongodError):
                start.result().stop()


def _started(start: Future[ManagedMongod]) -> Database:
    try:
        mongod = start.result()
    except MongodError as problem:
        raise DatabaseProblem(str(problem)) from None
    return Database(mongod.uri, mongod.notices)
