"""Reads an expression constraint piece by piece; white space and comments are passed over.

Spec: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language/design/5-syntax-specification
"""

import re
from typing import Final, NoReturn

from fhirserver.terminology.ecl.errors import BadConstraint, CostlyConstraint

MAX_LENGTH: Final = 200_000
MAX_DEPTH: Final = 30
"""Brackets within brackets."""
SPACE: Final = r"(?:[ \t\r\n]++|/\*(?s:.*?)\*/)*+"
_SPACE: Final = re.compile(SPACE)
_BRACKETS: Final = re.compile(r'"(?:[^"\\]++|\\.?)*+(?:"|\Z)|\|[^|]*+(?:\||\Z)|/\*.*?(?:\*/|\Z)|[()]', re.DOTALL)
"""What a bracket may be in, to its end; and brackets. Nothing is looked at twice."""
_SHOWN: Final = re.compile(r"[A-Za-z0-9_]+|\S")


class Scanner:
    """A place in a text that moves forward."""

    def __init__(self, text: str) -> None:
        """Begin at the beginning; raises BadConstraint, CostlyConstraint for what is not worth to be read."""
        if len(text) > MAX_LENGTH:
            raise CostlyConstraint(f"An expression constraint has at most {MAX_LENGTH} characters.")
        self._text = text
        self._closing = _closing(text)
        self.at = 0
        self.pass_space()

    def pass_space(self) -> None:
        """Pass over white space and comments."""
        found = _SPACE.match(self._text, self.at)
        self.at = self.at if found is None else found.end()

    def sees(self, pattern: re.Pattern[str]) -> bool:
        """Tell whether something is next."""
        return pattern.match(self._text, self.at) is not None

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Take what is next if it is something, with the space behind it."""
        found = pattern.match(self._text, self.at)
        if found is not None:
            self.at = found.end()
            self.pass_space()
        return found

    def need(self, pattern: re.Pattern[str], expected: str) -> re.Match[str]:
        """Take what must be next; raises BadConstraint."""
        found = self.take(pattern)
        if found is None:
            self.fail(expected)
        return found

    def takes(self, symbol: str) -> bool:
        """Take a symbol if it is next."""
        if not self._text.startswith(symbol, self.at):
            return False
        self.at += len(symbol)
        self.pass_space()
        return True

    def needs(self, symbol: str) -> None:
        """Take a symbol that must be next; raises BadConstraint."""
        if not self.takes(symbol):
            self.fail(f"`{symbol}`")

    def sees_symbol(self, symbol: str) -> bool:
        """Tell whether a symbol is next."""
        return self._text.startswith(symbol, self.at)

    def sees_behind_bracket(self, pattern: re.Pattern[str]) -> bool:
        """Tell whether something is behind the bracket that closes the one which is next."""
        end = self._closing.get(self.at)
        if end is None:
            return False
        found = _SPACE.match(self._text, end + 1)
        return found is not None and pattern.match(self._text, found.end()) is not None

    @property
    def is_at_end(self) -> bool:
        """Whether all is read."""
        return self.at >= len(self._text)

    def fail(self, expected: str, at: int | None = None) -> NoReturn:
        """Say what was expected here; raises BadConstraint."""
        place = self.at if at is None else at
        seen = _SHOWN.match(self._text, place)
        found = "its end" if seen is None else f"`{seen.group()[:30]}`"
        raise BadConstraint(
            f"The expression constraint cannot be read at position {place + 1}: expected {expected}, found {found}."
        )


def _closing(text: str) -> dict[int, int]:
    """Return where each round bracket is closed; raises BadConstraint for brackets that are too deep or do not fit."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for piece in _BRACKETS.finditer(text):
        if piece.group() == "(":
            opened.append(piece.start())
            if len(opened) > MAX_DEPTH:
                raise CostlyConstraint(f"An expression constraint has at most {MAX_DEPTH} brackets within each other.")
        elif piece.group() == ")":
            if not opened:
                raise BadConstraint(f"The expression constraint closes no bracket at position {piece.start() + 1}.")
            found[opened.pop()] = piece.start()
    if opened:
        raise BadConstraint(f"The expression constraint never closes the bracket at position {opened[-1] + 1}.")
    return found
