"""The concepts of an edition by the values of their properties: module, state, and what defines them.

Spec: http://hl7.org/fhir/R4/snomedct.html (filters, properties)
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np

from fhirserver.terminology.concepts import Mask
from fhirserver.terminology.ecl.ontology import Ontology
from fhirserver.terminology.index.concrete import property_of
from fhirserver.terminology.index.sections import Sections

_TRUTHS: Final = {"true": True, "false": False}


class Stated(Ontology, Protocol):
    """What this module asks of an edition."""

    @property
    def sections(self) -> Sections:
        """The arrays."""
        ...


class EditionProperties:
    """The properties of an edition."""

    def __init__(self, edition: Stated) -> None:
        """Look into the columns of ``edition``."""
        self._edition = edition

    def knows(self, name: str) -> bool:
        """Tell whether this is a property of every concept, or an attribute."""
        return name in _COLUMNS or self._attribute(name) is not None

    def with_value(self, name: str, value: str) -> Mask:
        """Return the concepts that have a property with this value."""
        column = _COLUMNS.get(name)
        if column is not None:
            return column(self._edition, value)
        relationships, target = self._edition.relationships, self._edition.number(value)
        if target is not None:
            return self._having(relationships.value.cells == target, name)
        texts = self._edition.sections.texts("relationship.values")
        equal = [-1 - place for place in range(len(texts)) if property_of(name, texts.text(place)).text == value]
        return self._having(np.isin(relationships.value.cells, equal), name)

    def having(self, name: str) -> Mask:
        """Return the concepts that have a property."""
        if name in _COLUMNS:
            return np.ones(len(self._edition), np.bool_)
        return self._having(np.ones(len(self._edition.relationships.source), np.bool_), name)

    def values(self, name: str) -> Iterable[str]:
        """Return the values that a property has."""
        edition = self._edition
        if name in ("sufficientlyDefined", "inactive"):
            return tuple(_TRUTHS)
        if name == "moduleId":
            return [edition.code(int(one)) for one in np.unique(edition.rows.module) if one >= 0]
        if name == "effectiveTime":
            return [str(one) for one in np.unique(edition.rows.effective_time)]
        relationships = edition.relationships
        cells = np.unique(relationships.value.cells[relationships.attribute == self._attribute(name)])
        return [self._shown(name, int(cell)) for cell in cells]

    def _shown(self, name: str, cell: int) -> str:
        if cell >= 0:
            return self._edition.code(cell)
        return property_of(name, self._edition.sections.texts("relationship.values").text(-1 - cell)).text

    def _having(self, is_wanted: Mask, name: str) -> Mask:
        relationships = self._edition.relationships
        found = np.zeros(len(self._edition), np.bool_)
        found[relationships.source[is_wanted & (relationships.attribute == self._attribute(name))]] = True
        return found

    def _attribute(self, name: str) -> int | None:
        return self._edition.number(name)


def _in_module(edition: Stated, value: str) -> Mask:
    number = edition.number(value)
    found: Mask = edition.rows.module == (-2 if number is None else number)
    return found


def _of_time(edition: Stated, value: str) -> Mask:
    found: Mask = edition.rows.effective_time == (int(value) if value.isascii() and value.isdigit() else -1)
    return found


def _is_defined(edition: Stated, value: str) -> Mask:
    truth = _TRUTHS.get(value)
    return np.zeros(len(edition), np.bool_) if truth is None else edition.defined == truth


def _is_inactive(edition: Stated, value: str) -> Mask:
    truth = _TRUTHS.get(value)
    return np.zeros(len(edition), np.bool_) if truth is None else edition.inactive() == truth


_COLUMNS: Final[Mapping[str, Callable[[Stated, str], Mask]]] = MappingProxyType(
    {"moduleId": _in_module, "effectiveTime": _of_time, "sufficientlyDefined": _is_defined, "inactive": _is_inactive}
)
