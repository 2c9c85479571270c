"""FHIR JSON -> Turtle: a resource as the tree of nodes that R4 makes of it.

Properties are named by the type that defines them (``fhir:Patient.name``, ``fhir:Resource.id``), the items of lists
carry ``fhir:index``, primitives ``fhir:value``; references are linked, and concepts of SNOMED CT and LOINC named.
Written as it is walked: a graph in memory would only take the tree apart and put it together again.
Spec: http://hl7.org/fhir/R4/rdf.html, https://www.w3.org/TR/turtle/
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from fhirserver.codec.fhir_xml_tables import Shape, Slot, Table, Tables, Types
from fhirserver.codec.fhir_xml_write import decode_literals
from fhirserver.kernel.resource import Json, Resource

_SNOMED: Final = "http://snomed.info/sct"
_LOINC: Final = "http://loinc.org"
_PREFIXES: Final = """\
@prefix fhir: <http://hl7.org/fhir/> .
@prefix loinc: <http://loinc.org/rdf#> .
@prefix sct: <http://snomed.info/id/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

"""
_ESCAPED: Final = re.compile(r'[\x00-\x1f"\\\x7f]')
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|^`\\]*", re.ASCII)
_RELATIVE: Final = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}(?:/_history/[A-Za-z0-9.-]{1,64})?", re.ASCII)
_CONCEPTS: Final[Mapping[str, tuple[str, re.Pattern[str]]]] = {
    _SNOMED: ("sct", re.compile(r"[0-9]{6,18}", re.ASCII)),
    _LOINC: ("loinc", re.compile(r"[0-9]{1,10}-[0-9]", re.ASCII)),
}
_DATES: Final = {4: "gYear", 7: "gYearMonth", 10: "date"}
"""The XML Schema type of a date, by the length of its text; longer ones are dateTimes."""
_DATATYPES: Final[Mapping[str, str]] = {
    "boolean": "boolean",
    "integer": "integer",
    "positiveInt": "integer",
    "unsignedInt": "integer",
    "decimal": "decimal",
    "base64Binary": "base64Binary",
    "instant": "dateTime",
    "time": "time",
}


class FhirTurtle:
    """Writes resources of the types that are defined."""

    def __init__(self, types: Types) -> None:
        """Compile tables from ``types`` as they are needed."""
        self._tables = Tables(types)

    def from_json(self, raw: bytes, base_url: str) -> bytes:
        """Write a resource whose JSON has been checked; one with an id is known by its URL below ``base_url``."""
        resource = decode_literals(raw)
        return (_PREFIXES + _Writing(self._tables, base_url).document(resource)).encode()


class _Writing:
    """One document on its way: one predicate a line, deeper ones further in."""

    def __init__(self, tables: Tables, base_url: str) -> None:
        self._tables = tables
        self._base_url = base_url
        self._out: list[str] = []
        self._depth = 1

    def document(self, resource: Resource) -> str:
        """Write the whole resource; without an identity it is the document itself."""
        name, logical_id = resource["resourceType"], resource.get("id")
        url = f"{self._base_url}/{name}/{logical_id}"
        subject = url if isinstance(logical_id, str) and _IRI.fullmatch(url) else ""
        self._out.append(f"<{subject}> a fhir:{name} ;")
        self._line("fhir:nodeRole fhir:treeRoot ;")
        self._members(self._tables.of(name), resource)
        return "\n".join([*self._out[:-1], self._out[-1].removesuffix(" ;") + " .", ""])

    def _line(self, text: str) -> None:
        self._out.append("  " * self._depth + text)

    def _members(self, table: Table, value: Resource) -> None:
        slots = {table.by_json[name]: None for name in value}
        for slot in slots:
            if not slot.owner:  # resourceType
                continue
            predicate = f"fhir:{slot.owner}.{slot.json_name}"
            values, extras = _each(value.get(slot.json_name)), _each(value.get(slot.companion))
            for index in range(max(len(values), len(extras))):
                item = values[index] if index < len(values) else None
                extra = extras[index] if index < len(extras) else None
                self._item(slot, predicate, item, extra, index)

    def _item(self, slot: Slot, predicate: str, value: Json, extra: Json, index: int) -> None:
        if slot.shape is Shape.XHTML:
            self._line(f"{predicate} {_quoted(value)} ;")
            return
        self._line(f"{predicate} [")
        self._depth += 1
        if slot.repeats:
            self._line(f"fhir:index {index} ;")
        self._inside(slot, value, extra)
        self._out[-1] = self._out[-1].removesuffix(" ;")
        self._depth -= 1
        self._line("] ;")

    def _inside(self, slot: Slot, value: Json, extra: Json) -> None:
        if slot.shape is Shape.RESOURCE:
            self._line(f"a fhir:{value['resourceType']} ;")
            self._members(self._tables.of(value["resourceType"]), value)
        elif slot.shape is Shape.COMPLEX:
            annotate = _ANNOTATIONS.get(slot.type_name)
            note = annotate(value, self._base_url) if annotate is not None else None
            if note is not None:
                self._line(note)
            self._members(self._tables.of(slot.type_name), value)
        else:
            if value is not None:
                self._line(f"fhir:value {_literal(slot.type_name, value)} ;")
            if extra:
                self._members(self._tables.primitive, extra)


def _each(value: Json) -> list[Any]:
    if value is None:
        return []
    return value if type(value) is list else [value]


def _literal(type_name: str, value: Json) -> str:
    text = ("true" if value else "false") if type(value) is bool else str(value)
    datatype = _DATATYPES.get(type_name)
    if type_name in ("date", "dateTime"):
        datatype = _DATES.get(len(text), "dateTime")
    elif type_name == "decimal" and ("e" in text or "E" in text):
        datatype = "double"  # a decimal of XML Schema has no exponent
    return f"{_quoted(text)}^^xsd:{datatype}" if datatype is not None else _quoted(text)


def _quoted(text: str) -> str:
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}"


def _link(reference: Resource, base_url: str) -> str | None:
    """Name what a Reference refers to, where that has a URL."""
    target = reference.get("reference")
    if not isinstance(target, str):
        return None
    url = f"{base_url}/{target}" if _RELATIVE.fullmatch(target) else target
    return f"fhir:link <{url}> ;" if _IRI.fullmatch(url) else None


def _concept(coding: Resource, _: str) -> str | None:
    """Name the concept of a Coding, where its code system has names in RDF."""
    prefix, pattern = _CONCEPTS.get(coding.get("system", ""), ("", None))
    code = coding.get("code")
    if pattern is None or not isinstance(code, str) or not pattern.fullmatch(code):
        return None
    return f"a {prefix}:{code} ;"


_ANNOTATIONS: Final[Mapping[str, Callable[[Resource, str], str | None]]] = {"Reference": _link, "Coding": _concept}
