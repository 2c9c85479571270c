"""A code system together with its supplements: more designations, properties and extensions of its concepts.

Spec: http://hl7.org/fhir/R4/codesystem.html#supplements
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.concepts import (
    CodeSystem,
    Concept,
    Designation,
    Filter,
    Grammar,
    Head,
    ListedCodeSystem,
    Mask,
    Numbers,
    is_grammar,
    is_listed,
)
from fhirserver.terminology.filters import holds, select
from fhirserver.terminology.resource_systems import designations_of, properties_of


def with_supplements(system: CodeSystem, supplements: Sequence[Resource]) -> CodeSystem:
    """Return a code system with what ``supplements`` say of its concepts."""
    if not supplements:
        return system
    if is_listed(system):
        return SupplementedListing(system, supplements)
    if is_grammar(system):
        return SupplementedGrammar(system, supplements)
    return Supplemented(system, supplements)


class Supplemented:
    """A code system whose concepts are not listed, with supplements."""

    def __init__(self, system: CodeSystem, supplements: Sequence[Resource]) -> None:
        """Add ``supplements`` to ``system``."""
        self._system = system
        self._more = _by_code(supplements)
        declared = {one["code"]: one for supplement in supplements for one in supplement.get("property", ())}
        canonicals = tuple(_canonical(one) for one in supplements)
        self.head: Head = replace(
            system.head, supplements=canonicals, properties={**declared, **system.head.properties}
        )

    def find(self, code: str) -> Concept | None:
        """Return a concept by code."""
        found = self._system.find(code)
        return None if found is None else self._with_more(found)

    def _with_more(self, concept: Concept) -> Concept:
        for source, declared in self._more.get(concept.code, ()):
            concept = replace(
                concept,
                designations=(*concept.designations, *_display(declared, source), *designations_of(declared, source)),
                properties=concept.properties + properties_of(declared),
                extensions=concept.extensions + tuple(declared.get("extension", ())),
            )
        return concept


class SupplementedGrammar(Supplemented):
    """A code system whose codes are what a grammar makes, with supplements."""

    def __init__(self, system: Grammar, supplements: Sequence[Resource]) -> None:
        """Add ``supplements`` to ``system``."""
        super().__init__(system, supplements)
        self.values = system.values


class SupplementedListing(Supplemented):
    """A code system whose concepts are listed, with supplements."""

    def __init__(self, system: ListedCodeSystem, supplements: Sequence[Resource]) -> None:
        """Add ``supplements`` to ``system``."""
        super().__init__(system, supplements)
        self._listing = system
        self.number = system.number
        self.code = system.code
        self.parents = system.parents
        self.children = system.children
        self.subsumes = system.subsumes
        self.descendants = system.descendants
        self.ancestors = system.ancestors
        self.inactive = system.inactive
        self.abstract = system.abstract

    def __len__(self) -> int:
        """Return how many concepts there are."""
        return len(self._listing)

    def concept(self, number: int) -> Concept:
        """Return a concept by number."""
        return self._with_more(self._listing.concept(number))

    def select(self, wanted: Filter) -> Mask:
        """Return the concepts a filter selects; a property may be of a supplement."""
        return select(self, wanted) if self._is_new(wanted.property) else self._listing.select(wanted)

    def holds(self, wanted: Filter) -> Callable[[int], bool]:
        """Return what tells whether a filter selects a concept."""
        return holds(self, wanted) if self._is_new(wanted.property) else self._listing.holds(wanted)

    def matching(self, text: str, languages: Sequence[str], within: Mask) -> Numbers:
        """Return the concepts of ``within`` that a text finds in the code system itself, the best first."""
        return self._listing.matching(text, languages, within)

    def _is_new(self, name: str) -> bool:
        return name in self.head.properties and name not in self._listing.head.properties


def _by_code(supplements: Sequence[Resource]) -> Mapping[str, list[tuple[str, Resource]]]:
    found: dict[str, list[tuple[str, Resource]]] = {}
    for supplement in supplements:
        pending = list(reversed(supplement.get("concept", ())))
        while pending:
            concept = pending.pop()
            found.setdefault(concept["code"], []).append((_canonical(supplement), concept))
            pending.extend(reversed(concept.get("concept", ())))
    return found


def _display(declared: Resource, source: str) -> tuple[Designation, ...]:
    """Return the display that a supplement gives: one more way to say the concept."""
    return (Designation(declared["display"], None, None, (), source),) if declared.get("display") else ()


def _canonical(supplement: Resource) -> str:
    url, version = supplement.get("url", ""), supplement.get("version")
    return f"{url}|{version}" if version else url
