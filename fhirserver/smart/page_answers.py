"""What the pages of people ask of the authorization server: pending authorizations and grants, as cards to be shown."""

from collections.abc import Mapping, Sequence
from typing import Any

from fhirserver.smart.clients import Client
from fhirserver.smart.decisions import Decisions
from fhirserver.smart.logos import logo_path
from fhirserver.smart.pages.contracts import ClientCard, GrantCard, Pending
from fhirserver.smart.people.session import Session
from fhirserver.smart.services import Services


class PageAuthorizations:
    """Pending authorizations, each of one session."""

    def __init__(self, services: Services) -> None:
        """Answer from ``services``."""
        self._services = services
        self._decisions = Decisions(services)

    async def pending(self, request_id: str, session: Session) -> Pending | None:
        """Return one of a session."""
        pending = await self._decisions.pending(request_id, session.id)
        client = await self._services.clients.active(pending.client_id) if pending is not None else None
        if pending is None or client is None:
            return None
        return Pending(
            id=pending.id,
            client=card_of(client),
            scopes=tuple(pending.asked.split()),
            patient=pending.context.patient,
            encounter=pending.context.encounter,
            needs_patient=pending.needs_patient,
            needs_encounter=pending.needs_encounter,
        )

    async def choose_patient(self, request_id: str, session: Session, patient: str) -> None:
        """Let it be about a patient."""
        await self._decisions.choose_patient(request_id, session.id, patient)

    async def choose_encounter(self, request_id: str, session: Session, encounter: str | None) -> None:
        """Let it be about an encounter, or about none."""
        await self._decisions.choose_encounter(request_id, session.id, encounter)

    async def decide(self, request_id: str, session: Session, granted: tuple[str, ...] | None) -> None:
        """Grant or refuse. Raises NotAsked."""
        await self._decisions.decide(request_id, session.id, granted)


class PageGrants:
    """What users have granted."""

    def __init__(self, services: Services) -> None:
        """Answer from ``services``."""
        self._services = services

    async def of_user(self, user_id: str) -> Sequence[GrantCard]:
        """Return what a user has granted to clients that there are."""
        cards = [await self._card(record) for record in await self._services.grants.of_user(user_id)]
        return [card for card in cards if card is not None]

    async def withdraw(self, user_id: str, grant_id: str) -> bool:
        """End a grant of a user, and with it every token that rests on it."""
        return await self._services.revocations.withdraw(grant_id, user_id)

    async def _card(self, record: Mapping[str, Any]) -> GrantCard | None:
        client = await self._services.clients.get(record["client_id"])
        if client is None:
            return None
        return GrantCard(
            id=record["key"],
            client=card_of(client),
            scopes=tuple(record["scopes"]),
            since_s=record["granted_s"],
            patient=record["patient"],
            used_s=record["used_s"],
        )


def card_of(client: Client) -> ClientCard:
    """Return a client as people see it."""
    return ClientCard(
        id=client.client_id,
        name=client.client_name,
        uri=client.client_uri,
        logo_uri=client.logo_uri,
        logo=logo_path(client),
        owner=client.owner,
    )
