"""Driver errors become the server's own, at the store's edge and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
)

from fhirserver.kernel.outcome import Conflict, FhirError, TooCostly, Unavailable

_TRANSIENT_CODES = frozenset({6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436})
"""Host unreachable, network, shutdown, stepdown, not primary: https://www.mongodb.com/docs/manual/reference/error-codes"""


class DuplicateKey(Exception):
    """An instance of this ``_id`` exists already."""


@contextmanager
def translated(*, within_transaction: bool = False) -> Iterator[None]:
    """Turn what the driver raises into FhirError; anything unforeseen passes.

    ``within_transaction``: everything passes, for the transaction itself must see its conflicts.
    """
    try:
        yield
    except PyMongoError as error:
        if within_transaction:
            raise
        translated_error = translate(error)
        if translated_error is None:
            raise
        raise translated_error from error


def translate(error: PyMongoError) -> FhirError | None:
    """Return the error of the request, or None when it is a defect."""
    if isinstance(error, ExecutionTimeout):
        return TooCostly("The search needs more time than a request may take; add a more selective parameter.")
    if isinstance(
        error,
        AutoReconnect
        | ConnectionFailure
        | NetworkTimeout
        | ServerSelectionTimeoutError
        | WaitQueueTimeoutError
        | WriteConcernError,
    ):
        return Unavailable("The database cannot be reached; try again.")
    if isinstance(error, DocumentTooLarge):
        return TooCostly("The request becomes more than one call of the database can hold; ask for less at a time.")
    if isinstance(error, OperationFailure):
        if error.code in _TRANSIENT_CODES:
            return Unavailable("The database cannot be reached; try again.")
        if error.has_error_label("TransientTransactionError"):
            return Conflict("Another writer changed the same resources at the same time; try again.")
    return None
