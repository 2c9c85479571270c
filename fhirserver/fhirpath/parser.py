"""Tokens to a syntax tree: precedence climbing over one table (Pratt 1973).

Spec: http://hl7.org/fhirpath/N1/grammar.html
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from fhirserver.fhirpath.ast import (
    BINDING,
    CHAINED,
    UNARY,
    Binary,
    Chain,
    Constant,
    Empty,
    External,
    Function,
    Identifier,
    Indexer,
    Invocation,
    Long,
    Measure,
    Node,
    Special,
    Temporal,
    TypeName,
    TypeOperation,
    Unary,
)
from fhirserver.fhirpath.errors import FhirPathSyntaxError, Position, shown
from fhirserver.fhirpath.lexer import Kind, Token, tokenize
from fhirserver.fhirpath.temporal import parse_temporal
from fhirserver.fhirpath.types import SYSTEM

MAX_DEPTH: Final = 100
"""How deep an expression may nest: each level costs stack when it is compiled and when it runs."""
_CALENDAR: Final = ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
CALENDAR_UNITS: Final = frozenset({*_CALENDAR, *(unit + "s" for unit in _CALENDAR)})
_NOT_IDENTIFIERS: Final = frozenset({"and", "or", "xor", "implies", "div", "mod"})
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}


def parse(source: str) -> Node:
    """Read one expression; raises FhirPathSyntaxError with the position of the first fault."""
    return _Parser(source).whole()


class _Parser:
    """One pass over the tokens; every method leaves the depth of the node it returns in ``_depth``."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = tokenize(source)
        self._next = 0
        self._depth = 0
        self._nesting = 0

    def whole(self) -> Node:
        node = self._expression(0)
        token = self._tokens[self._next]
        if token.kind is not Kind.END:
            raise self._unexpected(token, "the end")
        return node

    def _expression(self, power: int) -> Node:
        """Read an expression whose operators bind at least as strongly as ``power``."""
        self._nesting += 1
        self._check(self._nesting)
        node = self._operand()
        while True:
            token = self._tokens[self._next]
            if token.kind is not Kind.SYMBOL and token.kind is not Kind.WORD:
                break
            binding = BINDING.get(token.text, 0)
            if binding == 0 or binding < power:
                break
            self._next += 1
            node = self._infix(node, token.text, binding)
        self._nesting -= 1
        return node

    def _infix(self, left: Node, operator: str, binding: int) -> Node:
        depth = self._depth
        if operator in ("is", "as"):
            self._grow(depth)
            return TypeOperation(operator, left, self._type_name())
        if operator in CHAINED:
            return self._chain(left, operator, binding)
        right = self._expression(binding + 1)
        self._grow(max(depth, self._depth))
        return Binary(operator, left, right)

    def _chain(self, first: Node, operator: str, binding: int) -> Node:
        """Read all the operands that the same operator joins."""
        depth, operands = self._depth, [first]
        if isinstance(first, Chain) and first.operator == operator:
            operands = list(first.operands)
        while True:
            operands.append(self._expression(binding + 1))
            depth = max(depth, self._depth)
            token = self._tokens[self._next]
            if token.text != operator or token.kind not in (Kind.SYMBOL, Kind.WORD):
                break
            self._next += 1
        self._grow(depth)
        return Chain(operator, tuple(operands))

    def _operand(self) -> Node:
        """Read a term with the signs before it and the members and indexers after it."""
        token = self._tokens[self._next]
        if token.kind is Kind.SYMBOL and token.text in "+-":
            self._next += 1
            operand = self._expression(UNARY)
            self._grow(self._depth)
            return Unary(token.text, operand)
        node = self._term()
        while self._tokens[self._next].kind is Kind.SYMBOL:
            symbol = self._tokens[self._next].text
            if symbol == ".":
                self._next += 1
                depth = self._depth
                node = Invocation(node, self._member())
                self._grow(max(depth, self._depth))
            elif symbol == "[":
                self._next += 1
                depth = self._depth
                node = Indexer(node, self._enclosed("["))
                self._grow(max(depth, self._depth))
            else:
                break
        return node

    def _term(self) -> Node:
        token = self._take()
        self._depth = 1
        if token.kind is Kind.WORD and token.text not in _NOT_IDENTIFIERS:
            return self._word(token)
        if token.kind is Kind.DELIMITED:
            return self._invoked(token)
        if token.kind is Kind.SYMBOL:
            return self._symbol(token)
        reader = _LITERALS.get(token.kind)
        if reader is None:
            raise self._unexpected(token, "an expression")
        return reader(self, token)

    def _word(self, token: Token) -> Node:
        if token.text in ("true", "false"):
            return Constant(token.text == "true")
        return self._invoked(token)

    def _symbol(self, token: Token) -> Node:
        if token.text == "(":
            return self._enclosed("(")
        if token.text == "{":
            self._expect("}")
            return Empty()
        if token.text == "%":
            name = self._take()
            if name.kind not in (Kind.WORD, Kind.DELIMITED, Kind.STRING):
                raise self._unexpected(name, "a name after `%`")
            return External(name.text)
        raise self._unexpected(token, "an expression")

    def _member(self) -> Identifier | Function:
        """Read what stands after a dot: any word is a name there, so that ``text.div`` needs no backticks."""
        token = self._take()
        self._depth = 1
        if token.kind not in (Kind.WORD, Kind.DELIMITED):
            raise self._unexpected(token, "an element or a function")
        return self._invoked(token)

    def _invoked(self, token: Token) -> Identifier | Function:
        following = self._tokens[self._next]
        if following.kind is not Kind.SYMBOL or following.text != "(":
            return Identifier(token.text, token.offset)
        self._next += 1
        arguments, depth = [], 0
        if not self._skip(")"):
            while True:
                arguments.append(self._expression(0))
                depth = max(depth, self._depth)
                if not self._skip(","):
                    break
            self._expect(")")
        self._grow(depth)
        return Function(token.text, tuple(arguments), token.offset)

    def _enclosed(self, opening: str) -> Node:
        node = self._expression(0)
        self._expect(_CLOSING[opening])
        return node

    def _type_name(self) -> TypeName:
        first = self._name("a type")
        if not self._skip("."):
            return TypeName(first)
        return TypeName(self._name("a type"), first)

    def _name(self, expected: str) -> str:
        token = self._take()
        if token.kind not in (Kind.WORD, Kind.DELIMITED):
            raise self._unexpected(token, expected)
        return token.text

    def number(self, token: Token) -> Node:
        """Read a number or, where a unit follows, a quantity."""
        unit = self._tokens[self._next]
        if unit.kind is Kind.STRING or (unit.kind is Kind.WORD and unit.text in CALENDAR_UNITS):
            self._next += 1
            return Measure(Decimal(token.text), unit.text, unit.kind is Kind.WORD)
        return Constant(Decimal(token.text) if "." in token.text else self._integer(token))

    def long(self, token: Token) -> Node:
        """Read ``5L``."""
        return Constant(Long(self._integer(token)))

    def _integer(self, token: Token) -> int:
        try:
            return int(token.text)
        except ValueError:  # Python reads no integers of thousands of digits
            raise self._error(token, "The number is too long.") from None

    def string(self, token: Token) -> Node:
        """Read a string."""
        return Constant(token.text)

    def special(self, token: Token) -> Node:
        """Read ``$this``, ``$index`` or ``$total``."""
        return Special(token.text[1:])

    def temporal(self, token: Token) -> Node:
        """Read a date, a dateTime or a time."""
        type_name, text = _TEMPORAL_TYPES[token.kind], token.text.removesuffix("T")
        if parse_temporal(text, SYSTEM + type_name) is None:
            raise self._error(token, f"`{text}` does not exist.")
        return Temporal(type_name, text)

    def _take(self) -> Token:
        token = self._tokens[self._next]
        if token.kind is not Kind.END:
            self._next += 1
        return token

    def _skip(self, symbol: str) -> bool:
        token = self._tokens[self._next]
        if token.kind is not Kind.SYMBOL or token.text != symbol:
            return False
        self._next += 1
        return True

    def _expect(self, symbol: str) -> None:
        if not self._skip(symbol):
            raise self._unexpected(self._tokens[self._next], f"`{symbol}`")

    def _grow(self, depth: int) -> None:
        self._depth = depth + 1
        self._check(self._depth)

    def _check(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            message = f"An expression may nest {MAX_DEPTH} deep, not deeper."
            raise self._error(self._tokens[self._next], message)

    def _unexpected(self, token: Token, expected: str) -> FhirPathSyntaxError:
        found = "the end" if token.kind is Kind.END else f"`{shown(token.text)}`"
        return self._error(token, f"Found {found}; expected {expected}.")

    def _error(self, token: Token, message: str) -> FhirPathSyntaxError:
        return FhirPathSyntaxError(message, Position.of(self._source, token.offset))


_TEMPORAL_TYPES: Final = {Kind.DATE: "Date", Kind.DATE_TIME: "DateTime", Kind.TIME: "Time"}
_LITERALS: Final[Mapping[Kind, Callable[[_Parser, Token], Node]]] = {
    Kind.NUMBER: _Parser.number,
    Kind.LONG: _Parser.long,
    Kind.STRING: _Parser.string,
    Kind.SPECIAL: _Parser.special,
    Kind.DATE: _Parser.temporal,
    Kind.DATE_TIME: _Parser.temporal,
    Kind.TIME: _Parser.temporal,
}
