"""How long to wait after wrong attempts: nothing at first, then twice as long each time, up to a bound.

A bound, because a lock for ever would let anybody keep a clinician from a patient's record.
"""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

_FORGET_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """What is tolerated of one account, or of one place on the network."""

    free: int
    """Attempts without any delay."""
    first_s: float
    longest_s: float = 900.0
    forget_s: float = _FORGET_S
    """How long after the last attempt the count begins anew."""

    def delay_s(self, attempts: int) -> float:
        """Return how long the next attempt must wait after so many."""
        if attempts < self.free:
            return 0.0
        doublings = min(attempts - self.free, 32)
        return min(self.first_s * 2.0**doublings, self.longest_s)


OF_ACCOUNT: Final = Patience(free=5, first_s=5.0)
OF_SOURCE: Final = Patience(free=50, first_s=1.0)
"""More than of an account: a whole ward may come from one address."""
OF_SECOND_FACTOR: Final = Patience(free=5, first_s=15.0, longest_s=3600.0)
"""A guess is one of 333,333 (six digits, three steps): about 36 guesses a day are let through."""
PIN_TRIES: Final = 3
"""Wrong PINs that end the suspended session: only a full login goes on."""


def source_of(address: str | None) -> str:
    """Return the part of a network address that one attacker has for himself: of IPv6, the /64."""
    if not address:
        return "unknown"
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)
