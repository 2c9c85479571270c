"""Nodes of a plan that ask a terminology: for the codes of a value set, below or above a code, or that mean the same.

Spec: http://hl7.org/fhir/R4/search.html#token
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Codes:
    """Where the index has coded values."""

    keys: tuple[str, ...]
    implied: frozenset[str] = frozenset()
    """The code systems of elements that state none; their terms have none either."""
    bare: bool = False
    """Some elements state no system and imply none: their code alone decides."""


@dataclass(frozen=True, slots=True)
class InValueSet:
    """Some code is in a value set: a canonical, or ``ValueSet/id``."""

    codes: Codes
    value_set: str
    parameter: str = ""
    """Which asked for it, by which errors name it; empty: ``_filter``."""


@dataclass(frozen=True, slots=True)
class Subsumes:
    """Some code is subsumed by this one or, ``above``, subsumes it; each code subsumes itself."""

    codes: Codes
    system: str
    code: str
    above: bool = False
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class Translated:
    """Some code means what this one means by a concept map, read in both directions."""

    codes: Codes
    system: str
    code: str
    concept_map: str
    parameter: str = ""
