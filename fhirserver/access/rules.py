"""The rules of a site, as the access layer asks for them: roles, relations of care, consents, security labels.

``Granted`` conjoins them with the scopes of the token. What they return holds plain nodes only, on index values:
nothing that other resources would have to be asked for.
"""

from typing import Protocol

from fhirserver.access.masks import Mask
from fhirserver.access.rights import Right
from fhirserver.kernel.caller import Caller
from fhirserver.search.plan import ALL, Plan


class Rules(Protocol):
    """What the site lets one caller do, as it is now."""

    def allows(self, resource_type: str, right: Right) -> bool:
        """Tell whether any resource of a type could be used so."""
        ...

    def filter(self, resource_type: str, right: Right) -> Plan:
        """Return the plan that resources of a type must match to be used so."""
        ...

    def shown(self, resource_type: str) -> Plan:
        """Return the plan of what may be read by who may read a resource that shows it: whose it is, that one says."""
        ...

    @property
    def has_masks(self) -> bool:
        """Whether there may be elements, of whatever type, that the caller never sees."""
        ...

    def mask(self, resource_type: str) -> Mask | None:
        """Return the elements of a type that the caller never sees; None: sees all."""
        ...

    @property
    def decision(self) -> str:
        """The version of the policy and by which roles it decides: the audit trail has it."""
        ...


class RuleBook(Protocol):
    """Knows the rules of a site for each caller."""

    async def rules_for(self, caller: Caller) -> Rules:
        """Return the rules for a caller, which are at most half a second old."""
        ...

    def at_hand(self, caller: Caller) -> Rules | None:
        """Return the same where nothing has to be asked for them; None: await ``rules_for``."""
        ...


class NoRules:
    """Of a site that leaves everything to scopes."""

    def allows(self, resource_type: str, right: Right) -> bool:
        """Allow everything."""
        return True

    def filter(self, resource_type: str, right: Right) -> Plan:
        """Allow everything."""
        return ALL

    def shown(self, resource_type: str) -> Plan:
        """Ask no less of what is shown."""
        return self.filter(resource_type, Right.READ)

    @property
    def has_masks(self) -> bool:
        """Nothing is hidden."""
        return False

    def mask(self, resource_type: str) -> Mask | None:
        """Hide nothing."""
        return None

    @property
    def decision(self) -> str:
        """No policy decides."""
        return ""
