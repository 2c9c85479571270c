"""What loaders of lists share: concepts come one by one and go into an index, the first problem ends it all."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fhirserver.terminology.concepts import Designation, Head, Property
from fhirserver.terminology.index.writer import BadConcepts, IndexWriter
from fhirserver.terminology.loaders.framework import BadRelease, Made, Progress
from fhirserver.terminology.loaders.tree import File

_SOME: Final = 500
"""Concepts after which a user hears how it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One concept as a list has it."""

    code: str
    display: str | None = None
    definition: str | None = None
    parents: tuple[str, ...] = ()
    designations: tuple[Designation, ...] = ()
    properties: tuple[Property, ...] = ()
    is_inactive: bool = False
    is_abstract: bool = False
    status: str | None = None


def write_listing(path: Path, head: Head, entries: Iterator[Entry], progress: Progress) -> Made:
    """Write the index of a list at ``path``; raises BadRelease, and leaves nothing then."""
    count = 0
    try:
        with IndexWriter(path, head) as writer:
            for entry in entries:
                writer.add(
                    entry.code,
                    display=entry.display,
                    definition=entry.definition,
                    parents=entry.parents,
                    designations=entry.designations,
                    properties=entry.properties,
                    is_inactive=entry.is_inactive,
                    is_abstract=entry.is_abstract,
                    status=entry.status,
                )
                count += 1
                if count % _SOME == 0:
                    progress.advance(_SOME)
            if count == 0:
                raise BadRelease(f"There are no concepts of `{head.url}` in the files.")
            writer.finish()
    except BadConcepts as problem:
        raise BadRelease(str(problem)) from None
    return Made(head.url, head.version or "", count)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table; ``line`` is where it is."""

    cells: Mapping[str, str]
    file: str
    line: int

    def __getitem__(self, name: str) -> str:
        """Return a cell without space around it; raises BadRelease for one that is not there."""
        found = self.cells.get(name)
        if found is None:
            raise BadRelease(f"Line {self.line} of `{self.file}` has no `{name}`.")
        return found.strip()

    def get(self, name: str) -> str:
        """Return a cell without space around it; empty where the table has no such column."""
        return (self.cells.get(name) or "").strip()


def rows(file: File, *, delimiter: str = ",", encoding: str = "utf-8-sig") -> Iterator[Row]:
    """Yield the rows of a table whose first line names its columns; raises BadRelease naming file and line."""
    with file.open() as raw, io.TextIOWrapper(raw, encoding=encoding, newline="") as text:
        reader = csv.DictReader(text, delimiter=delimiter, restkey="", strict=True)
        try:
            for cells in reader:
                if "" in cells and isinstance(cells[""], list):
                    raise BadRelease(
                        f"Line {reader.line_num} of `{file.shown}` has more cells than the first line names."
                    )
                yield Row(cells, file.shown, reader.line_num)
        except csv.Error as problem:
            raise BadRelease(f"Line {reader.line_num} of `{file.shown}` cannot be read: {problem}.") from None
        except UnicodeDecodeError:
            where = f"After line {reader.line_num} of `{file.shown}`"
            raise BadRelease(f"{where} there is text that is not {encoding.removesuffix('-sig').upper()}.") from None


def columns(file: File, *, delimiter: str = ",", encoding: str = "utf-8-sig") -> tuple[str, ...]:
    """Return the names in the first line of a table; none where it is no text."""
    with file.open() as raw:
        first = raw.readline(64 * 1024)
    try:
        line = first.decode(encoding)
    except UnicodeDecodeError:
        return ()
    return tuple(cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), []))


def text_property(code: str, value: str) -> Property:
    """Return a property that is a text."""
    return Property(code, "valueString", value)


def code_property(code: str, value: str) -> Property:
    """Return a property that is a code."""
    return Property(code, "valueCode", value)
