"""The files of a SNOMED CT release by their names, and their rows.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-release-file-specification (file naming, columns)
"""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from fhirserver.terminology.loaders.framework import BadRelease, Progress
from fhirserver.terminology.loaders.tree import File, Tree

_NAME: Final = re.compile(
    r"x?(?:sct|der)2_(?P<content>[A-Za-z]+)_(?P<sub>[A-Za-z0-9]*?)(?P<type>Snapshot|Full)(?:-[\w-]+)?_[A-Za-z0-9]*_\d{8}\.txt"
)
_REFSET: Final = re.compile(r"(?P<pattern>[csi]*)Refset")
_REPORTED: Final = 20_000
"""Rows between two reports of progress."""
SNAPSHOT: Final = "Snapshot"
Row = list[bytes]


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """One file of a release that is of use here."""

    file: File
    content: str
    """``Concept``, ``Description``, ``Refset`` …"""
    type: str
    """``Snapshot`` or ``Full``."""
    sub: str = ""
    """What a reference set is: ``Language``, ``Association`` …"""
    pattern: str = ""
    """The kinds of the columns that a reference set has of its own: c(omponent), i(nteger), s(tring)."""


def release_files(tree: Tree) -> list[ReleaseFile]:
    """Return the files of a release: the snapshot where there is one, else the full one."""
    found = [one for one in map(_release_file, tree) if one is not None]
    snapshot = [one for one in found if one.type == SNAPSHOT]
    return snapshot or found


def _release_file(file: File) -> ReleaseFile | None:
    match = _NAME.fullmatch(file.name)
    if match is None:
        return None
    refset = _REFSET.fullmatch(match["content"])
    if refset is None:
        return ReleaseFile(file, match["content"], match["type"])
    return ReleaseFile(file, "Refset", match["type"], match["sub"], refset["pattern"])


def read(
    release: ReleaseFile, begins: Sequence[str], take: Callable[[Row], None], progress: Progress
) -> tuple[str, ...]:
    """Give each row to ``take`` and return the header; raises BadRelease with the line.

    The header must begin as it should; a row has as many columns. ``take`` raises ValueError for what a column cannot
    have.
    """
    place = _Place(release.file.shown)
    try:
        with release.file.open() as stream:
            header = tuple(stream.readline().decode("utf-8-sig").rstrip("\r\n").split("\t"))
            if header[: len(begins)] != tuple(begins):
                raise ValueError(f"the columns do not begin with {', '.join(begins)}")
            _read_rows(stream, len(header), take, place, progress)
    except ValueError as problem:
        raise BadRelease(f"`{place.file}`, line {place.line}: {problem}.") from None
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as problem:
        raise BadRelease(f"`{place.file}` cannot be read after line {place.line}: {problem}.") from None
    return header


@dataclass(slots=True)
class _Place:
    file: str
    line: int = 1


def _read_rows(
    stream: Iterable[bytes], width: int, take: Callable[[Row], None], place: _Place, progress: Progress
) -> None:
    done = 0
    for text in stream:
        place.line += 1
        row = text.rstrip(b"\r\n").split(b"\t")
        if len(row) != width:
            raise ValueError(f"{len(row)} columns instead of {width}")
        if not text.endswith(b"\n"):
            raise ValueError("the line has no end, the file must have been cut")
        take(row)
        done += len(text)
        if place.line % _REPORTED == 0:
            progress.advance(done)
            done = 0
    progress.advance(done)
