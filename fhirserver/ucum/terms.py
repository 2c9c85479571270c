"""A UCUM code read as a flat product of powers: syntax only, no magnitude, no dimension.

Division and parentheses are folded into the sign of the exponents, which the Abelian group of units (§18) allows.
Spec: https://ucum.org/ucum#para-7
"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

MAX_LENGTH: Final = 128
MAX_DEPTH: Final = 16
_LONGEST_PREFIX: Final = 2
_DIGITS: Final = "0123456789"

# §3: the characters of a symbol; §5: anything printable inside square brackets, which never nest.
_RUN: Final = re.compile(r"(?:[!#-'*,0-9:;<>?@A-Z\\^_`a-z|~]|\[[!-Z\\^-~]*\])+")
_SIGNED: Final = re.compile(r"[+-][0-9]+")
# §6 has no space inside braces; the UCUM code lists that HL7 publishes have (`{clock time}`), and it means nothing.
_ANNOTATION: Final = re.compile(r"\{[ -z|~]*\}")


class TermSyntaxError(ValueError):
    """The text is not a UCUM code; ``position`` is where reading stopped, before an unknown ``unit`` if it was one."""

    def __init__(self, text: str, position: int, unit: str | None = None) -> None:
        """Keep the place, and the unit that is none."""
        super().__init__(f"`{text}` is not a UCUM code: unexpected text at {position}.")
        self.position = position
        self.unit = unit


@dataclass(frozen=True, slots=True)
class Symbol:
    """A unit atom and its prefix, empty where there is none."""

    prefix: str
    atom: str


@dataclass(frozen=True, slots=True)
class Factor:
    """One simple unit, or an integer in place of one, raised to a power."""

    base: Symbol | int
    exponent: int


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The terminal symbols of one revision of UCUM."""

    prefixes: AbstractSet[str]
    atoms: AbstractSet[str]
    metric: AbstractSet[str]

    def split(self, symbol: str) -> Symbol | None:
        """Separate prefix and atom: the longest prefix before a metric atom, else no prefix (§4.4)."""
        for size in range(_LONGEST_PREFIX, 0, -1):
            if symbol[:size] in self.prefixes and symbol[size:] in self.metric:
                return Symbol(symbol[:size], symbol[size:])
        return Symbol("", symbol) if symbol in self.atoms else None


def parse_term(text: str, lexicon: Lexicon) -> tuple[Factor, ...]:
    """Read one code; annotations are dropped (§6.2). Raises TermSyntaxError."""
    if len(text) > MAX_LENGTH:
        raise TermSyntaxError(text[:MAX_LENGTH], MAX_LENGTH)
    return _Parser(text, lexicon).main_term()


class _Parser:
    """Recursive descent over the BNF of §10; every method is one of its rules."""

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self._text = text
        self._lexicon = lexicon
        self._position = 0
        self._factors: list[Factor] = []

    def main_term(self) -> tuple[Factor, ...]:
        # §7.3: a leading solidus inverts the unit that directly follows it, not the whole term.
        lead = -1 if self._accept("/") else 1
        self._term(lead, 1, 0)
        if self._position != len(self._text):
            raise self._error()
        return tuple(self._factors)

    def _term(self, lead: int, sign: int, depth: int) -> None:
        self._component(lead, depth)
        while operator := self._accept("./"):
            self._component(sign if operator == "." else -sign, depth)

    def _component(self, sign: int, depth: int) -> None:
        if self._annotation():
            return
        if self._accept("("):
            self._nested(sign, depth + 1)
        else:
            self._simple_unit(sign)
        # The BNF lets no annotation follow an integer or a parenthesis; the official examples do (`/100{cells}`).
        self._annotation()

    def _nested(self, sign: int, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self._error()
        self._term(sign, sign, depth)
        if not self._accept(")"):
            raise self._error()

    def _simple_unit(self, sign: int) -> None:
        run = self._match(_RUN)
        symbol = run.rstrip(_DIGITS)
        digits = run[len(symbol) :]
        if symbol:
            self._power(symbol, digits, sign)
        elif digits.strip("0"):
            self._factors.append(Factor(int(digits), sign))
        else:
            raise self._error()

    def _power(self, symbol: str, digits: str, sign: int) -> None:
        split = self._lexicon.split(symbol)
        if split is None:
            unit = symbol + digits
            raise TermSyntaxError(self._text, self._position - len(unit), unit)
        exponent = digits or self._match(_SIGNED) or "1"
        self._factors.append(Factor(split, sign * int(exponent)))

    def _annotation(self) -> bool:
        return bool(self._match(_ANNOTATION))

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._position)
        if found is None:
            return ""
        self._position = found.end()
        return found[0]

    def _accept(self, characters: str) -> str:
        character = self._text[self._position : self._position + 1]
        if not character or character not in characters:
            return ""
        self._position += 1
        return character

    def _error(self) -> TermSyntaxError:
        return TermSyntaxError(self._text, self._position)
