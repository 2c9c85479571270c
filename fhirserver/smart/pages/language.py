"""The languages of the pages, and which one a browser is given. Spec: RFC 9110 §12.5.4, RFC 4647 §3.4"""

from typing import Final

LANGUAGES: Final = ("fr", "nl", "de", "en")
NAMES: Final = {"fr": "Français", "nl": "Nederlands", "de": "Deutsch", "en": "English"}
DEFAULT: Final = "en"
_MOST: Final = 32


def language_of(chosen: str | None, accept_language: str) -> str:
    """Return the language that was chosen, else the one of ours that the browser likes most."""
    if chosen in LANGUAGES:
        return str(chosen)
    wishes = [_wish(part) for part in accept_language.split(",")[:_MOST]]
    known = [(quality, name) for name, quality in wishes if name in LANGUAGES and quality > 0]
    return max(known, key=lambda wish: wish[0], default=(0.0, DEFAULT))[1]


def _wish(part: str) -> tuple[str, float]:
    name, _, parameter = part.partition(";")
    return name.strip().lower().partition("-")[0], _quality(parameter)


def _quality(parameter: str) -> float:
    name, equals, value = parameter.strip().partition("=")
    if not equals:
        return 1.0
    try:
        return min(1.0, float(value)) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0
