"""The content logical definition of a ValueSet, worked out to the codes it selects; without one, those it states.

Pure: everything it needs comes from the source it is given. A value set that imports itself, or that depends on
a definition nobody has, is Undecidable. Spec: http://hl7.org/fhir/R4/valueset.html#compositions
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.code_systems import CodeSystem
from fhirserver.terminology.filters import select
from fhirserver.terminology.sources import DefinitionSource, Undecidable

Coded: TypeAlias = tuple[str, str]
"""(system, code)"""


@dataclass(frozen=True, slots=True)
class Composer:
    """Works out value sets from one source, each code system indexed once."""

    source: DefinitionSource
    _systems: dict[str, CodeSystem] = field(default_factory=dict)

    def expand(self, canonical: str) -> frozenset[Coded]:
        """Return every code of a value set; raises Undecidable."""
        return self._expand(canonical, ())

    def _expand(self, canonical: str, importing: tuple[str, ...]) -> frozenset[Coded]:
        if canonical in importing:
            raise Undecidable("A value set imports itself.")
        value_set = self.source.resource(canonical)
        if value_set is None or value_set["resourceType"] != "ValueSet":
            raise Undecidable(f"The value set `{canonical}` is not installed.")
        compose = value_set.get("compose")
        if compose is None:
            return _stated(canonical, value_set)
        within = (*importing, canonical)
        return self._union(compose["include"], within) - self._union(compose.get("exclude", ()), within)

    def _union(self, parts: Iterable[Resource], importing: tuple[str, ...]) -> frozenset[Coded]:
        return frozenset().union(*(self._part(part, importing) for part in parts))

    def _part(self, part: Resource, importing: tuple[str, ...]) -> frozenset[Coded]:
        """Return one include or exclude: what its system selects AND what its value sets have, these united (R4)."""
        imported = [self._expand(canonical, importing) for canonical in part.get("valueSet", ())]
        if "system" not in part:
            return frozenset().union(*imported)
        selected = self._of_system(part)
        return selected.intersection(frozenset().union(*imported)) if imported else selected

    def _of_system(self, part: Resource) -> frozenset[Coded]:
        url = part["system"]
        if "concept" in part:
            return frozenset((url, concept["code"]) for concept in part["concept"])
        system = self._system(url, part.get("version"))
        codes = set(system.concepts)
        for declared in part.get("filter", ()):
            codes &= select(system, declared)
        return frozenset((url, code) for code in codes)

    def _system(self, url: str, version: str | None) -> CodeSystem:
        canonical = f"{url}|{version}" if version else url
        found = self._systems.get(canonical)
        if found is None:
            resource = self.source.resource(canonical)
            if resource is None or resource["resourceType"] != "CodeSystem":
                raise Undecidable(f"The code system `{canonical}` is not installed.")
            found = self._systems[canonical] = CodeSystem(resource)
        if not found.lists_codes:
            raise Undecidable(f"The code system `{canonical}` does not list its codes.")
        return found


def _stated(canonical: str, value_set: Resource) -> frozenset[Coded]:
    """Return the codes of an expansion that is all a value set has; one page of it is not enough."""
    expansion = value_set.get("expansion", {})
    pending = list(expansion.get("contains", ()))
    if not pending:
        raise Undecidable(f"The value set `{canonical}` has no content logical definition.")
    found, seen = set(), 0
    while pending:
        one = pending.pop()
        seen += 1
        pending.extend(one.get("contains", ()))
        if "code" in one and not one.get("abstract", False):
            found.add((one.get("system", ""), one["code"]))
    if expansion.get("total", seen) > seen:
        raise Undecidable(f"The value set `{canonical}` states a part of its codes only.")
    return frozenset(found)
