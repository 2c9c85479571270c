"""What a version of a code system is to the rest of the module, whatever keeps it: a resource, an index, a grammar.

A set of concepts of one version is a ``Mask``: one truth a concept, by its number. Concepts are numbered from 0 in the
order of the definition.
Spec: http://hl7.org/fhir/R4/codesystem.html, http://hl7.org/fhir/R4/codesystem-concept-properties.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

from fhirserver.kernel.resource import Json, Resource

Mask: TypeAlias = npt.NDArray[np.bool_]
"""One truth a concept of a version, by number."""
Numbers: TypeAlias = npt.NDArray[np.intp]
"""Concepts of a version in some order."""
PREFERRED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "system": "http://terminology.hl7.org/CodeSystem/hl7TermMaintInfra",
        "code": "preferredForLanguage",
        "display": "Preferred For Language",
    }
)
"""The use of a display that is given among the designations."""


@dataclass(frozen=True, slots=True)
class Designation:
    """One way to say a concept; ``source`` is the canonical of the supplement it is from."""

    value: str
    language: str | None = None
    use: Resource | None = None
    extensions: tuple[Resource, ...] = ()
    source: str | None = None

    @property
    def is_withdrawn(self) -> bool:
        """Whether it is no longer to be used."""
        return any(one.get("valueCode") == "withdrawn" for one in self.extensions)


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a concept: ``key`` is the name of its value in JSON (``valueCode``)."""

    code: str
    key: str
    value: Json

    @property
    def text(self) -> str:
        """The value as filters compare it."""
        if isinstance(self.value, dict):
            return str(self.value.get("code", ""))
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """One concept, as its code system and the supplements of it declare it."""

    code: str
    display: str | None = None
    definition: str | None = None
    designations: tuple[Designation, ...] = ()
    properties: tuple[Property, ...] = ()
    extensions: tuple[Resource, ...] = ()
    is_abstract: bool = False
    is_inactive: bool = False
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is said of a version as a whole."""

    url: str
    version: str | None = None
    name: str | None = None
    title: str | None = None
    status: str = "active"
    standards_status: str | None = None
    experimental: bool = False
    language: str | None = None
    content: str = "complete"
    is_listed: bool = True
    """Whether its concepts can be listed; not those of a grammar."""
    is_grammar: bool = False
    sample: str | None = None
    """The value set that is expanded in place of a grammar's code system."""
    why_not: Callable[[str], str | None] | None = None
    """Says why a code is none, where there is more to say than that it is unknown."""
    is_case_sensitive: bool = True
    version_needed: bool = False
    properties: Mapping[str, Resource] = field(default_factory=dict)
    """The declared properties by code."""
    filters: frozenset[str] = frozenset()
    """What else filters may name."""
    supplements: tuple[str, ...] = ()
    """The canonicals of the supplements that are part of it here."""
    value_set: str | None = None
    """The canonical of the value set that has all its codes."""

    @property
    def canonical(self) -> str:
        """The url, with the version where there is one."""
        return f"{self.url}|{self.version}" if self.version else self.url


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of ``ValueSet.compose.include``."""

    property: str
    op: str
    value: str


class UnknownFilter(LookupError):
    """A code system does not have a property, or cannot apply an operator to it."""


class CodeSystem(Protocol):
    """A version of a code system."""

    @property
    def head(self) -> Head:
        """What is said of it as a whole."""
        ...

    def find(self, code: str) -> Concept | None:
        """Return a concept by code, which may be in another form than the one it comes back with."""
        ...


class ListedCodeSystem(CodeSystem, Protocol):
    """A version whose concepts are listed."""

    def __len__(self) -> int:
        """Return how many concepts there are."""
        ...

    def number(self, code: str) -> int | None:
        """Return the number of a concept."""
        ...

    def concept(self, number: int) -> Concept:
        """Return a concept by number."""
        ...

    def code(self, number: int) -> str:
        """Return the code of a concept."""
        ...

    def parents(self, number: int) -> Sequence[int]:
        """Return the concepts right above one."""
        ...

    def children(self, number: int) -> Sequence[int]:
        """Return the concepts right below one."""
        ...

    def subsumes(self, above: int, below: int) -> bool:
        """Tell whether a concept is another or above it."""
        ...

    def descendants(self, number: int) -> Mask:
        """Return all that is below a concept, without it."""
        ...

    def ancestors(self, number: int) -> Mask:
        """Return all that is above a concept, without it."""
        ...

    def select(self, wanted: Filter) -> Mask:
        """Return the concepts a filter selects; raises UnknownFilter, or Undecidable for a value that is none."""
        ...

    def holds(self, wanted: Filter) -> Callable[[int], bool]:
        """Return what tells whether a filter selects a concept, without selecting the others where it can."""
        ...

    def inactive(self) -> Mask:
        """Return the concepts that are no longer used."""
        ...

    def abstract(self) -> Mask:
        """Return the concepts that are not to be selected."""
        ...

    def matching(self, text: str, languages: Sequence[str], within: Mask) -> Numbers:
        """Return the concepts of ``within`` that a text finds, the best first."""
        ...


class Grammar(CodeSystem, Protocol):
    """A version whose codes are what a grammar makes: too many to be listed."""

    def values(self, concept: Concept, name: str) -> Sequence[str]:
        """Return the values that a property of a concept has; raises UnknownFilter for one that there is not."""
        ...


def is_grammar(system: CodeSystem) -> TypeGuard[Grammar]:
    """Tell whether the codes of a version are what a grammar makes."""
    return system.head.is_grammar


def displays_of(system: ListedCodeSystem) -> Callable[[int], str | None]:
    """Return what says the display of a concept by number: ``display`` of those that need not make all of it."""
    found: Callable[[int], str | None] | None = getattr(system, "display", None)
    return found or (lambda number: system.concept(number).display)


def is_listed(system: CodeSystem) -> TypeGuard[ListedCodeSystem]:
    """Tell whether the concepts of a version are listed."""
    return system.head.is_listed
