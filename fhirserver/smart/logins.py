"""What the authorization server asks of the accounts and sessions of people.

Spec: https://openid.net/specs/openid-connect-core-1_0.html#Authentication
"""

from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request

from fhirserver.smart.authorization import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """That a person has logged in at the browser that asks."""

    session_id: str
    person: Person
    auth_time_s: float
    amr: tuple[str, ...] = ()
    acr: str | None = None


class Logins(Protocol):
    """Knows who logged in, and who still may."""

    async def current(self, request: Request) -> Login | None:
        """Return who has logged in at the browser of a request."""
        ...

    async def person(self, user_id: str) -> Person | None:
        """Return a user as of now; None when the account is gone or locked."""
        ...

    async def is_alive(self, session_id: str) -> bool:
        """Tell whether a session is not over."""
        ...


class Nobody:
    """Of a network where only programs log in."""

    async def current(self, request: Request) -> Login | None:
        """Nobody has."""
        return None

    async def person(self, user_id: str) -> Person | None:
        """There is none."""
        return None

    async def is_alive(self, session_id: str) -> bool:
        """There is none."""
        return False
