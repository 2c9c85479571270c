"""The CodeSystems, ValueSets and ConceptMaps of the installed packages, each read when it is first asked for.

Spec: http://hl7.org/fhir/R4/terminologies-systems.html, http://hl7.org/fhir/R4/terminologies-valuesets.html
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.concept_maps import ConceptMap
from fhirserver.terminology.concepts import CodeSystem
from fhirserver.terminology.implicit import whole_of
from fhirserver.terminology.resource_systems import ResourceCodeSystem, head_of
from fhirserver.terminology.sources import DefinitionSource
from fhirserver.terminology.value_sets import ValueSet

_MAX_CONCEPTS: Final = 50_000
"""Concepts of all code systems together that are kept: some 30 MB."""
_MAX_VALUE_SETS: Final = 2000
_MAPS: Final = "/ConceptMap/"


class Packaged:
    """Definitions that do not change while the server runs."""

    def __init__(self, definitions: DefinitionSource) -> None:
        """Read from ``definitions``."""
        self._definitions = definitions
        self._code_systems: OrderedDict[str, tuple[CodeSystem, int] | None] = OrderedDict()
        self._value_sets: OrderedDict[str, ValueSet | None] = OrderedDict()
        self._weight = 0

    def code_systems(self, url: str) -> Sequence[CodeSystem]:
        """Return all versions of a code system."""
        if url not in self._code_systems:
            self._keep_code_system(url)
        known = self._code_systems[url]
        return () if known is None else (known[0],)

    def value_sets(self, url: str) -> Sequence[ValueSet]:
        """Return all versions of a value set."""
        if url not in self._value_sets:
            resource = self._definitions.resource(url)
            is_one = resource is not None and resource["resourceType"] == "ValueSet"
            self._value_sets[url] = ValueSet(resource) if resource is not None and is_one else None
            if len(self._value_sets) > _MAX_VALUE_SETS:
                self._value_sets.popitem(last=False)
        known = self._value_sets.get(url)
        return self._wholes.get(url, ()) if known is None else (known,)

    def supplements(self, url: str) -> Sequence[Resource]:
        """Return nothing: no package has supplements that are used unasked."""
        return ()

    def concept_maps(self, url: str) -> Sequence[ConceptMap]:
        """Return all versions of a concept map."""
        resource = self._definitions.resource(url)
        return (ConceptMap(resource),) if resource is not None and resource["resourceType"] == "ConceptMap" else ()

    def maps_of(self, system: str) -> Sequence[ConceptMap]:
        """Return the concept maps from or to a code system."""
        return self._maps.get(system, ())

    def maps_between(self, source: str | None, target: str | None) -> Sequence[ConceptMap]:
        """Return the concept maps from a value set, to another one, or both."""
        return [one for one in self._all_maps if one.is_between(source, target)]

    @cached_property
    def _wholes(self) -> Mapping[str, Sequence[ValueSet]]:
        """The value sets of all codes of a code system that the packages do not have themselves."""
        found: dict[str, list[ValueSet]] = {}
        for url in self._definitions.canonicals():
            resource = self._definitions.resource(url)
            if resource is not None and resource["resourceType"] == "CodeSystem" and "valueSet" in resource:
                one = whole_of(head_of(resource))
                found.setdefault(one.url, []).append(one)
        return found

    @cached_property
    def _maps(self) -> Mapping[str, Sequence[ConceptMap]]:
        found: dict[str, list[ConceptMap]] = {}
        for one in self._all_maps:
            for system in one.systems():
                found.setdefault(system, []).append(one)
        return found

    @cached_property
    def _all_maps(self) -> Sequence[ConceptMap]:
        return [one for url in self._definitions.canonicals() if _MAPS in url for one in self.concept_maps(url)]

    def _keep_code_system(self, url: str) -> None:
        resource = self._definitions.resource(url)
        if resource is None or resource["resourceType"] != "CodeSystem" or resource.get("content") == "supplement":
            self._code_systems[url] = None
            return
        system = ResourceCodeSystem(resource)
        self._code_systems[url] = system, len(system)
        self._weight += len(system)
        while self._weight > _MAX_CONCEPTS and len(self._code_systems) > 1:
            _, forgotten = self._code_systems.popitem(last=False)
            self._weight -= 0 if forgotten is None else forgotten[1]
