"""Keeps code systems or packages on this machine as the records of the network say.

Every process looks each second. What this machine lacks one of them fetches; then it makes the new state the installed
one, at once for all of them.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Generic, TypeVar

from fhirserver.definitions.shelf import Shelf, Shelved, synced
from fhirserver.store.installations import Installations

_LOCK: Final = "lock"
S = TypeVar("S", bound=Shelved)


class InstallationWatch(Generic[S]):
    """One process's watch."""

    def __init__(self, stored: Installations, shelf: Shelf[S]) -> None:
        """Make ``shelf`` have what is ``stored``."""
        self._stored = stored
        self._shelf = shelf

    async def refresh(self) -> None:
        """Look once; raises Unavailable."""
        wanted = sorted((self._shelf.read(one) for one in await self._stored.all()), key=_key)
        if wanted == sorted(self._shelf.installed(), key=_key) and not any(map(self._shelf.lacks, wanted)):
            return
        self._shelf.folder.mkdir(parents=True, exist_ok=True)
        with locked(self._shelf.folder, waits=False) as has_lock:
            if has_lock and await self._fetch(wanted):
                self._shelf.install(wanted)
                self._shelf.sweep()

    async def _fetch(self, wanted: Sequence[S]) -> bool:
        """Fetch the files that are not here; tells whether all are now."""
        for one in filter(self._shelf.lacks, wanted):
            part = self._shelf.part()
            try:
                if not await self._stored.fetch(one.key, one.sha, part):
                    return False
                await asyncio.to_thread(_keep, part, self._shelf.path(one.sha))
            finally:
                part.unlink(missing_ok=True)
        return True


def _key(one: Shelved) -> str:
    return one.key


@contextmanager
def locked(folder: Path, *, waits: bool) -> Iterator[bool]:
    """Be the only one that changes the files of a folder; yields whether one is, which it is if it waits."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _lock(descriptor, waits=waits)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, waits: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _keep(part: Path, path: Path) -> None:
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    synced(path.parent)
