"""A version of a code system that is in an index: what is asked is read where it is, in the mapped file."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.resource import Json
from fhirserver.terminology import filters
from fhirserver.terminology.concepts import Concept, Designation, Filter, Mask, Numbers, Property
from fhirserver.terminology.index.codes import Codes
from fhirserver.terminology.index.facts import Facts
from fhirserver.terminology.index.heads import head_of
from fhirserver.terminology.index.searching import Search
from fhirserver.terminology.index.sections import Sections
from fhirserver.terminology.index.selecting import Properties, select
from fhirserver.terminology.index.writer import ABSTRACT, INACTIVE

_REMEMBERED: Final = 2000
"""Concepts that a worker has decoded: some 5 MB."""


class IndexedCodeSystem:
    """The concepts of one index."""

    def __init__(self, sections: Sections) -> None:
        """Answer from ``sections``."""
        self.sections = sections
        self.head = head_of(sections.head["head"])
        self._codes = Codes(sections)
        self._flags = sections["flags"]
        self.parent_lists = sections.lists("parents")
        self.child_lists = sections.lists("children")
        self._ancestors = sections.lists("ancestors")
        self._descendants = sections.lists("descendants")
        self._search = Search(sections, sections.head["languages"], len(self._codes))
        self._known: dict[int, Concept] = {}

    @property
    def properties(self) -> Properties:
        """The concepts by the values of their properties."""
        return Facts(self.sections, len(self))

    def __len__(self) -> int:
        """Return how many concepts there are."""
        return len(self._codes)

    def number(self, code: str) -> int | None:
        """Return the number of a concept."""
        return self._codes.find(code if self.head.is_case_sensitive else code.lower())

    def code(self, number: int) -> str:
        """Return the code of a concept."""
        return self._codes[number] if self.head.is_case_sensitive else self.concept(number).code

    def find(self, code: str) -> Concept | None:
        """Return a concept by code, in any case where the code system does not mind."""
        number = self.number(code)
        return None if number is None else self.concept(number)

    def concept(self, number: int) -> Concept:
        """Return a concept by number."""
        known = self._known.get(number)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[number] = self._concept(number)
        return known

    def parents(self, number: int) -> Sequence[int]:
        """Return the concepts right above one."""
        found: list[int] = self.parent_lists[number].tolist()
        return found

    def children(self, number: int) -> Sequence[int]:
        """Return the concepts right below one."""
        found: list[int] = self.child_lists[number].tolist()
        return found

    def subsumes(self, above: int, below: int) -> bool:
        """Tell whether a concept is another or above it."""
        if above == below:
            return True
        first, last = self._ancestors.span(below)
        place = bisect_left(self._ancestors.flat, above, first, last)
        return place < last and self._ancestors.flat[place] == above

    def descendants(self, number: int) -> Mask:
        """Return all that is below a concept, without it."""
        found = self._nothing()
        found[self._descendants[number]] = True
        return found

    def ancestors(self, number: int) -> Mask:
        """Return all that is above a concept, without it."""
        found = self._nothing()
        found[self._ancestors[number]] = True
        return found

    def select(self, wanted: Filter) -> Mask:
        """Return the concepts a filter selects; raises UnknownFilter, Undecidable."""
        return select(self, wanted)

    def holds(self, wanted: Filter) -> Callable[[int], bool]:
        """Return what tells whether a filter selects a concept, by that concept alone."""
        return filters.holds(self, wanted)

    def inactive(self) -> Mask:
        """Return the concepts that are no longer used."""
        return self._flagged(INACTIVE)

    def abstract(self) -> Mask:
        """Return the concepts that are not to be selected."""
        return self._flagged(ABSTRACT)

    def matching(self, text: str, languages: Sequence[str], within: Mask) -> Numbers:
        """Return the concepts of ``within`` that a text finds, the best first; one whose code it is before them."""
        found = self._search.matching(text, languages, within)
        coded = self.number(text.strip())
        if coded is None or not within[coded]:
            return found
        return np.concatenate([np.array([coded], np.intp), found[found != coded]])

    def _flagged(self, flag: int) -> Mask:
        found: Mask = (self._flags & flag) != 0
        return found

    def _nothing(self) -> Mask:
        return np.zeros(len(self), np.bool_)

    def _concept(self, number: int) -> Concept:
        stored = parse_json(self.sections.texts("more")[number])
        flags = int(self._flags[number])
        return Concept(
            code=stored["code"],
            display=stored.get("display"),
            definition=stored.get("definition"),
            designations=tuple(map(_designation, stored.get("designations", ()))),
            properties=tuple(Property(*one) for one in stored.get("properties", ())),
            is_abstract=bool(flags & ABSTRACT),
            is_inactive=bool(flags & INACTIVE),
            status=stored.get("status"),
        )


def _designation(stored: dict[str, Any]) -> Designation:
    extensions: Json = stored.get("extensions", ())
    return Designation(stored["value"], stored.get("language"), stored.get("use"), tuple(extensions))
