"""Writes the index of an edition of SNOMED CT from the columns of its release.

Concepts are in the order of their identifiers. Descriptions are in the order in which they answer what is typed.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fhirserver.terminology.concepts import Head
from fhirserver.terminology.dialects import tag_of
from fhirserver.terminology.ecl.ontology import PREFERRED
from fhirserver.terminology.index import codes, csr, terms
from fhirserver.terminology.index.edition import EDITION
from fhirserver.terminology.index.edition_concepts import DEFINED
from fhirserver.terminology.index.facts import FactWriter
from fhirserver.terminology.index.heads import head_json
from fhirserver.terminology.index.sections import Array, SectionWriter
from fhirserver.terminology.index.writer import INACTIVE, write_hierarchy
from fhirserver.terminology.loaders.framework import BadRelease, Progress
from fhirserver.terminology.loaders.rf2_edition import SNOMED
from fhirserver.terminology.loaders.rf2_members import write_members
from fhirserver.terminology.loaders.rf2_release import Identifiers, Release
from fhirserver.terminology.loaders.rf2_tables import (
    DEFINITION,
    FSN,
    IS_A,
    Concepts,
    Descriptions,
    Ids,
    Numbers,
    Places,
    Relationships,
    ints,
    longs,
    truths,
)

_ENGLISH: Final = "en"
_FIRST: Final = "en-US"
"""The dialect whose terms are those of its language, though another one has as many."""
_OUT_OF_USE: Final = 1000
_ACCEPTABLE: Final = 6
"""So many letters longer may a preferred term be, and still go before one that is only acceptable."""
_FULL: Final = 12
_STEPS: Final = 5
_PROPERTIES: Final = (
    ("inactive", "boolean", "Whether the code is out of use"),
    ("sufficientlyDefined", "boolean", "Whether the concept is sufficiently defined"),
    ("moduleId", "code", "The module of the concept"),
    ("effectiveTime", "string", "When the concept became what it is"),
    ("parent", "code", "What the concept is a kind of"),
    ("child", "code", "What is a kind of the concept"),
)
_FILTERS: Final = ("concept", "constraint", "expression", "expressions")


class EditionWriter:
    """Writes one file."""

    def __init__(self, path: Path, progress: Progress) -> None:
        """Begin the file at ``path``."""
        self._writer = SectionWriter(path)
        self._progress = progress
        self._head: dict[str, Any] = {"kind": EDITION}

    def __enter__(self) -> "EditionWriter":
        """Write within a context: at its end nothing is left of a file that was not finished."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing unfinished."""
        self._writer.abandon()

    def write(self, release: Release, version: str) -> int:
        """Write a release; return how many concepts it has. Raises BadRelease."""
        self._progress.begin("Indexing", _STEPS)
        numbers = self._concepts(release.concepts)
        self._progress.advance(1)
        attributes = self._relationships(release.relationships, numbers)
        self._progress.advance(1)
        self._descriptions(release, numbers)
        self._progress.advance(1)
        self._head["members"] = write_members(self._writer, release.refsets.values(), numbers)
        _write_identifiers(self._writer, release.identifiers, numbers)
        self._progress.advance(1)
        self._writer.finish({**self._head, "head": head_json(_head(version, attributes, self._head["languages"]))})
        self._progress.advance(1)
        return len(numbers.ids)

    def _concepts(self, concepts: Concepts) -> Numbers:
        places = concepts.last()
        numbers = Numbers(longs(concepts.ids)[places])
        inactive = ~truths(concepts.active)[places]
        flags = inactive.astype(np.uint8) * INACTIVE | truths(concepts.defined)[places].astype(np.uint8) * DEFINED
        self._codes = [b"%d" % one for one in numbers.ids.tolist()]
        codes.write(self._writer, self._codes)
        self._writer.add("flags", flags)
        self._writer.add("concept.module", numbers.of(longs(concepts.modules)[places]))
        self._writer.add("concept.time", ints(concepts.times)[places])
        self._inactive = inactive
        return numbers

    def _relationships(self, rows: Relationships, numbers: Numbers) -> list[int]:
        """Write what defines concepts; return the attributes."""
        places = rows.last(only_active=True)
        source = _known(numbers, longs(rows.sources)[places], "source of a relationship")
        kinds, targets = longs(rows.attributes)[places], longs(rows.targets)[places]
        is_a = kinds == IS_A
        above = _known(numbers, targets[is_a], "parent")
        count = len(numbers.ids)
        write_hierarchy(self._writer, source[is_a], above, count)
        rest = ~is_a
        attribute = _known(numbers, kinds[rest], "type of a relationship")
        cells = np.where(targets[rest] < 0, targets[rest], numbers.of(targets[rest])).astype(np.int32)
        _known(numbers, targets[rest][targets[rest] >= 0], "destination of a relationship")
        group, source = ints(rows.groups)[places][rest], source[rest]
        order = np.lexsort((attribute, group, source))
        for name, column in (("source", source), ("group", group), ("attribute", attribute), ("value", cells)):
            self._writer.add(f"relationship.{name}", column[order].astype(np.int32))
        self._writer.add("relationship.offsets", csr.offsets_of(source, count))
        self._writer.add_texts("relationship.values", list(rows.values))
        found: list[int] = numbers.ids[np.unique(attribute)].tolist()
        return found

    def _descriptions(self, release: Release, numbers: Numbers) -> None:
        rows = release.descriptions
        places = _of_concepts(rows, numbers)
        ids = longs(rows.ids)[places]
        known = _known(numbers, longs(rows.concepts)[places], "concept of a description")
        accepted = _accepted(release, ids)
        order = self._terms(rows, places, known, accepted)
        columns: dict[str, Array] = {
            "id": ids,
            "type": numbers.of(longs(rows.types)[places]),
            "module": numbers.of(longs(rows.modules)[places]),
            "time": ints(rows.times)[places],
            "active": truths(rows.active)[places].astype(np.uint8),
        }
        for name, column in columns.items():
            self._writer.add(f"term.{name}", column[order])
        self._head["languages"] = [one.decode() for one in rows.names]
        self._head["types"] = {str(one): int(numbers.of(np.array([one]))[0]) for one in (FSN, DEFINITION)}
        languages = np.frombuffer(rows.languages, np.uint8)[places][order]
        refsets = _known(numbers, np.fromiter(release.languages.names, np.int64), "language reference set")
        self._dialects(refsets, accepted[:, order], languages)
        is_own = languages == (self._head["languages"] or [None]).index(_own_language(self._head["languages"]))
        shown = truths(rows.active)[places][order] & is_own
        self._displays(known[order], longs(rows.types)[places][order], shown)

    def _dialects(self, refsets: Array, accepted: npt.NDArray[np.uint8], languages: Array) -> None:
        """Write how language reference sets take the terms; the first dialect of a language has the most of them."""
        found: list[tuple[str, bool, int, int, str, Array]] = []
        for refset, row in zip(refsets.tolist(), accepted, strict=True):
            counts = np.bincount(languages[row == PREFERRED], minlength=1)
            language = self._head["languages"][int(counts.argmax())]
            tag = tag_of(self._codes[refset].decode(), language)
            found.append((language, tag != _FIRST, -int(counts.max()), refset, tag, row))
        found.sort(key=lambda one: one[:4])
        self._head["dialects"] = [{"refset": one[3], "language": one[0], "tag": one[4]} for one in found]
        for place, one in enumerate(found):
            self._writer.add(f"dialect.{place}", one[5])
        own = _own_language(self._head["languages"])
        self._accepted = [row for language, *_, row in found if language == own]

    def _displays(self, concept: Array, kinds: Ids, is_shown: Array) -> None:
        """Write which term of its own language each concept is called by: the preferred one, if there is one."""
        nobody = np.zeros(len(concept), np.bool_)
        preferred = [row == PREFERRED for row in self._accepted]
        first = preferred[0] if preferred else nobody
        elsewhere = np.any(preferred[1:], axis=0) & ~first if len(preferred) > 1 else nobody
        is_name = (kinds != FSN) & (kinds != DEFINITION)
        found = np.full(len(self._codes), -1, np.int32)
        for chosen in (kinds == FSN, is_name & ~first & ~elsewhere, is_name & elsewhere, is_name & first):
            rows = np.flatnonzero(chosen & is_shown)[::-1]
            found[concept[rows]] = rows
        self._writer.add("concept.display", found)

    def _terms(
        self, rows: Descriptions, places: Places, concept: Array, accepted: npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.intp]:
        """Write the terms; return the order in which they are now."""
        kinds = longs(rows.types)[places]
        is_preferred = (accepted == PREFERRED).any(axis=0)
        ranks = np.where(kinds == FSN, _FULL, np.where(is_preferred, 0, _ACCEPTABLE))
        ranks = ranks + np.where(self._inactive[concept], _OUT_OF_USE, 0)
        found = truths(rows.active)[places] & (kinds != DEFINITION)
        texts, rows.terms = [rows.terms[place] for place in places.tolist()], []
        languages = np.frombuffer(rows.languages, np.uint8)[places]
        table = terms.Columns(texts, concept, languages, ranks.astype(np.int32), found.astype(np.uint8))
        return terms.write_columns(self._writer, table, len(self._inactive))


def _of_concepts(rows: Descriptions, numbers: Numbers) -> Places:
    """Return the last states of descriptions, without those out of use of concepts that are not in the release."""
    places = rows.last()
    kept: Places = places[truths(rows.active)[places] | (numbers.of(longs(rows.concepts)[places]) >= 0)]
    return kept


def _known(numbers: Numbers, ids: Ids, what: str) -> npt.NDArray[np.int32]:
    """Return the numbers of concepts; raises BadRelease for one that is not there."""
    found = numbers.of(ids)
    missing = np.flatnonzero(found < 0)
    if len(missing):
        raise BadRelease(
            f"The {what} {ids[missing[0]]} is no concept of the release: "
            "load an extension together with the edition that it builds on."
        )
    return found


def _accepted(release: Release, ids: Ids) -> npt.NDArray[np.uint8]:
    """Return for each language reference set how it takes each description."""
    rows = release.languages
    found = np.zeros((len(rows.names), len(ids)), np.uint8)
    places = rows.last(only_active=True)
    if len(places) and len(ids):
        wanted = longs(rows.descriptions)[places]
        at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
        is_here = ids[at] == wanted
        refset = np.frombuffer(rows.refsets, np.uint8)[places]
        value = np.frombuffer(rows.acceptability, np.uint8)[places]
        found[refset[is_here], at[is_here]] = value[is_here]
    return found


def _write_identifiers(writer: SectionWriter, rows: Identifiers, numbers: Numbers) -> None:
    facts = FactWriter()
    places = rows.last(only_active=True)
    found = numbers.of(longs(rows.concepts)[places])
    for number, place in sorted(zip(found.tolist(), places.tolist(), strict=True)):
        if number >= 0:
            facts.add(str(rows.schemes[place]), rows.alternates[place].decode(errors="replace"), number)
    facts.write(writer)


def _own_language(languages: list[str]) -> str | None:
    """Return the language of the displays."""
    return _ENGLISH if _ENGLISH in languages else next(iter(languages), None)


def _head(version: str, attributes: list[int], languages: list[str]) -> Head:
    declared = [{"code": code, "type": kind, "description": text} for code, kind, text in _PROPERTIES]
    declared += [{"code": str(one), "type": "code"} for one in attributes]
    return Head(
        url=SNOMED,
        version=version,
        name="SNOMED_CT",
        title="SNOMED CT",
        language=_own_language(languages),
        properties={one["code"]: one for one in declared},
        filters=frozenset(_FILTERS),
    )
