"""All that the authorization server remembers: records in the network's database, shared by all workers."""

from collections.abc import Callable, Collection
from typing import TypeAlias

from fhirserver.smart.access_tokens import TOKEN_INDEXES
from fhirserver.smart.clients import CLIENT_INDEXES
from fhirserver.smart.grants import GRANT_INDEXES
from fhirserver.smart.refresh_tokens import REFRESH_INDEXES
from fhirserver.store.records import Records

RecordsOf: TypeAlias = Callable[[str, Collection[str]], Records]
"""A collection's name and the fields that are found by -> the records."""


class State:
    """The collections, each named by what one record is."""

    def __init__(self, records_of: RecordsOf) -> None:
        """Take them from ``records_of``."""
        self.keys = records_of("key", ())
        self.clients = records_of("client", CLIENT_INDEXES)
        self.replays = records_of("replay", ())
        self.tokens = records_of("token", TOKEN_INDEXES)
        self.refresh_tokens = records_of("refresh", REFRESH_INDEXES)
        self.codes = records_of("code", ())
        self.launches = records_of("launch", ())
        self.initial = records_of("initial", ())
        self.ended = records_of("ended", ())
        self.pending = records_of("authorization", ())
        self.grants = records_of("grant", GRANT_INDEXES)
        self.quotas = records_of("quota", ())

    async def prepare(self) -> None:
        """Create the indexes that are missing. Raises Unavailable."""
        for records in vars(self).values():
            await records.prepare()
