"""Concepts of an edition put together: what they are called, their state, what defines them."""

from collections.abc import Iterator
from typing import Final

from fhirserver.terminology.concepts import Concept, Property
from fhirserver.terminology.index.codes import Codes
from fhirserver.terminology.index.concrete import property_of
from fhirserver.terminology.index.edition_descriptions import EditionDescriptions
from fhirserver.terminology.index.sections import Sections
from fhirserver.terminology.index.writer import INACTIVE

DEFINED: Final = 4
"""The flag of concepts whose definition is sufficient."""
_OUT_OF_USE: Final = "inactive"


class EditionConcepts:
    """The concepts of one index."""

    def __init__(self, sections: Sections, descriptions: EditionDescriptions, language: str | None) -> None:
        """Read them from ``sections``; their displays are in ``language``."""
        self._codes = Codes(sections)
        self._descriptions = descriptions
        self._language = language
        self._flags = sections.view("flags")
        self._module = sections.view("concept.module")
        self._time = sections.view("concept.time")
        self._display = sections.view("concept.display")
        self._terms = sections.lists("terms")
        self._first = sections.view("relationship.offsets")
        self._attribute = sections.view("relationship.attribute")
        self._value = sections.view("relationship.value")
        self._values = sections.texts("relationship.values")

    def display(self, number: int) -> str | None:
        """Return what a concept is called."""
        row = self._display[number]
        return self._descriptions.term(row) if row >= 0 else None

    def concept(self, number: int) -> Concept:
        """Return a concept."""
        said = self._descriptions.of(self._terms[number].tolist(), self._display[number], self._language)
        is_inactive = bool(self._flags[number] & INACTIVE)
        return Concept(
            code=self._codes[number],
            display=said.display,
            definition=said.definition,
            designations=said.designations,
            properties=tuple(self._properties(number)),
            is_inactive=is_inactive,
            status=_OUT_OF_USE if is_inactive else None,
        )

    def _properties(self, number: int) -> Iterator[Property]:
        yield Property("sufficientlyDefined", "valueBoolean", bool(self._flags[number] & DEFINED))
        module = self._module[number]
        if module >= 0:
            yield Property("moduleId", "valueCode", self._codes[module])
        yield Property("effectiveTime", "valueString", str(self._time[number]))
        for place in range(self._first[number], self._first[number + 1]):
            name, cell = self._codes[self._attribute[place]], self._value[place]
            if cell >= 0:
                yield Property(name, "valueCode", self._codes[cell])
            else:
                yield property_of(name, self._values.text(-1 - cell))
