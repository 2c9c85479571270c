"""What operations on access ask for: ``app`` has it of the repository, the authorization server and the audit trail."""

from dataclasses import dataclass
from typing import Protocol

from fhirserver.access.emergency import Asked, WaysIn
from fhirserver.access.explained import Explanation, Question
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.version import Version
from fhirserver.repository.access_desk import Opened
from fhirserver.repository.trail import Trail


@dataclass(frozen=True, slots=True)
class EmergencyToken:
    """An emergency that has begun, and the access token that is good for it."""

    opened: Opened
    token: str


class AccessOffice(Protocol):
    """Opens the records of one site, and explains who may open them."""

    async def break_glass(self, caller: Caller, asked: Asked, trail: Trail) -> EmergencyToken:
        """Begin an emergency. Raises NotFound, Forbidden, BadRequest, LoginRequired."""
        ...

    async def declare(self, caller: Caller, patient: str, evidence: str, trail: Trail) -> Version:
        """Declare a relation of care. Raises NotFound, Forbidden, BadRequest."""
        ...

    async def ways_in(self, caller: Caller, patient: str) -> WaysIn:
        """Return what a caller may do about the record of a patient that it sees."""
        ...

    async def explain(self, question: Question) -> Explanation:
        """Explain one decision. Raises NotFound, Deleted, BadSearchValue."""
        ...
