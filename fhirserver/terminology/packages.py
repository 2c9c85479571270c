"""The terminology of the packages that a site uses: CodeSystems, ValueSets, ConceptMaps, supplements.

What was read last is remembered, of all sites together, and forgotten with its package.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final, TypeAlias

from fhirserver.definitions.installed import ActivePackages, Place
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.concept_maps import ConceptMap
from fhirserver.terminology.concepts import CodeSystem
from fhirserver.terminology.implicit import whole_of
from fhirserver.terminology.resource_systems import ResourceCodeSystem
from fhirserver.terminology.value_sets import ValueSet

_MAX_CONCEPTS: Final = 30_000
"""Concepts of all code systems together that are kept: some 20 MB."""
_WITHOUT_CODES: Final = frozenset({"", "not-present", "supplement"})

Made: TypeAlias = ResourceCodeSystem | ValueSet


class Remembered:
    """Code systems and value sets that were read, by their place; what was not asked for longest is forgotten."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = Lock()  # some questions are worked out beside the event loop
        self._made: OrderedDict[tuple[str, int], tuple[Made, int]] = OrderedDict()
        self._weight = 0

    def code_system(self, place: Place) -> ResourceCodeSystem:
        """Return a code system."""
        known = self._known(place)
        if isinstance(known, ResourceCodeSystem):
            return known
        made = ResourceCodeSystem(place.read())
        self._keep(place, made, len(made))
        return made

    def value_set(self, place: Place) -> ValueSet:
        """Return a value set."""
        known = self._known(place)
        if isinstance(known, ValueSet):
            return known
        made = ValueSet(place.read())
        self._keep(place, made, 1 + place.entry.length // 50)
        return made

    def forget(self, kept: set[str]) -> None:
        """Forget what is of no package among these, by the SHA-256 of their files."""
        with self._lock:
            for key in [one for one in self._made if one[0] not in kept]:
                self._weight -= self._made.pop(key)[1]

    def _known(self, place: Place) -> Made | None:
        key = place.package.sha, place.entry.place
        with self._lock:
            known = self._made.get(key)
            if known is None:
                return None
            self._made.move_to_end(key)
        return known[0]

    def _keep(self, place: Place, made: Made, weight: int) -> None:
        key = place.package.sha, place.entry.place
        with self._lock:
            self._weight += weight - self._made.pop(key, (made, 0))[1]
            self._made[key] = made, weight
            while self._weight > _MAX_CONCEPTS and len(self._made) > 1:
                self._weight -= self._made.popitem(last=False)[1][1]


@dataclass(frozen=True, slots=True)
class _Tables:
    """What is found by something else than its own url."""

    wholes: Mapping[str, Sequence[Place]]
    """Code systems, by their value set of all codes."""
    supplements: Mapping[str, Sequence[Place]]
    """By the code system that they supplement."""
    maps: Mapping[str, Sequence[Place]]
    """By the code systems on either side."""


class PackageTerms:
    """The definitions of one site's packages."""

    def __init__(self, active: ActivePackages, remembered: Remembered) -> None:
        """Read from ``active`` packages."""
        self._active = active
        self._remembered = remembered
        self._tables: tuple[str, _Tables] | None = None

    @property
    def mark(self) -> str:
        """Another text after every change."""
        return self._active.mark

    def versions(self) -> list[tuple[str, str]]:
        """Return the url and version of the code systems that have codes."""
        entries = [one.entry for one in self._active.of("CodeSystem")]
        return [(one.url, one.version) for one in entries if one.content not in _WITHOUT_CODES and one.url]

    def code_systems(self, url: str) -> Sequence[CodeSystem]:
        """Return all versions of a code system."""
        found = (one for one in self._active.find(url) if one.entry.type == "CodeSystem" and not one.entry.subject)
        return [self._remembered.code_system(one) for one in found]

    def value_sets(self, url: str) -> Sequence[ValueSet]:
        """Return all versions of a value set."""
        found = [self._remembered.value_set(one) for one in self._active.find(url) if one.entry.type == "ValueSet"]
        wholes = () if found else self._now.wholes.get(url, ())
        return found or [whole_of(self._remembered.code_system(one).head) for one in wholes]

    def supplements(self, url: str) -> Sequence[Resource]:
        """Return the CodeSystems that supplement a code system."""
        return [one.read() for one in self._now.supplements.get(url, ())]

    def concept_maps(self, url: str) -> Sequence[ConceptMap]:
        """Return all versions of a concept map."""
        return [ConceptMap(one.read()) for one in self._active.find(url) if one.entry.type == "ConceptMap"]

    def maps_of(self, system: str) -> Sequence[ConceptMap]:
        """Return the concept maps from or to a code system."""
        return [ConceptMap(one.read()) for one in self._now.maps.get(system, ())]

    def maps_between(self, source: str | None, target: str | None) -> Sequence[ConceptMap]:
        """Return the concept maps from a value set, to another one, or both."""
        found = (ConceptMap(one.read()) for one in self._active.of("ConceptMap"))
        return [one for one in found if one.is_between(source, target)]

    @property
    def _now(self) -> _Tables:
        mark = self._active.mark
        if self._tables is None or self._tables[0] != mark:
            self._tables = mark, self._made()
        return self._tables[1]

    def _made(self) -> _Tables:
        systems, maps = list(self._active.of("CodeSystem")), self._active.of("ConceptMap")
        return _Tables(
            wholes=_by((one, one.entry.related) for one in systems),
            supplements=_by((one, (one.entry.subject,)) for one in systems if one.entry.subject),
            maps=_by((one, one.entry.related) for one in maps),
        )


def _by(found: Iterable[tuple[Place, Iterable[str]]]) -> Mapping[str, Sequence[Place]]:
    tables: dict[str, list[Place]] = {}
    for place, names in found:
        for name in names:
            tables.setdefault(name, []).append(place)
    return tables
