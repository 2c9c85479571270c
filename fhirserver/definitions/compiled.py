"""The compiled form of one package: a file of segments, mapped into memory and decoded on first use.

Layout: magic, length of the index (4 bytes, big-endian), index (msgpack: kind -> name -> (offset, length)),
segments. Definition segments are msgpack; ``resource`` segments are the package's JSON, zlib-compressed, by
canonical url. The file's name carries the hash of the archive and of this format, so it is never stale.
"""

import mmap
import os
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from fhirserver.definitions import packages
from fhirserver.definitions.compartments import CompartmentDefinition, compile_compartment
from fhirserver.definitions.elements import TypeDefinition, compile_types
from fhirserver.definitions.search_parameters import SearchParameter, by_base, compile_search_parameter
from fhirserver.kernel.resource import Resource

_MAGIC: Final = b"FSDF"
_FORMAT: Final = 5
_T = TypeVar("_T")
_CODE_SYSTEM: Final = "code system"
_WITHOUT_CODES: Final = frozenset({"not-present", "supplement"})
Index = dict[str, dict[str, tuple[int, int]]]


class CompiledPackage:
    """One mapped file. Names are type names, base types, compartment codes or canonical urls, by kind."""

    def __init__(self, path: Path) -> None:
        """Map ``path``; raises ValueError when it is not a whole compiled package."""
        with path.open("rb") as file:
            self._view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self._view[:4] != _MAGIC:
            raise ValueError(f"`{path.name}` is not a compiled package.")
        length = int.from_bytes(self._view[4:8], "big")
        self._index = msgspec.msgpack.decode(self._view[8 : 8 + length], type=Index)
        self._start = 8 + length

    def names(self, kind: str) -> Iterable[str]:
        """List what the package has of one kind."""
        return self._index.get(kind, {}).keys()

    def find_type(self, name: str) -> TypeDefinition | None:
        """Return a type, backbone elements included."""
        return self._decoded("type", name, TypeDefinition)

    def search_parameters(self, base: str) -> list[SearchParameter]:
        """Return the parameters declared for a base type."""
        return self._decoded("search", base, list[SearchParameter]) or []

    def compartment(self, code: str) -> CompartmentDefinition | None:
        """Return the definition of one compartment."""
        return self._decoded("compartment", code, CompartmentDefinition)

    def code_systems(self) -> dict[str, str]:
        """Return the version of every code system whose codes the package has; empty for one without."""
        named = ((url, self._decoded(_CODE_SYSTEM, url, str)) for url in self.names(_CODE_SYSTEM))
        return {url: version or "" for url, version in named}

    def resource(self, url: str) -> Resource | None:
        """Return a conformance resource of the package by its url, without version."""
        segment = self._segment("resource", url)
        return None if segment is None else msgspec.json.decode(zlib.decompress(segment))

    def _decoded(self, kind: str, name: str, wanted: type[_T]) -> _T | None:
        segment = self._segment(kind, name)
        return None if segment is None else msgspec.msgpack.decode(segment, type=wanted)

    def _segment(self, kind: str, name: str) -> bytes | None:
        place = self._index.get(kind, {}).get(name)
        if place is None:
            return None
        start = self._start + place[0]
        return self._view[start : start + place[1]]


def load(archive: Path, cache: Path) -> CompiledPackage:
    """Map the compiled form of a package archive, compiling it into ``cache`` when it is not there yet."""
    path = cache / f"{archive.stem}-{packages.content_hash(archive)[:16]}-{_FORMAT}.compiled"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(compile_package(archive))
        unfinished.replace(path)
    return CompiledPackage(path)


def compile_package(archive: Path) -> bytes:
    """Compile a package archive to the bytes of its file."""
    writer = _Writer()
    parameters: list[SearchParameter] = []
    for resource, raw in packages.resources(archive):
        if "url" in resource:
            writer.add("resource", resource["url"], zlib.compress(raw, 6))
        _COMPILERS.get(resource["resourceType"], _ignore)(resource, writer, parameters)
    for base, declared in by_base(parameters).items():
        writer.add("search", base, msgspec.msgpack.encode(declared))
    return writer.to_bytes()


class _Writer:
    def __init__(self) -> None:
        self._index: Index = {}
        self._segments: list[bytes] = []
        self._offset = 0

    def add(self, kind: str, name: str, segment: bytes) -> None:
        self._index.setdefault(kind, {})[name] = (self._offset, len(segment))
        self._segments.append(segment)
        self._offset += len(segment)

    def to_bytes(self) -> bytes:
        index = msgspec.msgpack.encode(self._index)
        return b"".join((_MAGIC, len(index).to_bytes(4, "big"), index, *self._segments))


def _ignore(resource: Resource, writer: _Writer, parameters: list[SearchParameter]) -> None:
    """Leave a resource to the ``resource`` segments alone."""


def _types(resource: Resource, writer: _Writer, parameters: list[SearchParameter]) -> None:
    for definition in compile_types(resource):
        writer.add("type", definition.name, msgspec.msgpack.encode(definition))


def _search_parameter(resource: Resource, writer: _Writer, parameters: list[SearchParameter]) -> None:
    compiled = compile_search_parameter(resource)
    if compiled is not None:
        parameters.append(compiled)


def _compartment(resource: Resource, writer: _Writer, parameters: list[SearchParameter]) -> None:
    compiled = compile_compartment(resource)
    if compiled is not None:
        writer.add("compartment", compiled.code, msgspec.msgpack.encode(compiled))


def _code_system(resource: Resource, writer: _Writer, parameters: list[SearchParameter]) -> None:
    if resource.get("content") not in _WITHOUT_CODES and "url" in resource:
        writer.add(_CODE_SYSTEM, resource["url"], msgspec.msgpack.encode(resource.get("version", "")))


_COMPILERS: Final[dict[str, Callable[[Resource, _Writer, list[SearchParameter]], Any]]] = {
    "StructureDefinition": _types,
    "CodeSystem": _code_system,
    "SearchParameter": _search_parameter,
    "CompartmentDefinition": _compartment,
}
