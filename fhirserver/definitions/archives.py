"""Package archives as strangers send them: read member by member, within bounds, nothing written anywhere.

What a package has no use for is refused: links, devices, paths that lead out, a name twice, more bytes than allowed.
Spec: https://hl7.org/fhir/packages.html, https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
"""

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final, cast

_HEADERS: Final = 1024 * 1024
"""What the headers before one member may take: names, no more."""
_MAX_MEMBER: Final = 64 * 1024 * 1024
"""One resource is read as a whole."""
_MAX_MEMBERS: Final = 200_000
_MAX_NAME: Final = 300
_SHOWN: Final = 80


class BadPackage(Exception):
    """An archive is no FHIR package that can be installed; the text is one sentence."""


def members(archive: Path, max_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each JSON file of ``package/``; raises BadPackage, OSError.

    ``max_bytes`` bounds the archive unpacked. Whoever stops before the end has not seen whether the rest is sound.
    """
    with archive.open("rb") as file, gzip.GzipFile(fileobj=file, mode="rb") as plain:
        source = _Bounded(cast(IO[bytes], plain), max_bytes)
        try:
            with tarfile.open(fileobj=cast(IO[bytes], source), mode="r|", errorlevel=2) as tar:
                yield from _members(tar, source)
            source.drain()
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError, ValueError) as problem:
            raise BadPackage(f"It is not a whole gzipped tar archive ({type(problem).__name__}).") from None


def _members(tar: tarfile.TarFile, source: "_Bounded") -> Iterator[tuple[str, bytes]]:
    seen: set[str] = set()
    while (member := tar.next()) is not None:
        tar.members = []  # type: ignore[attr-defined] # they are remembered for those who go back
        name = _checked(member, seen)
        seen.add(name)
        if len(seen) > _MAX_MEMBERS:
            raise BadPackage(f"It has more than {_MAX_MEMBERS} files.")
        source.allow(member.size)
        if _is_json(member, name):
            content = tar.extractfile(member)
            yield name, b"" if content is None else content.read()


def _checked(member: tarfile.TarInfo, seen: set[str]) -> str:
    """Return the plain name of a member; raises BadPackage."""
    name, shown = member.name, shown_name(member.name)
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or ":" in name.partition("/")[0]:
        raise BadPackage(f"The file {shown} would lie outside of the package.")
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise BadPackage(f"The file {shown} is a link or a device; a package has files and folders only.")
    if len(name) > _MAX_NAME:
        raise BadPackage(f"The file {shown} has a name of more than {_MAX_NAME} characters.")
    if member.size > _MAX_MEMBER:
        raise BadPackage(f"The file {shown} has more than {_MAX_MEMBER // 1024 // 1024} MiB.")
    plain = str(path)
    if plain in seen and not member.isdir():
        raise BadPackage(f"The file {shown} is there twice.")
    return plain


def _is_json(member: tarfile.TarInfo, name: str) -> bool:
    """Tell whether a member is one that packages keep resources in; folders below have examples and pages."""
    return member.isreg() and name.startswith("package/") and name.count("/") == 1 and name.endswith(".json")


def shown_name(name: str) -> str:
    """Return a member's name as it can be shown to people."""
    printable = "".join(c if c.isprintable() else "?" for c in name)
    return f"`{printable if len(printable) <= _SHOWN else printable[:_SHOWN] + '…'}`"


class _Bounded:
    """Gives bytes until they are more than they may be: in all, and up to the next member's content."""

    def __init__(self, inner: IO[bytes], max_bytes: int) -> None:
        self._inner = inner
        self._max_bytes = self._left = max_bytes
        self._near = _HEADERS

    def allow(self, size: int) -> None:
        """Let the content of a member be read, and the headers after it."""
        self._near = size + _HEADERS

    def read(self, size: int) -> bytes:
        """Return up to so many bytes; raises BadPackage."""
        found = self._inner.read(size)
        self._left -= len(found)
        self._near -= len(found)
        if self._left < 0:
            raise BadPackage(f"It has more than {self._max_bytes} bytes when it is unpacked.")
        if self._near < 0:
            raise BadPackage("The headers of one of its files do not end.")
        return found

    def drain(self) -> None:
        """Read what follows the archive's end: the gzip file must be whole."""
        while self.read(tarfile.RECORDSIZE):
            self._near = _HEADERS
