"""What a password must be: long, not about its owner, not known to attackers. No rules on kinds of characters.

Spec: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver
"""

import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_FEWEST_DISTINCT: Final = 5
_SHORTEST_OWN_WORD: Final = 4


class PasswordProblem(StrEnum):
    """Why a password is refused; the pages say it in words."""

    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    TOO_SIMPLE = "too-simple"
    ABOUT_OWNER = "about-owner"
    BREACHED = "breached"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRules:
    """The rules of a server."""

    min_characters: int = 12
    max_characters: int = 256
    """Enough for any sentence; what is longer costs work and nothing else."""
    is_breached: Callable[[str], bool] | None = None
    """Tells whether a password is in a list of those that attackers try."""


def normalized(password: str) -> str:
    """Return the form that is hashed: the same text however a keyboard composes its accents."""
    return unicodedata.normalize("NFKC", password)


def problem_of(password: str, own_words: Collection[str], rules: PasswordRules) -> PasswordProblem | None:
    """Return what is wrong with a password, or None. ``own_words``: names that belong to its owner."""
    text = normalized(password)
    if len(text) < rules.min_characters:
        return PasswordProblem.TOO_SHORT
    if len(text) > rules.max_characters:
        return PasswordProblem.TOO_LONG
    if len(set(text.casefold())) < _FEWEST_DISTINCT:
        return PasswordProblem.TOO_SIMPLE
    if _is_about(text.casefold(), own_words, rules.min_characters):
        return PasswordProblem.ABOUT_OWNER
    if rules.is_breached is not None and rules.is_breached(text):
        return PasswordProblem.BREACHED
    return None


def _is_about(text: str, own_words: Collection[str], min_characters: int) -> bool:
    """Tell whether too little is left of a password when the names of its owner are taken out."""
    rest = text
    for name in own_words:
        for word in name.casefold().replace("@", " ").split():
            if len(word) >= _SHORTEST_OWN_WORD:
                rest = rest.replace(word, "")
    return rest != text and len(rest) < min_characters // 2
