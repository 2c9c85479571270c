"""String manipulation. Spec: http://hl7.org/fhirpath/N1/#string-manipulation"""

import base64
import binascii
import html
import json
import re
from collections.abc import Sequence
from typing import Final

from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.expression import Call, Compiled, FunctionTable
from fhirserver.fhirpath.items import Items, check_length
from fhirserver.fhirpath.lifting import scalar, value_of
from fhirserver.fhirpath.regex import is_found, is_match, substitute, with_flags
from fhirserver.fhirpath.types import BOOLEAN, INTEGER, STRING

TABLE: Final = FunctionTable()
_JSON_ESCAPE: Final = re.compile(r"(?:\\u[0-9A-Fa-f]{4})+|\\.", re.DOTALL)
_STRINGS: Final = frozenset({STRING})


@scalar(TABLE, "indexOf", STRING, STRING, result=INTEGER)
def index_of(text: str, part: str) -> int:
    """Where a part first occurs; -1 where it does not."""
    return text.find(part)


@scalar(TABLE, "lastIndexOf", STRING, STRING, result=INTEGER)
def last_index_of(text: str, part: str) -> int:
    """Where a part last occurs; -1 where it does not."""
    return text.rfind(part)


@scalar(TABLE, "substring", STRING, INTEGER, INTEGER, result=STRING, required=2, optional=True)
def substring(text: str, start: int, length: int | None = None) -> str | None:
    """The part from ``start``; nothing when that is outside the text. An empty length is as none."""
    if not 0 <= start < len(text):
        return None
    return text[start:] if length is None else text[start : start + max(0, length)]


@scalar(TABLE, "startsWith", STRING, STRING, result=BOOLEAN)
def starts_with(text: str, prefix: str) -> bool:
    """Whether the text starts with a prefix."""
    return text.startswith(prefix)


@scalar(TABLE, "endsWith", STRING, STRING, result=BOOLEAN)
def ends_with(text: str, suffix: str) -> bool:
    """Whether the text ends with a suffix."""
    return text.endswith(suffix)


@scalar(TABLE, "contains", STRING, STRING, result=BOOLEAN)
def contains(text: str, part: str) -> bool:
    """Whether a part occurs in the text."""
    return part in text


@scalar(TABLE, "upper", STRING, result=STRING)
def upper(text: str) -> str:
    """In upper case."""
    return text.upper()


@scalar(TABLE, "lower", STRING, result=STRING)
def lower(text: str) -> str:
    """In lower case."""
    return text.lower()


@scalar(TABLE, "trim", STRING, result=STRING)
def trim(text: str) -> str:
    """Without white space at both ends."""
    return text.strip()


@scalar(TABLE, "length", STRING, result=INTEGER)
def length(text: str) -> int:
    """How many characters."""
    return len(text)


@scalar(TABLE, "replace", STRING, STRING, STRING, result=STRING)
def replace(text: str, pattern: str, substitution: str) -> str:
    """With every occurrence of a part replaced; an empty part stands between all characters."""
    check_length(len(text) + text.count(pattern) * len(substitution))
    return text.replace(pattern, substitution)


@scalar(TABLE, "matches", STRING, STRING, STRING, result=BOOLEAN, required=2, optional=True, quick=False)
def matches(text: str, pattern: str, flags: str | None = None) -> bool:
    """Whether a regular expression is found in the text; flags, as later drafts have them: ``i``, ``m``."""
    return is_found(with_flags(pattern, flags), text)


@scalar(TABLE, "matchesFull", STRING, STRING, STRING, result=BOOLEAN, required=2, optional=True, quick=False)
def matches_full(text: str, pattern: str, flags: str | None = None) -> bool:
    """Whether a regular expression matches the whole text; flags as for ``matches``."""
    return is_match(with_flags(pattern, flags), text)


@scalar(TABLE, "replaceMatches", STRING, STRING, STRING, result=STRING)
def replace_matches(text: str, pattern: str, substitution: str) -> str:
    """With every match replaced; ``$1`` and ``${name}`` stand for groups. An empty pattern changes nothing."""
    return substitute(pattern, text, substitution) if pattern else text


@TABLE.function("toChars")
def to_chars(call: Call) -> Compiled:
    """The characters, each as an item."""
    source = call.focus.run
    return Compiled(lambda frame, this: _strings(frame, value_of(source(frame, this), STRING) or ""), _STRINGS)


def _strings(frame: Frame, texts: Sequence[str]) -> Items:
    frame.check_size(texts)
    frame.spend(len(texts))
    return [(STRING, text) for text in texts]


@TABLE.function("split", 1)
def split(call: Call) -> Compiled:
    """The parts between separators."""
    source, argument = call.focus.run, call.argument(0).run

    def run(frame: Frame, this: Items) -> Items:
        text, separator = value_of(source(frame, this), STRING), value_of(argument(frame, this), STRING)
        if text is None or separator is None:
            return []
        return _strings(frame, text.split(separator) if separator else text)

    return Compiled(run, _STRINGS)


@TABLE.function("join", 0, 1)
def join(call: Call) -> Compiled:
    """The strings in one, with a separator between them."""
    source = call.focus.run
    argument = call.argument(0).run if len(call) else None

    def run(frame: Frame, this: Items) -> Items:
        items = source(frame, this)
        separator = value_of(argument(frame, this), STRING) if argument else ""
        texts = [text for item in items if (text := value_of([item], STRING)) is not None]
        length = sum(map(len, texts)) + len(texts) * len(separator or "")
        check_length(length)
        frame.spend_on_text(length)
        return [(STRING, (separator or "").join(texts))] if items else []

    return Compiled(run, _STRINGS, many=False)


@scalar(TABLE, "encode", STRING, STRING, result=STRING)
def encode(text: str, encoding: str) -> str | None:
    """In base64, urlbase64 or hex."""
    raw = text.encode()
    match encoding:
        case "base64":
            return base64.b64encode(raw).decode()
        case "urlbase64":
            return base64.urlsafe_b64encode(raw).decode()
        case "hex":
            return raw.hex()
        case _:
            return None


@scalar(TABLE, "decode", STRING, STRING, result=STRING)
def decode(text: str, encoding: str) -> str | None:
    """Back from base64, urlbase64 or hex; nothing when it is none."""
    try:
        match encoding:
            case "base64":
                return base64.b64decode(text, validate=True).decode()
            case "urlbase64":
                return base64.urlsafe_b64decode(text).decode()
            case "hex":
                return bytes.fromhex(text).decode()
            case _:
                return None
    except (binascii.Error, ValueError):
        return None


@scalar(TABLE, "escape", STRING, STRING, result=STRING)
def escape(text: str, target: str) -> str | None:
    """As it stands in html or json."""
    match target:
        case "html":
            return html.escape(text)
        case "json":
            return json.dumps(text, ensure_ascii=False)[1:-1]
        case _:
            return None


@scalar(TABLE, "unescape", STRING, STRING, result=STRING)
def unescape(text: str, target: str) -> str | None:
    """Back from html or json; nothing where an escape is none."""
    match target:
        case "html":
            return html.unescape(text)
        case "json":
            return _from_json(text)
        case _:
            return None


def _from_json(text: str) -> str | None:
    try:
        return _JSON_ESCAPE.sub(lambda escape: str(json.loads(f'"{escape[0]}"')), text)
    except ValueError:
        return None
