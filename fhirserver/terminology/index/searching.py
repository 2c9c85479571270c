"""Concepts by what somebody types: each word typed begins a word of one of their terms.

What a word finds is a slice of the postings; of several words it is what all of them find. The order is that of
``words.rank``: the term itself, terms that begin as what was typed, those that have its words as a whole, then the
order in which terms are kept.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fhirserver.terminology.concepts import Mask, Numbers
from fhirserver.terminology.index.sections import Array, Sections
from fhirserver.terminology.index.terms import NO_LANGUAGE
from fhirserver.terminology.languages import Languages
from fhirserver.terminology.words import asked_words, fold, words

_AFTER: Final = b"\xff"
"""After every letter in UTF-8."""
_DENSE: Final = 64
"""A slice with more than one in so many terms is taken as a mask."""
_MAX_READ: Final = 500
"""Terms that are read to see whether they begin with several words as they were typed."""
_MAX_READERS: Final = 16
_ITSELF, _BEGINS, _HAS = 0, 8, 16
_MOST_PARTIAL: Final = 7


@dataclass(frozen=True, slots=True)
class _Reader:
    """The languages that somebody reads, and which concepts have a term in one of them."""

    languages: Mask
    is_said: Mask


class Search:
    """The words of an index."""

    def __init__(self, sections: Sections, languages: Sequence[str], concepts: int) -> None:
        """Find terms, which are in ``languages``."""
        self._words = sections.texts("word")
        self._postings = sections.lists("posting")
        self._terms = sections.texts("term")
        self._concept = sections["term.concept"]
        self._language = sections["term.language"]
        self._found = sections["term.found"].view(np.bool_)
        self._first = sections["term.first"]
        self._count = sections["term.words"]
        self._languages = tuple(languages)
        self._concepts = concepts
        self._readers: dict[tuple[str, ...], _Reader] = {}

    def with_word(self, beginning: str) -> Mask:
        """Return the terms of which a word begins with a folded word."""
        first, last = self._range(beginning.encode("utf-8", "replace"))
        found = np.zeros(len(self._terms), np.bool_)
        found[self._slice(first, last)] = True
        return found

    def with_part(self, part: str) -> Mask:
        """Return the terms of which a word has some folded letters in it."""
        found = np.zeros(len(self._terms), np.bool_)
        for word in self._words_with(part.encode("utf-8", "replace")):
            found[self._slice(word, word + 1)] = True
        return found

    def matching(self, text: str, ranges: Sequence[str], within: Mask) -> Numbers:
        """Return the concepts of ``within`` that a text finds, the best first.

        Terms in one of the languages count; those of concepts that are not said in any of them count all.
        """
        asked = asked_words(text)
        if not asked:
            return np.flatnonzero(within)
        terms = self._terms_with(asked)
        terms = terms[self._found[terms]]
        concepts = self._concept[terms]
        kept = within[concepts]
        if ranges:
            reader = self._reader(tuple(ranges))
            kept &= reader.languages[self._language[terms]] | ~reader.is_said[concepts]
        terms, concepts = terms[kept], concepts[kept]
        return self._first_of_each(concepts[np.argsort(self._places(terms, asked, text), kind="stable")])

    def _terms_with(self, asked: Sequence[str]) -> Array:
        """Return the terms, in order, that have a word beginning with each of those asked."""
        slices = sorted((self._slice(*self._range(one.encode("utf-8", "replace"))) for one in asked), key=len)
        found = self._in_order(slices[0])
        for other in slices[1:]:
            if not len(found):
                break
            mask = np.zeros(len(self._terms), np.bool_)
            mask[other] = True
            found = found[mask[found]]
        return found

    def _in_order(self, postings: Array) -> Array:
        if len(postings) * _DENSE < len(self._terms):
            return np.unique(postings)
        mask = np.zeros(len(self._terms), np.bool_)
        mask[postings] = True
        return np.flatnonzero(mask)

    def _range(self, word: bytes) -> tuple[int, int]:
        first = bisect_left(self._words, word)
        return first, bisect_left(self._words, word + _AFTER, first)

    def _words_with(self, part: bytes) -> list[int]:
        """Return the words that have some letters in them; they are kept one behind the other."""
        offsets, blob = np.asarray(self._words.offsets), bytes(self._words.blob)
        places: list[int] = []
        at = blob.find(part)
        while at >= 0:
            places.append(at)
            at = blob.find(part, at + 1)
        words = np.searchsorted(offsets, np.array(places, offsets.dtype), side="right") - 1
        is_in_one = np.array(places) + len(part) <= offsets[words + 1]
        found: list[int] = np.unique(words[is_in_one]).tolist()
        return found

    def _slice(self, first: int, last: int) -> Array:
        return self._postings.targets[self._postings.offsets[first] : self._postings.offsets[last]]

    def _places(self, terms: Array, asked: Sequence[str], text: str) -> npt.NDArray[np.uint8]:
        """Return how well each term answers, the least the best."""
        partial = np.zeros(len(terms), np.uint8)
        for one in asked[:_MOST_PARTIAL]:
            partial += ~self._has_whole(terms, one.encode("utf-8", "replace"))
        places = partial + np.uint8(_HAS)
        typed = words(text)
        first, last = self._range(typed[0].encode("utf-8", "replace"))
        begins = (self._first[terms] >= first) & (self._first[terms] < last)
        is_all = begins & (partial == 0) & (self._count[terms] == len(typed))
        if len(typed) > 1:
            begins, is_all = self._read(terms, np.flatnonzero(begins), fold(text.strip()))
        places[begins] -= np.uint8(_HAS - _BEGINS)
        places[is_all] = _ITSELF
        return places

    def _read(self, terms: Array, places: Array, typed: str) -> tuple[Mask, Mask]:
        """Return which of the terms at some places, the first of them, begin as what was typed, and are just that."""
        begins, is_all = np.zeros(len(terms), np.bool_), np.zeros(len(terms), np.bool_)
        for place in places[:_MAX_READ].tolist():
            folded = fold(self._terms.text(int(terms[place])))
            begins[place], is_all[place] = folded.startswith(typed), folded == typed
        return begins, is_all

    def _has_whole(self, terms: Array, word: bytes) -> Mask:
        number = bisect_left(self._words, word)
        if number == len(self._words) or self._words[number] != word:
            return np.zeros(len(terms), np.bool_)
        having = self._slice(number, number + 1)
        found: Mask = having[np.minimum(np.searchsorted(having, terms), len(having) - 1)] == terms
        return found

    def _first_of_each(self, concepts: Array) -> Numbers:
        """Return concepts in order, each where it comes first."""
        places = np.arange(len(concepts), dtype=np.int32)
        first = np.zeros(self._concepts, np.int32)
        first[concepts[::-1]] = places[::-1]
        found: Numbers = concepts[first[concepts] == places].astype(np.intp)
        return found

    def _reader(self, ranges: tuple[str, ...]) -> _Reader:
        known = self._readers.get(ranges)
        if known is None:
            if len(self._readers) >= _MAX_READERS:
                self._readers.clear()
            known = self._readers[ranges] = self._new_reader(Languages("", ranges))
        return known

    def _new_reader(self, wanted: Languages) -> _Reader:
        languages = np.zeros(NO_LANGUAGE + 1, np.bool_)
        languages[: len(self._languages)] = [wanted.accept(one) for one in self._languages]
        is_said = np.zeros(self._concepts, np.bool_)
        is_said[self._concept[languages[self._language] & self._found]] = True
        languages[NO_LANGUAGE] = True
        return _Reader(languages, is_said)
