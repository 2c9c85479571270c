"""Keeps the versions of code systems on this machine as the records of the network say.

Every process looks each second. What this machine lacks one of them fetches; then it makes the new state the installed
one, at once for all of them.
"""

import asyncio
import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fhirserver.store.terminologies import Terminologies
from fhirserver.terminology.index.installed import Installation, Shelf, installation_of
from fhirserver.terminology.index.sections import synced

_LOCK: Final = "lock"


class TerminologyWatch:
    """One process's watch."""

    def __init__(self, stored: Terminologies, shelf: Shelf) -> None:
        """Make ``shelf`` have what is ``stored``."""
        self._stored = stored
        self._shelf = shelf

    async def refresh(self) -> None:
        """Look once; raises Unavailable."""
        wanted = sorted(installation_of(one) for one in await self._stored.all())
        if wanted == sorted(self._shelf.installed()) and not any(map(self._shelf.lacks, wanted)):
            return
        self._shelf.folder.mkdir(parents=True, exist_ok=True)
        with locked(self._shelf.folder, waits=False) as has_lock:
            if has_lock and await self._fetch(wanted):
                self._shelf.install(wanted)
                self._shelf.sweep()

    async def _fetch(self, wanted: Sequence[Installation]) -> bool:
        """Fetch the files that are not here; tells whether all are now."""
        for one in filter(self._shelf.lacks, wanted):
            part = self._shelf.folder / f"{one.sha}.{secrets.token_hex(4)}.part"
            try:
                if not await self._stored.fetch(one.canonical, one.sha, part):
                    return False
                await asyncio.to_thread(_keep, part, self._shelf.path(one.sha))
            finally:
                part.unlink(missing_ok=True)
        return True


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
