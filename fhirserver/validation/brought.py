"""The codes of value sets that somebody fetched for one walk, beside those that are at hand.

A value set of the record takes waiting and depends on who asks; a walk does neither, so it is given what it needs.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fhirserver.terminology.required import CodeSet
from fhirserver.validation.profiles.sources import Codes

NO_CODES: Final[Mapping[str, CodeSet]] = MappingProxyType({})


class BroughtCodes:
    """Codes at hand, and behind them those that were brought for the present walk."""

    def __init__(self, at_hand: Codes) -> None:
        """Begin with nothing brought."""
        self._at_hand = at_hand
        self.brought = NO_CODES
        """Set at the beginning of each walk, which never waits."""

    def codes(self, value_set: str) -> CodeSet | None:
        """Return the codes of a value set by canonical; None: they are to be brought."""
        found = self._at_hand.codes(value_set)
        return self.brought.get(value_set) if found is None else found

    def displays(self, system: str, code: str) -> frozenset[str]:
        """Return what a code may be shown as, in lower case with single spaces; empty: that is not known here."""
        return self._at_hand.displays(system, code)
