"""How sure a login is of who logged in: ``acr`` in three levels, ``amr`` as RFC 8176 names the methods.

``phr`` is the phishing-resistant level of OpenID Connect EAP ACR Values 1.0; the two below it are this server's.
"""

from collections.abc import Collection, Iterable
from typing import Final

ONE_FACTOR: Final = "1fa"
TWO_FACTORS: Final = "2fa"
PHISHING_RESISTANT: Final = "phr"
LEVELS: Final = (ONE_FACTOR, TWO_FACTORS, PHISHING_RESISTANT)
"""From the least to the most."""

PASSWORD: Final = "pwd"  # noqa: S105 - the name of the method
ONE_TIME_CODE: Final = "otp"
PIN: Final = "pin"
MULTIPLE: Final = "mfa"
HARDWARE_KEY: Final = "hwk"
SOFTWARE_KEY: Final = "swk"
_PASSKEYS: Final = frozenset({HARDWARE_KEY, SOFTWARE_KEY})
FEDERATED: Final = "fed"
"""Another OpenID provider vouched for the person; not a name of RFC 8176, which has none for it."""
RECOVERY: Final = "rcv"
"""A recovery code in the place of a one-time code; not a name of RFC 8176, which has none for it."""


def level_of(amr: Collection[str]) -> str:
    """Return the level that a login by these methods reaches; unlocking by PIN adds nothing to it."""
    if _PASSKEYS.intersection(amr):  # always with user verification here, so possession and a second factor
        return PHISHING_RESISTANT
    if {PASSWORD, FEDERATED}.intersection(amr) and {ONE_TIME_CODE, RECOVERY}.intersection(amr):
        return TWO_FACTORS
    return ONE_FACTOR


def methods(*used: str) -> tuple[str, ...]:
    """Return ``amr`` for the methods used, with ``mfa`` where they make more than one factor."""
    amr = tuple(dict.fromkeys(used))
    return (*amr, MULTIPLE) if level_of(amr) != ONE_FACTOR and MULTIPLE not in amr else amr


def satisfies(reached: str, wanted: str) -> bool:
    """Tell whether a login of one level will do where another is asked for; an unknown level is never reached."""
    if wanted not in LEVELS or reached not in LEVELS:
        return reached == wanted
    return LEVELS.index(reached) >= LEVELS.index(wanted)


def higher(one: str, other: str) -> str:
    """Return the higher of two levels."""
    return one if satisfies(one, other) else other


def least(wanted: Iterable[str]) -> str | None:
    """Return the lowest of the levels that would do, of an ``acr_values`` parameter; None when none is known."""
    known = [level for level in wanted if level in LEVELS]
    return min(known, key=LEVELS.index, default=None)
