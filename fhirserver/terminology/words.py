"""Words of terms and of what people type, folded: no case, no accents.

Spec: http://hl7.org/fhir/R4/valueset-operation-expand.html (filter)
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+")
_ALIKE: Final = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d"})


def fold(text: str) -> str:
    """Return a text without case and accents."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.lower())
    return "".join(one for one in plain if not unicodedata.combining(one)).translate(_ALIKE)


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text, folded, in their order."""
    return tuple(_WORD.findall(fold(text)))


@lru_cache(maxsize=256)
def asked_words(text: str) -> tuple[str, ...]:
    """Return the words that someone typed, the longest first: the most selective ones."""
    return tuple(sorted(dict.fromkeys(words(text)), key=lambda word: -len(word)))


def rank(asked: tuple[str, ...], typed: str, term: str) -> tuple[int, int, int] | None:
    """Return how well a term answers what was typed, the least the best; None if it does not.

    Every word asked must begin a word of the term. Best is the term itself, then one that begins as what was typed,
    then one whose words are those asked, then the shorter one.
    """
    folded = fold(term)
    has = _WORD.findall(folded)
    if not all(any(word.startswith(one) for word in has) for one in asked):
        return None
    if folded == typed:
        return 0, 0, len(term)
    partial = sum(one not in has for one in asked)
    return 1 if folded.startswith(typed) else 2, partial, len(term)
