"""Text to tokens.

Spec: http://hl7.org/fhirpath/N1/grammar.html, lexical elements: http://hl7.org/fhirpath/N1/#lexical-elements
"""

import re
from enum import Enum, auto
from typing import Final, NamedTuple

from fhirserver.fhirpath.errors import FhirPathSyntaxError, Position, shown


class Kind(Enum):
    """What a token is; words are told apart (keyword, identifier) by the parser, from where they stand."""

    NUMBER = auto()
    LONG = auto()
    STRING = auto()
    DELIMITED = auto()
    WORD = auto()
    TIME = auto()
    DATE_TIME = auto()
    DATE = auto()
    SPECIAL = auto()
    SYMBOL = auto()
    END = auto()


class Token(NamedTuple):
    """One token; ``text`` is unescaped and unquoted for strings, delimited identifiers, dates and times."""

    kind: Kind
    text: str
    offset: int


_TIME: Final = r"\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?"
_DATE: Final = r"\d{4}(?:-\d\d(?:-\d\d)?)?"
_SCANNER: Final = re.compile(
    rf"""
      (?P<SKIP>\s+|//[^\r\n]*|/\*.*?\*/)
    | (?P<WORD>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<SYMBOL><=|>=|!=|!~|/(?!\*)|[.()\[\]{{}},%|=~<>+\-*&])
    | (?P<STRING>'(?:[^'\\]|\\.)*')
    | (?P<LONG>\d+)L\b
    | (?P<NUMBER>\d+(?:\.\d+)?)
    | (?P<DELIMITED>`(?:[^`\\]|\\.)*`)
    | @T(?P<TIME>{_TIME})
    | @(?P<DATE_TIME>{_DATE}T(?:{_TIME}(?:Z|[+-]\d\d:\d\d)?)?)
    | @(?P<DATE>{_DATE})
    | (?P<SPECIAL>\$(?:this|index|total)\b)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
MAX_SOURCE: Final = 50_000
"""Characters; the longest expression of R4 has 1,500."""
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_ESCAPED: Final = {"f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_OPENINGS: Final = {"'": "A string", "`": "An identifier", "/": "A comment"}


def tokenize(source: str) -> list[Token]:
    """Return the tokens of an expression, the last one of kind END; raises FhirPathSyntaxError."""
    if len(source) > MAX_SOURCE:
        message = f"An expression may have {MAX_SOURCE} characters, not {len(source)}."
        raise FhirPathSyntaxError(message, Position.of(source, MAX_SOURCE))
    tokens: list[Token] = []
    offset, end, match = 0, len(source), _SCANNER.match
    while offset < end:
        found = match(source, offset)
        if found is None:
            raise _unexpected(source, offset)
        group = found.lastgroup
        if group in ("STRING", "DELIMITED"):
            tokens.append(Token(Kind[group], _unescape(source, offset + 1, found.end() - 1), offset))
        elif group is not None and group != "SKIP":
            tokens.append(Token(_KINDS[group], found[group], offset))
        offset = found.end()
    tokens.append(Token(Kind.END, "", end))
    return tokens


_KINDS: Final = dict(Kind.__members__)


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else _ESCAPED.get(escape[2], escape[2])


def _unescape(source: str, start: int, end: int) -> str:
    """Read the escapes of a string; a backslash before anything else is left out."""
    text = source[start:end]
    if "\\" not in text:
        return text
    unescaped = _ESCAPE.sub(_character, text)
    try:  # two \u escapes may be the halves of one character
        return unescaped.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise FhirPathSyntaxError("Half a surrogate pair is no character.", Position.of(source, start)) from None


def _unexpected(source: str, offset: int) -> FhirPathSyntaxError:
    opening = _OPENINGS.get(source[offset])
    message = f"{opening} is not closed." if opening else f"`{shown(source[offset])}` is not expected."
    return FhirPathSyntaxError(message, Position.of(source, offset))
