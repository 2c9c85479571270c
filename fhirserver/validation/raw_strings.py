"""Replaces single strings inside JSON bytes, all other bytes untouched.

A string is named by its place in the decoded value. Where all occurrences of its text are to change, they are found
by their bytes. Else by counting: decoded members stand in the order of the document, so the n-th string of the value,
names of members included, is the n-th string token of the bytes.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

import msgspec

from fhirserver.kernel.resource import Json

Place: TypeAlias = tuple[int, str | int]
"""(id of the containing dict or list, key or index)"""


class Change(NamedTuple):
    """A string before and after."""

    old: str
    new: str


class _Cut(NamedTuple):
    start: int
    end: int
    new: str


_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BETWEEN_TOKENS: Final = frozenset(" \t\r\n:,]}")
_FEW: Final = 8
"""Texts worth a search of their own through the bytes."""


def replace_strings(raw: bytes, value: Json, changed: Mapping[Place, Change]) -> bytes:
    """Return ``raw``, which ``value`` was decoded from without duplicate names, with strings replaced by place."""
    cuts = _by_bytes(raw, Counter(changed.values()))
    if cuts is None:
        cuts = _by_counting(raw, dict(_ordinals(value, changed)))
    parts = []
    end = 0
    for cut in cuts:
        parts += [raw[end : cut.start], msgspec.json.encode(cut.new)]
        end = cut.end
    return b"".join((*parts, raw[end:]))


def _by_bytes(raw: bytes, changes: Counter[Change]) -> list[_Cut] | None:
    """Find the tokens of few texts; None: too many texts, or one of them also stands where it must stay."""
    if len(changes) > _FEW:
        return None
    cuts: list[_Cut] = []
    for change, count in changes.items():
        if change.old[:1] in _BETWEEN_TOKENS:
            return None
        starts = list(_starts(raw, msgspec.json.encode(change.old)))
        if len(starts) != count:  # it stands elsewhere too, or is written with other escapes
            return None
        length = len(msgspec.json.encode(change.old))
        cuts += [_Cut(start, start + length, change.new) for start in starts]
    return sorted(cuts)


def _starts(raw: bytes, token: bytes) -> Iterator[int]:
    """Yield where a string token stands. A quote after a backslash is inside a string, any other opens or closes one;

    what follows a closing quote is none of a text that does not begin with JSON's own punctuation.
    """
    start = raw.find(token)
    while start != -1:
        if raw[start - 1 : start] != b"\\":
            yield start
        start = raw.find(token, start + 1)


def _by_counting(raw: bytes, wanted: Mapping[int, str]) -> list[_Cut]:
    tokens = enumerate(_STRING.finditer(raw))
    return [_Cut(*token.span(), wanted[ordinal]) for ordinal, token in tokens if ordinal in wanted]


def _ordinals(value: Json, changed: Mapping[Place, Change]) -> Iterator[tuple[int, str]]:
    """Yield the position among all strings, and the new text, of each string to change."""
    position = 0
    pending = [_members(value)]
    while pending:
        for container, key, item in pending[-1]:
            position += isinstance(key, str)
            if isinstance(item, str):
                change = changed.get((id(container), key))
                if change is not None:
                    yield position, change.new
                position += 1
            elif isinstance(item, dict | list):
                pending.append(_members(item))
                break
        else:
            pending.pop()


def _members(value: Json) -> Iterator[tuple[Json, str | int, Json]]:
    if isinstance(value, dict):
        return ((value, key, item) for key, item in value.items())
    return ((value, index, item) for index, item in enumerate(value))
