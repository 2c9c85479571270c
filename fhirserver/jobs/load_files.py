"""Files to load as units of work: what is sent to the server at once, as one Bundle.

A transaction or batch Bundle is a unit as it is. A collection or searchset becomes a transaction of its resources,
NDJSON and single resources are grouped: those groups are ours, so they may be taken apart when one entry fails.
Spec: http://hl7.org/fhir/R4/bundle.html, http://hl7.org/fhir/R4/nd-json.html
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Final, cast

import msgspec

from fhirserver.codec.fhir_json import encode
from fhirserver.kernel.ids import is_id

GROUP_ENTRIES: Final = 100
GROUP_BYTES: Final = 4_000_000
_LINES: Final = (".ndjson", ".jsonl")
_SUFFIXES: Final = (".json", *_LINES)
_SPREAD: Final = frozenset({"collection", "searchset"})
_SENT_SO: Final = frozenset({"transaction", "batch"})


class Unreadable(Exception):
    """A file, or one line of it, holds nothing that can be loaded; the text is one sentence."""


class Kind(Enum):
    """How a unit is sent."""

    TRANSACTION = "transaction"
    BATCH = "batch"
    GROUPED = "grouped"
    """As a transaction for speed; as a batch when that fails."""


@dataclass(frozen=True, slots=True)
class Part:
    """One Bundle entry; ``place`` says where it stands in its file, ``number`` tells it from its unit's others."""

    number: int
    place: str
    entry: bytes


@dataclass(frozen=True, slots=True)
class Unit:
    """Entries to send at once."""

    kind: Kind
    parts: tuple[Part, ...]

    def as_bundle(self, bundle_type: str) -> bytes:
        """Return the Bundle to send."""
        entries = b",".join(part.entry for part in self.parts)
        return b'{"resourceType":"Bundle","type":"%b","entry":[%b]}' % (bundle_type.encode(), entries)


@dataclass(frozen=True, slots=True)
class Unusable:
    """A place in a file that holds nothing to send."""

    place: str
    problem: str


class _Entry(msgspec.Struct, rename="camel"):
    resource: msgspec.Raw = msgspec.Raw()
    full_url: str | None = None


class _Head(msgspec.Struct, rename="camel"):
    resource_type: str = ""
    id: str | None = None
    type: str | None = None


class _Bundle(msgspec.Struct):
    entry: list[msgspec.Raw] = []


_head_decoder: Final = msgspec.json.Decoder(_Head)
_entry_decoder: Final = msgspec.json.Decoder(_Entry)
_bundle_decoder: Final = msgspec.json.Decoder(_Bundle)


def find_files(paths: Iterable[Path]) -> list[Path]:
    """List the files to load, folders searched through in the order of names; raises Unreadable."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(sorted(file for file in path.rglob("*") if _is_loadable(file))))
        elif _is_loadable(path):
            found[path] = None
        else:
            raise Unreadable(f"`{path}` is none of {', '.join(_SUFFIXES)} (nor one of them as .gz).")
    return list(found)


def _is_loadable(path: Path) -> bool:
    return path.is_file() and _plain_name(path).endswith(_SUFFIXES)


def _plain_name(path: Path) -> str:
    return path.name.lower().removesuffix(".gz")


def read_units(path: Path) -> Iterator[Unit | Unusable]:
    """Yield the units of a file, always the same for the same bytes; raises Unreadable when it cannot be read on."""
    try:
        with _open(path) as file:
            if _plain_name(path).endswith(_LINES):
                yield from _group(_documents_of(file))
            else:
                yield from _group(iter([("", file.read())]))
    except (OSError, EOFError, zlib.error) as problem:
        raise Unreadable(f"It cannot be read: {problem}.") from problem


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.name.lower().endswith(".gz") else path.open("rb")


def _documents_of(lines: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield f"line {number}", line


def _group(documents: Iterator[tuple[str, bytes]]) -> Iterator[Unit | Unusable]:
    """Gather single resources into groups; everything else is a unit of its own, between them."""
    group = _Group()
    for place, document in documents:
        for item in _items_of(place, document):
            if isinstance(item, Unit | Unusable):
                yield from group.take()
                yield item
            else:
                group.add(*item)
                if group.is_full:
                    yield from group.take()
    yield from group.take()


class _Group:
    def __init__(self) -> None:
        self._items: list[tuple[str, bytes]] = []
        self._size = 0

    @property
    def is_full(self) -> bool:
        return len(self._items) >= GROUP_ENTRIES or self._size >= GROUP_BYTES

    def add(self, place: str, entry: bytes) -> None:
        self._items.append((place, entry))
        self._size += len(entry)

    def take(self) -> Iterator[Unit | Unusable]:
        if self._items:
            unit = _unit(Kind.GROUPED, self._items)
            self._items, self._size = [], 0
            yield unit


def _items_of(place: str, document: bytes) -> Iterator[Unit | Unusable | tuple[str, bytes]]:
    try:
        head = _head_decoder.decode(document)
        if head.resource_type != "Bundle" or head.type not in _SPREAD | _SENT_SO:
            yield place, _render_entry(_Entry(msgspec.Raw(document.strip())))
        elif head.type in _SENT_SO:
            raw = [bytes(entry) for entry in _bundle_decoder.decode(document).entry]
            yield _unit(Kind(head.type), [(_join(place, f"entry {i}"), entry) for i, entry in enumerate(raw)])
        else:
            raw = [bytes(entry) for entry in _bundle_decoder.decode(document).entry]
            yield from _spread(place, [_entry_decoder.decode(entry) for entry in raw])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        yield Unusable(place, "It is not well-formed JSON.")
    except Unreadable as problem:
        yield Unusable(place, str(problem))


def _spread(place: str, given: Sequence[_Entry]) -> Iterator[Unit | Unusable | tuple[str, bytes]]:
    """Turn the resources of a collection into entries that create or update them."""
    together = any((entry.full_url or "").startswith("urn:") for entry in given)
    items = []
    for number, entry in enumerate(given):
        where = _join(place, f"entry {number}")
        if not bytes(entry.resource):
            continue
        try:
            rendered = _render_entry(entry)
        except Unreadable as problem:
            yield Unusable(where, str(problem))
            continue
        if together:
            items.append((where, rendered))
        else:
            yield where, rendered
    if items:
        yield _unit(Kind.TRANSACTION, items)


def _render_entry(entry: _Entry) -> bytes:
    head = _head_decoder.decode(entry.resource)
    if not (head.resource_type.isascii() and head.resource_type.isalpha()):
        raise Unreadable("There is no `resourceType`.")
    if head.id is None:
        request = b'"method":"POST","url":"%b"' % head.resource_type.encode()
    elif is_id(head.id):
        request = b'"method":"PUT","url":"%b/%b"' % (head.resource_type.encode(), head.id.encode())
    else:
        raise Unreadable("Its `id` is not 1 to 64 of `A-Z a-z 0-9 - .`.")
    full_url = b'"fullUrl":%b,' % encode(entry.full_url) if entry.full_url else b""
    return b'{%b"resource":%b,"request":{%b}}' % (full_url, bytes(entry.resource), request)


def _unit(kind: Kind, items: Iterable[tuple[str, bytes]]) -> Unit:
    return Unit(kind, tuple(Part(number, *item) for number, item in enumerate(items)))


def _join(place: str, entry: str) -> str:
    return f"{place}, {entry}" if place else entry
