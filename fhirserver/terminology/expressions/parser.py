"""Reads expressions; what cannot be read is named with its character.

Spec: https://confluence.ihtsdotools.org/display/DOCSCG (5.1 normative specification)
"""

import re
from typing import Final, NoReturn

from fhirserver.terminology.expressions.syntax import (
    Attribute,
    AttributeSet,
    Expression,
    Literal,
    Reference,
    Status,
    SubExpression,
    Value,
)

MAX_LENGTH: Final = 20_000
MAX_DEPTH: Final = 30
"""Brackets within brackets."""
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_STATUS: Final = re.compile("===|<<<")
_CODE: Final = re.compile(r"[1-9][0-9]{5,17}(?![0-9])", re.ASCII)
_TERM: Final = re.compile(r"\|[ \t\r\n]*([^|\s](?:[^|]*[^|\s])?)[ \t\r\n]*\|")
_NUMBER: Final = re.compile(r"#[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?![0-9.])", re.ASCII)
_STRING: Final = re.compile(r'"(?:[^"\\]|\\["\\])+"')
_TRUTH: Final = re.compile(r"(?:true|false)(?![A-Za-z])", re.IGNORECASE)
_SHOWN: Final = 200
"""Characters of a text that are told again."""


class BadExpression(ValueError):
    """A text is no expression; the message names the character."""

    def __init__(self, problem: str, text: str, at: int) -> None:
        """Say what is wrong ``at`` a place, counted from 0."""
        following = f'next char = "{text[at]}"' if at < len(text) else "at the end"
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        super().__init__(f'{problem} ({following}, in "{shown}") at character {at + 1}')


def parse(text: str) -> Expression:
    """Return the expression that a text is; raises BadExpression."""
    if len(text) > MAX_LENGTH:
        raise BadExpression(f"An expression has at most {MAX_LENGTH} characters", text, MAX_LENGTH)
    return _Parser(text).expression()


class _Parser:
    """A place in a text that moves forward."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._pass_space()

    def expression(self) -> Expression:
        status = self._take(_STATUS)
        found = Expression(self._sub_expression(), None if status is None else Status(status[0]))
        if self._at < len(self._text):
            self._fail("`+`, `:`, `,` or the end expected" if not found.of.is_refined else "`,` or the end expected")
        return found

    def _sub_expression(self) -> SubExpression:
        focus = [self._reference()]
        while self._takes("+"):
            focus.append(self._reference())
        if not self._takes(":"):
            return SubExpression(tuple(focus))
        attributes = () if self._sees("{") else self._attribute_set()
        groups: list[AttributeSet] = []
        while self._takes(",") or self._sees("{"):
            self._need("{", "An attribute or a group expected")
            groups.append(self._attribute_set())
            self._need("}", "`,` or `}` expected")
        return SubExpression(tuple(focus), attributes, tuple(groups))

    def _attribute_set(self) -> AttributeSet:
        found = [self._attribute()]
        while self._sees(",") and not self._begins_group():
            self._takes(",")
            found.append(self._attribute())
        return tuple(found)

    def _begins_group(self) -> bool:
        """Tell whether what follows a comma is a group."""
        after = _SPACE.match(self._text, self._at + 1)
        return after is not None and self._text.startswith("{", after.end())

    def _attribute(self) -> Attribute:
        name = self._reference()
        self._need("=", "`=` expected")
        return Attribute(name, self._value())

    def _value(self) -> Value:
        for pattern in (_NUMBER, _STRING, _TRUTH):
            found = self._take(pattern)
            if found is not None:
                return Literal(found[0])
        if self._sees("#"):
            self._fail("Number expected after `#`")
        if self._sees('"'):
            self._fail('Text in `"` expected, with `\\` before each `"` and `\\` in it')
        return self._nested() if self._sees("(") else self._reference()

    def _nested(self) -> SubExpression:
        if self._depth == MAX_DEPTH:
            self._fail(f"An expression has at most {MAX_DEPTH} brackets within each other")
        self._takes("(")
        self._depth += 1
        found = self._sub_expression()
        self._depth -= 1
        self._need(")", "`)` expected")
        return found

    def _reference(self) -> Reference:
        at = self._at
        code = self._take(_CODE)
        if code is None:
            self._fail("Concept not found")
        if not self._sees("|"):
            return Reference(code[0], None, at)
        term = self._take(_TERM)
        if term is None:
            self._fail("Term between `|` expected")
        return Reference(code[0], term[1], at)

    def _sees(self, symbol: str) -> bool:
        return self._text.startswith(symbol, self._at)

    def _takes(self, symbol: str) -> bool:
        found = self._sees(symbol)
        if found:
            self._at += len(symbol)
            self._pass_space()
        return found

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
            self._pass_space()
        return found

    def _need(self, symbol: str, problem: str) -> None:
        if not self._takes(symbol):
            self._fail(problem)

    def _pass_space(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = self._at if found is None else found.end()

    def _fail(self, problem: str) -> NoReturn:
        raise BadExpression(problem, self._text, self._at)
