"""The descriptions of an edition: as columns, and as what a concept is called in the languages and dialects there are.

Spec: http://hl7.org/fhir/R4/snomedct.html (designations)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fhirserver.kernel.resource import Resource
from fhirserver.terminology.concepts import Designation
from fhirserver.terminology.ecl.ontology import PREFERRED, Bools, Ints, Rows
from fhirserver.terminology.index.searching import Search
from fhirserver.terminology.index.sections import Sections

_SNOMED: Final = "http://snomed.info/sct"
_FSN: Final = "900000000000003001"
_DEFINITION: Final = "900000000000550004"


def _use(code: str, display: str) -> Resource:
    return {"system": _SNOMED, "code": code, "display": display}


_FULL_NAME: Final = _use(_FSN, "Fully specified name")
_SYNONYM: Final = _use("900000000000013009", "Synonym")
_TEXT: Final = _use(_DEFINITION, "Definition")


@dataclass(frozen=True, slots=True)
class Said:
    """What a concept is called."""

    display: str | None
    definition: str | None
    designations: tuple[Designation, ...]


@dataclass(frozen=True, slots=True)
class _Term:
    value: str
    language: str
    tag: str
    place: int
    """0: what the concept is called in the language or dialect; 1: another name; 2: its full name; 3: what it means."""

    @property
    def designation(self) -> Designation:
        return Designation(self.value, self.tag, (_SYNONYM, _SYNONYM, _FULL_NAME, _TEXT)[self.place])


class EditionDescriptions:
    """The descriptions of one index."""

    def __init__(self, sections: Sections, search: Search) -> None:
        """Read them from ``sections``, find them by ``search``."""
        self.languages: Sequence[str] = tuple(sections.head["languages"])
        self.concept: Ints = sections["term.concept"]
        self.type: Ints = sections["term.type"]
        self.language: npt.NDArray[np.uint8] = sections["term.language"]
        self.id: npt.NDArray[np.int64] = sections["term.id"]
        self.rows = Rows(sections["term.active"].view(np.bool_), sections["term.module"], sections["term.time"])
        self._texts = sections.texts("term")
        self._search = search
        stored: list[dict[str, Any]] = sections.head["dialects"]
        self._accepted = {one["refset"]: sections[f"dialect.{place}"] for place, one in enumerate(stored)}
        self._dialects: dict[str, list[tuple[int, str]]] = {}
        for one in stored:
            self._dialects.setdefault(one["language"], []).append((one["refset"], one["tag"]))
        self._full_name, self._text = (sections.head["types"][one] for one in (_FSN, _DEFINITION))

    def term(self, row: int) -> str:
        """Return a term."""
        return self._texts.text(row)

    def acceptability(self, refset: int) -> npt.NDArray[np.uint8] | None:
        """Return how a language reference set takes each description; None: the concept is none."""
        return self._accepted.get(refset)

    def dialects(self) -> Sequence[int]:
        """Return the language reference sets."""
        return tuple(self._accepted)

    def with_word(self, beginning: str) -> Bools:
        """Return the rows of which a word begins with a folded word."""
        return self._search.with_word(beginning)

    def of(self, rows: Iterable[int], language: str | None) -> Said:
        """Return what a concept is called whose descriptions these are; its display is in ``language``."""
        terms = sorted((self._term(row) for row in rows if self.rows.active[row]), key=lambda one: one.place)
        own = [one for one in terms if one.tag == language and one.place < 3]
        display = next(iter(own), None)
        definition = next((one for one in terms if one.place == 3 and one.language == language), None)
        others = tuple(one.designation for one in terms if one is not display and one is not definition)
        return Said(
            None if display is None else display.value, None if definition is None else definition.value, others
        )

    def _term(self, row: int) -> _Term:
        language, kind = self.languages[self.language[row]], int(self.type[row])
        if kind in (self._full_name, self._text):
            return _Term(self.term(row), language, language, 2 if kind == self._full_name else 3)
        for place, (dialect, tag) in enumerate(self._dialects.get(language, ())):
            if self._accepted[dialect][row] == PREFERRED:
                return _Term(self.term(row), language, tag if place else language, 0)
        return _Term(self.term(row), language, language, 1)
