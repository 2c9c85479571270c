"""Terms of concepts, in the order in which they answer what somebody types, and their words.

A term before another one is the better answer of two that have the words typed: of a concept in use, preferred, short.
Words are sorted, with the terms of each after those of the word before: what begins with some letters is one slice.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from fhirserver.terminology.index import csr
from fhirserver.terminology.index.sections import Array, SectionWriter
from fhirserver.terminology.words import words

NO_LANGUAGE: Final = 255
"""The place of the language of a term that is in none."""
NO_WORD: Final = 2**32 - 1
_MAX_WORDS: Final = 255


@dataclass(slots=True)
class Terms:
    """Terms as they come, one entry each."""

    texts: list[bytes] = field(default_factory=list)
    concepts: "array[int]" = field(default_factory=lambda: array("i"))
    languages: bytearray = field(default_factory=bytearray)
    """Places of their languages, or NO_LANGUAGE."""
    ranks: "array[int]" = field(default_factory=lambda: array("i"))
    """The least the best; the length of a term counts on top of it."""
    found: bytearray = field(default_factory=bytearray)
    """Whether what is typed finds them."""

    def add(self, text: str, concept: int, language: int, rank: int) -> None:
        """Add one that is to be found."""
        self.texts.append(text.encode("utf-8", "replace"))
        self.concepts.append(concept)
        self.languages.append(language)
        self.ranks.append(rank)
        self.found.append(1)


@dataclass(frozen=True, slots=True)
class Columns:
    """The same as arrays."""

    texts: Sequence[bytes]
    concepts: Array
    languages: Array
    ranks: Array
    found: Array


def write(writer: SectionWriter, terms: Terms, concepts: int) -> None:
    """Write terms and their words."""
    columns = Columns(
        terms.texts,
        _array(terms.concepts, np.int32),
        _array(terms.languages, np.uint8),
        _array(terms.ranks, np.int32),
        _array(terms.found, np.uint8),
    )
    write_columns(writer, columns, concepts)


def write_columns(writer: SectionWriter, terms: Columns, concepts: int) -> npt.NDArray[np.intp]:
    """Write terms and their words; return the order in which they are now."""
    lengths = np.fromiter(map(len, terms.texts), np.int32, len(terms.texts))
    order = np.argsort(terms.ranks + lengths, kind="stable")
    concept = terms.concepts[order]
    texts = [terms.texts[place] for place in order.tolist()]
    writer.add_texts("term", texts)
    writer.add("term.concept", concept)
    writer.add("term.language", terms.languages[order])
    writer.add("term.found", terms.found[order])
    csr.write(writer, "terms", concept, np.arange(len(order), dtype=np.int32), concepts)
    _write_words(writer, texts)
    return order


def _write_words(writer: SectionWriter, texts: Sequence[bytes]) -> None:
    numbers: dict[str, int] = {}
    word, of, first, count = array("I"), array("I"), array("I"), bytearray()
    for place, text in enumerate(texts):
        has = words(str(text, "utf-8"))
        count.append(min(len(has), _MAX_WORDS))
        distinct = dict.fromkeys(has)
        found = [numbers.setdefault(one, len(numbers)) for one in distinct]
        word.extend(found)
        of.extend([place] * len(found))
        first.append(found[0] if found else NO_WORD)
    sorted_words = sorted(numbers)
    place_of = np.zeros(len(numbers) + 1, np.uint32)
    place_of[_indexes(numbers[one] for one in sorted_words)] = np.arange(len(numbers), dtype=np.uint32)
    firsts = _array(first, np.uint32)
    has_words = firsts != NO_WORD
    writer.add_texts("word", [one.encode() for one in sorted_words])
    csr.write(writer, "posting", place_of[_array(word, np.uint32)], _array(of, np.uint32), len(numbers))
    writer.add("term.first", np.where(has_words, place_of[np.where(has_words, firsts, 0)], NO_WORD).astype(np.uint32))
    writer.add("term.words", _array(count, np.uint8))


def _array(values: "array[int] | bytearray", kind: npt.DTypeLike) -> Array:
    return np.frombuffer(values, kind) if len(values) else np.zeros(0, kind)


def _indexes(numbers: Iterable[int]) -> npt.NDArray[np.intp]:
    return np.fromiter(numbers, np.intp)
