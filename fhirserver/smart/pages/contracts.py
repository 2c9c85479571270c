"""What the authorization server gives the pages: authorizations that wait for an answer, and grants that were given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fhirserver.smart.people.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCard:
    """A client as people see it."""

    id: str
    name: str
    uri: str | None = None
    logo_uri: str | None = None
    logo: str | None = None
    """Where the picture is that pages show."""
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """An authorization that waits for choices of a user."""

    id: str
    client: ClientCard
    scopes: tuple[str, ...]
    """All that is asked for, as it was written: those of the launch and of OpenID Connect with them."""
    patient: str | None = None
    encounter: str | None = None
    needs_patient: bool = False
    needs_encounter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantCard:
    """What a user has granted to a client."""

    id: str
    client: ClientCard
    scopes: tuple[str, ...]
    since_s: float
    patient: str | None = None
    used_s: float | None = None


class Authorizations(Protocol):
    """Pending ones, each of one session: another's is as if there were none."""

    async def pending(self, request_id: str, session: Session) -> Pending | None:
        """Return one, or None when it is unknown, expired or not of this session."""
        ...

    async def choose_patient(self, request_id: str, session: Session, patient: str) -> None:
        """Let it be about a patient, by logical id."""
        ...

    async def choose_encounter(self, request_id: str, session: Session, encounter: str | None) -> None:
        """Let it be about an encounter of the patient, or about none."""
        ...

    async def decide(self, request_id: str, session: Session, granted: tuple[str, ...] | None) -> None:
        """Grant some scopes, each within one that was asked for; None refuses."""
        ...


class Grants(Protocol):
    """Given ones."""

    async def of_user(self, user_id: str) -> Sequence[GrantCard]:
        """Return those of a user."""
        ...

    async def withdraw(self, user_id: str, grant_id: str) -> bool:
        """End one; tells whether the user had it."""
        ...
