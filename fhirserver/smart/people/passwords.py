"""Passwords and PINs as Argon2id hashes, computed in threads of their own so that the event loop never waits.

Parameters: OWASP's profile of 19 MiB, two passes. Spec: RFC 9106
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fhirserver.kernel.outcome import Unavailable
from fhirserver.smart.people.password_rules import normalized

_MEMORY_KIB: Final = 19 * 1024
_PASSES: Final = 2
_WAITING: Final = 256
"""Logins that may wait for a thread; more are told to come back, for each holds a request open."""

T = TypeVar("T")


class Passwords:
    """Hashes and verifies, at most ``threads`` at a time."""

    def __init__(self, threads: int = 2) -> None:
        """Start no thread before the first hash."""
        self._hasher = PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=1)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._waiting = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Return what may be stored of a password."""
        return await self._run(lambda: self._hasher.hash(normalized(password)))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether it is the password; None, of an account that is not there, takes as long and is never it."""
        if stored is None:
            await self._run(lambda: self._check(password, self._hash_of_nobody()))
            return False
        return await self._run(lambda: self._check(password, stored))

    def is_outdated(self, stored: str) -> bool:
        """Tell whether a password should be hashed anew, now that it is known."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _check(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, normalized(password))
        except (VerificationError, InvalidHashError):
            return False

    def _hash_of_nobody(self) -> str:
        if self._nobody is None:
            self._nobody = self._hasher.hash(secrets.token_urlsafe(16))
        return self._nobody

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= _WAITING:
            raise Unavailable("Too many people log in just now; try again.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
