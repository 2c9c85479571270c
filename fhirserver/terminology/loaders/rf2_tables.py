"""The components of a SNOMED CT release as columns: concepts, descriptions, relationships.

A component may be there several times: in a full release once for each of its states, in an extension and in the
International Edition. The last state counts.
Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-release-file-specification
"""

from array import array
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from fhirserver.terminology.loaders.rf2_files import Row

IS_A: Final = 116680003
ROOT: Final = 138875005
FSN: Final = 900000000000003001
SYNONYM: Final = 900000000000013009
DEFINITION: Final = 900000000000550004
_DEFINED: Final = b"900000000000073002"
_INFERRED: Final = b"900000000000011006"
_BEGINNING: Final = ("id", "effectiveTime", "active", "moduleId")
_TRUTHS: Final = {b"0": 0, b"1": 1}

Ids = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]


def _longs() -> "array[int]":
    return array("q")


def _ints() -> "array[int]":
    return array("i")


@dataclass(slots=True)
class Table:
    """What the rows of every file have."""

    ids: "array[int]" = field(default_factory=_longs)
    times: "array[int]" = field(default_factory=_ints)
    active: bytearray = field(default_factory=bytearray)
    modules: "array[int]" = field(default_factory=_longs)

    def add(self, key: int, row: Row) -> None:
        """Take the first columns of a row; raises ValueError."""
        active = _TRUTHS.get(row[2])
        if active is None or len(row[1]) != 8:
            raise ValueError("`active` is not 0 or 1" if active is None else "`effectiveTime` is not a date")
        self.ids.append(key)
        self.times.append(int(row[1]))
        self.active.append(active)
        self.modules.append(int(row[3]))

    def last(self, *, only_active: bool = False) -> Places:
        """Return the places of the last state of each component, in the order of their ids."""
        ids, times = longs(self.ids), np.frombuffer(self.times, np.int32) if len(self.times) else np.zeros(0, np.int32)
        order = np.lexsort((times, ids))
        ordered = ids[order]
        is_last = np.ones(len(order), np.bool_)
        is_last[:-1] = ordered[1:] != ordered[:-1]
        places: Places = order[is_last]
        return places[truths(self.active)[places]] if only_active else places


@dataclass(slots=True)
class Concepts(Table):
    """Rows of the concept files."""

    defined: bytearray = field(default_factory=bytearray)
    columns = (*_BEGINNING, "definitionStatusId")

    def take(self, row: Row) -> None:
        """Take a row; raises ValueError."""
        self.add(int(row[0]), row)
        self.defined.append(row[4] == _DEFINED)


@dataclass(slots=True)
class Descriptions(Table):
    """Rows of the description and text definition files."""

    concepts: "array[int]" = field(default_factory=_longs)
    languages: bytearray = field(default_factory=bytearray)
    types: "array[int]" = field(default_factory=_longs)
    terms: list[bytes] = field(default_factory=list)
    names: dict[bytes, int] = field(default_factory=dict)
    """The languages, in the order of their places."""
    columns = (*_BEGINNING, "conceptId", "languageCode", "typeId", "term", "caseSignificanceId")

    def take(self, row: Row) -> None:
        """Take a row; raises ValueError."""
        self.add(int(row[0]), row)
        self.concepts.append(int(row[4]))
        self.languages.append(self.names.setdefault(row[5], len(self.names)))
        self.types.append(int(row[6]))
        if not row[7].isascii():
            row[7].decode()
        self.terms.append(row[7])


@dataclass(slots=True)
class Relationships(Table):
    """Rows of the inferred relationship files, with concepts or with concrete values."""

    sources: "array[int]" = field(default_factory=_longs)
    targets: "array[int]" = field(default_factory=_longs)
    """Concepts; or, below 0, values: -1 is the first."""
    groups: "array[int]" = field(default_factory=_ints)
    attributes: "array[int]" = field(default_factory=_longs)
    values: dict[bytes, int] = field(default_factory=dict)
    columns = (*_BEGINNING, "sourceId", "destinationId", "relationshipGroup", "typeId", "characteristicTypeId")
    value_columns = (*_BEGINNING, "sourceId", "value", "relationshipGroup", "typeId", "characteristicTypeId")

    def take(self, row: Row) -> None:
        """Take a row; raises ValueError."""
        if row[8] == _INFERRED:
            self._add(row, int(row[5]))

    def take_value(self, row: Row) -> None:
        """Take a row with a concrete value; raises ValueError."""
        if row[8] == _INFERRED:
            checked_value(row[5].decode())
            self._add(row, -1 - self.values.setdefault(row[5], len(self.values)))

    def _add(self, row: Row, target: int) -> None:
        self.add(int(row[0]), row)
        self.sources.append(int(row[4]))
        self.targets.append(target)
        self.groups.append(int(row[6]))
        self.attributes.append(int(row[7]))


def checked_value(text: str) -> str:
    """Return a concrete value as it is written: ``#`` and a number, a text in quotes, a truth. Raises ValueError."""
    if text.startswith("#"):
        float(text[1:])
    elif text.lower() not in ("true", "false") and not (len(text) > 1 and text[0] == text[-1] == '"'):
        raise ValueError(f"`{text}` is not a concrete value")
    return text


def longs(values: "array[int]") -> Ids:
    """Return identifiers as an array."""
    return np.frombuffer(values, np.int64) if len(values) else np.zeros(0, np.int64)


def ints(values: "array[int]") -> npt.NDArray[np.int32]:
    """Return small numbers as an array."""
    return np.frombuffer(values, np.int32) if len(values) else np.zeros(0, np.int32)


def truths(values: bytearray) -> npt.NDArray[np.bool_]:
    """Return truths as an array."""
    return np.frombuffer(values, np.bool_) if len(values) else np.zeros(0, np.bool_)


class Numbers:
    """Numbers of concepts by their identifiers."""

    def __init__(self, ids: Ids) -> None:
        """Number ``ids``, which are in order."""
        self.ids = ids

    def of(self, wanted: Ids) -> npt.NDArray[np.int32]:
        """Return the number of each identifier, -1 where it is none of a concept here."""
        if len(self.ids) == 0:
            return np.full(len(wanted), -1, np.int32)
        places = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        return np.where(self.ids[places] == wanted, places, -1).astype(np.int32)
