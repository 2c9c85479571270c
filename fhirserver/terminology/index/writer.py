"""Makes an index of concepts that come one by one, in the order in which lists shall have them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fhirserver.codec.fhir_json import encode
from fhirserver.kernel.resource import Json
from fhirserver.terminology.concepts import Concept, Designation, Head, Property
from fhirserver.terminology.index import codes, csr, terms
from fhirserver.terminology.index.facts import FactWriter
from fhirserver.terminology.index.heads import head_json
from fhirserver.terminology.index.sections import SectionWriter

GENERAL: Final = "general"
"""The kind of an index that this writer makes."""
INACTIVE: Final = 1
ABSTRACT: Final = 2
_OUT_OF_USE: Final = 1000
_OTHER_NAME: Final = 6
"""So many letters longer may a display be, and still go before another designation."""


class BadConcepts(Exception):
    """The concepts cannot be those of one code system; the text is one sentence."""


class IndexWriter:
    """Writes one version of a code system; its file is there when ``finish`` returns, and whole."""

    def __init__(self, path: Path, head: Head) -> None:
        """Begin the file at ``path``."""
        self._head = head
        self._writer = SectionWriter(path)
        self._codes: dict[str, int] = {}
        self._parents: list[Sequence[str]] = []
        self._flags = bytearray()
        self._more: list[bytes] = []
        self._facts = FactWriter()
        self._terms = terms.Terms()
        self._languages: dict[str, int] = {}

    def __enter__(self) -> "IndexWriter":
        """Write within a context: at its end nothing is left of a file that was not finished."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing unfinished."""
        self._writer.abandon()

    def add(
        self,
        code: str,
        *,
        display: str | None = None,
        definition: str | None = None,
        parents: Iterable[str] = (),
        designations: Iterable[Designation] = (),
        properties: Iterable[Property] = (),
        is_inactive: bool = False,
        is_abstract: bool = False,
        status: str | None = None,
    ) -> None:
        """Add a concept; its parents may come later. Raises BadConcepts for a code that is there."""
        number = len(self._more)
        if self._codes.setdefault(self._key(code), number) != number:
            raise BadConcepts(f"The code `{code}` is there twice.")
        concept = Concept(
            code=code,
            display=display,
            definition=definition,
            designations=tuple(designations),
            properties=tuple(properties),
            is_abstract=is_abstract,
            is_inactive=is_inactive,
            status=status,
        )
        self._parents.append(tuple(parents))
        self._flags.append(INACTIVE * is_inactive | ABSTRACT * is_abstract)
        self._more.append(encode(_stored(concept)))
        for one in concept.properties:
            self._facts.add(one.code, one.text, number)
        self._add_terms(concept, number)

    def finish(self) -> None:
        """Give the file its name; raises BadConcepts for a parent that is not there."""
        count, writer = len(self._more), self._writer
        codes.write(writer, [one.encode() for one in self._codes])
        writer.add("flags", bytes(self._flags))
        writer.add_texts("more", self._more)
        write_hierarchy(writer, *self._pairs(), count)
        self._facts.write(writer)
        terms.write(writer, self._terms, count)
        writer.finish({"kind": GENERAL, "head": head_json(self._head), "languages": list(self._languages)})

    def _pairs(self) -> tuple[list[int], list[int]]:
        below, above = [], []
        for number, parents in enumerate(self._parents):
            for parent in parents:
                found = self._codes.get(self._key(parent))
                if found is None:
                    raise BadConcepts(f"The parent `{parent}` is not there.")
                below.append(number)
                above.append(found)
        return below, above

    def _add_terms(self, concept: Concept, number: int) -> None:
        """Let a concept be found by its code and by all that it is called."""
        rank = _OUT_OF_USE * concept.is_inactive
        self._terms.add(concept.code, number, terms.NO_LANGUAGE, rank)
        if concept.display is not None:
            self._terms.add(concept.display, number, self._language(self._head.language), rank)
        for one in concept.designations:
            if not one.is_withdrawn:
                self._terms.add(one.value, number, self._language(one.language), rank + _OTHER_NAME)

    def _language(self, language: str | None) -> int:
        if language is None or (language not in self._languages and len(self._languages) == terms.NO_LANGUAGE):
            return terms.NO_LANGUAGE
        return self._languages.setdefault(language, len(self._languages))

    def _key(self, code: str) -> str:
        return code if self._head.is_case_sensitive else code.lower()


def write_hierarchy(writer: SectionWriter, below: npt.ArrayLike, above: npt.ArrayLike, count: int) -> None:
    """Write what is right above and below each concept, and all that is."""
    under, over = csr.distinct(np.asarray(below, np.int32), np.asarray(above, np.int32), count)
    csr.write(writer, "parents", under, over, count)
    csr.write(writer, "children", over, under, count)
    offsets, ancestors = csr.closure(under, over, count)
    writer.add("ancestors.offsets", offsets)
    writer.add("ancestors.targets", ancestors)
    offsets, descendants = csr.inverted(offsets, ancestors, count)
    writer.add("descendants.offsets", offsets)
    writer.add("descendants.targets", descendants)


def _stored(concept: Concept) -> dict[str, Json]:
    found: dict[str, Json] = {
        "code": concept.code,
        "display": concept.display,
        "definition": concept.definition,
        "status": concept.status,
        "designations": [_designation(one) for one in concept.designations],
        "properties": [[one.code, one.key, one.value] for one in concept.properties],
    }
    return {name: value for name, value in found.items() if value}


def _designation(one: Designation) -> dict[str, Json]:
    found = {"value": one.value, "language": one.language, "use": one.use, "extensions": list(one.extensions)}
    return {name: value for name, value in found.items() if value}
