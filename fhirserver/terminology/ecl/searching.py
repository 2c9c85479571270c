"""How texts are searched in: words that begin words, or a pattern of it all; case and accents do not count.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language, section 6.8
"""

import re
from typing import Final, TypeAlias

from fhirserver.terminology.words import fold, words

Pattern: TypeAlias = tuple[str, ...]
"""What stands between the wildcards, in order."""
_PIECES: Final = re.compile(r'\\(["\\*])|(\*)|([^\\*]+)', re.DOTALL)


def read_pattern(text: str) -> Pattern:
    """Read a pattern: ``*`` is any characters, a backslash before one takes it as it is."""
    found: list[str] = [""]
    for escaped, star, plain in _PIECES.findall(text):
        if star:
            found.append("")
        else:
            found[-1] += escaped or plain
    return tuple(fold(piece) for piece in found)


def fits(pattern: Pattern, text: str) -> bool:
    """Tell whether a text is as a pattern says, in time that grows with their lengths only."""
    folded = fold(text)
    first, *middle, last = pattern if len(pattern) > 1 else (pattern[0], "")
    if len(pattern) == 1:
        return folded == first
    end = len(folded) - len(last)
    if not folded.startswith(first) or not folded.endswith(last) or end < len(first):
        return False
    at = len(first)
    for piece in middle:
        found = folded.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def has_words(asked: tuple[str, ...], text: str) -> bool:
    """Tell whether every word asked begins a word of a text; what is between spaces is a word too (``J45.9``)."""
    having = (*words(text), *fold(text).split())
    return bool(asked) and all(any(one.startswith(word) for one in having) for word in asked)
