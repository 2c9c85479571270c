"""The record as pages and launches look at it: with the rights of a person, and every look in the audit trail."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from fhirserver.kernel.caller import Caller
from fhirserver.kernel.exchange import Interaction, Target
from fhirserver.kernel.outcome import Deleted, FhirError, Forbidden, NotFound
from fhirserver.kernel.version import Version
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Parameters, SearchRequest
from fhirserver.repository.trail import Trail
from fhirserver.smart.noted import trail_of

RepositoryFor: TypeAlias = Callable[[Caller, Trail], Awaitable[Repository]]
"""Opens the record of the caller's site; what is seen of it is noted."""


@dataclass(frozen=True, slots=True)
class RecordDoor:
    """The record of one person's site."""

    repository: Repository

    async def read(self, resource_type: str, logical_id: str) -> Version | None:
        """Return a resource as it is now; None where the person sees none."""
        step = self.repository.trail.begin(Target(Interaction.READ, resource_type, logical_id), ())
        try:
            return await self.repository.read(resource_type, logical_id)
        except (NotFound, Deleted, Forbidden) as refusal:
            step.status = refusal.status
            return None

    async def search(self, resource_type: str, parameters: Parameters) -> tuple[Version, ...]:
        """Return the first page of what matches. Raises what a search raises."""
        step = self.repository.trail.begin(Target(Interaction.SEARCH_TYPE, resource_type), parameters)
        request = SearchRequest(resource_types=(resource_type,), parameters=parameters)
        try:
            return (await self.repository.search(request)).matches
        except FhirError as refusal:
            step.status = refusal.status
            raise


async def door_for(caller: Caller, repository_for: RepositoryFor) -> RecordDoor:
    """Open the record for a caller. Raises Unavailable."""
    return RecordDoor(await repository_for(caller, trail_of(caller)))
