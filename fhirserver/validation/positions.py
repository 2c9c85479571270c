"""Where in the text that was sent the element of a FHIRPath begins: line and column, both from 1.

Looked for only once something is wrong, and for all issues in one pass. What is not there (a missing element) is placed
at the nearest element around it. Spec: http://hl7.org/fhir/extensions/StructureDefinition-operationoutcome-issue-line.html
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import msgspec

from fhirserver.codec.fhir_xml_read import hardened_parser, parse_hardened
from fhirserver.codec.fhir_xml_tables import SEPARATOR
from fhirserver.kernel.outcome import Issue, Position

MAX_BYTES: Final = 4 * 1024 * 1024
"""Of longer texts no positions are told: to look for them would hold up other requests."""
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_SEGMENT: Final = re.compile(r"([A-Za-z]\w*)(?:\[(\d+)\])?", re.ASCII)


class _Head(msgspec.Struct, frozen=True, rename="camel"):
    resource_type: str = ""


_head: Final = msgspec.json.Decoder(_Head)
_Tokens: TypeAlias = Iterator[re.Match[bytes]]
_Place: TypeAlias = int | tuple[int, int]
"""An offset in JSON, line and column in XML."""


@dataclass(slots=True)
class _Wanted:
    """An element that issues are about, or that holds such elements."""

    place: _Place | None = None
    """Where it begins, once found."""
    members: "dict[str, _Wanted]" = field(default_factory=dict)
    items: "dict[int, _Wanted]" = field(default_factory=dict)

    def find(self, place: _Place) -> None:
        """Note where it begins; ``name`` and ``_name`` are one element, the first counts."""
        if self.place is None:
            self.place = place


def positioned(issues: Sequence[Issue], body: bytes, xml: bytes | None = None) -> tuple[Issue, ...]:
    """Return issues with the positions of what they are about in a JSON body, or in the XML that it was."""
    if not issues or len(body) > MAX_BYTES or len(xml or b"") > MAX_BYTES:
        return tuple(issues)
    sent = _type_of(body)
    roots = [_steps(issue, sent) for issue in issues]
    if all(steps is None for steps in roots):
        return tuple(issues)
    tree = _Wanted()
    for steps in roots:
        _plant(tree, steps or ())
    if xml is None:
        _scan(_TOKEN.finditer(body), tree)
    else:
        _Reading(tree).read(xml)
    nearest = [None if steps is None else _nearest(tree, steps) for steps in roots]
    lines = [] if xml is not None else [found.start() for found in re.finditer(b"\n", body)]
    return tuple(_placed(*one, body, lines) for one in zip(issues, nearest, strict=True))


_Steps: TypeAlias = Sequence[tuple[str, int | None]]


def _type_of(body: bytes) -> str:
    """Return the type of the resource that was sent; empty for anything else, such as a patch."""
    try:
        return _head.decode(body).resource_type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _steps(issue: Issue, sent: str) -> _Steps | None:
    """Return the way from the resource to an element, as far as it is one of names and indexes; None: no element."""
    if issue.position is not None or not issue.expression:
        return None
    root, _, path = issue.expression[0].partition(".")
    if not root or root != sent:
        return None
    steps = []
    for segment in path.split(".") if path else ():
        found = _SEGMENT.fullmatch(segment)
        if found is None:
            break
        steps.append((found[1], None if found[2] is None else int(found[2])))
    return steps


def _plant(tree: _Wanted, steps: _Steps) -> None:
    for name, index in steps:
        tree = tree.members.setdefault(name, _Wanted())
        if index is not None:
            tree = tree.items.setdefault(index, _Wanted())


def _nearest(tree: _Wanted, steps: _Steps) -> _Place | None:
    """Return the place of an element, or of the innermost one around it that is there."""
    place = tree.place
    for name, index in steps:
        tree = tree.members[name]
        place = place if tree.place is None else tree.place
        if index is not None:
            tree = tree.items[index]
            place = place if tree.place is None else tree.place
    return place


def _placed(issue: Issue, place: _Place | None, body: bytes, lines: list[int]) -> Issue:
    if place is None:
        return issue
    if isinstance(place, tuple):
        return replace(issue, position=Position(*place))
    before = bisect_left(lines, place)
    start = lines[before - 1] + 1 if before else 0
    column = len(body[start:place].decode("utf-8", "replace")) + 1
    return replace(issue, position=Position(before + 1, column))


def _scan(tokens: _Tokens, tree: _Wanted) -> None:
    """Read one JSON document."""
    first = next(tokens, None)
    if first is not None:
        _scan_value(tokens, first, (tree,), first.start())


def _scan_value(tokens: _Tokens, first: re.Match[bytes], wanted: Sequence[_Wanted], start: int) -> None:
    """Read the value that begins with ``first``."""
    for one in wanted:
        one.find(start)
    opening = first[0]
    if opening == b"{":
        _scan_object(tokens, [one for one in wanted if one.members])
    elif opening == b"[":
        _scan_array(tokens, [one for one in wanted if one.items])


def _scan_object(tokens: _Tokens, wanted: Sequence[_Wanted]) -> None:
    if not wanted:
        _skip(tokens)
        return
    for token in tokens:
        if token[0] == b"}":
            return
        if token[0] == b",":
            continue
        next(tokens)  # the colon
        _scan_value(tokens, next(tokens), list(_members(wanted, _name(token[0]))), token.start())


def _name(key: bytes) -> str:
    return str(msgspec.json.decode(key)).removeprefix("_")


def _members(wanted: Iterable[_Wanted], name: str) -> Iterator[_Wanted]:
    """Yield what is wanted in the element of a name; ``value`` is that of ``valueQuantity``."""
    for one in wanted:
        for element, inner in one.members.items():
            if name == element or (name.startswith(element) and name[len(element)].isupper()):
                yield inner


def _scan_array(tokens: _Tokens, wanted: Sequence[_Wanted]) -> None:
    if not wanted:
        _skip(tokens)
        return
    index = 0
    for token in tokens:
        if token[0] == b"]":
            return
        if token[0] == b",":
            index += 1
            continue
        inner = [one.items[index] for one in wanted if index in one.items]
        _scan_value(tokens, token, inner, token.start())


def _skip(tokens: _Tokens) -> None:
    """Pass over the rest of an object or array."""
    depth = 1
    for token in tokens:
        text = token[0]
        if text in (b"{", b"["):
            depth += 1
        elif text in (b"}", b"]"):
            depth -= 1
            if not depth:
                return


@dataclass(slots=True)
class _Open:
    """An XML element that is open: what is wanted in it, and how many of each name it had."""

    wanted: Sequence[_Wanted]
    counts: Counter[str] = field(default_factory=Counter)


class _Reading:
    """One XML document on its way."""

    def __init__(self, tree: _Wanted) -> None:
        self._tree = tree
        self._open: list[_Open] = []
        self._parser = hardened_parser()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def read(self, xml: bytes) -> None:
        parse_hardened(self._parser, xml)

    def _start(self, tag: str, _: dict[str, str]) -> None:
        name = tag.rpartition(SEPARATOR)[2]
        place = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        if not self._open:
            self._tree.find(place)
            self._open.append(_Open([self._tree]))
        elif name[:1].isupper():  # a resource in ``contained`` or ``resource``, which is what expressions name
            self._open.append(_Open(self._open[-1].wanted))
        else:
            self._open.append(_Open(list(self._inside(self._open[-1], name, place))))

    def _end(self, _: str) -> None:
        self._open.pop()

    def _inside(self, outer: _Open, name: str, place: tuple[int, int]) -> Iterator[_Wanted]:
        index = outer.counts[name]
        outer.counts[name] += 1
        for inner in _members(outer.wanted, name):
            inner.find(place)
            yield inner
            if index in inner.items:
                inner.items[index].find(place)
                yield inner.items[index]
