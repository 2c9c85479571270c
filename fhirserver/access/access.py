"""The caller's rights as plans: the door asks for them on every interaction and has no way around."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from fhirserver.search.plan import ALL, Plan


class Right(StrEnum):
    """What an interaction needs on a resource type, in the letters of SMART scopes."""

    CREATE = "c"
    READ = "r"
    UPDATE = "u"
    DELETE = "d"
    SEARCH = "s"


class Access(Protocol):
    """One caller's rights within one request."""

    def filter(self, resource_type: str, right: Right) -> Plan:
        """Return the plan that every resource of the type must match for this caller; NONE refuses them all."""
        ...


@dataclass(frozen=True, slots=True)
class Unrestricted:
    """The caller of ``--auth off``: the operator on the loopback interface."""

    def filter(self, resource_type: str, right: Right) -> Plan:
        """Allow everything."""
        return ALL
