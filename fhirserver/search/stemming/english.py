"""English: the algorithm of M. F. Porter, "An algorithm for suffix stripping" (1980).

Spec: https://tartarus.org/martin/PorterStemmer/
"""

import re
from typing import Final

_RUN: Final = re.compile(r"[aeiou]+|(?<=[^aeiou])y[aeiou]*")
_DOUBLED: Final = re.compile(r"([^aeiouylsz])\1$")
_SHORT_END: Final = re.compile(r"[^aeiou][aeiouy][^aeiouwxy]$")

_SECOND: Final = (
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("abli", "able"),
    ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"),
    ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"),
    ("iviti", "ive"), ("biliti", "ble"),
)  # fmt: skip
_THIRD: Final = (
    ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
)  # fmt: skip
_FOURTH: Final = (
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous", "ive", "ize", "ion",
    "al", "er", "ic", "ou",
)  # fmt: skip


def stem_english(word: str) -> str:
    """Return the stem of an English word."""
    if len(word) < 3:
        return word
    word = _without_y(_without_past(_without_plural(word)))
    word = _replaced(_replaced(word, _SECOND), _THIRD)
    return _without_end(_without_suffix(word))


def _measure(stem: str) -> int:
    """Count the vowel-consonant sequences of a stem."""
    runs = list(_RUN.finditer(stem))
    return len(runs) - (1 if runs and runs[-1].end() == len(stem) else 0)


def _has_vowel(stem: str) -> bool:
    return _RUN.search(stem) is not None


def _without_plural(word: str) -> str:
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _without_past(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for end in ("ed", "ing"):
        if word.endswith(end) and _has_vowel(word[: -len(end)]):
            return _completed(word[: -len(end)])
    return word


def _completed(stem: str) -> str:
    if stem.endswith(("at", "bl", "iz")):
        return f"{stem}e"
    if _DOUBLED.search(stem):
        return stem[:-1]
    return f"{stem}e" if _measure(stem) == 1 and _SHORT_END.search(stem) else stem


def _without_y(word: str) -> str:
    return f"{word[:-1]}i" if word.endswith("y") and _has_vowel(word[:-1]) else word


def _replaced(word: str, table: tuple[tuple[str, str], ...]) -> str:
    for end, other in table:
        if word.endswith(end):
            stem = word[: -len(end)]
            return stem + other if _measure(stem) > 0 else word
    return word


def _without_suffix(word: str) -> str:
    for end in _FOURTH:
        if word.endswith(end):
            stem = word[: -len(end)]
            fits = end != "ion" or stem.endswith(("s", "t"))
            return stem if fits and _measure(stem) > 1 else word
    return word


def _without_end(word: str) -> str:
    if word.endswith("e"):
        stem = word[:-1]
        measure = _measure(stem)
        if measure > 1 or (measure == 1 and not _SHORT_END.search(stem)):
            word = stem
    return word[:-1] if word.endswith("ll") and _measure(word) > 1 else word
