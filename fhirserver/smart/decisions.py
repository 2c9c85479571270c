"""What users choose and decide about a pending authorization; only the session that it belongs to may."""

from dataclasses import replace

from fhirserver.smart.pending import PendingAuthorization
from fhirserver.smart.scopes import covers
from fhirserver.smart.services import Services


class NotAsked(Exception):
    """What is granted was not asked for, or nothing is."""


class Decisions:
    """Notes them; ``/auth/authorize/resume`` acts on them."""

    def __init__(self, services: Services) -> None:
        """Note them in the pending authorizations of ``services``."""
        self._services = services

    async def pending(self, request_id: str, session_id: str) -> PendingAuthorization | None:
        """Return a pending authorization of a session."""
        pending = await self._services.pending.get(request_id)
        return pending if pending is not None and pending.session_id == session_id else None

    async def choose_patient(self, request_id: str, session_id: str, patient: str) -> None:
        """Let it be about a patient, if it is about none."""
        pending = await self.pending(request_id, session_id)
        if pending is not None and pending.context.patient is None:
            await self._services.pending.change(pending, context=replace(pending.context, patient=patient))

    async def choose_encounter(self, request_id: str, session_id: str, encounter: str | None) -> None:
        """Let it be about an encounter, or about none."""
        pending = await self.pending(request_id, session_id)
        if pending is not None and pending.context.encounter is None:
            context = replace(pending.context, encounter=encounter)
            await self._services.pending.change(pending, context=context, needs_encounter=encounter is not None)

    async def decide(self, request_id: str, session_id: str, granted: tuple[str, ...] | None) -> None:
        """Grant some of what was asked, or less of it; None refuses. Raises NotAsked."""
        pending = await self.pending(request_id, session_id)
        if pending is None:
            return
        if granted is None:
            await self._services.pending.change(pending, denied=True)
            return
        scopes = self._services.read_scopes(" ".join(granted))
        if scopes.unknown or not scopes.texts or not covers(self._services.read_scopes(pending.asked), scopes):
            raise NotAsked("What is granted was not asked for.")
        await self._services.pending.change(pending, granted=scopes.texts)
