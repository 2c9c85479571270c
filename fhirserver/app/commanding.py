"""What commands do with the authorization server, while servers serve or without any: no record is opened."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fhirserver.app.authorization import Authorization
from fhirserver.app.database import DatabaseProblem, database
from fhirserver.app.knowledge import load_definitions
from fhirserver.app.sites import authorization_of
from fhirserver.kernel.outcome import Unavailable
from fhirserver.settings import Settings
from fhirserver.smart.secret import WrongSecret
from fhirserver.smart.trust import BadCertificates
from fhirserver.store.connection import BadConnection, Connection

T = TypeVar("T")


def with_authorization(settings: Settings, work: Callable[[Authorization], Awaitable[T]]) -> T:
    """Return what ``work`` does with the authorization server of a database. Raises DatabaseProblem, LookupError."""
    with database(settings) as when_ready:
        definitions = load_definitions(settings)
        uri = when_ready().uri

        async def run() -> T:
            connection = Connection(uri)
            try:
                authorization = authorization_of(settings, connection, definitions)
                try:
                    await authorization.prepare()
                    return await work(authorization)
                finally:
                    authorization.close()
            finally:
                await connection.close()

        try:
            return asyncio.run(run())
        except (BadCertificates, BadConnection, Unavailable, WrongSecret) as problem:
            raise DatabaseProblem(str(problem)) from problem
