"""What the server says in more than one language, and in which one a caller is told.

Spec: RFC 9110 §12.5.4 (Accept-Language), RFC 4647 §3.4 (lookup)
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "fr", "nl")
"""What every ``Text`` is written in."""
_MOST: Final = 32
"""Wishes that are read; a browser has a handful."""


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence under an id that stays, so that clients and policies can name it.

    ``{path}`` stands for the place, which is shown as code, ``{0}``, ``{1}`` … for values.
    """

    id: str
    en: str
    fr: str
    nl: str

    def told(self, *values: str, path: str = "") -> "Told":
        """Say it of a place."""
        return Told(self, values, path)


@dataclass(frozen=True, slots=True)
class Told:
    """A text with what it is about: a sentence in each language."""

    text: Text
    values: tuple[str, ...] = ()
    path: str = ""

    def in_language(self, language: str) -> str:
        """Return the sentence; in English where the language is not one of ours."""
        template: str = getattr(self.text, language) if language in LANGUAGES else self.text.en
        return template.format(*self.values, path=f"`{self.path}`")


def language_of(accept_language: str | None) -> str:
    """Return the language of ours that ``Accept-Language`` likes most; English without any."""
    return most_liked(accept_language, LANGUAGES) or ENGLISH


def most_liked(accept_language: str | None, known: Collection[str]) -> str | None:
    """Return the one of the ``known`` languages that ``Accept-Language`` likes most, the first of several.

    A region is passed over: ``fr-BE`` is ``fr``. What cannot be read is no wish.
    """
    if not accept_language:
        return None
    wishes = [_wish(part) for part in accept_language.split(",")[:_MOST]]
    liked = [(name, quality) for name, quality in wishes if name in known and quality > 0]
    return max(liked, key=lambda wish: wish[1])[0] if liked else None


def _wish(part: str) -> tuple[str, float]:
    name, _, parameter = part.partition(";")
    return name.strip().lower().partition("-")[0], _quality(parameter)


def _quality(parameter: str) -> float:
    name, equals, value = parameter.strip().partition("=")
    if not equals or name.strip().lower() != "q":
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
