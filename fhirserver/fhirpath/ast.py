"""The syntax tree: frozen values that compare by structure and print as source.

Spec: http://hl7.org/fhirpath/N1/grammar.html
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, TypeAlias

BINDING: Final = {
    "implies": 1,
    "or": 2,
    "xor": 2,
    "and": 3,
    "in": 4,
    "contains": 4,
    "=": 5,
    "~": 5,
    "!=": 5,
    "!~": 5,
    "<": 6,
    ">": 6,
    "<=": 6,
    ">=": 6,
    "|": 7,
    "is": 8,
    "as": 8,
    "+": 9,
    "-": 9,
    "&": 9,
    "*": 10,
    "/": 10,
    "div": 10,
    "mod": 10,
}
"""How strongly an infix operator binds. Spec: http://hl7.org/fhirpath/N1/#operator-precedence"""
UNARY: Final = 11
POSTFIX: Final = 12
TERM: Final = 13
CHAINED: Final = frozenset({"|", "and", "or"})
"""Associative operators whose operands stand in one node, so that a long list is not a deep tree."""

_PLAIN_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_KEYWORDS: Final = frozenset({"true", "false", "and", "or", "xor", "implies", "div", "mod"})
_ESCAPES: Final = {"\\": "\\\\", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escaped(text: str, quote: str) -> str:
    return quote + "".join("\\" + c if c == quote else _ESCAPES.get(c, c) for c in text) + quote


def _identifier(name: str) -> str:
    plain = _PLAIN_IDENTIFIER.fullmatch(name) and name not in _KEYWORDS
    return name if plain else _escaped(name, "`")


class Long(int):
    """An integer that is written ``5L``."""

    __slots__ = ()

    def __str__(self) -> str:
        """Print as source."""
        return f"{int(self)}L"


@dataclass(frozen=True, slots=True)
class Constant:
    """A boolean, string, integer or decimal literal; decimals keep their digits."""

    value: bool | str | int | Decimal

    def __str__(self) -> str:
        """Print as source."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        if isinstance(self.value, str):
            return _escaped(self.value, "'")
        return str(self.value) if isinstance(self.value, int) else f"{self.value:f}"


@dataclass(frozen=True, slots=True)
class Temporal:
    """A date, dateTime or time literal; ``text`` is ISO 8601 without ``@`` and ``T`` at its ends."""

    type: str
    text: str

    def __str__(self) -> str:
        """Print as source."""
        if self.type == "Time":
            return "@T" + self.text
        return f"@{self.text}T" if self.type == "DateTime" and "T" not in self.text else "@" + self.text


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity literal; ``unit`` is a UCUM code, or a calendar word such as ``days`` where ``calendar``."""

    value: Decimal
    unit: str
    calendar: bool = False

    def __str__(self) -> str:
        """Print as source."""
        return f"{self.value:f} {self.unit if self.calendar else _escaped(self.unit, chr(39))}"


@dataclass(frozen=True, slots=True)
class Empty:
    """``{}``."""

    def __str__(self) -> str:
        """Print as source."""
        return "{}"


@dataclass(frozen=True, slots=True)
class Special:
    """One of ``$this``, ``$index``, ``$total``; ``name`` without the dollar sign."""

    name: str

    def __str__(self) -> str:
        """Print as source."""
        return "$" + self.name


@dataclass(frozen=True, slots=True)
class External:
    """``%name``: a constant of the environment."""

    name: str

    def __str__(self) -> str:
        """Print as source."""
        return "%" + _identifier(self.name)


@dataclass(frozen=True, slots=True)
class Identifier:
    """The name of an element or, at the start of a path, of a type; ``offset``: where it stands in the source."""

    name: str
    offset: int = field(default=-1, compare=False, repr=False)

    def __str__(self) -> str:
        """Print as source."""
        return _identifier(self.name)


@dataclass(frozen=True, slots=True)
class Function:
    """``name(arguments)``; ``offset``: where it stands in the source."""

    name: str
    arguments: tuple["Node", ...] = ()
    offset: int = field(default=-1, compare=False, repr=False)

    def __str__(self) -> str:
        """Print as source."""
        return f"{_identifier(self.name)}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Invocation:
    """``target.member``."""

    target: "Node"
    member: Identifier | Function

    def __str__(self) -> str:
        """Print as source."""
        return f"{_operand(self.target, POSTFIX)}.{self.member}"


@dataclass(frozen=True, slots=True)
class Indexer:
    """``target[index]``."""

    target: "Node"
    index: "Node"

    def __str__(self) -> str:
        """Print as source."""
        return f"{_operand(self.target, POSTFIX)}[{self.index}]"


@dataclass(frozen=True, slots=True)
class Unary:
    """``+operand`` or ``-operand``."""

    operator: str
    operand: "Node"

    def __str__(self) -> str:
        """Print as source."""
        return f"{self.operator}{_operand(self.operand, UNARY)}"


@dataclass(frozen=True, slots=True)
class Binary:
    """``left operator right``."""

    operator: str
    left: "Node"
    right: "Node"

    def __str__(self) -> str:
        """Print as source."""
        power = BINDING[self.operator]
        return f"{_operand(self.left, power)} {self.operator} {_operand(self.right, power + 1)}"


@dataclass(frozen=True, slots=True)
class Chain:
    """``a | b | c``: one of the CHAINED operators over two or more operands, evaluated from the left."""

    operator: str
    operands: tuple["Node", ...]

    def __str__(self) -> str:
        """Print as source."""
        power = BINDING[self.operator]
        first, *others = self.operands
        operands = [_operand(first, power), *(_operand(other, power + 1) for other in others)]
        return f" {self.operator} ".join(operands)


@dataclass(frozen=True, slots=True)
class TypeName:
    """``name`` or ``namespace.name``, where the namespace is ``FHIR`` or ``System``."""

    name: str
    namespace: str | None = None

    def __str__(self) -> str:
        """Print as source."""
        return _identifier(self.name) if self.namespace is None else f"{self.namespace}.{_identifier(self.name)}"


@dataclass(frozen=True, slots=True)
class TypeOperation:
    """``operand is type`` or ``operand as type``."""

    operator: str
    operand: "Node"
    type: TypeName

    def __str__(self) -> str:
        """Print as source."""
        return f"{_operand(self.operand, BINDING[self.operator])} {self.operator} {self.type}"


Node: TypeAlias = (
    Constant
    | Temporal
    | Measure
    | Empty
    | Special
    | External
    | Identifier
    | Function
    | Invocation
    | Indexer
    | Unary
    | Binary
    | Chain
    | TypeOperation
)


def _power(node: Node) -> int:
    match node:
        case Binary(operator=operator) | Chain(operator=operator) | TypeOperation(operator=operator):
            return BINDING[operator]
        case Unary():
            return UNARY
        case Invocation() | Indexer():
            return POSTFIX
        case _:
            return TERM


def _operand(node: Node, power: int) -> str:
    return str(node) if _power(node) >= power else f"({node})"
