"""Callers whose access is limited by hand, for tests of one door at a time."""

from fhirserver.access.access import Right
from fhirserver.access.masks import Mask
from fhirserver.kernel.caller import Caller
from fhirserver.search.plan import ALL, NONE, Plan


class Limited:
    """May do everything; tests narrow it by what they override."""

    @property
    def caller(self) -> Caller | None:
        return Caller(client_id="limited", scopes=())

    @property
    def key(self) -> str:
        return "limited"

    def allows(self, resource_type: str, right: Right) -> bool:
        return True

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        return ALL

    def shown(self, resource_type: str, right: Right) -> Plan:
        return NONE

    def kept(self, resource_type: str, right: Right) -> frozenset[str]:
        return frozenset()

    def mask(self, resource_type: str) -> Mask | None:
        return None
