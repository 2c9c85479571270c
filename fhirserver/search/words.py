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

from fhirserver.search.values.string import fold, plain_letters

MAX_WORD: Final = 60
"""Longer runs of letters are no words: keys, encoded data."""
_REMEMBERED: Final = 32768
_WORD: Final = re.compile(r"[^\W_\u02bc]+")
"""Letters and digits; the modifier letter apostrophe (U+02BC) is no letter of a word."""


class Language(StrEnum):
    """A language whose words are stemmed."""

    ENGLISH = "en"
    FRENCH = "fr"
    DUTCH = "nl"


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


def _cached(stem_word: Callable[[str], str]) -> Callable[[str], str]:
    """Stem words and nothing else: codes, words of other scripts and the commonest ones are their own stems."""
    return lru_cache(_REMEMBERED)(
        lambda word: fold(stem_word(word)) if word.isascii() and word.isalpha() and word not in COMMON else word
    )


def _stem_french(stem_word: Callable[[str], str]) -> Callable[[str], str]:
    return lambda word: stem_word(_ACCENTED.sub("è" if word.rstrip("s").endswith("re") else "é", word))


_STEMMERS: Final[dict[Language, Callable[[str], str]]] = {
    Language.ENGLISH: _cached(stemmer("english").stemWord),
    Language.FRENCH: _cached(_stem_french(stemmer("french").stemWord)),
    Language.DUTCH: _cached(stemmer("dutch_porter").stemWord),
}
_ACCENTED: Final = re.compile("e(?=es?$|res?$)")
"""Where a French ending lost the accent that the stemmer knows it by: `operee`, `infirmiere`."""
_NAMED: Final = {language.value: language for language in Language}


def tokens(text: str) -> list[str]:
    """Return the words of a text in their order; what is longer than any word is none, digits alone are."""
    found: list[str] = _WORD.findall(plain_letters(text))
    return [token for token in found if len(token) <= MAX_WORD and (len(token) > 1 or token.isdigit())]


def language_of(tag: str | None, words: Iterable[str]) -> Language:
    """Return the language of a text: that of its BCP 47 tag, else the one whose common words it has most of."""
    named = _NAMED.get((tag or "")[:2].lower())
    if named is not None:
        return named
    telling = [word for word in words if word in COMMON]
    if not telling:
        return Language.ENGLISH
    return max(Language, key=lambda language: sum(map(_COMMON_OF[language].__contains__, telling)))


def stems_of(words: Iterable[str], language: Language) -> list[str]:
    """Return the stems of words."""
    return list(map(_STEMMERS[language], words))


def stem(word: str, language: Language) -> str:
    """Return the stem of a word."""
    return _STEMMERS[language](word)


def spellings(word: str) -> tuple[str, ...]:
    """Return the stems under which a word of a query may be indexed."""
    return tuple(dict.fromkeys(stemmer(word) for stemmer in _STEMMERS.values()))
