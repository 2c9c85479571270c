"""An installed package as one file that all workers map: its definitions, each found by url and version.

Layout: magic, the resources (JSON, compressed one by one), the directory (msgpack, compressed), its place and length.
The directory alone is decoded when a file is opened; a resource when it is asked for.
"""

import hashlib
import mmap
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Final

import msgspec

from fhirserver.definitions.archives import BadPackage, members, shown_name
from fhirserver.definitions.manifests import MANIFEST, Manifest, read_manifest
from fhirserver.definitions.shapes import misshapen
from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.resource import Resource

_MAGIC: Final = b"fhirspk1"
_TRAILER: Final = struct.Struct("<QQ")
_LEVEL: Final = 6
_INDEX: Final = "package/.index.json"
_NAMING_SYSTEM: Final = "NamingSystem"
"""The only definition that has no url in R4."""
_BLOCK: Final = 1024 * 1024


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One definition: what it is, and where its JSON is."""

    type: str
    id: str
    url: str
    version: str
    place: int
    length: int
    subject: str = ""
    """Of a profile the type that it constrains; of a CodeSystem the one that it supplements."""
    related: tuple[str, ...] = ()
    """Of a CodeSystem its value set of all codes; of a ConceptMap the code systems on either side."""
    content: str = ""
    """Of a CodeSystem how much of it is there."""


class Directory(msgspec.Struct, frozen=True):
    """What a package has."""

    manifest: Manifest
    archive_sha256: str
    entries: list[Entry]


class PackageFile:
    """One mapped file."""

    def __init__(self, path: Path) -> None:
        """Map ``path``; raises BadPackage when it is not a whole package, OSError."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < len(_MAGIC) + _TRAILER.size:
                raise BadPackage(f"`{path.name}` is not a whole package file.")
            self._view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        place, length = _TRAILER.unpack_from(self._view, size - _TRAILER.size)
        if self._view[: len(_MAGIC)] != _MAGIC or place + length + _TRAILER.size != size:
            raise BadPackage(f"`{path.name}` is not a package file of this version of the server.")
        found = msgspec.msgpack.decode(zlib.decompress(self._view[place : place + length]), type=Directory)
        self.manifest = found.manifest
        self.archive_sha256 = found.archive_sha256
        self.entries: Sequence[Entry] = found.entries

    @cached_property
    def _by_url(self) -> dict[str, list[Entry]]:
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            if entry.url:
                found.setdefault(entry.url, []).append(entry)
        return found

    def read(self, entry: Entry) -> Resource:
        """Return a definition, decoded anew."""
        found: Resource = msgspec.json.decode(zlib.decompress(self._view[entry.place : entry.place + entry.length]))
        return found

    def find(self, url: str) -> Sequence[Entry]:
        """Return all definitions with a url."""
        return self._by_url.get(url, ())

    def of(self, resource_type: str) -> Iterator[Entry]:
        """Yield the definitions of one type."""
        return (entry for entry in self.entries if entry.type == resource_type)

    def resource(self, canonical: str) -> Resource | None:
        """Return a definition by canonical, of several versions the last one written down."""
        named = parse_canonical(canonical)
        found = [one for one in self.find(named.url) if named.version in (None, one.version)]
        found = found or list(self.find(canonical))  # some urls contain a bar themselves
        return self.read(found[-1]) if found else None

    def canonicals(self) -> Sequence[str]:
        """Return the urls of all definitions."""
        return sorted(self._by_url)


def compile_archive(archive: Path, target: Path, max_bytes: int) -> Manifest:
    """Read a package archive and write its file to ``target``; raises BadPackage, OSError."""
    manifest: Manifest | None = None
    with _Writer(target) as writer:
        for name, content in members(archive, max_bytes):
            if name == MANIFEST:
                manifest = read_manifest(content)
            elif name != _INDEX:
                writer.add(_decoded(name, content), content, name)
        if manifest is None:
            raise BadPackage(f"It has no `{MANIFEST}`.")
        writer.finish(manifest, sha256_of(archive))
    return manifest


def manifest_of(archive: Path, max_bytes: int) -> Manifest:
    """Return what a package archive says of itself, which stands at its beginning mostly; raises BadPackage."""
    for name, content in members(archive, max_bytes):
        if name == MANIFEST:
            return read_manifest(content)
    raise BadPackage(f"It has no `{MANIFEST}`.")


def compile_folder(files: Iterable[tuple[str, bytes]], manifest: bytes, target: Path, sha256: str) -> None:
    """Write the file of a package that lies unpacked, by the names and contents of its files; raises BadPackage."""
    with _Writer(target) as writer:
        for name, content in files:
            writer.add(_decoded(name, content), content, name)
        writer.finish(read_manifest(manifest), sha256)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Writer:
    """Writes a file resource by resource; what is not finished is removed."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._entries: list[Entry] = []
        self._is_whole = False
        self._file: IO[bytes] = target.open("wb")
        self._file.write(_MAGIC)

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if not self._is_whole:
            self._target.unlink(missing_ok=True)

    def add(self, resource: object, content: bytes, name: str) -> None:
        """Write a resource if it is a definition; raises BadPackage."""
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            return
        if "url" not in resource and resource["resourceType"] != _NAMING_SYSTEM:
            return
        compressed = zlib.compress(content, _LEVEL)
        self._entries.append(_entry(resource, name, self._file.tell(), len(compressed)))
        self._file.write(compressed)

    def finish(self, manifest: Manifest, sha256: str) -> None:
        """Write the directory: now the file is whole."""
        directory = zlib.compress(msgspec.msgpack.encode(Directory(manifest, sha256, self._entries)), _LEVEL)
        place = self._file.tell()
        self._file.write(directory + _TRAILER.pack(place, len(directory)))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._is_whole = True


def _decoded(name: str, content: bytes) -> object:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise BadPackage(f"The file {shown_name(name)} is not JSON: {problem}.") from None


def _entry(resource: Resource, name: str, place: int, length: int) -> Entry:
    texts = {member: resource.get(member, "") for member in ("id", "url", "version")}
    for member, text in texts.items():
        if not isinstance(text, str):
            raise BadPackage(f"`{member}` in the file {shown_name(name)} is not a text.")
    problem = misshapen(resource)
    if problem is not None:
        raise BadPackage(f"The file {shown_name(name)} is not a valid `{resource['resourceType']}`: {problem}.")
    subject, related = _facts(resource)
    url = texts["url"] if resource["resourceType"] != _NAMING_SYSTEM else ""
    names = resource["resourceType"], texts["id"], url, texts["version"]
    return Entry(*names, place, length, subject, related, content=_content(resource))


def _content(resource: Resource) -> str:
    return str(resource.get("content", "")) if resource["resourceType"] == "CodeSystem" else ""


def _facts(resource: Resource) -> tuple[str, tuple[str, ...]]:
    """Return what the directory says of a definition beside its names."""
    kind = resource["resourceType"]
    if kind == "StructureDefinition":
        return (resource.get("type", "") if resource.get("derivation") == "constraint" else ""), ()
    if kind == "CodeSystem" and resource.get("content") == "supplement":
        return parse_canonical(str(resource.get("supplements", ""))).url, ()
    if kind == "CodeSystem":
        return "", (str(resource["valueSet"]),) if "valueSet" in resource else ()
    if kind == "ConceptMap":
        return "", tuple({g.get(side, ""): None for g in resource.get("group", ()) for side in ("source", "target")})
    return "", ()
