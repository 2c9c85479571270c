"""One transaction, run again while it meets what passes: a conflict, or a primary that another one replaces.

The driver's own loop goes on for two minutes when the database is gone; a caller is told after seconds.
Spec: https://www.mongodb.com/docs/manual/core/transactions-in-applications/
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import ConnectionFailure, PyMongoError, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

T = TypeVar("T")

_CONFLICT_S: Final = 20.0
_LOST_S: Final = 5.0
_PAUSE_S: Final = 0.005
_LONGEST_PAUSE_S: Final = 0.5
_TRANSIENT: Final = "TransientTransactionError"
_UNKNOWN: Final = "UnknownTransactionCommitResult"


async def transact(session: AsyncClientSession, work: Callable[[], Awaitable[T]]) -> T:
    """Run ``work`` within a transaction of the session and commit it; raises the driver's last error."""
    started = time.monotonic()
    attempts = 0
    while True:
        await session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority"))
        try:
            result = await work()
            await _commit(session, started)
        except BaseException as error:
            if session.in_transaction:
                await session.abort_transaction()
            if not _may_pass(error, _TRANSIENT, started):
                raise
        else:
            return result
        attempts += 1
        await asyncio.sleep(_pause_s(attempts))


async def _commit(session: AsyncClientSession, started: float) -> None:
    """Commit, again while it is unknown whether the last commit arrived: to repeat one does no harm."""
    while True:
        try:
            return await session.commit_transaction()
        except PyMongoError as error:
            if not _may_pass(error, _UNKNOWN, started):
                raise


def _may_pass(error: BaseException, label: str, started: float) -> bool:
    """Tell whether another try may succeed, and soon enough."""
    if not isinstance(error, PyMongoError) or not error.has_error_label(label):
        return False
    if isinstance(error, ServerSelectionTimeoutError):  # as long as any request waits for a primary
        return False
    patience_s = _LOST_S if isinstance(error, ConnectionFailure) else _CONFLICT_S
    return time.monotonic() - started < patience_s


def _pause_s(attempts: int) -> float:
    """Return how long to stay out of the way of who was first, at random so that two do not meet again."""
    return random.random() * min(_PAUSE_S * 1.5**attempts, _LONGEST_PAUSE_S)  # noqa: S311 - no secret
