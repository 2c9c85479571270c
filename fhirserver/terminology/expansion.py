"""``$expand``: the concepts of a value set, as a reader wants them.

Spec: http://hl7.org/fhir/R4/valueset-operation-expand.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

import numpy as np

from fhirserver.kernel.outcome import Severity
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.asked import ways_to_say
from fhirserver.terminology.composing import Composer, Used
from fhirserver.terminology.concepts import PREFERRED, Concept, Designation, Head, Numbers
from fhirserver.terminology.issues import BadDefinition, issue
from fhirserver.terminology.languages import best
from fhirserver.terminology.library import Library
from fhirserver.terminology.options import MAX_EXPANSION, Options
from fhirserver.terminology.remarks import status_of
from fhirserver.terminology.resource_systems import designations_of
from fhirserver.terminology.selection import Member, Selection
from fhirserver.terminology.value_sets import ValueSet
from fhirserver.terminology.words import asked_words, fold, rank

_UNCLOSED: Final = "http://hl7.org/fhir/StructureDefinition/valueset-unclosed"
_PROPERTIES: Final = "http://hl7.org/fhir/concept-properties#"
_LANGUAGE: Final = "urn:ietf:bcp:47"
_KEPT: Final = frozenset(
    f"http://hl7.org/fhir/StructureDefinition/{name}"
    for name in (
        "codesystem-alternate", "coding-sctdescid", "rendering-style", "rendering-xhtml", "valueset-concept-definition",
        "valueset-deprecated", "structuredefinition-standards-status",
    )
)  # fmt: skip
"""Extensions of concepts and designations that an expansion repeats."""
_TOLD: Final = frozenset(
    {
        "resourceType",
        "id",
        "language",
        "url",
        "identifier",
        "version",
        "name",
        "title",
        "status",
        "experimental",
        "date",
        "publisher",
        "copyright",
    }
)
"""What an expansion says of its value set when the definition is not asked for."""
_STANDARD: Final = frozenset({"definition", "status", "inactive", "notSelectable", "parent", "child"})
_FLAGGED: Final = frozenset(
    {
        "activeOnly",
        "excludeNested",
        "excludeNotForUI",
        "excludePostCoordinated",
        "includeDesignations",
        "includeDefinition",
        "versionsMatch",
    }
)


def expand(library: Library, value_set: ValueSet, options: Options, limit: int = MAX_EXPANSION) -> Resource:
    """Return a value set with its expansion; raises TermError, BadDefinition."""
    composer = Composer(library, options)
    found = composer.compose(value_set)
    if options.merges_versions:
        found.merge_versions()
    if options.excludes_abstract:
        found.keep_where({key: ~found.listing(key).abstract() for key, _ in found.segments})
    expander = _Expander(found, composer.used, options, value_set)
    is_paged = options.count is not None or options.offset > 0
    if options.text.strip():
        total, contains = expander.searched(options.text, limit)
    else:
        total = len(found)
        _check_size(value_set, total, options, limit)
        contains = expander.page() if is_paged or options.excludes_nested else expander.nested()
    return _answer(value_set, contains, total, composer.used, options)


def _check_size(value_set: ValueSet, total: int, options: Options, limit: int) -> None:
    if (total if options.count is None else min(options.count, total)) > limit:
        named = value_set.canonical or "(without url)"
        raise BadDefinition(issue("VALUESET_TOO_COSTLY", Severity.ERROR, value_set=named, limit=limit))


class _Expander:
    """Renders the concepts of a selection."""

    def __init__(self, found: Selection, used: Used, options: Options, value_set: ValueSet) -> None:
        self._found = found
        self._options = options
        self._nests = any(part.filters for part in value_set.includes)
        self._default_language = value_set.resource.get("language")
        urls = [system.head.url for system in used.code_systems.values()]
        self._versioned = frozenset(url for url in urls if urls.count(url) > 1)

    def page(self) -> list[Resource]:
        """Return the concepts of one page, flat."""
        start, left = self._options.offset, self._options.count
        contains: list[Resource] = []
        for key, numbers in self._found.segments:
            window = numbers[start:] if left is None else numbers[start : start + left]
            start = max(start - len(numbers), 0)
            left = None if left is None else left - len(window)
            contains.extend(self._rendered(key, window))
        named = list(self._found.named.values())[start:]
        contains.extend(self._contained(one) for one in (named if left is None else named[:left]))
        return contains

    def nested(self) -> list[Resource]:
        """Return all concepts, each within the first of its parents that is there."""
        contains: list[Resource] = []
        for key in dict.fromkeys(key for key, _ in self._found.segments):
            numbers = np.concatenate([part for one, part in self._found.segments if one == key])
            contains.extend(self._tree(key, numbers))
        contains.extend(self._contained(one) for one in self._found.named.values())
        return contains

    def searched(self, text: str, limit: int) -> tuple[int, list[Resource]]:
        """Return how many concepts a text finds, and those of one page, the best first."""
        ranked: list[tuple[str, Numbers]] = []
        ranges = () if self._options.languages is None else self._options.languages.ranges
        for key in dict.fromkeys(key for key, _ in self._found.segments):
            mask = self._found.mask(key)
            if mask is not None:
                ranked.append((key, self._found.listing(key).matching(text, ranges, mask)))
        named = _matching(text, list(self._found.named.values()))
        total = sum(len(numbers) for _, numbers in ranked) + len(named)
        self._found = Selection(self._found.systems, ranked, named, self._found.declared)
        if self._nests and self._options.count is None and not self._options.excludes_nested:
            return total, self.nested()
        self._options = self._options if self._options.count is not None else replace(self._options, count=limit)
        return total, self.page()

    def _rendered(self, key: str, numbers: Numbers) -> Iterator[Resource]:
        system = self._found.listing(key)
        return (self._contained(self._found.member(key, system, int(number))) for number in numbers)

    def _tree(self, key: str, numbers: Numbers) -> list[Resource]:
        system, declared = self._found.listing(key), self._found.declared
        rendered = dict(zip(map(int, numbers), self._rendered(key, numbers), strict=True))
        roots = []
        for number, one in rendered.items():
            above = (
                parent for parent in system.parents(number) if parent in rendered and (key, parent) not in declared
            )
            parent = next(above, None)
            if parent is None or (key, number) in declared or system.subsumes(number, parent):
                roots.append(one)
            else:
                rendered[parent].setdefault("contains", []).append(one)
        return roots

    def _contained(self, member: Member) -> Resource:
        head, concept = member.system.head, member.concept
        found: Resource = {"system": head.url}
        if head.version and head.url in self._versioned:
            found["version"] = head.version
        extensions = [one for one in self._extensions(member) if one["url"] in _KEPT]
        if extensions:
            found = {"extension": extensions} | found
        if concept.is_abstract:
            found["abstract"] = True
        if concept.is_inactive:
            found["inactive"] = True
        found["code"] = concept.code
        found |= self._said(member)
        properties = list(self._properties(member))
        if properties:
            found["property"] = properties
        return found

    def _extensions(self, member: Member) -> Iterator[Resource]:
        yield from member.concept.extensions
        yield from () if member.declared is None else member.declared.get("extension", ())

    def _said(self, member: Member) -> Resource:
        """Return the display of a concept and, where they are wanted, what else it is called."""
        said = ways_to_say(member.system.head, member.concept)
        if member.declared is not None:
            if member.declared.get("display"):
                said.insert(0, Designation(member.declared["display"].strip(), self._default_language))
            said.extend(designations_of(member.declared))
        languages = self._options.languages
        shown = best(said, languages)
        if shown is None and (languages is None or not languages.is_strict):
            shown = best(said, None)
        found: Resource = {} if shown is None else {"display": shown.value}
        if self._options.includes_designations:
            display = said[0] if member.concept.display is not None or said else None
            wanted = [one for one in said if one is not shown and self._is_wanted(one)]
            designations = [designation_json(one, is_display=one is display) for one in wanted]
            if designations:
                found["designation"] = designations
        return found

    def _is_wanted(self, designation: Designation) -> bool:
        wanted = self._options.designations
        return not wanted or any(_fits(one, designation) for one in wanted)

    def _properties(self, member: Member) -> Iterator[Resource]:
        for name in self._options.properties:
            yield from property_values(member.system.head, member.concept, name)


def property_values(head: Head, concept: Concept, name: str) -> Iterator[Resource]:
    """Yield a property of a concept as an expansion has it."""
    if name == "definition" and concept.definition is not None:
        yield {"code": name, "valueString": concept.definition}
    found = [one for one in concept.properties if one.code == name]
    if name == "status" and not found and concept.status is not None:
        yield {"code": name, "valueCode": concept.status}
    yield from ({"code": name, one.key: one.value} for one in found)


def designation_json(designation: Designation, *, is_display: bool) -> Resource:
    """Return a designation as FHIR has it; a display among them says that it is one."""
    found: Resource = {}
    extensions = [one for one in designation.extensions if one.get("url") in _KEPT]
    if extensions:
        found["extension"] = extensions
    if designation.language is not None:
        found["language"] = designation.language
    if designation.use is not None or is_display:
        found["use"] = dict(PREFERRED) if designation.use is None else designation.use
    return found | {"value": designation.value}


def _fits(wanted: str, designation: Designation) -> bool:
    system, _, code = wanted.rpartition("|")
    if system in ("", _LANGUAGE) and designation.language == code:
        return True
    use = designation.use or {}
    return use.get("code") == code and system in ("", use.get("system"))


def _matching(text: str, members: Sequence[Member]) -> dict[tuple[str, str], Member]:
    asked, typed = asked_words(text), fold(text.strip())
    found = []
    for place, one in enumerate(members):
        terms = (one.concept.code, *(said.value for said in ways_to_say(one.system.head, one.concept)))
        ranks = [found_at for term in terms if (found_at := rank(asked, typed, term)) is not None]
        if ranks:
            found.append((min(ranks), place))
    kept = (members[place] for _, place in sorted(found))
    return {(one.system.head.canonical, one.concept.code): one for one in kept}


def _answer(value_set: ValueSet, contains: list[Resource], total: int, used: Used, options: Options) -> Resource:
    expansion: Resource = {
        "identifier": f"urn:uuid:{uuid4()}",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "total": total,
    }
    if options.count is not None or options.offset:
        expansion["offset"] = options.offset
    expansion["parameter"] = [*_stated(options), *_used(value_set, used, options)]
    declared = list(_declared(used, options))
    if declared:
        expansion["property"] = declared
    if contains:
        expansion["contains"] = contains
    if used.unlisted:
        expansion = _unclosed(used) | expansion
        if used.samples or not contains:
            del expansion["total"]
    told = value_set.resource
    if not options.includes_definition:
        told = {name: value for name, value in told.items() if name in _TOLD}
    return {name: value for name, value in told.items() if name not in ("text", "expansion")} | {"expansion": expansion}


def _stated(options: Options) -> Iterator[Resource]:
    """Yield the parameters that an expansion depends on, as the request states them."""
    for one in options.stated:
        name = one["name"]
        value = next(value for key, value in one.items() if key.startswith("value"))
        if name == "versionsMatch" and not options.merges_versions:
            continue
        if name in _FLAGGED:
            yield {"name": name, "valueBoolean": str(value).lower() == "true"}
        elif name in ("count", "offset"):
            yield {"name": name, "valueInteger": int(value)}
        elif name in ("filter", "designation"):
            yield {"name": name, "valueString": str(value)}
    if options.languages is not None:
        asked = options.languages.asked
        yield {"name": "displayLanguage", "valueCode": asked if ";" in asked else asked.replace(", ", ",")}


def _used(value_set: ValueSet, used: Used, options: Options) -> Iterator[Resource]:
    yield from ({"name": name, "valueUri": canonical} for name, canonical in used.rules)
    yield from ({"name": "used-codesystem", "valueUri": canonical} for canonical in used.code_systems)
    yield from ({"name": "used-valueset", "valueUri": canonical} for canonical in used.value_sets)
    supplements = {one: None for system in used.code_systems.values() for one in system.head.supplements}
    yield from ({"name": "used-supplement", "valueUri": canonical} for canonical in supplements)
    if used.has_versions_taken_away and options.merges_versions is None:
        yield {"name": "versionsMatch", "valueBoolean": True}
    definitions = {value_set.canonical: value_set} | used.value_sets | used.samples
    statuses = [(key, status_of(one, value_set)) for key, one in definitions.items()]
    statuses += [(key, status_of(one.head, value_set)) for key, one in used.code_systems.items()]
    yield from ({"name": f"warning-{status}", "valueUri": key} for key, status in statuses if status and key)


def _declared(used: Used, options: Options) -> Iterator[Resource]:
    heads = [one.head for one in used.code_systems.values()]
    for name in options.properties:
        uris = (head.properties[name].get("uri") for head in heads if name in head.properties)
        uri = next(filter(None, uris), f"{_PROPERTIES}{name}" if name in _STANDARD else None)
        yield {"code": name} if uri is None else {"code": name, "uri": uri}


def _reason(head: Head) -> str:
    sample = "" if head.sample is None else f" This extension is based on {head.sample}"
    return f"The code System '{head.url}' has a grammar and so has infinite members.{sample}"


def _unclosed(used: Used) -> Resource:
    reasons = (_reason(one.head) for one in used.unlisted.values())
    return {
        "extension": [
            {"url": _UNCLOSED, "valueBoolean": True},
            {"url": f"{_UNCLOSED}-reason", "valueString": " ".join(reasons)},
        ]
    }
