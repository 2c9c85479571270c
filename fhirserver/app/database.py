"""A MongoDB to work with: the one that is given, or a mongod of this process."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Final, TypeAlias

from fhirserver.settings import Settings
from fhirserver.store.mongod import ManagedMongod, MongodError

_LOOK_S: Final = 0.5
"""How often to see whether the mongod still runs."""


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
    """Begin to start a mongod unless one is given, keep it running, and stop it with the context.

    What is yielded waits for it: the caller has its imports to do meanwhile.
    """
    if settings.mongodb_uri is not None:
        given = Database(settings.mongodb_uri)
        yield lambda: given
        return
    keeper = _Keeper(settings.data_dir)
    try:
        yield keeper.first
    finally:
        keeper.stop()


class _Keeper:
    """Starts the mongod of a data folder, and again whenever it ends by itself: killed, or out of memory."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._first: Future[ManagedMongod] = Future()
        self._stopping = Event()
        self._thread = Thread(target=self._keep, name="mongod-keeper", daemon=True)
        self._thread.start()

    def first(self) -> Database:
        """Wait for the first start."""
        try:
            mongod = self._first.result()
        except MongodError as problem:
            raise DatabaseProblem(str(problem)) from None
        return Database(mongod.uri, mongod.notices)

    def stop(self) -> None:
        """End the mongod and return when it has ended."""
        self._stopping.set()
        self._thread.join()

    def _keep(self) -> None:
        try:
            mongod = ManagedMongod.start(self._data_dir)
        except BaseException as problem:
            self._first.set_exception(problem)
            return
        self._first.set_result(mongod)
        while not self._stopping.wait(_LOOK_S):
            if mongod.owned and not mongod.running:
                mongod = self._restarted(mongod)
        with suppress(MongodError):
            mongod.stop()

    def _restarted(self, ended: ManagedMongod) -> ManagedMongod:
        """Start the mongod anew; on failure return the one that ended, to try again at the next look."""
        from fhirserver.app.logs import notice  # noqa: PLC0415 - its imports would delay the first start

        notice("The mongod of the data folder has ended; it is started again.")
        try:
            return ManagedMongod.start(self._data_dir)
        except MongodError as problem:
            notice(str(problem))
            return ended
