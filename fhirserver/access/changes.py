"""What has changed of the facts that rules are decided by, so that rules are loaded again only when they may differ."""

from dataclasses import dataclass
from typing import Final, Protocol

FACT_TYPES: Final = (
    *("Appointment", "CareTeam", "Consent", "Encounter", "EpisodeOfCare", "Organization", "Patient", "Person"),
    *("Practitioner", "PractitionerRole", "RelatedPerson", "ServiceRequest", "Task"),
)
"""Types of the resources that are facts of access."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is new: instances, all that they name, and the patients whom they are about."""

    everything: bool = False
    """More than can be told, or what cannot be told apart."""
    keys: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    """``Type/id`` of references, and identifiers as terms have them."""
    patients: frozenset[str] = frozenset()
    """Logical ids."""
    may_lack: bool = False
    """So much is written that an older one among it may be new, and not be told."""


EVERYTHING: Final = Changes(everything=True)


class ChangeSource(Protocol):
    """Tells what has changed since it was last asked."""

    async def poll(self) -> Changes:
        """Return what is new. Raises Unavailable."""
        ...


class Unwatched:
    """Of a record that nobody watches: anything may have changed."""

    async def poll(self) -> Changes:
        """Return that."""
        return EVERYTHING


UNWATCHED: Final = Unwatched()
