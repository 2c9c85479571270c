"""SearchParameters as compact values, grouped by the resource types they apply to.

Spec: http://hl7.org/fhir/R4/searchparameter.html
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from fhirserver.kernel.resource import Resource

BY_CONCEPT_MAP: Final = "urn:fhirserver:StructureDefinition:search-by-concept-map"
"""The extension of a SearchParameter for codes that names a ConceptMap."""


class SearchType(StrEnum):
    """http://hl7.org/fhir/R4/valueset-search-param-type.html"""

    NUMBER = "number"
    DATE = "date"
    STRING = "string"
    TOKEN = "token"  # noqa: S105 - the FHIR word for coded values, not a secret
    REFERENCE = "reference"
    COMPOSITE = "composite"
    QUANTITY = "quantity"
    URI = "uri"
    SPECIAL = "special"


class Component(msgspec.Struct, frozen=True, array_like=True):
    """One part of a composite: the parameter that types it and its expression, relative to the composite's."""

    definition: str
    expression: str


class SearchParameter(msgspec.Struct, frozen=True, array_like=True):
    """The definition of one parameter; ``expression`` is FHIRPath or None where the server computes it."""

    url: str
    code: str
    type: SearchType
    base: tuple[str, ...]
    expression: str | None
    targets: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    description: str = ""
    concept_map: str | None = None
    """The canonical of a ConceptMap by which a code finds those that mean the same."""


def compile_search_parameter(definition: Resource) -> SearchParameter | None:
    """Return the compact form; None for the package's examples and those that apply to no type."""
    if definition["id"].startswith("example") or not definition.get("base"):
        return None
    components = (Component(part["definition"], part["expression"]) for part in definition.get("component", ()))
    return SearchParameter(
        definition["url"],
        definition["code"],
        SearchType(definition["type"]),
        tuple(definition["base"]),
        definition.get("expression"),
        tuple(definition.get("target", ())),
        tuple(components),
        definition.get("description", ""),
        next(
            (e.get("valueCanonical") for e in definition.get("extension", ()) if e.get("url") == BY_CONCEPT_MAP), None
        ),
    )


def by_base(parameters: Iterable[SearchParameter]) -> dict[str, list[SearchParameter]]:
    """Group parameters by base type; ``Resource`` and ``DomainResource`` hold those of all types."""
    grouped: dict[str, list[SearchParameter]] = {}
    for parameter in parameters:
        for base in parameter.base:
            grouped.setdefault(base, []).append(parameter)
    return grouped
