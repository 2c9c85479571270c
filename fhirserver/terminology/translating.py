"""``$translate``: the concepts that maps have for a concept, there and back.

Spec: http://hl7.org/fhir/R4/conceptmap-operation-translate.html
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version_order import matches
from fhirserver.terminology.asked import Coding
from fhirserver.terminology.concept_maps import (
    NO_TRANSLATION,
    OTHER_MAP,
    ConceptMap,
    Group,
    Mapped,
    Other,
    Target,
    relationship_of,
    reversed_equivalence,
)
from fhirserver.terminology.library import Library
from fhirserver.terminology.sources import Undecidable

_SAME: Final = frozenset({"equal", "equivalent", "relatedto"})
"""Equivalences by which a search for one code finds the other."""
_MAX_HOPS: Final = 10
"""Maps that are followed one after the other for a code that the first ones do not have."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """What the request says of another element."""

    element: str
    text: str | None
    codings: tuple[Coding, ...]

    def has(self, wanted: Other) -> bool:
        """Tell whether it is what a mapping depends on."""
        if wanted.element != self.element:
            return False
        if wanted.system is None and self.text == wanted.value:
            return True
        return any(
            one.code == wanted.value and (wanted.system is None or one.system == wanted.system) for one in self.codings
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be translated; ``is_reverse``: these are targets, and what is mapped to them is wanted."""

    codings: tuple[Coding, ...]
    system: str | None = None
    """The code system of what is wanted."""
    dependencies: tuple[Dependency, ...] = ()
    is_reverse: bool = False
    has_later_form: bool = False
    """Whether the answer is one as later versions of FHIR have it."""


@dataclass(frozen=True, slots=True)
class Match:
    """One translation: a concept for the one that was given."""

    found: Coding
    given: Coding
    equivalence: str
    origin: str
    comment: str | None = None
    products: tuple[Other, ...] = ()


@dataclass(slots=True)
class Translator:
    """Translates by maps; ``missing`` says what mappings depend on that the request does not say."""

    library: Library
    wanted: Wanted
    missing: dict[str, None] = field(default_factory=dict)
    lost: dict[str, None] = field(default_factory=dict)
    """Maps that others refer to and that nobody has."""

    def translate(self, maps: Sequence[ConceptMap]) -> Resource:
        """Return the Parameters that answer."""
        return self._answer(self.matches(maps), maps)

    def matches(self, maps: Sequence[ConceptMap]) -> list[Match]:
        """Return the translations, each once."""
        found = (match for one in maps for coding in self.wanted.codings for match in self._by_map(one, coding, ()))
        return list(dict.fromkeys(found))

    def _by_map(self, one: ConceptMap, coding: Coding, within: tuple[str, ...]) -> Iterator[Match]:
        if one.canonical in within or len(within) > _MAX_HOPS:
            return
        for group in one.groups:
            if self.wanted.is_reverse:
                yield from self._back(one, group, coding)
            else:
                yield from self._there(one, group, coding, (*within, one.canonical))

    def _there(self, one: ConceptMap, group: Group, coding: Coding, within: tuple[str, ...]) -> Iterator[Match]:
        if not _is_of(coding, group.source, group.source_version) or not self._is_wanted(group.target):
            return
        mapped = group.by_source.get(coding.code)
        if mapped is not None:
            found = (each.target for each in mapped if each.target.code is not None and self._applies(each.target))
            yield from (_match(one, group, coding, target) for target in found)
        elif group.unmapped is not None:
            target = group.unmapped.target(coding.code)
            if target is not None:
                yield _match(one, group, coding, target)
            elif group.unmapped.mode == OTHER_MAP and group.unmapped.url:
                yield from self._by_other(group.unmapped.url, coding, within)

    def _by_other(self, url: str, coding: Coding, within: tuple[str, ...]) -> Iterator[Match]:
        other = self.library.concept_map(url)
        if other is None:
            self.lost[url] = None
        else:
            yield from self._by_map(other, coding, within)

    def _back(self, one: ConceptMap, group: Group, coding: Coding) -> Iterator[Match]:
        if not _is_of(coding, group.target, group.target_version) or not self._is_wanted(group.source):
            return
        for mapped in group.by_target.get(coding.code, ()):
            if self._applies(mapped.target):
                yield _match_back(one, group, coding, mapped)

    def _is_wanted(self, system: str | None) -> bool:
        return self.wanted.system is None or system is None or system == self.wanted.system

    def _applies(self, target: Target) -> bool:
        """Tell whether all that a mapping depends on is as it needs it."""
        for needed in target.depends_on:
            if not any(one.has(needed) for one in self.wanted.dependencies):
                if all(one.element != needed.element for one in self.wanted.dependencies):
                    self.missing[needed.element] = None
                return False
        return True

    def _answer(self, matches: list[Match], maps: Sequence[ConceptMap]) -> Resource:
        result = any(one.equivalence not in NO_TRANSLATION for one in matches)
        found: list[Resource] = [{"name": "result", "valueBoolean": result}]
        message = self._message(result, maps)
        if message:
            found.append({"name": "message", "valueString": message})
        render = _later if self.wanted.has_later_form else _of_r4
        parts = (render(one, is_reverse=self.wanted.is_reverse) for one in matches)
        found.extend({"name": "match", "part": list(part)} for part in parts)
        return {"resourceType": "Parameters", "parameter": found}

    def _message(self, result: bool, maps: Sequence[ConceptMap]) -> str:
        said = [f"Some mappings depend on `{element}`: say it as `dependency`." for element in self.missing]
        said += [f"The concept map `{url}`, which others refer to, could not be found." for url in self.lost]
        if not maps:
            said.append("There is no concept map between these code systems.")
        elif not result and not said:
            said.append("No concept map has a translation.")
        return " ".join(said)


def same_meaning(library: Library, concept_map: str, coding: Coding) -> list[tuple[str, str]]:
    """Return the codes that mean the same as a code by a map, read there and back; raises Undecidable without it."""
    found = library.concept_map(concept_map)
    if found is None:
        raise Undecidable(f"The concept map `{concept_map}` is not here.")
    codes: dict[tuple[str, str], None] = {}
    for is_reverse in (False, True):
        matches = Translator(library, Wanted(codings=(coding,), is_reverse=is_reverse)).matches([found])
        for one in matches:
            if one.equivalence in _SAME and one.found.system:
                codes[one.found.system, one.found.code] = None
    return sorted(codes)


def _is_of(coding: Coding, system: str | None, version: str | None) -> bool:
    """Tell whether a group is about the code system of a coding, and its version where both are said."""
    if system is not None and coding.system is not None and system != coding.system:
        return False
    return not version or not coding.version or matches(version, coding.version) or matches(coding.version, version)


def _match(one: ConceptMap, group: Group, given: Coding, target: Target) -> Match:
    found = Coding(str(target.code), group.target, group.target_version, target.display)
    return Match(found, given, target.equivalence, one.canonical, target.comment, target.products)


def _match_back(one: ConceptMap, group: Group, given: Coding, mapped: Mapped) -> Match:
    found = Coding(mapped.code, group.source, group.source_version, mapped.display)
    return Match(found, given, mapped.target.equivalence, one.canonical, mapped.target.comment)


def _of_r4(one: Match, *, is_reverse: bool) -> Iterator[Resource]:
    equivalence = reversed_equivalence(one.equivalence) if is_reverse else one.equivalence
    yield {"name": "equivalence", "valueCode": equivalence}
    yield {"name": "concept", "valueCoding": _coding(one.found)}
    yield from _products(one.products)
    if one.origin:
        yield {"name": "source", "valueUri": one.origin}


def _later(one: Match, *, is_reverse: bool) -> Iterator[Resource]:
    """Yield a match as later versions have it: always from source to target, also where the target was given."""
    source, target = (one.found, one.given) if is_reverse else (one.given, one.found)
    yield {"name": "equivalence", "valueCode": one.equivalence}
    yield {"name": "relationship", "valueCode": relationship_of(one.equivalence)}
    yield {"name": "concept", "valueCoding": _coding(target)}
    if is_reverse:
        yield {"name": "source", "valueCoding": _coding(source)}
    yield from _products(one.products)
    if one.origin:
        yield {"name": "originMap", "valueCanonical": one.origin}


def _products(products: Iterable[Other]) -> Iterator[Resource]:
    for one in products:
        concept = {"system": one.system, "code": one.value, "display": one.display}
        element = {"name": "element", "valueUri": one.element}
        coding = {name: value for name, value in concept.items() if value is not None}
        yield {"name": "product", "part": [element, {"name": "concept", "valueCoding": coding}]}


def _coding(one: Coding) -> Resource:
    parts = {"system": one.system, "version": one.version, "code": one.code, "display": one.display}
    return {name: value for name, value in parts.items() if value is not None}
