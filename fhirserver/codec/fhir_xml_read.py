"""FHIR XML -> FHIR JSON: one pass of expat, without document types, entities or anything to fetch.

Comments, processing instructions and white space between elements are no content; number literals, the order of
elements and the narrative's own text are kept. Elements may come in any order; they are served in that of R4.
Spec: http://hl7.org/fhir/R4/xml.html
"""

import re
from typing import Final, NoReturn
from xml.parsers import expat

import msgspec

from fhirserver.codec.fhir_json import MAX_DEPTH, encode
from fhirserver.codec.fhir_xml_tables import FHIR, SEPARATOR, XHTML, Literal, Shape, Slot, Table, Tables
from fhirserver.kernel.outcome import BadStructure, TooLong
from fhirserver.kernel.resource import Json, Resource

_MARK: Final = b"\xef\xbb\xbf"
_OTHER_MARKS: Final = frozenset({b"\xff\xfe", b"\xfe\xff"})
"""Byte order marks of UTF-16, which expat would follow whatever it is told."""
_SCHEMA_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance" + SEPARATOR
_BLANKS: Final = " \t\r\n"
_FED: Final = 1024 * 1024
"""Bytes that are parsed at once."""
_MAX_TOKEN: Final = 16 * 1024 * 1024
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,999})", re.ASCII)
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,999})(?:\.[0-9]{1,999})?(?:[eE][+-]?[0-9]{1,9})?", re.ASCII)
_BOOLEANS: Final = {"true": True, "false": False}
_NAME: Final = re.compile(r"[A-Za-z_][\w.-]{0,63}", re.ASCII)
_EXPECTED: Final = {
    Literal.BOOLEAN: "`true` or `false`",
    Literal.INTEGER: "an integer",
    Literal.DECIMAL: "a decimal number",
}
_END_OF_DIV: Final = re.compile(rb"</(?:[^\s:>]+:)?div\s*>")
_START_OF_DIV: Final = re.compile(rb"<(?:(?P<prefix>[^\s:/>]+):)?div(?=[\s/>])")
_ATTRIBUTE: Final = rb"""\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*')"""


class XmlReader:
    """Reads resources."""

    def __init__(self, tables: Tables) -> None:
        """Read the types of ``tables``."""
        self._tables = tables

    def read(self, body: bytes) -> bytes:
        """Return the resource as JSON; raises BadStructure naming line and element."""
        return encode(_Reading(self._tables, body.removeprefix(_MARK)).resource())


def hardened_parser() -> expat.XMLParserType:
    """Return a parser of UTF-8 that refuses what FHIR forbids: document types, hence entities, other encodings."""
    parser = expat.ParserCreate("UTF-8", SEPARATOR)
    parser.buffer_text = True

    def refuse_document_type(*_: object) -> NoReturn:
        raise BadStructure(f"Line {parser.CurrentLineNumber}: a document type is not allowed in FHIR XML.")

    def check_declaration(_version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in ("utf-8", "utf8"):
            raise BadStructure("The XML declaration must say `UTF-8`, or no encoding.")

    parser.StartDoctypeDeclHandler = refuse_document_type
    parser.XmlDeclHandler = check_declaration
    return parser


def parse_hardened(parser: expat.XMLParserType, body: bytes) -> None:
    """Parse a whole document; raises BadStructure where it is not well-formed, TooLong.

    What is not complete is read again from its start with each piece: a token must not be many pieces long.
    """
    if body[:2] in _OTHER_MARKS:
        raise BadStructure("The body is not UTF-8.")
    try:
        for start in range(0, len(body), _FED):
            parser.Parse(memoryview(body)[start : start + _FED], False)
            if start + _FED - parser.CurrentByteIndex > _MAX_TOKEN:
                raise TooLong(f"The XML holds a value or comment of more than {_MAX_TOKEN} bytes.")
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        raise BadStructure(f"The body is not well-formed XML: {reason}, line {error.lineno}.") from None


class _Frame:
    """An element that is open: its table, and the JSON object that it fills."""

    __slots__ = ("has_value", "owner", "slot", "table", "value")

    def __init__(self, table: Table | None, slot: Slot | None, value: Resource, owner: Resource) -> None:
        self.table = table
        """None for an element that holds a resource."""
        self.slot = slot
        """None for a resource."""
        self.value = value
        self.owner = owner
        self.has_value = False


class _Reading:
    """One document on its way."""

    def __init__(self, tables: Tables, body: bytes) -> None:
        self._tables = tables
        self._body = body
        self._frames: list[_Frame] = []
        self._root: Resource | None = None
        self._aligned: list[tuple[Resource, Slot]] = []
        self._parser = hardened_parser()
        self._div_start = self._div_depth = 0
        self._default_declared_at = -1
        self._div_is_alone = False

    def resource(self) -> Resource:
        self._read_elements()
        self._parser.StartNamespaceDeclHandler = self._declare
        parse_hardened(self._parser, self._body)
        if self._root is None:
            raise BadStructure("The body holds no resource.")
        for owner, slot in self._aligned:
            _align(owner, slot)
        return self._root

    def _read_elements(self) -> None:
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def _declare(self, prefix: str | None, _: str) -> None:
        """Note which element has a default namespace of its own."""
        if prefix is None:
            self._default_declared_at = self._parser.CurrentByteIndex

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        frames = self._frames
        if not frames:
            self._start_root(name, attributes)
            return
        if len(frames) >= MAX_DEPTH:
            raise BadStructure(f"The body is nested more than {MAX_DEPTH} levels deep.")
        frame = frames[-1]
        table = frame.table
        if table is None:
            self._start_held(frame, name, attributes)
            return
        slot = table.by_xml.get(name)
        if slot is None:
            self._refuse_element(table, name)
        shape = slot.shape
        if shape is Shape.PRIMITIVE:
            self._start_primitive(frame.value, slot, attributes)
        elif shape is Shape.XHTML:
            self._start_div(frame.value, slot)
        else:
            self._start_complex(frame.value, slot, attributes)

    def _start_root(self, name: str, attributes: dict[str, str]) -> None:
        own = {name: value for name, value in attributes.items() if not name.startswith(_SCHEMA_INSTANCE)}
        self._root = self._start_resource(name, own, {})

    def _start_resource(self, name: str, attributes: dict[str, str], owner: Resource) -> Resource:
        namespace, _, local = name.rpartition(SEPARATOR)
        if namespace != FHIR:
            self._fail(f"{_shown(name)} must be in the namespace `{FHIR}`")
        if not self._tables.is_resource_type(local):
            self._fail(f"{_shown(name)} is not a resource type of R4")
        value: Resource = {"resourceType": local}
        frame = _Frame(self._tables.of(local), None, value, owner)
        self._frames.append(frame)
        self._take_attributes(frame, attributes)
        return value

    def _start_held(self, holder: _Frame, name: str, attributes: dict[str, str]) -> None:
        """Start the resource inside ``contained``, or of an entry or parameter."""
        slot = holder.slot
        if slot is None or holder.has_value:
            self._fail("an element holds one resource only")
        self._put(holder.owner, slot, self._start_resource(name, attributes, holder.owner))
        holder.has_value = True

    def _start_complex(self, owner: Resource, slot: Slot, attributes: dict[str, str]) -> None:
        if slot.shape is Shape.RESOURCE:
            self._frames.append(_Frame(None, slot, {}, owner))
            if attributes:
                self._refuse_attribute(next(iter(attributes)))
            return
        value: Resource = {}
        self._put(owner, slot, value)
        frame = _Frame(self._tables.of(slot.type_name), slot, value, owner)
        self._frames.append(frame)
        if attributes:
            self._take_attributes(frame, attributes)

    def _start_primitive(self, owner: Resource, slot: Slot, attributes: dict[str, str]) -> None:
        frame = _Frame(self._tables.primitive, slot, {}, owner)
        text = attributes.pop("value", None)
        if text is not None:
            self._frames.append(frame)
            frame.has_value = True
            self._put(owner, slot, self._literal(slot, text))
        else:
            if slot.repeats:
                owner.setdefault(slot.json_name, []).append(None)
            elif slot.json_name in owner or slot.companion in owner:
                self._refuse_repetition(slot)
            self._frames.append(frame)
        if attributes:
            self._take_attributes(frame, attributes)

    def _take_attributes(self, frame: _Frame, attributes: dict[str, str]) -> None:
        allowed = frame.table.attributes if frame.table is not None else ()
        for name, value in attributes.items():
            if name not in allowed:
                self._refuse_attribute(name)
            frame.value[name] = value.strip(_BLANKS)

    def _literal(self, slot: Slot, text: str) -> Json:
        literal = slot.literal
        if literal is Literal.TEXT:
            return text
        text = text.strip(_BLANKS)
        if literal is Literal.TRIMMED:
            return text
        if literal is Literal.BOOLEAN:
            found = _BOOLEANS.get(text)
            if found is not None:
                return found
        elif literal is Literal.INTEGER:
            text = text.removeprefix("+")
            if _INTEGER.fullmatch(text):
                return msgspec.Raw(text.encode())
        elif _DECIMAL.fullmatch(text):
            return msgspec.Raw(text.encode())
        self._fail(f"the `value` of `{slot.json_name}` must be {_EXPECTED[literal]}")

    def _put(self, owner: Resource, slot: Slot, value: Json) -> None:
        name = slot.json_name
        if not slot.repeats:
            if name in owner:
                self._refuse_repetition(slot)
            owner[name] = value
        elif name in owner:
            owner[name].append(value)
        else:
            owner[name] = [value]

    def _end(self, _: str) -> None:
        frame = self._frames.pop()
        slot = frame.slot
        if slot is None or slot.shape is Shape.COMPLEX:
            return
        if slot.shape is Shape.PRIMITIVE and frame.value:
            self._put_companion(frame.owner, slot, frame.value)
        elif not frame.has_value:
            what = "a resource" if slot.shape is Shape.RESOURCE else "a `value` or an extension"
            self._fail(f"`{slot.json_name}` must have {what}")

    def _put_companion(self, owner: Resource, slot: Slot, value: Resource) -> None:
        if not slot.repeats:
            owner[slot.companion] = value
            return
        if slot.companion not in owner:
            owner[slot.companion] = []
            self._aligned.append((owner, slot))
        companions = owner[slot.companion]
        companions += [None] * (len(owner[slot.json_name]) - 1 - len(companions))
        companions.append(value)

    def _text(self, text: str) -> None:
        if text.strip(_BLANKS):
            self._fail("there must be no text between elements, only in a `value` and in the narrative")

    def _start_div(self, owner: Resource, slot: Slot) -> None:
        """Let the narrative pass: its own bytes are taken once its end is found."""
        if slot.json_name in owner:
            self._refuse_repetition(slot)
        self._div_start, self._div_depth = self._parser.CurrentByteIndex, 1
        self._div_is_alone = self._default_declared_at == self._div_start
        self._parser.StartElementHandler = self._start_within
        self._parser.EndElementHandler = self._end_within
        self._parser.CharacterDataHandler = None

    def _start_within(self, _: str, attributes: dict[str, str]) -> None:
        self._div_depth += 1

    def _end_within(self, _: str) -> None:
        self._div_depth -= 1
        if self._div_depth == 0:
            index = self._parser.CurrentByteIndex
            end = _END_OF_DIV.match(self._body, index)
            source = self._body[self._div_start : end.end() if end is not None else index]
            self._frames[-1].value["div"] = self._own_namespace(source)
            self._read_elements()

    def _own_namespace(self, source: bytes) -> str:
        """Return the text of a narrative so that it stands alone: XHTML is its default namespace."""
        start = _START_OF_DIV.match(source)
        if start is not None and start["prefix"] is not None:
            if b"<!" in source:
                self._fail("`div` with a namespace prefix must not hold comments or CDATA sections")
            source = _without_prefix(source, re.escape(start["prefix"]))
        if not self._div_is_alone:
            source = b'<div xmlns="%b"%b' % (XHTML.encode(), source[4:])
        return source.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode()

    def _refuse_element(self, table: Table, name: str) -> NoReturn:
        local = name.rpartition(SEPARATOR)[2]
        for namespace in (FHIR, XHTML):
            if namespace + SEPARATOR + local in table.by_xml:
                self._fail(f"{_shown(name)} must be in the namespace `{namespace}`")
        where = table.name if table is not self._tables.primitive else "a primitive"
        self._fail(f"{_shown(name)} is not an element of `{where}`")

    def _refuse_attribute(self, name: str) -> NoReturn:
        self._fail(f"the attribute {_shown(name)} is not allowed here")

    def _refuse_repetition(self, slot: Slot) -> NoReturn:
        self._fail(f"`{slot.json_name}` must not be repeated")

    def _fail(self, reason: str) -> NoReturn:
        place = self._place()
        raise BadStructure(
            f"Line {self._parser.CurrentLineNumber}: {reason}.", expression=[place] if place else []
        ) from None

    def _place(self) -> str:
        """Return the FHIRPath of the innermost open element."""
        if not self._frames:
            return ""
        place = str(self._frames[0].value["resourceType"])
        for frame in self._frames:
            if frame.slot is not None:
                place += "." + frame.slot.path_name + _index(frame, frame.slot)
        return place


def _without_prefix(div: bytes, prefix: bytes) -> bytes:
    """Take a prefix from the tags of a narrative, and its declaration from the first of them."""
    div = re.sub(rb"(</?)" + prefix + b":", rb"\1", div)
    declaration = rb"""\s+xmlns:%b\s*=\s*(?:"[^"]*"|'[^']*')""" % prefix
    return re.sub(rb"\A(<div(?:%b)*?)%b" % (_ATTRIBUTE, declaration), rb"\1", div, count=1)


def _index(frame: _Frame, slot: Slot) -> str:
    """Count the items before: a held resource is in its array once it has begun, all else at once."""
    if not slot.repeats:
        return ""
    before = len(frame.owner.get(slot.json_name, ()))
    if slot.shape is not Shape.RESOURCE or frame.has_value:
        before -= 1
    return f"[{max(before, 0)}]"


def _align(owner: Resource, slot: Slot) -> None:
    """Make the two arrays of a repeating primitive equally long; one of nulls only is none."""
    values, companions = owner.get(slot.json_name), owner.get(slot.companion)
    if values is not None and companions is not None:
        companions += [None] * (len(values) - len(companions))
        if all(value is None for value in values):
            del owner[slot.json_name]


def _shown(name: str) -> str:
    local = name.rpartition(SEPARATOR)[2]
    return f"`{local}`" if _NAME.fullmatch(local) else "this name"
