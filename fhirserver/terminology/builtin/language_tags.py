"""BCP 47: language tags, by IANA's registry of subtags.

Spec: RFC 5646, https://www.iana.org/assignments/language-subtag-registry
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.builtin.languages import shortest_codes
from fhirserver.terminology.builtin.registries import data
from fhirserver.terminology.concepts import Concept, Head, UnknownFilter

LANGUAGE_TAGS: Final = "urn:ietf:bcp:47"
LANGUAGES: Final = "http://terminology.hl7.org/ValueSet/Languages"
_PARTS: Final = ("language", "extlang", "script", "region", "variant", "extension", "private-use")
_FIRST_COLLECTIONS: Final = "2005-10-16"
"""When the groups of languages of ISO 639-2 were registered; those of 639-5 came later."""
_LETTERS: Final = 3

Subtags = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Records by type and by subtag in lower case; of a field that is there twice, the first."""


@dataclass(slots=True)
class _Tag:
    """A tag in its parts, as each of them is written."""

    parts: list[tuple[str, str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "-".join(part for _, part in self.parts)

    @property
    def display(self) -> str:
        first, *others = self.names
        return f"{first} ({', '.join(others)})" if others else first


class LanguageTags:
    """All the tags whose subtags are registered."""

    head: Final = Head(
        url=LANGUAGE_TAGS,
        name="LanguageTags",
        title="BCP 47 language tags",
        language="en",
        is_listed=False,
        is_case_sensitive=False,
        is_grammar=True,
        sample=LANGUAGES,
        filters=frozenset(_PARTS),
    )

    def __init__(self, subtags: Subtags) -> None:
        """Know the registered ``subtags``."""
        self._subtags = subtags

    def find(self, code: str) -> Concept | None:
        """Return a tag as it is usually written."""
        whole = self._subtags["grandfathered"].get(code.lower()) or self._subtags["redundant"].get(code.lower())
        tag = self._read(code)
        if tag is not None:
            return Concept(code=tag.text, display=tag.display)
        return None if whole is None else Concept(code=whole["Tag"], display=whole["Description"])

    def values(self, concept: Concept, name: str) -> Sequence[str]:
        """Return the subtags of a kind that a tag has."""
        if name not in _PARTS:
            raise UnknownFilter(f"`{LANGUAGE_TAGS}` has no property `{name}`.")
        tag = self._read(concept.code)
        return () if tag is None else [part for kind, part in tag.parts if kind == name]

    def _read(self, code: str) -> _Tag | None:
        pending = code.lower().split("-")
        if not code.isascii() or not all(part.isalnum() and len(part) <= 8 for part in pending):
            return None
        tag = _Tag()
        for kind in ("language", "extlang", "script", "region", "variant"):
            while pending and self._takes(tag, kind, pending[0]):
                pending.pop(0)
                if kind != "variant":
                    break
        is_begun = bool(tag.parts) or pending[:1] == ["x"]
        return tag if is_begun and _take_rest(tag, pending) else None

    def _takes(self, tag: _Tag, kind: str, part: str) -> bool:
        known = self._subtags[kind].get(part)
        if known is None or (kind != "language" and not tag.names) or (kind, part) in tag.parts:
            return False
        tag.parts.append((kind, _written(kind, part)))
        tag.names.append(known["Description"])
        return True


def _take_rest(tag: _Tag, pending: list[str]) -> bool:
    """Take extensions and what is for private use; tell whether that is all there is."""
    seen: set[str] = set()
    while pending and len(pending[0]) == 1 and pending[0] != "x":
        singleton, size = pending[0], 1
        while size < len(pending) and len(pending[size]) > 1:
            size += 1
        if size == 1 or singleton in seen:
            return False
        seen.add(singleton)
        tag.parts.append(("extension", "-".join(pending[:size])))
        tag.names.append(tag.parts[-1][1])
        del pending[:size]
    if pending[:1] == ["x"] and len(pending) > 1:
        tag.parts.append(("private-use", "-".join(pending)))
        tag.names.append(tag.parts[-1][1])
        pending.clear()
    return not pending


def _written(kind: str, part: str) -> str:
    if kind == "script":
        return part.title()
    return part.upper() if kind == "region" else part


def registry() -> Subtags:
    """Return the registry of subtags."""
    found: dict[str, dict[str, Mapping[str, str]]] = {}
    for record in _records(data("langcodes", "data", "language-subtag-registry.txt").decode()):
        name = record.get("Subtag") or record.get("Tag")
        if name is not None:
            kind = found.setdefault(record["Type"], {})
            kind.update((one, record) for one in _range(name.lower()))
    return found


def _records(text: str) -> Iterator[dict[str, str]]:
    for block in text.replace("\n  ", " ").split("%%\n"):
        record: dict[str, str] = {}
        for line in block.splitlines():
            name, colon, value = line.partition(": ")
            if colon:
                record.setdefault(name, value)
        yield record


def _range(name: str) -> Iterator[str]:
    """Yield the subtags of ``qaa..qtz``, or the one that there is."""
    first, dots, last = name.partition("..")
    yield first
    while dots and first < last:
        first = _following(first)
        yield first


def _following(subtag: str) -> str:
    kept = subtag.rstrip("z")
    return kept[:-1] + chr(ord(kept[-1]) + 1) + "a" * (len(subtag) - len(kept))


def common_languages() -> Resource:
    """Return the value set of the languages of ISO 639-1 and 639-2, each by its shortest code."""
    subtags = registry()["language"]
    codes = {one for one in shortest_codes() if one in subtags}
    codes |= {one for one, record in subtags.items() if len(one) == _LETTERS and _is_collection(record)}
    listed = [{"code": one} for one in sorted(codes)]
    return {
        "resourceType": "ValueSet",
        "url": LANGUAGES,
        "name": "Languages",
        "status": "active",
        "compose": {"include": [{"system": LANGUAGE_TAGS, "concept": listed}]},
    }


def _is_collection(record: Mapping[str, str]) -> bool:
    return record.get("Scope") == "collection" and record.get("Added") == _FIRST_COLLECTIONS
