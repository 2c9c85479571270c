"""Words of a text: tokens without case and accents, their language, their stems.

A text is indexed by the stems of its own language. A query has none, so that each of its words is looked for by its
stems in every language: what is written the same is always found, whatever a text was taken for.
"""

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Final

from snowballstemmer import stemmer  # type: ignore[import-untyped]

from fhirserver.search.values.string import fold

MAX_WORD: Final = 60
"""Longer runs of letters are no words: keys, encoded data."""
_REMEMBERED: Final = 32768
_APOSTROPHES: Final = re.compile("['’ʼ`´]")  # noqa: RUF001 - what elisions are written with


class Language(StrEnum):
    """A language whose words are stemmed."""

    ENGLISH = "en"
    FRENCH = "fr"
    DUTCH = "nl"


_STEMMERS: Final[dict[Language, Callable[[str], str]]] = {
    Language.ENGLISH: stemmer("english").stemWord,
    Language.FRENCH: stemmer("french").stemWord,
    Language.DUTCH: stemmer("dutch_porter").stemWord,
}
_ACCENTED: Final = re.compile("e(?=es?$|res?$)")
"""Where a French ending lost the accent that the stemmer knows it by: `operee`, `infirmiere`."""
_COMMON: Final[dict[Language, str]] = {
    Language.ENGLISH: "the of and to in is for with on by it be this that are was were from not has have had which his",
    Language.FRENCH: (
        "le la les de des du un une et en est dans pour par sur au aux ce cette ces qui que il elle sont avec pas ne"
        " se sa ses"
    ),
    Language.DUTCH: "de het een en van op te dat is niet met zijn voor aan om ook bij uit naar werd wordt heeft geen",
}
_COMMON_OF: Final = {language: frozenset(words.split()) for language, words in _COMMON.items()}
COMMON: Final = frozenset().union(*_COMMON_OF.values())
"""Words that no text is found by, and that are in no other of the languages the name of anything."""


def tokens(text: str) -> list[str]:
    """Return the words of a text in their order."""
    split = fold(_APOSTROPHES.sub(" ", text)).split(" ")
    return [token for token in split if 1 < len(token) <= MAX_WORD or token.isdigit()]


def language_of(tag: str | None, words: Iterable[str]) -> Language:
    """Return the language of a text: that of its BCP 47 tag, else the one whose common words it has most of."""
    named = (tag or "")[:2].lower()
    if named in _STEMMERS:
        return Language(named)
    counted = dict.fromkeys(Language, 0)
    for word in words:
        if word in COMMON:
            for language, common in _COMMON_OF.items():
                counted[language] += word in common
    return max(counted, key=lambda language: counted[language])


@lru_cache(_REMEMBERED)
def stem(word: str, language: Language) -> str:
    """Return the stem of a word; codes and words in other scripts are their own."""
    if not (word.isascii() and word.isalpha()):
        return word
    if language is Language.FRENCH:
        word = _ACCENTED.sub(lambda found: "è" if word.rstrip("s").endswith("re") else "é", word)
    return fold(_STEMMERS[language](word))


def spellings(word: str) -> tuple[str, ...]:
    """Return the stems under which a word of a query may be indexed."""
    return tuple(dict.fromkeys(stem(word, language) for language in Language))
