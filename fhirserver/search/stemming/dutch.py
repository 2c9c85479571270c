"""Dutch: the algorithm of the Snowball project, on words without accents.

Spec: https://snowballstem.org/algorithms/dutch/stemmer.html
"""

import re
from typing import Final

_VOWELS: Final = "aeiouy"
_REGION: Final = re.compile(r"[aeiouy][^aeiouy]")
_DOUBLE_VOWEL: Final = re.compile(r"([^aeiouyI])(aa|ee|oo|uu)([^aeiouyI])$")
_BETWEEN_VOWELS: Final = re.compile(r"(?<=[aeiouy])i(?=[aeiouy])")
_CONSONANT_Y: Final = re.compile(r"(?<=[aeiouyI])y|^y")
_MIN_REGION: Final = 3


def stem_dutch(word: str) -> str:
    """Return the stem of a Dutch word."""
    word = _BETWEEN_VOWELS.sub("I", _CONSONANT_Y.sub("Y", word))
    first = max(_region(word, 0), _MIN_REGION)
    second = _region(word, _region(word, 0))
    word = _without_plural(word, first)
    word, had_e = _without_e(word, first)
    word = _without_heid(word, first, second)
    word = _without_derivation(word, first, second, had_e=had_e)
    return _DOUBLE_VOWEL.sub(lambda m: m[1] + m[2][0] + m[3], word).lower()


def _region(word: str, start: int) -> int:
    """Return where the part after the first consonant that follows a vowel begins."""
    found = _REGION.search(word, start)
    return found.end() if found else len(word)


def _ends_within(word: str, end: str, region: int) -> bool:
    return word.endswith(end) and len(word) - len(end) >= region


def _undoubled(word: str) -> str:
    return word[:-1] if word.endswith(("kk", "dd", "tt")) else word


def _without_plural(word: str, first: int) -> str:
    if word.endswith("heden"):
        return f"{word[:-5]}heid" if _ends_within(word, "heden", first) else word
    for end in ("ene", "en"):
        if word.endswith(end):
            return _without_en(word, end, first)
    for end in ("se", "s"):
        if word.endswith(end):
            stem = word[: -len(end)]
            return stem if len(stem) >= first and stem[-1] not in f"{_VOWELS}j" else word
    return word


def _without_en(word: str, end: str, first: int) -> str:
    stem = word[: -len(end)]
    if len(stem) < first or stem[-1] in _VOWELS or stem.endswith("gem"):
        return word
    return _undoubled(stem)


def _without_e(word: str, first: int) -> tuple[str, bool]:
    if _ends_within(word, "e", first) and word[-2] not in _VOWELS:
        return _undoubled(word[:-1]), True
    return word, False


def _without_heid(word: str, first: int, second: int) -> str:
    if not _ends_within(word, "heid", second) or word.endswith("cheid"):
        return word
    stem = word[:-4]
    return _without_en(stem, "en", first) if stem.endswith("en") else stem


def _without_derivation(word: str, first: int, second: int, *, had_e: bool) -> str:
    for end in ("end", "ing"):
        if _ends_within(word, end, second):
            stem = word[:-3]
            return stem[:-2] if _is_removable_ig(stem, second) else _undoubled(stem)
    if _is_removable_ig(word, second):
        return word[:-2]
    if _ends_within(word, "lijk", second):
        return _without_e(word[:-4], first)[0]
    if _ends_within(word, "baar", second):
        return word[:-4]
    return word[:-3] if had_e and _ends_within(word, "bar", second) else word


def _is_removable_ig(word: str, second: int) -> bool:
    return _ends_within(word, "ig", second) and not word.endswith("eig")
