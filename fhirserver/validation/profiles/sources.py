"""Where StructureDefinitions come from: a protocol that the packages of a site implement, and the core package alone.

Spec: http://hl7.org/fhir/R4/structuredefinition.html
"""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.required import CodeSet

BASE: Final = "http://hl7.org/fhir/StructureDefinition/"
"""What the canonical urls of R4's own types and extensions begin with."""


class Structures(Protocol):
    """Finds structures; what is stored elsewhere is at hand already, so that no call waits."""

    @property
    def mark(self) -> str:
        """Another text after every change; compiled plans are kept by it."""
        ...

    def structure(self, canonical: str) -> Resource | None:
        """Return a StructureDefinition by ``url`` or ``url|version``, decoded, with or without a snapshot."""
        ...

    def versions(self, url: str) -> Sequence[str]:
        """Return the versions of a StructureDefinition that there are, in the order in which they count."""
        ...


class Codes(Protocol):
    """Gives the codes of value sets, and what codes are shown as."""

    def codes(self, value_set: str) -> CodeSet | None:
        """Return the codes of a value set by canonical; None: the definitions at hand do not decide it."""
        ...

    def displays(self, system: str, code: str) -> frozenset[str]:
        """Return what a code may be shown as, in lower case with single spaces; empty: that is not known here."""
        ...


class PackagedStructures:
    """The structures of the packages that every site has: profiles and extensions of R4 included."""

    mark: Final = "packaged"

    def __init__(self, definitions: Definitions) -> None:
        """Read from ``definitions``."""
        self._definitions = definitions

    def structure(self, canonical: str) -> Resource | None:
        """Return a StructureDefinition by canonical."""
        found = self._definitions.resource(canonical)
        return found if found is not None and found.get("resourceType") == "StructureDefinition" else None

    def versions(self, url: str) -> Sequence[str]:
        """Return the versions of a StructureDefinition that there are, in the order in which they count."""
        found = self.structure(url)
        return () if found is None else (str(found.get("version", "")),)


class GivenStructures:
    """Structures at hand, which go before those of another source."""

    def __init__(self, given: Iterable[Resource], behind: Structures | None = None, mark: str = "given") -> None:
        """Find ``given`` first, the first of those with one url, then what ``behind`` has."""
        self._given: dict[str, list[Resource]] = {}
        for one in given:
            if one.get("resourceType") == "StructureDefinition":
                self._given.setdefault(str(one.get("url")), []).append(one)
        self._behind = behind
        self._mark = mark

    @property
    def mark(self) -> str:
        """Another text after every change."""
        return self._mark if self._behind is None else f"{self._mark} {self._behind.mark}"

    def structure(self, canonical: str) -> Resource | None:
        """Return a StructureDefinition by canonical."""
        wanted = parse_canonical(canonical)
        candidates: Sequence[Resource] = self._given.get(wanted.url, ())
        for one in candidates:
            if wanted.version is None or one.get("version") == wanted.version:
                return one
        return None if self._behind is None else self._behind.structure(canonical)

    def versions(self, url: str) -> Sequence[str]:
        """Return the versions of a StructureDefinition that there are, in the order in which they count."""
        given = [str(one.get("version", "")) for one in self._given.get(url, ())]
        return given if self._behind is None else [*given, *self._behind.versions(url)]
