"""The caller's rights as plans: the door asks for them on every interaction and has no way around."""

from dataclasses import dataclass
from typing import Protocol

from fhirserver.access.masks import Mask
from fhirserver.access.rights import Right
from fhirserver.kernel.caller import Caller
from fhirserver.search.plan import ALL, NONE, Plan

__all__ = ["Access", "Right", "Unrestricted"]


class Access(Protocol):
    """One caller's rights within one request."""

    @property
    def caller(self) -> Caller | None:
        """Who it is; None is the operator of ``--auth off``."""
        ...

    @property
    def key(self) -> str:
        """What page cursors are sealed with beside their query: another caller's are refused."""
        ...

    def allows(self, resource_type: str, right: Right) -> bool:
        """Tell whether any resource of the type could be used so; if not, the request is refused as a whole."""
        ...

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        """Return the plan that every resource of the type must match for this caller; NONE refuses them all.

        It holds plain nodes only, nothing to be resolved. ``near`` is what else is asked of the resources.
        """
        ...

    def shown(self, resource_type: str, right: Right) -> Plan:
        """Return the plan of what may be used so by who may read a resource that shows it: of a Binary, else NONE."""
        ...

    def kept(self, resource_type: str, right: Right) -> frozenset[str]:
        """Return the elements, as ``meta.security``, that this caller may not set or change."""
        ...

    @property
    def has_masks(self) -> bool:
        """Whether there may be elements, of whatever type, that this caller never sees."""
        ...

    def mask(self, resource_type: str) -> Mask | None:
        """Return the elements of the type that this caller never sees; None: sees all."""
        ...


@dataclass(frozen=True, slots=True)
class Unrestricted:
    """The caller of ``--auth off``: the operator on the loopback interface."""

    @property
    def caller(self) -> Caller | None:
        """Nobody in particular."""
        return None

    @property
    def key(self) -> str:
        """Cursors are everybody's."""
        return ""

    def allows(self, resource_type: str, right: Right) -> bool:
        """Allow everything."""
        return True

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        """Allow everything."""
        return ALL

    def shown(self, resource_type: str, right: Right) -> Plan:
        """Allow nothing more: everything is."""
        return NONE

    def kept(self, resource_type: str, right: Right) -> frozenset[str]:
        """Keep nothing."""
        return frozenset()

    @property
    def has_masks(self) -> bool:
        """Nothing is hidden."""
        return False

    def mask(self, resource_type: str) -> Mask | None:
        """Hide nothing."""
        return None
