"""A SNOMED CT release read into columns: all files of a release, or of several that are one edition together."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from fhirserver.terminology.loaders.framework import BadRelease, Progress
from fhirserver.terminology.loaders.rf2_files import ReleaseFile, Row, read
from fhirserver.terminology.loaders.rf2_refsets import BEGINNING, LanguageRows, RefsetRows
from fhirserver.terminology.loaders.rf2_tables import Concepts, Descriptions, Relationships, Table

_IDENTIFIER_COLUMNS: Final = (
    "alternateIdentifier",
    "effectiveTime",
    "active",
    "moduleId",
    "identifierSchemeId",
    "referencedComponentId",
)
_LANGUAGE: Final = "Language"
_UNUSED: Final = frozenset({"OWLExpression"})
"""Reference sets that nothing here asks for, and that are large."""


@dataclass(slots=True)
class Identifiers(Table):
    """Rows of the files of identifiers in other schemes."""

    alternates: list[bytes] = field(default_factory=list)
    schemes: "array[int]" = field(default_factory=lambda: array("q"))
    concepts: "array[int]" = field(default_factory=lambda: array("q"))

    def take(self, row: Row) -> None:
        """Take a row; raises ValueError."""
        scheme = int(row[4])
        self.add(hash((row[0], scheme)), row)
        self.alternates.append(row[0])
        self.schemes.append(scheme)
        self.concepts.append(int(row[5]))


@dataclass(slots=True)
class Release:
    """What the files say."""

    concepts: Concepts = field(default_factory=Concepts)
    descriptions: Descriptions = field(default_factory=Descriptions)
    relationships: Relationships = field(default_factory=Relationships)
    languages: LanguageRows = field(default_factory=LanguageRows)
    refsets: dict[tuple[str, tuple[str, ...]], RefsetRows] = field(default_factory=dict)
    """By the kinds and the names of their columns."""
    identifiers: Identifiers = field(default_factory=Identifiers)


def read_release(files: Sequence[ReleaseFile], progress: Progress) -> Release:
    """Read the files of a release; raises BadRelease."""
    release = Release()
    wanted = [one for one in files if one.content in _READERS and one.sub not in _UNUSED]
    progress.begin("Reading", sum(one.file.size for one in wanted))
    for one in wanted:
        _READERS[one.content](release, one, progress)
    if not len(release.concepts.ids):
        raise BadRelease("The release has no concepts.")
    return release


def _refset(release: Release, file: ReleaseFile, progress: Progress) -> None:
    if file.sub == _LANGUAGE:
        read(file, (*BEGINNING, "acceptabilityId"), release.languages.take, progress)
        return
    names = _header(file)[len(BEGINNING) :]
    if len(names) != len(file.pattern):
        raise BadRelease(f"`{file.file.shown}`, line 1: the columns are not those that the name of the file says.")
    rows = release.refsets.setdefault((file.pattern, names), RefsetRows(names=names, kinds=file.pattern))
    read(file, BEGINNING, rows.take, progress)


def _header(file: ReleaseFile) -> tuple[str, ...]:
    with file.file.open() as stream:
        return tuple(stream.readline().decode("utf-8-sig", "replace").rstrip("\r\n").split("\t"))


_READERS: Final[Mapping[str, Callable[[Release, ReleaseFile, Progress], object]]] = MappingProxyType(
    {
        "Concept": lambda release, file, to: read(file, Concepts.columns, release.concepts.take, to),
        "Description": lambda release, file, to: read(file, Descriptions.columns, release.descriptions.take, to),
        "TextDefinition": lambda release, file, to: read(file, Descriptions.columns, release.descriptions.take, to),
        "Relationship": lambda release, file, to: read(file, Relationships.columns, release.relationships.take, to),
        "RelationshipConcreteValues": lambda release, file, to: read(
            file, Relationships.value_columns, release.relationships.take_value, to
        ),
        "Identifier": lambda release, file, to: read(file, _IDENTIFIER_COLUMNS, release.identifiers.take, to),
        "Refset": _refset,
    }
)
