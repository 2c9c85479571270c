"""The definitions at hand for one question: several sources as one, and which version of a definition is meant.

Spec: http://hl7.org/fhir/R4/terminology-module.html, http://hl7.org/fhir/R4/references.html#canonical
"""

from collections.abc import Callable, Iterable, Sequence, Set
from typing import Final, Protocol, TypeVar, runtime_checkable

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version_order import Key, matches, order_key
from fhirserver.terminology.concept_maps import ConceptMap
from fhirserver.terminology.concepts import CodeSystem
from fhirserver.terminology.implicit import whole, whole_of, whole_system
from fhirserver.terminology.resource_systems import ResourceCodeSystem
from fhirserver.terminology.supplements import with_supplements
from fhirserver.terminology.value_sets import ValueSet

K = TypeVar("K")
T = TypeVar("T")
_MAX_MADE: Final = 100
_NOT_PRESENT: Final = "not-present"
_LANGUAGE_PACK: Final = "lang-pack"


class Source(Protocol):
    """Keeps definitions; the first source that has a version of one gives it."""

    def code_systems(self, url: str) -> Sequence[CodeSystem]:
        """Return all versions of a code system."""
        ...

    def value_sets(self, url: str) -> Sequence[ValueSet]:
        """Return all versions of a value set."""
        ...

    def supplements(self, url: str) -> Sequence[Resource]:
        """Return the CodeSystems that supplement a code system."""
        ...


@runtime_checkable
class MapSource(Protocol):
    """Keeps concept maps too."""

    def concept_maps(self, url: str) -> Sequence[ConceptMap]:
        """Return all versions of a concept map."""
        ...

    def maps_of(self, system: str) -> Sequence[ConceptMap]:
        """Return the concept maps from or to a code system."""
        ...

    def maps_between(self, source: str | None, target: str | None) -> Sequence[ConceptMap]:
        """Return the concept maps from a value set, to another one, or both."""
        ...


@runtime_checkable
class Changing(Protocol):
    """What sources have beside that change while the server runs."""

    @property
    def mark(self) -> str:
        """Another text after every change."""
        ...


@runtime_checkable
class Making(Protocol):
    """Makes definitions when they are asked for first, which takes a while."""

    def has_made(self, kind: str, url: str) -> bool:
        """Tell whether a definition is made, or there is none to make."""
        ...

    def make(self, kind: str, url: str) -> None:
        """Make a definition; any thread may."""
        ...


class Given:
    """Definitions that a question brings along, or that were gathered for it."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        """Sort out ``resources`` by what they define."""
        self._code_systems: dict[str, list[CodeSystem]] = {}
        self._value_sets: dict[str, list[ValueSet]] = {}
        self._supplements: dict[str, list[Resource]] = {}
        self._maps: list[ConceptMap] = []
        self._wholes: dict[str, list[ValueSet]] = {}
        self.weight = 0
        """Concepts of all code systems together."""
        for resource in resources:
            self.add(resource)

    def add(self, resource: Resource, address: str | None = None) -> None:
        """Take one more definition, to be found by its url and by the ``address`` at which it was asked for."""
        url = resource.get("url", "")
        if resource["resourceType"] == "ValueSet":
            value_set = ValueSet(resource)
            for name in {url, url if address is None else address}:
                self._value_sets.setdefault(name, []).append(value_set)
        elif resource["resourceType"] == "CodeSystem" and resource.get("content") == "supplement":
            self._supplements.setdefault(_supplemented(resource), []).append(resource)
        elif resource["resourceType"] == "CodeSystem":
            system = ResourceCodeSystem(resource)
            self.weight += len(system)
            self._code_systems.setdefault(url, []).append(system)
            if system.head.value_set is not None:
                all_of_it = whole_of(system.head)
                self._wholes.setdefault(all_of_it.url, []).append(all_of_it)
        elif resource["resourceType"] == "ConceptMap":
            self._maps.append(ConceptMap(resource))
            self.weight += sum(len(group.get("element", ())) for group in resource.get("group", ()))

    def concept_maps(self, url: str) -> Sequence[ConceptMap]:
        """Return all versions of a concept map."""
        return [one for one in self._maps if one.url == url]

    def maps_of(self, system: str) -> Sequence[ConceptMap]:
        """Return the concept maps from or to a code system."""
        return [one for one in self._maps if system in one.systems()]

    def maps_between(self, source: str | None, target: str | None) -> Sequence[ConceptMap]:
        """Return the concept maps from a value set, to another one, or both."""
        return [one for one in self._maps if one.is_between(source, target)]

    def code_systems(self, url: str) -> Sequence[CodeSystem]:
        """Return all versions of a code system."""
        return self._code_systems.get(url, ())

    def value_sets(self, url: str) -> Sequence[ValueSet]:
        """Return all versions of a value set."""
        return self._value_sets.get(url, self._wholes.get(url, ()))

    def supplements(self, url: str) -> Sequence[Resource]:
        """Return the CodeSystems that supplement a code system."""
        return self._supplements.get(url, ())


class Definitions:
    """Finds the definition that is meant, in all sources."""

    def __init__(self, sources: Sequence[Source]) -> None:
        """Look into ``sources``, the first one first."""
        self._sources = tuple(sources)
        self._value_sets: dict[tuple[str, str | None], ValueSet | None] = {}
        self._systems: dict[tuple[str, str | None, frozenset[str]], CodeSystem | None] = {}

    def code_system(
        self, url: str, version: str | None = None, supplements: frozenset[str] = frozenset()
    ) -> CodeSystem | None:
        """Return a version of a code system, the last of those that may be meant, with the supplements asked for."""
        key = url, version, supplements
        return _remembered(self._systems, key, lambda: self._code_system(*key))

    def _code_system(self, url: str, version: str | None, supplements: Set[str]) -> CodeSystem | None:
        found = _chosen(self.code_systems(url), version, lambda one: one.head.version, lambda one: one.head.status)
        return None if found is None else with_supplements(found, self._wanted(found, supplements))

    def code_systems(self, url: str) -> list[CodeSystem]:
        """Return all versions of a code system whose concepts are here, each once."""
        found = (one for source in self._sources for one in source.code_systems(url))
        return _each_once((one for one in found if one.head.content != _NOT_PRESENT), lambda one: one.head.version)

    def versions(self, url: str) -> list[str]:
        """Return which versions of a code system there are."""
        return [one.head.version for one in self.code_systems(url) if one.head.version]

    def is_supplement(self, url: str) -> Resource | None:
        """Return the supplement with this url, if it is one."""
        given = (one for source in self._sources for one in source.supplements(""))
        return next((one for one in given if one.get("url") == url), None)

    def value_set(self, url: str, version: str | None = None) -> ValueSet | None:
        """Return a version of a value set, the last of those that may be meant."""
        return _remembered(self._value_sets, (url, version), lambda: self._value_set(url, version))

    def _value_set(self, url: str, version: str | None) -> ValueSet | None:
        found = _each_once((one for source in self._sources for one in source.value_sets(url)), _version_of)
        if not found:
            system = whole_system(url)
            if system is not None and self.code_systems(system):
                return whole(url, system)
        return _chosen(found, version, _version_of, lambda one: one.status)

    def concept_map(self, url: str, version: str | None = None) -> ConceptMap | None:
        """Return a version of a concept map, the last of those that may be meant."""
        named = parse_canonical(url)
        found = _each_once(
            (one for source in self._map_sources() for one in source.concept_maps(named.url)), _version_of
        )
        return _chosen(found, version or named.version, _version_of, lambda one: one.status)

    def maps_of(self, system: str) -> list[ConceptMap]:
        """Return the concept maps from or to a code system, of each the last version."""
        return self._last(one for source in self._map_sources() for one in source.maps_of(system))

    def maps_between(self, source: str | None, target: str | None) -> list[ConceptMap]:
        """Return the concept maps from a value set, to another one, or both, of each the last version."""
        return self._last(one for each in self._map_sources() for one in each.maps_between(source, target))

    def _last(self, maps: Iterable[ConceptMap]) -> list[ConceptMap]:
        found = {one.canonical: one for one in maps}
        return [one for one in found.values() if not one.url or self._is_last(one)]

    def _is_last(self, one: ConceptMap) -> bool:
        last = self.concept_map(one.url)
        return last is None or last.canonical == one.canonical

    def _map_sources(self) -> list[MapSource]:
        return [one for one in self._sources if isinstance(one, MapSource)]

    def _wanted(self, system: CodeSystem, asked: Set[str]) -> list[Resource]:
        """Return the supplements to use: those asked for, and translations."""
        found: dict[str, Resource] = {}
        for source in self._sources:
            for one in source.supplements(system.head.url):
                if _is_for(one, system) and (_is_asked(one, asked) or _is_language_pack(one)):
                    found.setdefault(f"{one.get('url')}|{one.get('version')}", one)
        return list(found.values())


class Library(Definitions):
    """Definitions, and what others made of them."""

    def __init__(self, sources: Sequence[Source]) -> None:
        """Look into ``sources``, the first one first."""
        super().__init__(sources)
        self.made: dict[object, object] = {}
        """What others made of these definitions and keep with them, by what they asked."""
        self._state = 0

    def definitions(self) -> Definitions:
        """Return the definitions alone, for what is made of them to hold: it must not hold what holds it.

        So that nothing keeps the file of a version mapped that is not installed any more.
        """
        found = Definitions(self._sources)
        found._value_sets, found._systems = self._value_sets, self._systems
        return found

    def seen_in(self, state: int) -> None:
        """Forget what was made in another state of all definitions."""
        if state != self._state or len(self.made) > _MAX_MADE:
            self.made.clear()
            self._state = state

    def beside(self, other: "Library") -> "Library":
        """Return a library that looks here first, and into another one then."""
        return Library((*self._sources, *other._sources))


def _remembered(known: dict[K, T], key: K, find: Callable[[], T]) -> T:
    """Return what was found before, or find it: the definitions of a library stay what they are."""
    if key not in known:
        if len(known) >= _MAX_MADE:
            known.clear()
        known[key] = find()
    return known[key]


def _version_of(one: ValueSet | ConceptMap) -> str | None:
    return one.version


def _each_once(found: Iterable[T], version_of: Callable[[T], str | None]) -> list[T]:
    """Return each version as the first source gives it."""
    once: dict[str | None, T] = {}
    for one in found:
        once.setdefault(version_of(one), one)
    return list(once.values())


def _chosen(
    found: Sequence[T], version: str | None, version_of: Callable[[T], str | None], status_of: Callable[[T], str]
) -> T | None:
    """Return the last of what fits; a definition in force goes before a draft and one withdrawn."""

    def preference(one: T) -> tuple[bool, Key]:
        return status_of(one) == "active", order_key(version_of(one))

    fitting = found if version is None else [one for one in found if matches(version, version_of(one))]
    return max(fitting, key=preference, default=None)


def _supplemented(resource: Resource) -> str:
    return parse_canonical(resource.get("supplements", "")).url


def _is_for(supplement: Resource, system: CodeSystem) -> bool:
    wanted = parse_canonical(supplement.get("supplements", "")).version
    return wanted is None or matches(wanted, system.head.version)


def _is_asked(supplement: Resource, asked: Set[str]) -> bool:
    url = supplement.get("url", "")
    return url in asked or f"{url}|{supplement.get('version')}" in asked


def _is_language_pack(supplement: Resource) -> bool:
    return any(one.get("valueCode") == _LANGUAGE_PACK for one in supplement.get("extension", ()))
