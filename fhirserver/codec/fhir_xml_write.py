"""FHIR JSON -> FHIR XML: elements in the order of their definition, literals and narratives as they stand.

Spec: http://hl7.org/fhir/R4/xml.html
"""

import json
import re
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, Final

import msgspec

from fhirserver.codec.fhir_xml_tables import FHIR, Shape, Slot, Table, Tables
from fhirserver.kernel.resource import Json, Resource

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>'
_NEGATIVE_ZERO: Final = re.compile(rb"-0(?![.0-9eE])")
"""The one integer whose literal its value does not keep."""
_SPECIAL: Final = re.compile('[&<"\\t\\n\\r\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\ufffe\uffff]')
_ESCAPES: Final = str.maketrans(
    {
        **dict.fromkeys([*range(0x20), 0xFFFE, 0xFFFF], "\ufffd"),  # what XML cannot hold
        **{"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"},
    }
)

_decoder: Final = msgspec.json.Decoder(float_hook=str)
_by_order: Final = attrgetter("order")


class XmlWriter:
    """Writes resources."""

    def __init__(self, tables: Tables) -> None:
        """Write the types of ``tables``."""
        self._tables = tables

    def write(self, raw: bytes, *, pretty: bool = False) -> bytes:
        """Write the JSON of a resource as XML, indented for people when ``pretty``; narratives are never touched."""
        pieces: list[str] = []
        self._resource(decode_literals(raw), pieces, f' xmlns="{FHIR}"')
        text = "".join(_indented(pieces)) if pretty else "".join(pieces)
        return (_DECLARATION + text).encode()

    def _resource(self, value: Resource, out: list[str], namespace: str = "") -> None:
        name = value["resourceType"]
        self._element(self._tables.of(name), name, value, out, namespace)

    def _element(self, table: Table, name: str, value: Resource, out: list[str], attributes: str = "") -> None:
        """Write one element with what is inside it."""
        for attribute in table.attributes:
            if attribute in value:
                attributes += f' {attribute}="{_text(value[attribute])}"'
        start = len(out)
        out.append(f"<{name}{attributes}>")
        slots = [table.by_json[member] for member in value]
        slots.sort(key=_by_order)
        previous = None
        for slot in slots:
            if slot is not previous:  # a primitive and its companion have one slot
                self._member(slot, value, out)
                previous = slot
        if len(out) == start + 1:
            out[start] = f"<{name}{attributes}/>"
        else:
            out.append(f"</{name}>")

    def _member(self, slot: Slot, owner: Resource, out: list[str]) -> None:
        name, shape = slot.json_name, slot.shape
        if shape is Shape.PRIMITIVE:
            self._primitives(slot, owner, out)
        elif shape is Shape.COMPLEX:
            table = self._tables.of(slot.type_name)
            for value in _each(owner[name]):
                self._element(table, name, value, out)
        elif shape is Shape.RESOURCE:
            for value in _each(owner[name]):
                out.append(f"<{name}>")
                self._resource(value, out)
                out.append(f"</{name}>")
        elif shape is Shape.XHTML:
            out.append(owner[name].strip())

    def _primitives(self, slot: Slot, owner: Resource, out: list[str]) -> None:
        name = slot.json_name
        companions = owner.get(slot.companion)
        if companions is None:
            for value in _each(owner[name]):
                out.append(f'<{name} value="{_text(value)}"/>')
            return
        values, extras = _each(owner.get(name)), _each(companions)
        for index in range(max(len(values), len(extras))):
            value = values[index] if index < len(values) else None
            extra = (extras[index] if index < len(extras) else None) or {}
            attributes = "" if value is None else f' value="{_text(value)}"'
            self._element(self._tables.primitive, name, extra, out, attributes)


def decode_literals(raw: bytes) -> Resource:
    """Decode JSON so that every number is text or writes as it stood."""
    found: Resource
    if _NEGATIVE_ZERO.search(raw) is None:
        found = _decoder.decode(raw)
    else:
        found = json.loads(raw, parse_int=str, parse_float=str)
    return found


def _each(value: Json) -> list[Any]:
    return value if type(value) is list else [value]


def _text(value: Json) -> str:
    """Write a value for an attribute; white space is escaped, or XML would make it blanks."""
    if type(value) is str:
        return value if _SPECIAL.search(value) is None else value.translate(_ESCAPES)
    if type(value) is bool:
        return "true" if value else "false"
    return str(value)


def _indented(pieces: Iterable[str]) -> Iterator[str]:
    """Put every tag on a line of its own; a narrative is one piece and stays as it is."""
    depth = 0
    for piece in pieces:
        if piece.startswith("</"):
            depth -= 1
        yield "\n" + "  " * depth + piece
        if not (piece.endswith("/>") or piece.startswith(("</", "<div", "<!--"))):
            depth += 1
    yield "\n"
