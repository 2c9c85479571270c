"""What an expression is made of.

Spec: https://confluence.ihtsdotools.org/display/DOCSCG (5.1 normative specification)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Status(StrEnum):
    """Whether an expression says all of a meaning, or what is above it."""

    EQUIVALENT = "==="
    SUBTYPE = "<<<"


@dataclass(frozen=True, slots=True)
class Reference:
    """A concept, as it is called where it is said; ``at`` is its place in the text."""

    code: str
    term: str | None = None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a string or a truth, as it is written: ``#5``, ``"5"``, ``true``."""

    written: str


Value: TypeAlias = "Reference | Literal | SubExpression"


@dataclass(frozen=True, slots=True)
class Attribute:
    """What is said of the focus."""

    name: Reference
    value: Value


AttributeSet: TypeAlias = tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class SubExpression:
    """Focus concepts, and what is said of them: alone, and in groups."""

    focus: tuple[Reference, ...]
    attributes: AttributeSet = ()
    groups: tuple[AttributeSet, ...] = ()

    @property
    def is_refined(self) -> bool:
        """Whether anything is said of the focus."""
        return bool(self.attributes or self.groups)

    def references(self) -> Iterator[Reference]:
        """Yield each concept that is named, in order."""
        yield from self.focus
        for one in (*self.attributes, *(each for group in self.groups for each in group)):
            yield one.name
            if isinstance(one.value, Reference):
                yield one.value
            elif isinstance(one.value, SubExpression):
                yield from one.value.references()


@dataclass(frozen=True, slots=True)
class Expression:
    """A whole expression."""

    of: SubExpression
    status: Status | None = None
