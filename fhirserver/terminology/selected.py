"""The codes that a search asks for: of a value set, below a code, above it.

Spec: http://hl7.org/fhir/R4/search.html#modifiers (:in, :not-in, :above, :below)
"""

from collections.abc import Collection, Mapping
from typing import Final, TypeAlias

import numpy as np

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.terminology.composing import Composer
from fhirserver.terminology.issues import TermError
from fhirserver.terminology.library import Library
from fhirserver.terminology.options import Options
from fhirserver.terminology.selection import Selection
from fhirserver.terminology.sources import Undecidable
from fhirserver.terminology.value_sets import ValueSet

Coded: TypeAlias = tuple[str, str]
"""(system, code)"""
_MAX_STATES: Final = 8


class Selected:
    """Codes as a search asks for them: a few are listed, of many it is told whether one is among them."""

    def __init__(self, found: Selection, alone: Coded | None = None) -> None:
        """Hold a selection; or a code ``alone`` that no code system has."""
        self._found = found
        self._alone = alone
        self._bits = {
            key: np.packbits(mask).tobytes() for key in found.systems if (mask := found.mask(key)) is not None
        }
        """Which concepts there are: a bit each."""
        self._named = {(key.partition("|")[0], code) for key, code in found.named}
        self._narrowed: dict[object, tuple[Coded, ...]] = {}

    def __len__(self) -> int:
        """Return how many codes there are."""
        return len(self._found) + (self._alone is not None)

    @property
    def weight(self) -> int:
        """Return what it takes to remember, in codes."""
        return len(self._named) + sum(len(bits) // 16 for bits in self._bits.values()) + len(self._found)

    @property
    def systems(self) -> list[str]:
        """The code systems of the codes."""
        urls = [system.head.url for system in self._found.systems.values()]
        return sorted({*urls, *((self._alone[0],) if self._alone else ())})

    def codes(self) -> tuple[Coded, ...]:
        """Return every code, in order."""
        found = {(one.system.head.url, one.concept.code) for one in self._found.members()}
        return tuple(sorted(found if self._alone is None else {*found, self._alone}))

    def has(self, system: str, code: str) -> bool:
        """Tell whether a code is among them, in any version of its code system."""
        if (system, code) in self._named or (system, code) == self._alone:
            return True
        for key, bits in self._bits.items():
            listing = self._found.listing(key)
            if listing.head.url == system:
                number = listing.number(code)
                if number is not None and bits[number >> 3] >> (7 - (number & 7)) & 1:
                    return True
        return False

    def among(self, candidates: Mapping[str, Collection[str]], state: object) -> tuple[Coded, ...]:
        """Return those of some codes by system; asked again in the same ``state`` of them, it has the answer."""
        known = self._narrowed.get(state)
        if known is None:
            found = ((system, code) for system, codes in candidates.items() for code in codes if self.has(system, code))
            if len(self._narrowed) >= _MAX_STATES:
                self._narrowed.clear()
            known = self._narrowed[state] = tuple(sorted(found))
        return known


def codes_of(library: Library, canonical: str) -> tuple[Coded, ...]:
    """Return every code of a value set, in order; raises Undecidable."""
    return Selected(selection_of(library, canonical)).codes()


def selection_of(library: Library, canonical: str) -> Selection:
    """Return the concepts of a value set; raises Undecidable."""
    named = parse_canonical(canonical)
    value_set = library.value_set(canonical) or library.value_set(named.url, named.version)
    if value_set is None:
        raise Undecidable(f"The value set `{canonical}` is not installed.")
    if value_set.compose is None:
        _check_stated(value_set)
    composer = Composer(library, Options(merges_versions=True))
    try:
        found = composer.compose(value_set)
    except TermError as problem:
        raise Undecidable(problem.diagnostics) from None
    if composer.used.unlisted:
        raise Undecidable(f"The code system `{next(iter(composer.used.unlisted))}` does not list its codes.")
    return found


def _check_stated(value_set: ValueSet) -> None:
    """Refuse a value set of which an expansion is all there is, and not all of that."""
    stated = list(value_set.stated())
    if not stated:
        raise Undecidable(f"The value set `{value_set.canonical}` has no content logical definition.")
    if value_set.resource["expansion"].get("total", len(stated)) > len(stated):
        raise Undecidable(f"The value set `{value_set.canonical}` states a part of its codes only.")
