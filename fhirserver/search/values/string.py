"""String parameters: starts-with on normalised text, ``:exact``, ``:contains``.

Normal form: no accents, no case, apostrophes dropped, hyphens and other punctuation as single spaces; so
``Noël`` = ``noel``, ``Jean-Pierre`` = ``jean pierre``, ``D'Hondt`` = ``dhondt``. Family names are also found by each of
their parts ("searching either Carreno or Quinones should match a family name of Carreno Quinones", ``Van den Berghe``
by ``berghe``) and written in one word (``vandenberghe``), as people in Belgium and France type them. What has neither
letters nor digits is compared as it is written. Spec: http://hl7.org/fhir/R4/search.html#string
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from fhirserver.kernel.memory import SHORT
from fhirserver.kernel.resource import Json
from fhirserver.search.index import SEPARATOR, VARIANT_END
from fhirserver.search.plan import HasTerm, HasTermContaining, HasTermPrefix, Plan, any_of

_APOSTROPHES: Final = dict.fromkeys((0x27, 0x60, 0xB4, 0x2BC, 0x2018, 0x2019))
"""Typewriter, grave, acute, modifier letter, left and right single quotation mark."""
_LETTERS: Final = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "ð": "d", "đ": "d", "ł": "l", "þ": "th", "ı": "i", "ĳ": "ij"}  # noqa: RUF001
)
_SEPARATORS: Final = re.compile(r"[\W_]+")
_PART_ENDS: Final = re.compile(r"[\s\-]+")
_PARTS: Final = 8
"""A family name is found by this many of its parts."""
_HUMAN_NAME_PARTS: Final = ("family", "given", "prefix", "suffix", "text")
_ADDRESS_PARTS: Final = ("line", "city", "district", "state", "postalCode", "country", "text")


def normalise(text: str) -> str:
    """Return the form in which strings are compared, remembered: values recur."""
    return _folded(text) if len(text) <= SHORT else fold(text)


def fold(text: str) -> str:
    """Return the form in which strings are compared."""
    plain = text.replace("'", "").replace("`", "") if text.isascii() else text.translate(_APOSTROPHES)
    return _SEPARATORS.sub(" ", plain_letters(plain)).strip()


_folded: Final = lru_cache(maxsize=8192)(fold)


def plain_letters(text: str) -> str:
    """Return a text without case and accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join([c for c in decomposed if not unicodedata.combining(c)])


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
    if not normal:
        return any_of(*(HasTermPrefix(f"{key}={SEPARATOR}{text}") for key in keys))
    if modifier == "contains":
        return any_of(*(HasTermContaining(f"{key}=", normal) for key in keys))
    return any_of(*(HasTermPrefix(f"{key}={normal}") for key in keys))


def _family_variants(key: str, text: str) -> Iterator[str]:
    """Yield further spellings; they end so that no ``:exact`` can equal them and no sort counts them."""
    normal = normalise(text)
    if " " not in normal:
        return
    yield f"{key}={normal.replace(' ', '')}{VARIANT_END}"
    parts = _PART_ENDS.split(text.strip())
    for start in range(1, min(len(parts), _PARTS)):
        rest = normalise(" ".join(parts[start:]))
        if rest:
            yield f"{key}={rest}{VARIANT_END}"


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
