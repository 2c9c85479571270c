"""Regular expressions of users, in time linear in the text: RE2, whose automata never go back.

What RE2 does not have (look-around, back references, possessive repeats) is refused.
Spec: http://hl7.org/fhirpath/N1/#matchesregex--string--boolean
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from time import monotonic
from typing import Final, Protocol, cast

import re2  # type: ignore[import-untyped]

from fhirserver.fhirpath.errors import FhirPathExecutionError
from fhirserver.fhirpath.items import check_length

_MAX_PATTERN: Final = 5_000
_MEMORY: Final = 1 << 20
"""Bytes of one compiled expression."""
_MAX_WORK: Final = 20_000_000
"""Characters times instructions of one search: what the slowest way of RE2 does in less than half a second."""
_MAX_SECONDS: Final = 0.5
"""How long the searches of one substitution may take; each may look at all that is left."""
_REFERENCE: Final = re.compile(r"\$(?:(\d{1,3})|\{(\w+)\})", re.ASCII)


class Match(Protocol):
    """One place where an expression matches."""

    def start(self) -> int:
        """Return where it begins."""
        ...

    def end(self) -> int:
        """Return where it ends."""
        ...

    def group(self, group: int) -> str | None:
        """Return what a group matches; None where it takes no part."""
        ...


class Regex(Protocol):
    """A compiled expression."""

    @property
    def programsize(self) -> int:
        """How many instructions it has."""
        ...

    @property
    def groups(self) -> int:
        """How many groups it has."""
        ...

    @property
    def groupindex(self) -> Mapping[str, int]:
        """The numbers of its named groups."""
        ...

    def search(self, text: str) -> Match | None:
        """Find the first match."""
        ...

    def fullmatch(self, text: str) -> Match | None:
        """Match the whole text."""
        ...

    def finditer(self, text: str) -> Iterator[Match]:
        """Find all matches."""
        ...


def read_regex(pattern: str) -> Regex:
    """Compile an expression; raises FhirPathExecutionError. ``.`` matches line ends; character classes are ASCII."""
    if len(pattern) > _MAX_PATTERN:
        raise FhirPathExecutionError(f"A regular expression may have {_MAX_PATTERN} characters, not {len(pattern)}.")
    return _compiled(pattern)


@lru_cache(maxsize=128)
def _compiled(pattern: str) -> Regex:
    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return cast("Regex", re2.compile(pattern, options))
    except (re2.error, UnicodeEncodeError):
        raise FhirPathExecutionError(
            "The regular expression cannot be read; it may have no look-around, no back references, no possessive "
            "repeats, and repeats of 1000 at most."
        ) from None


def with_flags(pattern: str, flags: str | None) -> str:
    """Return an expression that ignores case (``i``) or whose ``^`` and ``$`` are those of lines (``m``)."""
    if not flags:
        return pattern
    if not set(flags) <= set("im"):
        raise FhirPathExecutionError("The flags of a regular expression are `i` and `m`.")
    return f"(?{flags})(?:{pattern})"


def is_found(pattern: str, text: str) -> bool:
    """Tell whether an expression matches anywhere in a text."""
    return _ready(pattern, text).search(text) is not None


def is_match(pattern: str, text: str) -> bool:
    """Tell whether an expression matches a whole text."""
    return _ready(pattern, text).fullmatch(text) is not None


def _ready(pattern: str, text: str) -> Regex:
    """Compile an expression and see that it can be searched for in a text."""
    regex = read_regex(pattern)
    if len(text) * regex.programsize > _MAX_WORK:
        raise FhirPathExecutionError("The text is too long for a regular expression of so many states.")
    if not text.isascii():
        _check_characters(text)
    return regex


def _check_characters(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise FhirPathExecutionError("The text has half a surrogate pair, which no regular expression reads.") from None


def substitute(pattern: str, text: str, substitution: str) -> str:
    """Replace all matches; ``$1`` and ``${name}`` in the substitution stand for groups."""
    regex = _ready(pattern, text)
    template = _template(substitution, regex)
    parts: list[str] = []
    end = length = 0
    deadline = monotonic() + _MAX_SECONDS
    for found in regex.finditer(text):
        piece = "".join(part if isinstance(part, str) else found.group(part) or "" for part in template)
        parts += (text[end : found.start()], piece)
        end, length = found.end(), length + len(piece)
        check_length(length)
        if monotonic() > deadline:
            raise FhirPathExecutionError("The text is too long for a regular expression that matches so often.")
    return "".join((*parts, text[end:]))


def _template(substitution: str, regex: Regex) -> list[str | int]:
    """Split a substitution in texts and numbers of groups."""
    parts: list[str | int] = []
    end = 0
    for reference in _REFERENCE.finditer(substitution):
        parts += (substitution[end : reference.start()], _group(reference[1], reference[2], regex))
        end = reference.end()
    return [*parts, substitution[end:]]


def _group(number: str | None, name: str, regex: Regex) -> int:
    group = regex.groupindex.get(name, -1) if number is None else int(number)
    if not 0 <= group <= regex.groups:
        raise FhirPathExecutionError("The substitution names a group that the pattern does not have.")
    return group
