"""What the pages work with: given once, by the composition."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from starlette.requests import HTTPConnection

from fhirserver.smart.pages.contracts import Authorizations, Grants
from fhirserver.smart.people.federation import Federation
from fhirserver.smart.people.linking import Linking
from fhirserver.smart.people.management import Management
from fhirserver.smart.people.people import People
from fhirserver.smart.record_door import RepositoryFor

OriginOf: TypeAlias = Callable[[HTTPConnection], str]
"""Returns the origin at which people see this server; raises Forbidden when the request names another."""

CheckToken: TypeAlias = Callable[[str], Awaitable[None]]
"""Raises OAuthError unless an access token is of an administrator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageServices:
    """All of it."""

    people: People
    federation: Federation
    linking: Linking
    authorizations: Authorizations
    grants: Grants
    repository_for: RepositoryFor
    origin_of: OriginOf
    check_token: CheckToken
    sites: tuple[str, ...]
    name: str = "fhirserver"
    """What the pages call this server."""

    @property
    def management(self) -> Management:
        """Changes to accounts."""
        return Management(self.people)
