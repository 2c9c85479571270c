"""An edition of SNOMED CT in an index: a listed code system, and what expression constraints ask of it.

Spec: http://hl7.org/fhir/R4/snomedct.html
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

import numpy as np

from fhirserver.terminology.concepts import Concept, Filter, Mask
from fhirserver.terminology.ecl.answers import selected
from fhirserver.terminology.ecl.filters import constraint_of, holds
from fhirserver.terminology.ecl.ontology import Column, Links, Members, Relationships, Rows
from fhirserver.terminology.index.concrete import CellValues, value_of
from fhirserver.terminology.index.edition_concepts import DEFINED, EditionConcepts
from fhirserver.terminology.index.edition_descriptions import EditionDescriptions
from fhirserver.terminology.index.edition_properties import EditionProperties
from fhirserver.terminology.index.facts import Facts
from fhirserver.terminology.index.sections import Sections
from fhirserver.terminology.index.selecting import Properties
from fhirserver.terminology.index.system import IndexedCodeSystem

EDITION: Final = "edition"
"""The kind of these indexes."""
_EXPRESSIONS: Final = "expressions"
"""Says whether expressions are allowed, which are not among the concepts that are listed."""


class EditionCodeSystem(IndexedCodeSystem):
    """One edition in one version."""

    def __init__(self, sections: Sections) -> None:
        """Answer from ``sections``."""
        super().__init__(sections)
        self.descriptions = EditionDescriptions(sections, self._search)
        self._concepts = EditionConcepts(sections, self.descriptions, self.head.language)
        self._members = {
            int(refset): (place, span)
            for place, table in enumerate(sections.head["members"])
            for refset, span in table["refsets"].items()
        }

    @property
    def parents_of(self) -> Links:
        """The concepts right above each one."""
        return Links(self.parent_lists.offsets, self.parent_lists.targets)

    @property
    def children_of(self) -> Links:
        """The concepts right below each one."""
        return Links(self.child_lists.offsets, self.child_lists.targets)

    @cached_property
    def rows(self) -> Rows:
        """What the release says of each concept."""
        return Rows(~self.inactive(), self.sections["concept.module"], self.sections["concept.time"])

    @property
    def defined(self) -> Mask:
        """The concepts whose definition is sufficient."""
        return self._flagged(DEFINED)

    @cached_property
    def relationships(self) -> Relationships:
        """What concepts are defined by."""
        source, group, attribute, cells = (
            self.sections[f"relationship.{name}"] for name in ("source", "group", "attribute", "value")
        )
        texts = self.sections.texts("relationship.values")
        values = [value_of(texts.text(place)) for place in range(len(texts))]
        return Relationships(source, group, attribute, Column(cells, values))

    def refsets(self) -> Sequence[int]:
        """Return the reference sets that have rows, without those of languages."""
        return tuple(self._members)

    def members(self, refset: int) -> Members | None:
        """Return the rows of a reference set; None: it has none."""
        found = self._members.get(refset)
        if found is None:
            return None
        place, (first, last) = found
        name, table = f"members.{place}", self.sections.head["members"][place]
        active, module, time, component = (
            self.sections[f"{name}.{part}"][first:last] for part in ("active", "module", "time", "component")
        )
        fields = {"referencedComponentId": Column(component)}
        for number, (field, kind) in enumerate(zip(table["names"], table["kinds"], strict=True)):
            values = CellValues(self.sections.texts(f"{name}.{number}.values"), kind)
            fields[field] = Column(self.sections[f"{name}.{number}.cells"][first:last], values)
        return Members(Rows(active.view(np.bool_), module, time), fields)

    def identified(self, scheme: int, code: str) -> Sequence[int]:
        """Return the concepts that an identifier of another scheme names."""
        found: list[int] = np.flatnonzero(Facts(self.sections, len(self)).with_value(self.code(scheme), code)).tolist()
        return found

    def select(self, wanted: Filter) -> Mask:
        """Return the concepts a filter selects; raises UnknownFilter, Undecidable, BadConstraint."""
        if wanted.property == _EXPRESSIONS:
            return np.ones(len(self), np.bool_)
        constraint = constraint_of(self, wanted)
        return super().select(wanted) if constraint is None else selected(self, constraint)

    def holds(self, wanted: Filter) -> Callable[[int], bool]:
        """Return what tells whether a filter selects a concept; raises as ``select`` does."""
        if wanted.property == _EXPRESSIONS:
            return lambda number: True
        return holds(self, wanted)

    @property
    def properties(self) -> Properties:
        """The concepts by the values of their properties; not kept: it would keep this in turn."""
        return EditionProperties(self)

    def display(self, number: int) -> str | None:
        """Return what a concept is called, without the rest of it."""
        return self._concepts.display(number)

    def _concept(self, number: int) -> Concept:
        return self._concepts.concept(number)
