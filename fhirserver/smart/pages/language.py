"""The languages of the pages, and which one a browser is given. Spec: RFC 9110 §12.5.4, RFC 4647 §3.4"""

from typing import Final

from fhirserver.kernel.texts import most_liked

LANGUAGES: Final = ("fr", "nl", "de", "en")
NAMES: Final = {"fr": "Français", "nl": "Nederlands", "de": "Deutsch", "en": "English"}
DEFAULT: Final = "en"


def language_of(chosen: str | None, accept_language: str) -> str:
    """Return the language that was chosen, else the one of ours that the browser likes most."""
    if chosen in LANGUAGES:
        return str(chosen)
    return most_liked(accept_language, LANGUAGES) or DEFAULT
