"""``$lookup``: all that a code system says of a code. ``$subsumes``: which of two concepts is above the other.

Spec: http://hl7.org/fhir/R4/codesystem-operation-lookup.html, http://hl7.org/fhir/R4/codesystem-operation-subsumes.html
"""

from collections.abc import Callable, Iterator
from typing import Final

from fhirserver.kernel.outcome import Severity
from fhirserver.kernel.resource import Json, Resource
from fhirserver.terminology.asked import ways_to_say
from fhirserver.terminology.concepts import (
    PREFERRED,
    CodeSystem,
    Concept,
    Designation,
    Property,
    displays_of,
    is_grammar,
    is_listed,
)
from fhirserver.terminology.editions import edition_of
from fhirserver.terminology.expressions.concepts import found_in
from fhirserver.terminology.issues import BadDefinition, TermError, issue, refusal
from fhirserver.terminology.languages import best
from fhirserver.terminology.library import Library
from fhirserver.terminology.options import Options
from fhirserver.terminology.versions import listed

_EVERYTHING: Final = "*"
_LANGUAGE: Final = "lang."
_HIERARCHY: Final = ("parent", "child")


def system_of(library: Library, url: str, version: str | None, options: Options) -> CodeSystem:
    """Return a code system by what a request says of it; raises TermError, BadDefinition."""
    wanted = options.rules.choose(url, version)
    found = library.code_system(url, wanted, frozenset(options.supplements))
    if found is None:
        raise _unknown(library, url, wanted)
    required = options.rules.required(url, found.head.version)
    if required is not None:
        facts: dict[str, object] = {"version": found.head.version, "required": required, "system": url}
        raise BadDefinition(issue("VALUESET_VERSION_CHECK", Severity.ERROR, "", **facts))
    used = found.head.supplements
    missing = [one for one in options.supplements if one not in {*used, *(each.partition("|")[0] for each in used)}]
    if missing:
        raise BadDefinition(issue("VALUESET_SUPPLEMENT_MISSING", Severity.ERROR, supplement=",".join(missing)))
    return found


def _unknown(library: Library, url: str, version: str | None) -> TermError:
    known = library.versions(url)
    if not version:
        return refusal("UNKNOWN_CODESYSTEM", "system", unknown=url, system=url)
    if not known:
        return refusal("UNKNOWN_CODESYSTEM_VERSION_NONE", "system", unknown=url, system=url, version=version)
    facts: dict[str, object] = {"system": url, "version": version, "versions": listed(known)}
    return TermError(issue("UNKNOWN_CODESYSTEM_VERSION", Severity.ERROR, "system", **facts), f"{url}|{version}")


def concept_of(system: CodeSystem, code: str, place: str = "code") -> Concept:
    """Return a concept of a code system; raises TermError."""
    found = system.find(code)
    if found is None:
        raise _unknown_code(system, code, place)
    return found


def _unknown_code(system: CodeSystem, code: str, place: str) -> TermError:
    head, edition = system.head, edition_of(system.head.version)
    message_id = "Unknown_Code_in_Version" if head.version else "Unknown_Code_in"
    named = f" ({edition})" if edition else ""
    return refusal(message_id, place, code=code, system=head.url, version=head.version, edition=named)


def lookup(system: CodeSystem, code: str, options: Options) -> Resource:
    """Return the Parameters that say what is known of a code; raises TermError."""
    concept, head = found_in(system, code), system.head
    if concept is None:
        raise _unknown_code(system, code, "code")
    said = ways_to_say(head, concept)
    shown = best(said, options.languages) or best(said, None)
    found: list[Resource] = [{"name": "name", "valueString": head.name or head.title or head.url}]
    found.append({"name": "system", "valueUri": head.url})
    if head.version:
        found.append({"name": "version", "valueString": head.version})
    found.append({"name": "code", "valueCode": concept.code})
    found.append({"name": "display", "valueString": concept.code if shown is None else shown.value})
    if concept.definition is not None:
        found.append({"name": "definition", "valueString": concept.definition})
    found.append({"name": "abstract", "valueBoolean": concept.is_abstract})
    found.extend(_designation(one, is_display=place == 0) for place, one in _wanted_words(said, options))
    found.extend(_properties(system, concept, options))
    found.extend({"name": "used-supplement", "valueCanonical": canonical} for canonical in head.supplements)
    return {"resourceType": "Parameters", "parameter": found}


def subsumes(system: CodeSystem, code_a: str, code_b: str) -> str:
    """Return how concept A is to concept B: ``equivalent subsumes subsumed-by not-subsumed``; raises TermError."""
    first, second = concept_of(system, code_a, "codeA"), concept_of(system, code_b, "codeB")
    if first.code == second.code:
        return "equivalent"
    if not is_listed(system):
        return "not-subsumed"
    a, b = system.number(first.code), system.number(second.code)
    if a is None or b is None:
        return "not-subsumed"
    if system.subsumes(a, b):
        return "subsumes"
    return "subsumed-by" if system.subsumes(b, a) else "not-subsumed"


def _wanted_words(said: list[Designation], options: Options) -> Iterator[tuple[int, Designation]]:
    """Yield the designations that are asked for, those of some languages by ``property=lang.fr``."""
    languages = [name.removeprefix(_LANGUAGE) for name in options.properties if name.startswith(_LANGUAGE)]
    only = [name for name in options.properties if not name.startswith(_LANGUAGE)]
    if only and not languages and not {_EVERYTHING, "designation"} & set(only):
        return
    for place, one in enumerate(said):
        if not languages or (one.language is not None and one.language.startswith(tuple(languages))):
            yield place, one


def _designation(designation: Designation, *, is_display: bool) -> Resource:
    parts: list[Resource] = []
    if designation.language is not None:
        parts.append({"name": "language", "valueCode": designation.language})
    use = designation.use or (dict(PREFERRED) if is_display else None)
    if use is not None:
        parts.append({"name": "use", "valueCoding": use})
    if designation.source is not None:
        parts.append({"name": "source", "valueCanonical": designation.source})
    return {"name": "designation", "part": [*parts, {"name": "value", "valueString": designation.value}]}


def _properties(system: CodeSystem, concept: Concept, options: Options) -> Iterator[Resource]:
    """Yield the properties that are asked for, all when none is."""
    wanted = set(options.properties)
    has_all = not wanted or _EVERYTHING in wanted
    if has_all or "inactive" in wanted:
        yield _property("inactive", "valueBoolean", concept.is_inactive)
    described = _described_by(system)
    for one in concept.properties:
        if one.code != "inactive" and one.code not in _HIERARCHY and (has_all or one.code in wanted):
            yield _property(one.code, one.key, one.value, described(one))
    if is_grammar(system):
        for name in sorted(wanted & system.head.filters):
            yield from (_property(name, "valueString", value) for value in system.values(concept, name))
    number = system.number(concept.code) if is_listed(system) else None
    if number is None or not is_listed(system):
        return
    display = displays_of(system)
    for name, others in zip(_HIERARCHY, (system.parents(number), system.children(number)), strict=True):
        if has_all or name in wanted:
            yield from (_property(name, "valueCode", system.code(other), display(other)) for other in others)


def _described_by(system: CodeSystem) -> Callable[[Property], str | None]:
    """Return what says the display of a concept that a property names."""
    if not is_listed(system):
        return lambda one: None
    number, display = system.number, displays_of(system)

    def described(one: Property) -> str | None:
        found = number(one.value) if one.key == "valueCode" and isinstance(one.value, str) else None
        return None if found is None else display(found)

    return described


def _property(code: str, key: str, value: Json, description: str | None = None) -> Resource:
    parts = [{"name": "code", "valueCode": code}, {"name": "value", key: value}]
    if description is not None:
        parts.append({"name": "description", "valueString": description})
    return {"name": "property", "part": parts}
