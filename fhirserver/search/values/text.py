"""Splitting and unescaping search values. Spec: http://hl7.org/fhir/R4/search.html#escaping"""

import re
from typing import Final

_ESCAPED: Final = re.compile(r"\\([,$|\\])")
_LEGAL: Final = re.compile(r"(?:[^\\]|\\[,$|\\])*", re.DOTALL)


def is_escaped_well(text: str) -> bool:
    r"""Tell whether every ``\`` escapes one of ``, $ | \``; R4 calls any other illegal."""
    return "\\" not in text or _LEGAL.fullmatch(text) is not None


def split_unescaped(text: str, separator: str) -> list[str]:
    r"""Split at separators that no ``\`` escapes; escapes stay in the parts."""
    if "\\" not in text:
        return text.split(separator)
    parts, current, position = [], "", 0
    while position < len(text):
        character = text[position]
        if character == "\\":
            current += text[position : position + 2]
            position += 2
            continue
        if character == separator:
            parts.append(current)
            current = ""
        else:
            current += character
        position += 1
    return [*parts, current]


def unescape(text: str) -> str:
    r"""Replace ``\,`` ``\$`` ``\|`` ``\\`` by what they stand for."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
