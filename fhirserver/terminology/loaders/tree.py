"""The files that a user names: in folders, in zips, or by themselves."""

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO


class Unreadable(Exception):
    """A path cannot be read; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class File:
    """One file."""

    shown: str
    """Where it is, for people."""
    name: str
    size: int
    open: Callable[[], IO[bytes]]


class Tree:
    """All files below some paths."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Look into ``paths``; raises Unreadable."""
        self.shown = ", ".join(f"`{path}`" for path in paths)
        try:
            self.files = tuple(file for path in paths for file in _files(path))
        except (OSError, zipfile.BadZipFile) as problem:
            raise Unreadable(f"{self.shown} cannot be read: {problem}.") from None

    def __iter__(self) -> Iterator[File]:
        """Yield the files."""
        return iter(self.files)


def _files(path: Path) -> Iterator[File]:
    if path.is_dir():
        for below in sorted(path.rglob("*")):
            if below.is_file():
                yield from _files(below)
    elif path.suffix.lower() == ".zip":
        yield from _zipped(path)
    else:
        yield File(str(path), path.name, path.stat().st_size, partial(_open, path))


def _open(path: Path) -> IO[bytes]:
    return path.open("rb")


def _zipped(path: Path) -> Iterator[File]:
    with zipfile.ZipFile(path) as archive:
        entries: Iterable[zipfile.ZipInfo] = [one for one in archive.infolist() if not one.is_dir()]
    for one in entries:
        shown, name = f"{path}/{one.filename}", PurePosixPath(one.filename).name
        yield File(shown, name, one.file_size, partial(_open_zipped, path, one.filename))


def _open_zipped(path: Path, name: str) -> IO[bytes]:
    return zipfile.ZipFile(path).open(name)
