"""The descriptions of an edition: as columns, and as what a concept is called in the languages and dialects there are.

Spec: http://hl7.org/fhir/R4/snomedct.html (designations)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, NamedTuple

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
_USES: Final = (_SYNONYM, _SYNONYM, _FULL_NAME, _TEXT)
_NAME, _OTHER, _FULL, _MEANING = range(4)
"""What the concept is called in a language or dialect; another name; its full name; what it means: in this order."""
_place: Final = itemgetter(3)


@dataclass(frozen=True, slots=True)
class Said:
    """What a concept is called."""

    display: str | None
    definition: str | None
    designations: tuple[Designation, ...]


class _Term(NamedTuple):
    value: str
    language: str
    tag: str
    place: int

    @property
    def designation(self) -> Designation:
        return Designation(self.value, self.tag, _USES[self.place])


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
        self._active, self._language, self._type = map(sections.view, ("term.active", "term.language", "term.type"))
        self._search = search
        stored: list[dict[str, Any]] = sections.head["dialects"]
        self._accepted = {one["refset"]: sections[f"dialect.{place}"] for place, one in enumerate(stored)}
        self._views = {refset: rows.data for refset, rows in self._accepted.items()}
        self._dialects: dict[str, list[tuple[int, str]]] = {}
        for one in stored:
            self._dialects.setdefault(one["language"], []).append((one["refset"], one["tag"]))
        self._full_name, self._text = self._others = tuple(sections.head["types"][one] for one in (_FSN, _DEFINITION))

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

    def with_part(self, part: str) -> Bools:
        """Return the rows of which a word has some folded letters in it."""
        return self._search.with_part(part)

    def of(self, rows: Iterable[int], display: int, language: str | None) -> Said:
        """Return what a concept is called whose descriptions these are; its display in ``language`` is one of them."""
        terms = [self._term(row) for row in rows if self._active[row] and row != display]
        terms = self._with_names(sorted(terms, key=_place), {language} if display >= 0 else set())
        definition = next((one for one in terms if one.place == _MEANING and one.language == language), None)
        others = tuple(one.designation for one in terms if one is not definition)
        meaning = None if definition is None else definition.value
        return Said(self.term(display) if display >= 0 else None, meaning, others)

    def _with_names(self, terms: list[_Term], named: set[str | None]) -> list[_Term]:
        """Return terms of which one names the concept in each language: if no other one, that of another dialect."""
        named = named | {one.language for one in terms if one.place == _NAME and one.tag == one.language}
        found = []
        for one in terms:
            is_missing = one.place == _NAME and one.language not in named
            found.append(one._replace(tag=one.language) if is_missing else one)
            named.add(one.language)
        return found

    def _term(self, row: int) -> _Term:
        language, kind = self.languages[self._language[row]], self._type[row]
        if kind in self._others:
            return _Term(self.term(row), language, language, _FULL if kind == self._full_name else _MEANING)
        for place, (dialect, tag) in enumerate(self._dialects.get(language, ())):
            if self._views[dialect][row] == PREFERRED:
                return _Term(self.term(row), language, tag if place else language, _NAME)
        return _Term(self.term(row), language, language, _OTHER)
