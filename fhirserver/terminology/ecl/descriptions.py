"""Which concepts are said by a description that passes filters, all of them by the same one.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language, section 6.8
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fhirserver.terminology.concepts import Mask
from fhirserver.terminology.ecl.columns import MaskOf, of_concepts, of_rows
from fhirserver.terminology.ecl.errors import CostlyConstraint
from fhirserver.terminology.ecl.ontology import Bools, Descriptions, Ontology
from fhirserver.terminology.ecl.searching import Pattern, fits, read_pattern
from fhirserver.terminology.ecl.syntax import (
    Concepts,
    Dialect,
    Dialects,
    Filters,
    Ids,
    Languages,
    Op,
    Search,
    Searches,
    Test,
)
from fhirserver.terminology.words import words

MAX_WORDS: Final = 50
MAX_TERMS: Final = 300_000
"""Terms that have the parts of a pattern, and that are looked at one after the other."""
_OF_PATTERN: Final = 200
_MAX_PARTS: Final = 4
"""Parts of a pattern that narrow down the terms which are looked at."""


@dataclass(frozen=True, slots=True)
class Described:
    """Works out filters on descriptions on one version."""

    ontology: Ontology
    mask_of: MaskOf

    def mask(self, filters: Filters, within: Mask) -> Mask:
        """Return the concepts of ``within`` that have a description which passes all of some filters."""
        descriptions = self.ontology.descriptions
        passing = within[descriptions.concept]
        if all(one.field != "active" for one in filters.tests):
            passing &= descriptions.rows.active
        for test in sorted(filters.tests, key=cost):
            passing &= self._passing(descriptions, test, passing)
        found = np.zeros(len(within), np.bool_)
        found[descriptions.concept[passing]] = True
        return found

    def _passing(self, descriptions: Descriptions, test: Test, among: Bools) -> Bools:
        """Return the descriptions that pass one filter; only those ``among`` some are looked at where it takes time."""
        on_rows = of_rows(test, self.mask_of)
        if on_rows is not None:
            return on_rows(descriptions.rows)
        if isinstance(test.wanted, Concepts):
            return of_concepts(descriptions.type, self.mask_of(test.wanted.by), test.op)
        found = self._found(descriptions, test, among)
        return found if test.op is Op.EQUAL else ~found

    def _found(self, descriptions: Descriptions, test: Test, among: Bools) -> Bools:
        wanted = test.wanted
        if isinstance(wanted, Languages):
            listed = [place for place, one in enumerate(descriptions.languages) if one in wanted.values]
            return np.isin(descriptions.language, np.array(listed, np.uint8))
        if isinstance(wanted, Ids):
            return np.isin(descriptions.id, np.array(wanted.values, np.int64))
        found = np.zeros(len(among), np.bool_)
        if isinstance(wanted, Searches):
            for search in wanted.values:
                found |= _searched(descriptions, search, among)
            return found
        for dialect in wanted.values if isinstance(wanted, Dialects) else ():
            found |= self._in_dialect(descriptions, dialect)
        return found

    def _in_dialect(self, descriptions: Descriptions, wanted: Dialect) -> Bools:
        refsets, found = self.mask_of(wanted.by), np.zeros(len(descriptions.concept), np.bool_)
        for number in descriptions.dialects():
            acceptability = descriptions.acceptability(number) if refsets[number] else None
            if acceptability is not None:
                found |= np.isin(acceptability, list(wanted.acceptability or (1, 2)))
        return found


def _searched(descriptions: Descriptions, search: Search, among: Bools) -> Bools:
    found = np.zeros(len(among), np.bool_)
    if search.is_pattern:
        return _fitting(descriptions, read_pattern(search.text), among)
    asked = dict.fromkeys(words(search.text))
    if len(asked) > MAX_WORDS:
        raise CostlyConstraint(f"A search in terms has at most {MAX_WORDS} words.")
    return np.logical_and.reduce([descriptions.with_word(word) for word in asked]) if asked else found


def _fitting(descriptions: Descriptions, pattern: Pattern, among: Bools) -> Bools:
    """Return which terms fit a pattern: the words of its pieces are within words of the terms."""
    parts = sorted({part for piece in pattern for part in words(piece)}, key=len, reverse=True)[:_MAX_PARTS]
    for part in parts:
        among = among & descriptions.with_part(part)
    if pattern == ("", *parts, "") and len(parts) == 1:
        return among
    if not any(pattern):
        return among
    places = np.flatnonzero(among)
    if len(places) > MAX_TERMS:
        raise CostlyConstraint(f"A pattern is looked for in at most {MAX_TERMS} terms; name more letters in a row.")
    found = np.zeros(len(among), np.bool_)
    found[places] = [fits(pattern, descriptions.term(place)) for place in places.tolist()]
    return found


def cost(test: Test) -> int:
    """Return how many steps a filter takes: a pattern is looked for in one term after the other."""
    if isinstance(test.wanted, Searches):
        return 1 + sum(_OF_PATTERN for search in test.wanted.values if search.is_pattern)
    return 1
