"""The part of YAML that test suites are written in: block and flow collections, quoted, plain and folded scalars.

Spec: https://yaml.org/spec/1.2.2/. No anchors, tags, documents or complex keys.
"""

import json
import re
from decimal import Decimal

from fhirserver.kernel.resource import Json

_KEY = re.compile(r"""(?P<key>'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[^\s\[\]{}#&*!|>'"%@`,][^#]*?)\s*:(?=\s|$)""")
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_COMMENT = re.compile(r"\s+#.*$")
_CLOSING = {"[": "]", "{": "}"}


_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def _json_escape(escape: re.Match[str]) -> str:
    return escape[0] if escape[1] in '"\\/bfnrtu' else escape[1]


def load(text: str) -> Json:
    """Read one document."""
    return _Reader(text.splitlines()).block(0)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _scalar(text: str) -> Json:
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    if text.startswith('"'):
        return json.loads(_ESCAPE.sub(_json_escape, text), strict=False)
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text):
        return int(text) if text.lstrip("+-").isdigit() else Decimal(text)
    return text


class _Reader:
    """The lines of a document and the next one to read."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._next = 0

    def _skip_blank(self) -> bool:
        while self._next < len(self._lines):
            text = self._lines[self._next].strip()
            if text and not text.startswith("#"):
                return True
            self._next += 1
        return False

    def block(self, least: int) -> Json:
        """Read the node that starts on the next line and is indented so far at least."""
        if not self._skip_blank() or _indent(self._lines[self._next]) < least:
            return None
        line = self._lines[self._next]
        indent, text = _indent(line), line.strip()
        if text == "-" or text.startswith("- "):
            return self._sequence(indent)
        if _KEY.match(text):
            return self._mapping(indent)
        self._next += 1
        return self._inline(text, least - 1)

    def _sequence(self, indent: int) -> list[Json]:
        found = []
        while self._skip_blank():
            line = self._lines[self._next]
            if _indent(line) != indent or not (line.strip() == "-" or line.strip().startswith("- ")):
                break
            rest = line[indent + 1 :]
            if rest.strip() and not rest.strip().startswith("#"):
                self._lines[self._next] = " " * (indent + 1) + rest
            else:
                self._next += 1
            found.append(self.block(indent + 1))
        return found

    def _mapping(self, indent: int) -> dict[str, Json]:
        found = {}
        while self._skip_blank() and _indent(self._lines[self._next]) == indent:
            line = self._lines[self._next]
            match = _KEY.match(line.strip())
            if match is None:
                break
            self._next += 1
            rest = line.strip()[match.end() :].strip()
            found[str(_scalar(match["key"]))] = self._value(rest, indent)
        return found

    def _value(self, rest: str, indent: int) -> Json:
        if rest and not rest.startswith("#"):
            return self._folded(rest, indent) if rest[0] in "|>" else self._inline(rest, indent)
        if not self._skip_blank():
            return None
        following = self._lines[self._next]
        in_line = _indent(following) == indent and following.strip().startswith("-")
        return self.block(indent if in_line else indent + 1)

    def _folded(self, style: str, indent: int) -> str:
        lines = []
        while self._next < len(self._lines):
            line = self._lines[self._next]
            if line.strip() and _indent(line) <= indent:
                break
            lines.append(line.strip())
            self._next += 1
        while lines and not lines[-1]:
            lines.pop()
        return ("\n" if style[0] == "|" else " ").join(lines) + ("" if "-" in style else "\n")

    def _inline(self, text: str, indent: int) -> Json:
        """Read a flow collection or a scalar that may go on over further lines."""
        if text[0] in "'\"[{":
            flow = _Flow(text)
            while not flow.is_complete():
                flow = _Flow(flow.text + " " + self._lines[self._next].strip())
                self._next += 1
            return flow.value()
        parts = [_COMMENT.sub("", text)]
        while self._skip_blank() and _indent(self._lines[self._next]) > indent:
            parts.append(_COMMENT.sub("", self._lines[self._next].strip()))
            self._next += 1
        return _scalar(" ".join(parts))


class _Flow:
    """Text that starts with a quote or a bracket."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._at = 0

    def is_complete(self) -> bool:
        """Tell whether the end is there."""
        try:
            self.value()
        except IndexError:
            return False
        return True

    def value(self) -> Json:
        """Read the value; raises IndexError where the text ends before it."""
        self._at = 0
        return self._read(",]}")

    def _space(self) -> None:
        while self.text[self._at] in " \t":
            self._at += 1

    def _read(self, stops: str) -> Json:
        self._space()
        first = self.text[self._at]
        if first in "'\"":
            return self._quoted(first)
        if first in _CLOSING:
            return self._collection(first)
        start = self._at
        while self.text[self._at] not in stops:
            self._at += 1
        return _scalar(self.text[start : self._at].strip())

    def _quoted(self, quote: str) -> Json:
        start = self._at
        self._at += 1
        while True:
            if self.text[self._at] == "\\" and quote == '"':
                self._at += 2
            elif self.text[self._at] != quote:
                self._at += 1
            elif quote == "'" and self.text[self._at + 1 : self._at + 2] == "'":
                self._at += 2
            else:
                break
        self._at += 1
        return _scalar(self.text[start : self._at])

    def _collection(self, opening: str) -> Json:
        self._at += 1
        items: list[Json] = []
        pairs: dict[str, Json] = {}
        while True:
            self._space()
            if self.text[self._at] == _CLOSING[opening]:
                self._at += 1
                return items if opening == "[" else pairs
            if self.text[self._at] == ",":
                self._at += 1
            elif opening == "[":
                items.append(self._read(",]"))
            else:
                key = str(self._read(":"))
                self._space()
                self._at += 1
                pairs[key] = self._read(",}")
