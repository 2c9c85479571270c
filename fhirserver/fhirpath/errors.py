"""What can go wrong with an expression, in the order in which it is found.

FhirPathError
├── FhirPathSyntaxError      while it is read: the text is not FHIRPath
├── FhirPathTypeError        while it is compiled: unknown function, type or (under strict rules) element
└── FhirPathExecutionError   while it runs: several items where one is allowed, wrong types, a bound exceeded
"""

from dataclasses import dataclass
from typing import Final

_SHOWN: Final = 60


def shown(text: str) -> str:
    """Return a name of the source as a message may quote it: short, and without what a terminal would act on."""
    clean = "".join(c if c.isprintable() else "?" for c in text[:_SHOWN])
    return clean if len(text) <= _SHOWN else clean + "…"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in an expression's text; ``line`` and ``column`` count from 1, ``offset`` from 0."""

    offset: int
    line: int
    column: int

    @classmethod
    def of(cls, source: str, offset: int) -> "Position":
        """Return the place of the character at ``offset``."""
        start = source.rfind("\n", 0, offset) + 1
        return cls(offset, source.count("\n", 0, offset) + 1, offset - start + 1)

    def __str__(self) -> str:
        """``line 1, column 7``."""
        return f"line {self.line}, column {self.column}"


def _placed(message: str, position: Position) -> str:
    """Put a place at the end of a sentence."""
    return f"{message.removesuffix('.')} ({position})."


class FhirPathError(Exception):
    """An expression that cannot be read, compiled or run."""


class FhirPathSyntaxError(FhirPathError):
    """The text is not an expression."""

    def __init__(self, message: str, position: Position) -> None:
        """Say what is wrong and where."""
        super().__init__(_placed(message, position))
        self.position = position


class FhirPathTypeError(FhirPathError):
    """The expression cannot be compiled for its input type."""

    def __init__(self, message: str, position: Position | None = None) -> None:
        """Say what is wrong and, where it is known, where."""
        super().__init__(message if position is None else _placed(message, position))
        self.position = position


class FhirPathExecutionError(FhirPathError):
    """The expression cannot be evaluated on this input."""


@dataclass(frozen=True, slots=True)
class FhirPathWarning:
    """What is found when an expression is compiled and does not keep it from running: it yields nothing there."""

    message: str
    position: Position | None = None

    def __str__(self) -> str:
        """Print the message and, where it is known, the place."""
        return self.message if self.position is None else _placed(self.message, self.position)
