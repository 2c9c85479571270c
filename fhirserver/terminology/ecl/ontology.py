"""What an expression constraint asks of a version of SNOMED CT beyond what every listed code system has.

All is columns: an array with one entry a concept, a relationship, a description or a row of a reference set. Concepts
are their numbers; rows of one kind are in one order that never changes. Arrays may be mapped from a file; nobody writes
into them.
Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-release-file-specification
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from fhirserver.terminology.concepts import ListedCodeSystem, Mask

Ints: TypeAlias = npt.NDArray[np.int32]
"""Concepts by number (-1: none), dates as 20260131, or places in another array."""
Bools: TypeAlias = npt.NDArray[np.bool_]
Value: TypeAlias = float | str | bool
"""What is not a concept: a number (also a whole one), a text, a truth. A code that is no concept here is a text."""
ACCEPTABLE: Final = 1
PREFERRED: Final = 2


@dataclass(frozen=True, slots=True)
class Column:
    """Cells that are concepts or values: a cell of 0 and above is a concept, -1 is ``values[0]``, -2 ``values[1]`` …

    No value is there twice, so what is asked of values is asked once of each of them.
    """

    cells: Ints
    values: Sequence[Value] = ()


@dataclass(frozen=True, slots=True)
class Links:
    """Concepts by concept: those of concept n are ``targets[offsets[n]:offsets[n + 1]]``."""

    offsets: npt.NDArray[np.integer]
    targets: npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Relationships:
    """The active inferred relationships but |is a|, with concrete values; sorted by source, then by group."""

    source: Ints
    group: Ints
    """As the release has it: 0 is no group."""
    attribute: Ints
    value: Column


@dataclass(frozen=True, slots=True)
class Rows:
    """What every row of a release file says; rows that are out of use are there where the release has them."""

    active: Bools
    module: Ints
    effective_time: Ints


@dataclass(frozen=True, slots=True)
class Members:
    """The rows of one reference set.

    ``fields`` are by the names of the release file (``targetComponentId``, ``mapTarget``); ``referencedComponentId`` is
    among them. What the file declares a component is a concept where it is one, else a text; an integer is a float.
    """

    rows: Rows
    fields: Mapping[str, Column]


class Descriptions(Protocol):
    """The descriptions and text definitions, one row each."""

    @property
    def rows(self) -> Rows:
        """What every row of a release file says."""
        ...

    @property
    def concept(self) -> Ints:
        """The concept that each one says."""
        ...

    @property
    def type(self) -> Ints:
        """The concept of the type: fully specified name, synonym, definition."""
        ...

    @property
    def language(self) -> npt.NDArray[np.uint8]:
        """The place of the language in ``languages``."""
        ...

    @property
    def languages(self) -> Sequence[str]:
        """The languages, as two lower case letters."""
        ...

    @property
    def id(self) -> npt.NDArray[np.int64]:
        """The identifiers of the descriptions."""
        ...

    def term(self, row: int) -> str:
        """Return a term."""
        ...

    def with_word(self, beginning: str) -> Bools:
        """Return the rows of which a word begins with a folded word; case and accents do not count."""
        ...

    def with_part(self, part: str) -> Bools:
        """Return the rows of which a word has some folded letters in it."""
        ...

    def acceptability(self, refset: int) -> npt.NDArray[np.uint8] | None:
        """Return for each row 0, ACCEPTABLE or PREFERRED in a language reference set; None: the concept is none."""
        ...

    def dialects(self) -> Sequence[int]:
        """Return the language reference sets."""
        ...


class Ontology(ListedCodeSystem, Protocol):
    """A version of SNOMED CT, or of what is modelled alike."""

    @property
    def parents_of(self) -> Links:
        """The concepts right above each one."""
        ...

    @property
    def children_of(self) -> Links:
        """The concepts right below each one."""
        ...

    @property
    def rows(self) -> Rows:
        """What the release says of each concept."""
        ...

    @property
    def defined(self) -> Mask:
        """The concepts whose definition is sufficient; the others are primitive."""
        ...

    @property
    def relationships(self) -> Relationships:
        """What concepts are defined by."""
        ...

    @property
    def descriptions(self) -> Descriptions:
        """How concepts are said."""
        ...

    def refsets(self) -> Sequence[int]:
        """Return the reference sets that have rows, without those of languages."""
        ...

    def members(self, refset: int) -> Members | None:
        """Return the rows of a reference set; None: it has none."""
        ...

    def identified(self, scheme: int, code: str) -> Sequence[int]:
        """Return the concepts that an identifier of another scheme names; ``scheme`` is the concept of the scheme."""
        ...
