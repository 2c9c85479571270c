"""Source to a compiled expression: every node becomes a closure specialised on the types it can meet.

Spec: http://hl7.org/fhirpath/N1/, http://hl7.org/fhir/R4/fhirpath.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, assert_never

from fhirserver.definitions.elements import Kind
from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath.ast import (
    Binary,
    Chain,
    Constant,
    Empty,
    External,
    Function,
    Identifier,
    Indexer,
    Invocation,
    Measure,
    Node,
    Special,
    Temporal,
    TypeName,
    TypeOperation,
    Unary,
)
from fhirserver.fhirpath.environment import DEFAULT, Environment, Frame, Run
from fhirserver.fhirpath.errors import FhirPathExecutionError, FhirPathTypeError
from fhirserver.fhirpath.expression import NOWHERE, Call, Compiled, FunctionDefinition, Rules, Scope
from fhirserver.fhirpath.externals import external
from fhirserver.fhirpath.functions import FUNCTIONS
from fhirserver.fhirpath.items import Extended, Item, Items, with_values
from fhirserver.fhirpath.narrowing import narrow
from fhirserver.fhirpath.operators import OPERATORS
from fhirserver.fhirpath.operators.collections import indexed
from fhirserver.fhirpath.parser import parse
from fhirserver.fhirpath.quantity import Measurement, to_json
from fhirserver.fhirpath.type_tests import as_operation, is_operation
from fhirserver.fhirpath.types import (
    ANYTHING,
    BOOLEAN,
    DECIMAL,
    INTEGER,
    QUANTITY,
    STRING,
    SYSTEM,
    Types,
    fhir_name,
    fhir_names,
    is_open,
    is_primitive,
)
from fhirserver.kernel.resource import Json, Resource


@dataclass(frozen=True, slots=True)
class CompiledExpression:
    """An expression compiled for one input type."""

    source: str
    context_type: str
    types: Types
    """The FHIR types of the result; empty: nothing can match for this input type. ``System.Any``: not known."""
    _run: Run
    _is_open: bool
    _is_pure: bool
    _finish: Callable[[Items], Items] | None

    def evaluate(self, resource: Resource, environment: Environment = DEFAULT) -> Items:
        """Return the result on a resource (or on a value of the context type), with types as the language has them.

        Raises FhirPathExecutionError.
        """
        focus = [(self._name_of(resource), resource)]
        try:
            return self._run(Frame(environment, focus), focus)
        except (AttributeError, TypeError) as error:
            raise self._misshapen() from error

    def select(self, resource: Resource, environment: Environment | None = None) -> list[tuple[str, Json]]:
        """Return the FHIR type and the JSON value of each item of the result.

        Values are the input's own objects, not copies. Primitives that have extensions but no value are left out.
        Raises FhirPathExecutionError.
        """
        focus = [(self._name_of(resource) if self._is_open else self.context_type, resource)]
        frame = _IDLE if self._is_pure and environment is None else Frame(environment or DEFAULT, focus)
        try:
            items = self._run(frame, focus)
        except (AttributeError, TypeError) as error:
            raise self._misshapen() from error
        return self._finish(items) if items and self._finish is not None else items

    def _name_of(self, resource: Resource) -> str:
        return resource.get("resourceType", self.context_type) if self._is_open else self.context_type

    def _misshapen(self) -> FhirPathExecutionError:
        return FhirPathExecutionError(f"The input does not have the structure of `{self.context_type}`.")


_IDLE: Final = Frame(DEFAULT, [])
"""What pure expressions are given: they never look at its state, and so cannot change it."""


def _finisher(types: Types, definitions: Definitions) -> Callable[[Items], Items] | None:
    """Return what makes plain JSON of results of these types; complex values are plain already."""
    if any(is_open(name) or name.startswith(SYSTEM) for name in types):
        return _as_fhir
    return _without_extensions if any(is_primitive(name, definitions) for name in types) else None


def _without_extensions(items: Items) -> Items:
    for _, value in items:
        if type(value) is Extended:
            return with_values(items)
    return items


def _as_fhir(items: Items) -> Items:
    return [
        (fhir_name(name), to_json(value) if isinstance(value, Measurement) else value)
        for name, value in with_values(items)
    ]


def compile_fhirpath(
    source: str, context_type: str, definitions: Definitions, *, rules: Rules = Rules.R4
) -> CompiledExpression:
    """Compile an expression for a resource type, a datatype or a backbone element (``Observation.component``).

    Raises FhirPathSyntaxError and FhirPathTypeError.
    """
    context = frozenset({context_type})
    scope = Scope(definitions, rules, compile_node, context, _resource_types(context_type, definitions), context)
    compiled = compile_node(_parsed(source), scope)
    return CompiledExpression(
        source,
        context_type,
        fhir_names(compiled.types),
        compiled.run,
        is_open(context_type),
        compiled.is_pure,
        _finisher(compiled.types, definitions),
    )


_parsed: Final = lru_cache(maxsize=1024)(parse)
"""R4's search parameters share expressions among up to 32 resource types; trees never change."""


def _resource_types(context_type: str, definitions: Definitions) -> Types:
    """Return what ``%resource`` is when the input is of ``context_type``."""
    owner = context_type.partition(".")[0]
    is_resource = definitions.has_type(owner) and definitions.type(owner).kind is Kind.RESOURCE
    return frozenset({owner}) if is_resource else ANYTHING


def compile_node(node: Node, scope: Scope) -> Compiled:
    """Compile one node where it stands."""
    match node:
        case Identifier(name):
            return _start(name, scope)
        case Function():
            return _call(scope.start(), node, scope)
        case Invocation(target, Identifier(name)):
            return scope.extend(scope.compile(target), name)
        case Invocation(target, Function(name, arguments)):
            return _call(scope.compile(target), Function(name, arguments), scope)
        case Chain() | Binary() | Unary() | TypeOperation() | Indexer():
            return _operation(node, scope)
        case External(name):
            return external(name, scope)
        case Constant() | Temporal() | Measure() | Empty() | Special():
            return _leaf(node, scope)
        case _:
            raise AssertionError(node)


def _operation(node: Chain | Binary | Unary | TypeOperation | Indexer, scope: Scope) -> Compiled:
    match node:
        case Chain(operator, operands):
            return OPERATORS[operator](scope, operands)
        case Binary(operator, left, right):
            return OPERATORS[operator](scope, (left, right))
        case Unary(operator, operand):
            return OPERATORS["unary" + operator](scope, (operand,))
        case TypeOperation("is", operand, specifier):
            return is_operation(operand, specifier, scope)
        case TypeOperation(_, operand, specifier):
            return as_operation(operand, specifier, scope)
        case Indexer():
            return indexed(node, scope)
        case _:
            assert_never(node)


def _leaf(node: Constant | Temporal | Measure | Empty | Special, scope: Scope) -> Compiled:
    match node:
        case Constant(value):
            return _constant((_CONSTANT_TYPES[type(value)], value))
        case Temporal(kind, text):
            return _constant((SYSTEM + kind, text))
        case Measure(value, unit, calendar):
            return _constant((QUANTITY, Measurement(value, unit.removesuffix("s") if calendar else unit, calendar)))
        case Empty():
            return NOWHERE
        case Special(name):
            return _SPECIALS[name](scope)
        case _:
            assert_never(node)


_CONSTANT_TYPES: Final = {bool: BOOLEAN, str: STRING, int: INTEGER, Decimal: DECIMAL}


def _constant(item: Item) -> Compiled:
    items = [item]
    return Compiled(lambda frame, this: items, frozenset({item[0]}), many=False, constant=item, is_pure=True)


def _index(frame: Frame, this: Items) -> Items:
    if frame.index < 0:
        raise FhirPathExecutionError("`$index` has a value only in criteria and projections.")
    return [(INTEGER, frame.index)]


_SPECIALS: Final[dict[str, Callable[[Scope], Compiled]]] = {
    "this": Scope.start,
    "index": lambda scope: Compiled(_index, frozenset({INTEGER}), many=False),
    "total": lambda scope: Compiled(lambda frame, this: frame.total, ANYTHING),
}


def _start(name: str, scope: Scope) -> Compiled:
    """Compile the first name of a path: an element of ``$this``, or the type that ``$this`` must be of."""
    if name[0].isupper() and scope.definitions.has_type(name):
        return _of_leading_type(name, scope)
    return scope.extend(scope.start(), name)


def _of_leading_type(name: str, scope: Scope) -> Compiled:
    definitions, this = scope.definitions, scope.this
    if (name in this and len(this) == 1) or all(definitions.is_subtype(each, name) for each in this):
        return scope.start()
    narrowed = NOWHERE
    if len(this) > 1 or any(is_open(each) for each in this):
        narrowed = narrow(scope.start(), TypeName(name, "FHIR"), scope)
    if not narrowed.types and scope.rules is Rules.STRICT:
        raise FhirPathTypeError(f"The input is not of the type `{name}`.")
    return narrowed


def _call(focus: Compiled, node: Function, scope: Scope) -> Compiled:
    definition = FUNCTIONS.get(node.name)
    if definition is None:
        raise FhirPathTypeError(f"`{node.name}()` is not a function.")
    given = len(node.arguments)
    if not definition.least <= given <= definition.most:
        expected = str(definition.least) if definition.least == definition.most else _range(definition)
        raise FhirPathTypeError(f"`{node.name}()` takes {expected} arguments, not {given}.")
    return definition.build(Call(scope, focus, node))


def _range(definition: FunctionDefinition) -> str:
    return f"{definition.least} to {definition.most}"
