"""StructureDefinitions by canonical, from several sources in order of precedence.

Spec: http://hl7.org/fhir/R4/structuredefinition.html, http://hl7.org/fhir/R4/references.html#canonical
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

from fhirserver.definitions.installed import ActivePackages, Place
from fhirserver.kernel.resource import Resource

TYPE: Final = "StructureDefinition"
_PINNED: Final = frozenset({"baseDefinition", "profile", "targetProfile", "valueSet"})
"""Elements of a StructureDefinition that name other definitions."""


class StructureSource(Protocol):
    """Has StructureDefinitions."""

    @property
    def mark(self) -> str:
        """Another text after every change."""
        ...

    def structure(self, canonical: str) -> Resource | None:
        """Return the StructureDefinition with a url, or ``url|version``, decoded anew; None: there is none."""
        ...

    def versions(self, url: str) -> Sequence[str]:
        """Return the versions of a StructureDefinition that there are, in the order in which they count."""
        ...


class Structures:
    """All StructureDefinitions of a site: the first source that has one gives it."""

    def __init__(self, sources: Sequence[StructureSource]) -> None:
        """Ask ``sources``, the first one first."""
        self._sources = tuple(sources)

    @property
    def mark(self) -> str:
        """Another text after every change."""
        return " ".join(source.mark for source in self._sources)

    def structure(self, canonical: str) -> Resource | None:
        """Return the StructureDefinition with a url, or ``url|version``, decoded anew; None: there is none."""
        for source in self._sources:
            found = source.structure(canonical)
            if found is not None:
                return found
        return None

    def versions(self, url: str) -> Sequence[str]:
        """Return the versions of a StructureDefinition that there are, in the order in which they count."""
        return [version for source in self._sources for version in source.versions(url)]


class PackagedStructures:
    """Those of the packages that a site uses, the shipped ones included."""

    def __init__(self, active: ActivePackages) -> None:
        """Read from ``active`` packages."""
        self._active = active

    @property
    def mark(self) -> str:
        """Another text after every change."""
        return self._active.mark

    def structure(self, canonical: str) -> Resource | None:
        """Return a StructureDefinition; of several versions the last."""
        found = next((one for one in self._active.find(canonical) if one.entry.type == TYPE), None)
        return None if found is None else self._pinned(found)

    def versions(self, url: str) -> Sequence[str]:
        """Return the versions of a StructureDefinition that there are, in the order in which they count."""
        found = [one for one in self._active.find(url) if one.entry.type == TYPE]
        return [one.entry.version or one.package.version for one in found]

    def _pinned(self, place: Place) -> Resource:
        """Let a definition name others in the versions that its package needs, where there are several of these."""
        definition = place.read()
        versions: dict[str, set[str]] = {}
        for one in self._active.packages():
            versions.setdefault(one.name, set()).add(one.version)
        if all(len(found) == 1 for found in versions.values()):
            return definition
        wanted = {place.package.key, *place.package.dependencies}
        return _with_versions(definition, lambda url: self._version(url, wanted))

    def _version(self, url: str, wanted: set[str]) -> str | None:
        found = [one for one in self._active.find(url) if one.package.key in wanted]
        return found[0].entry.version or None if found else None


def _with_versions(definition: Resource, version_of: Callable[[str], str | None]) -> Resource:
    for owner, name, place in _references(definition):
        value = owner[name] if place is None else owner[name][place]
        version = version_of(value) if isinstance(value, str) and "|" not in value and "#" not in value else None
        if version is not None and place is None:
            owner[name] = f"{value}|{version}"
        elif version is not None:
            owner[name][place] = f"{value}|{version}"
    return definition


def _references(value: object) -> Iterator[tuple[dict[str, Any], str, int | None]]:
    """Yield where a definition names others: the object, the member, and the place in a list."""
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            for name, child in one.items():
                if name in _PINNED and isinstance(child, str):
                    yield one, name, None
                elif name in _PINNED and isinstance(child, list):
                    yield from ((one, name, place) for place in range(len(child)))
                elif name not in {"url", "mapping", "text"}:
                    waiting.append(child)
