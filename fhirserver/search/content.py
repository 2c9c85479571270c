"""The words of a resource: of its narrative, each an index term, and of all its text, kept beside them as it reads.

What ``IndexValues.words`` holds, `` oser  de  metastas \\n dyspne . spiriv ``: the stems of the narrative in their
order, a line end, the stems of every other text of the resource, texts separated by full stops. Each stem has a space
of its own on both sides, so that neighbours are found by `` a  b ``.
Spec: http://hl7.org/fhir/R4/search.html#content
"""

import html
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final

from fhirserver.kernel.resource import Json, Resource
from fhirserver.search.index import IndexValues
from fhirserver.search.words import COMMON, language_of, stems_of, tokens

NARRATIVE_CODE: Final = "_text"
CONTENT_CODE: Final = "_content"
MAX_INDEXED: Final = 2000
"""Different words of one narrative that are index terms; the rest of it is still part of ``_content``."""

WORDLESS: Final = frozenset({"AuditEvent", "Provenance"})
"""Types that machines write by the million, in codes and references: their words would cost more than they tell."""

_SHORT: Final = 200
_REMEMBERED: Final = 16384
"""Displays and units recur in resource after resource."""
_TAG: Final = re.compile(r"<[^>]*>")
_DIV_LANGUAGE: Final = re.compile(r"^\s*<[^>]*?\blang=[\"']([A-Za-z\-]+)")
_SILENT: Final = frozenset(
    {"id", "resourceType", "reference", "data", "hash", "versionId", "lastUpdated", "valueBase64Binary", "system"}
    | {"url", "start", "end", "date", "issued", "authoredOn", "recordedDate", "birthDate", "effectiveDateTime"}
    | {"onsetDateTime", "performedDateTime", "occurrenceDateTime", "created", "recorded"}
)
"""Elements without words: addresses, encoded data, and the dates that are in most resources."""
_NO_WORDS: Final = re.compile(r"(?:https?://|urn:)|\d{4}-\d\d(?:-\d\d(?:T.*)?)?$")
"""Addresses and dates."""


def add_words(resource: Resource, values: IndexValues) -> None:
    """Index the words of a resource, unless it is of a type that has none."""
    if resource["resourceType"] in WORDLESS:
        return
    narrative = resource.get("text")
    written = resource.get("language")
    tag = written if isinstance(written, str) else None
    line = ""
    if isinstance(narrative, dict) and isinstance(narrative.get("div"), str):
        div: str = narrative["div"]
        words = tokens(_text_of(div))
        stems = _stems_of(words, _language_tag(div) or tag)
        key = f"{resource['resourceType']}.{NARRATIVE_CODE}="
        known = dict.fromkeys(one for word, one in zip(words, stems, strict=True) if word not in COMMON)
        values.terms.extend(key + one for one in islice(known, MAX_INDEXED))
        line = spaced(stems)
    values.words = f"{line}\n{'.'.join(_stemmed_texts(_texts(resource), tag))}"


def spaced(stems: Iterable[str]) -> str:
    """Write stems in their order so that each has a space on both sides."""
    joined = "  ".join(stems)
    return f" {joined} " if joined else ""


def _text_of(div: str) -> str:
    return html.unescape(_TAG.sub(" ", div))


def _language_tag(div: str) -> str | None:
    found = _DIV_LANGUAGE.match(div)
    return found[1] if found else None


def _stems_of(words: Sequence[str], tag: str | None) -> list[str]:
    return stems_of(words, language_of(tag, words))


def _stemmed_texts(texts: Iterable[str], tag: str | None) -> Iterable[str]:
    for text in dict.fromkeys(texts):
        stems = _stemmed(text, tag) if len(text) <= _SHORT else spaced(_stems_of(tokens(text), tag))
        if stems:
            yield stems


@lru_cache(_REMEMBERED)
def _stemmed(text: str, tag: str | None) -> str:
    return "" if _NO_WORDS.match(text) else spaced(_stems_of(tokens(text), tag))


def _texts(resource: Resource) -> list[str]:
    """List the texts of a resource, its narratives left out; plain loops, for they run on every write."""
    found: list[str] = []
    left: list[dict[str, Json]] = [resource]
    while left:
        for name, value in left.pop().items():
            if type(value) is str:
                if name not in _SILENT:
                    found.append(value)
            elif type(value) is list:
                _add_items(value, found, left)
            elif type(value) is dict and name != "text":
                left.append(value)
    return found


def _add_items(items: list[Json], found: list[str], left: list[dict[str, Json]]) -> None:
    for item in items:
        if type(item) is dict:
            left.append(item)
        elif type(item) is str:
            found.append(item)
        elif type(item) is list:
            _add_items(item, found, left)
