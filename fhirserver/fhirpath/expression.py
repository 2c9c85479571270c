"""What the compiler and the functions and operators build an expression of.

``Scope`` is what is known where a node stands, ``Compiled`` what it compiles to, ``Call`` what a function is given.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from types import MappingProxyType
from typing import Final, TypeAlias

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath.ast import Function, Node
from fhirserver.fhirpath.environment import Frame, Run
from fhirserver.fhirpath.errors import FhirPathTypeError, shown
from fhirserver.fhirpath.items import Item, Items
from fhirserver.fhirpath.lowering import lower
from fhirserver.fhirpath.navigation import Navigation
from fhirserver.fhirpath.notes import Notes
from fhirserver.fhirpath.types import BOOLEAN, NOTHING, Types


class Rules(Enum):
    """By whose rules an expression is read."""

    R4 = auto()
    """R4's own SearchParameters and invariants: ``as`` filters collections, ``Boolean`` may also mean ``boolean``."""
    LANGUAGE = auto()
    """FHIRPath: ``as`` takes one item; unknown elements are empty."""
    STRICT = auto()
    """As LANGUAGE, and an element that the input type does not have is an error."""


Variables: TypeAlias = Mapping[str, Types]
"""The names that ``defineVariable()`` gave, with the types of their values."""
_NO_VARIABLES: Final[Variables] = MappingProxyType({})


def no_variables() -> Variables:
    """Return the names where none are given."""
    return _NO_VARIABLES


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled node: how it runs and what is known of its result."""

    run: Run
    types: Types
    many: bool = True
    """Whether there can be more than one item."""
    navigation: Navigation | None = None
    """The steps, where the node is nothing but a path: it can be narrowed and extended."""
    constant: Item | None = None
    """The item, where the node is a literal."""
    is_pure: bool = False
    """Whether it looks at nothing but ``$this``, so that it can run without a frame of its own."""
    defines: Variables = field(default_factory=no_variables)
    """The variables that are defined where the node ends, for what is chained to it."""


def _nothing(frame: Frame, this: Items) -> Items:
    return []


NOWHERE: Final = Compiled(_nothing, NOTHING, many=False, is_pure=True)
"""The empty collection."""


def navigated(navigation: Navigation, is_pure: bool = True) -> Compiled:
    """Compile a path; it is as pure as what it starts from."""
    types = navigation.types
    if not types:
        return NOWHERE
    return Compiled(lower(navigation), types, navigation.yields_many, navigation, is_pure=is_pure)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is known where a node stands."""

    definitions: Definitions
    rules: Rules
    compiler: Callable[[Node, "Scope"], Compiled]
    this: Types
    """The types of ``$this``."""
    resource: Types
    """The types of ``%resource``."""
    context: Types
    """The types of ``%context``."""
    notes: Notes
    """What is noticed on the way."""
    this_many: bool = False
    """Whether ``$this`` can be anything but exactly one item."""
    variables: Variables = field(default_factory=no_variables)
    """The variables that are defined here."""

    def compile(self, node: Node) -> Compiled:
        """Compile a node that stands here."""
        return self.compiler(node, self)

    def after(self, focus: Compiled) -> "Scope":
        """Return the scope of what is chained to ``focus``."""
        return replace(self, variables={**self.variables, **focus.defines}) if focus.defines else self

    def within(self, types: Types, many: bool = False) -> "Scope":
        """Return the scope of an expression that is evaluated for each item of these types (or for all of them)."""
        return replace(self, this=types, this_many=many)

    def start(self) -> Compiled:
        """Return ``$this``."""
        return navigated(Navigation(None, self.this, self.this_many, self.definitions))

    def extend(self, focus: Compiled, element: str, offset: int = -1) -> Compiled:
        """Append a member step; raises FhirPathTypeError under strict rules when there is no such element."""
        if not focus.types:
            return NOWHERE
        base = focus.navigation or Navigation(focus.run, focus.types, focus.many, self.definitions)
        extended = navigated(base.step(element), focus.is_pure)
        if not extended.types:
            self.object(f"`{shown(element)}` is not an element of {_listed(focus.types)}.", offset)
        return extended

    def object(self, message: str, offset: int = -1) -> None:
        """Note what can only yield nothing; raises FhirPathTypeError under strict rules."""
        if self.rules is Rules.STRICT:
            raise FhirPathTypeError(message, self.notes.position(offset))
        self.notes.warn(message, offset)


def _listed(types: Types) -> str:
    return " or ".join(f"`{name}`" for name in sorted(types))


@dataclass(frozen=True, slots=True)
class Call:
    """A function call: ``focus.node``, where ``focus`` is ``$this`` when nothing stands before the dot."""

    scope: Scope
    focus: Compiled
    node: Function

    def __len__(self) -> int:
        """Return how many arguments there are."""
        return len(self.node.arguments)

    def argument(self, position: int) -> Compiled:
        """Compile an argument that is evaluated once, where the call stands."""
        return self.scope.compile(self.node.arguments[position])

    def criteria(self, position: int) -> Compiled:
        """Compile an argument that is evaluated for each item of the focus, as ``$this``."""
        return self.item_scope().compile(self.node.arguments[position])

    def item_scope(self) -> Scope:
        """Return the scope in which ``$this`` is an item of the focus."""
        return self.scope.within(self.focus.types)


FunctionBuilder: TypeAlias = Callable[[Call], Compiled]


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """A function: how many arguments it takes and what compiles a call."""

    least: int
    most: int
    build: FunctionBuilder


class FunctionTable(dict[str, FunctionDefinition]):
    """The functions of one module; each is entered where it is written."""

    def function(
        self, name: str, least: int = 0, most: int | None = None
    ) -> Callable[[FunctionBuilder], FunctionBuilder]:
        """Enter a function that takes ``least`` to ``most`` arguments."""

        def enter(build: FunctionBuilder) -> FunctionBuilder:
            self[name] = FunctionDefinition(least, least if most is None else most, build)
            return build

        return enter


OperatorBuilder: TypeAlias = Callable[[Scope, tuple[Node, ...]], Compiled]


class OperatorTable(dict[str, OperatorBuilder]):
    """The operators of one module; each is entered where it is written."""

    def operator(self, symbol: str) -> Callable[[OperatorBuilder], OperatorBuilder]:
        """Enter an operator; its operands are compiled by the builder."""

        def enter(build: OperatorBuilder) -> OperatorBuilder:
            self[symbol] = build
            return build

        return enter


def boolean_result(run: Run, *operands: Compiled) -> Compiled:
    """Return what yields at most one boolean; it is pure when the operands, where they are given, are."""
    is_pure = bool(operands) and all(operand.is_pure for operand in operands)
    return Compiled(run, frozenset({BOOLEAN}), many=False, is_pure=is_pure)


Functions: TypeAlias = Mapping[str, FunctionDefinition]
Operators: TypeAlias = Mapping[str, OperatorBuilder]
