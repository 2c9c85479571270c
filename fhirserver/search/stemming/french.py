"""French: light stemming of plurals, genders and the commonest derivations, on words without accents.

It takes off what J. Savoy's light stemmer takes off ("Light stemming approaches for the French, Portuguese, German and
Hungarian languages", 2006), by a table of endings of its own that medical words decide.
"""

import re
from typing import Final

_LONGEST_FIRST: Final = (
    # ending, letters that must stay before it, what takes its place
    ("issement", 3, "i"), ("issant", 3, "i"), ("amment", 3, "ant"), ("emment", 3, "ent"), ("ivement", 3, "if"),
    ("alement", 3, "al"), ("ellement", 3, "el"), ("ement", 3, ""),
    ("isation", 3, "is"), ("isateur", 3, "is"), ("isatrice", 3, "is"),
    ("ficatrice", 3, "fi"), ("ficateur", 3, "fi"), ("fication", 3, "fi"),
    ("atrice", 3, "at"), ("ateur", 3, "at"), ("ation", 3, "at"), ("ition", 3, "it"),
    ("trice", 3, "teur"), ("teuse", 3, "teur"),
    ("nnelle", 3, "n"), ("nnel", 3, "n"), ("ielle", 3, "iel"), ("elle", 3, "el"), ("enne", 3, "en"),
    ("euse", 2, "eu"), ("eux", 2, "eu"), ("ique", 3, "iq"), ("ive", 2, "if"), ("iere", 2, "ier"), ("ieme", 3, ""),
    ("ees", 3, ""), ("ee", 3, ""), ("ale", 3, "al"),
)  # fmt: skip
_DOUBLED: Final = re.compile(r"([b-df-hj-np-tv-xz])\1$")
_SHORTEST: Final = 4


def stem_french(word: str) -> str:
    """Return the stem of a French word."""
    if len(word) < _SHORTEST:
        return word
    word = _without_ending(_without_plural(word))
    if len(word) > _SHORTEST and word.endswith("er"):
        word = word[:-2]
    word = word[:-1] if len(word) >= _SHORTEST and word.endswith("e") else word
    return _DOUBLED.sub(r"\1", word)


def _without_plural(word: str) -> str:
    if word.endswith("eaux"):
        return word[:-1]
    if word.endswith("aux"):
        return f"{word[:-3]}al"
    if word.endswith("eux"):
        return word
    return word[:-1] if word.endswith(("s", "x")) and not word.endswith("ss") else word


def _without_ending(word: str) -> str:
    for end, stays, other in _LONGEST_FIRST:
        if word.endswith(end) and len(word) - len(end) >= stays:
            return word[: -len(end)] + other
    return word
