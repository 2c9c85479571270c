"""String parameters: starts-with on normalised text, ``:exact``, ``:contains``.

Normal form: no accents, no case, apostrophes dropped, hyphens and other punctuation as single spaces; so
``Noël`` = ``noel``, ``Jean-Pierre`` = ``jean pierre``, ``D'Hondt`` = ``dhondt``. Family names are also found
without their particles (``Van den Berghe`` by ``berghe``) and written in one word (``vandenberghe``), as people
in Belgium and France type them. Spec: http://hl7.org/fhir/R4/search.html#string
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from fhirserver.kernel.resource import Json
from fhirserver.search.index import SEPARATOR
from fhirserver.search.plan import HasTerm, HasTermContaining, HasTermPrefix, Plan, any_of

_APOSTROPHES: Final = dict.fromkeys((0x27, 0x60, 0xB4, 0x2BC, 0x2018, 0x2019))
"""Typewriter, grave, acute, modifier letter, left and right single quotation mark."""
_LETTERS: Final = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "ð": "d", "đ": "d", "ł": "l", "þ": "th", "ı": "i", "ĳ": "ij"}  # noqa: RUF001
)
_SEPARATORS: Final = re.compile(r"[\W_]+")
_PARTICLES: Final = re.compile(
    r"^(?:(?:van|von|de|den|der|du|des|d|del|della|di|da|dos|le|la|les|l|ten|ter|te|het|t|op|aan|zu|el|al|ben|abou)\s)+"
)
_HUMAN_NAME_PARTS: Final = ("family", "given", "prefix", "suffix", "text")
_ADDRESS_PARTS: Final = ("line", "city", "district", "state", "postalCode", "country", "text")


@lru_cache(maxsize=8192)
def normalise(text: str) -> str:
    """Return the form in which strings are compared."""
    if text.isascii():
        folded = text.lower().replace("'", "").replace("`", "")
    else:
        plain = text.translate(_APOSTROPHES).casefold().translate(_LETTERS)
        decomposed = unicodedata.normalize("NFKD", plain)
        folded = "".join(c for c in decomposed if not unicodedata.combining(c))
    return _SEPARATORS.sub(" ", folded).strip()


def extract_string(key: str, type_name: str, value: Json) -> Iterator[str]:
    """Yield the terms of one value of a string parameter."""
    if type_name == "HumanName":
        for part, text in _parts(value, _HUMAN_NAME_PARTS):
            yield string_term(key, text)
            if part in ("family", "text"):
                yield from _family_variants(key, text)
    elif type_name == "Address":
        for _, text in _parts(value, _ADDRESS_PARTS):
            yield string_term(key, text)
    elif isinstance(value, str):
        yield string_term(key, value)
        if key.endswith(".family"):
            yield from _family_variants(key, value)


def string_term(key: str, text: str) -> str:
    """Return the term of one string: normal form, separator, and the original when it differs."""
    normal = normalise(text)
    return f"{key}={normal}{SEPARATOR}{'' if normal == text else text}"


def plan_string(keys: tuple[str, ...], text: str, modifier: str | None) -> Plan:
    """Read a string value: starts-with by default, ``exact`` or ``contains``."""
    if modifier == "exact":
        return HasTerm(tuple(string_term(key, text) for key in keys))
    normal = normalise(text)
    if modifier == "contains":
        return any_of(*(HasTermContaining(f"{key}=", normal) for key in keys))
    return any_of(*(HasTermPrefix(f"{key}={normal}") for key in keys))


def _family_variants(key: str, text: str) -> Iterator[str]:
    """Yield further spellings; they end so that no ``:exact`` can equal them."""
    normal = normalise(text)
    if " " not in normal:
        return
    yield f"{key}={normal.replace(' ', '')}{SEPARATOR}{SEPARATOR}"
    bare = _PARTICLES.sub("", normal)
    if bare != normal:
        yield f"{key}={bare}{SEPARATOR}{SEPARATOR}"


def _parts(value: Json, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        return
    for name in names:
        part = value.get(name)
        if isinstance(part, str):
            yield name, part
        elif isinstance(part, list):
            for text in part:
                if isinstance(text, str):
                    yield name, text
