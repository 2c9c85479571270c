"""Source to a compiled expression: every node becomes a closure specialised on the types it can meet.

Spec: http://hl7.org/fhirpath/N1/, http://hl7.org/fhir/R4/fhirpath.html
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
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
    Long,
    Measure,
    Node,
    Special,
    Temporal,
    TypeName,
    TypeOperation,
    Unary,
)
from fhirserver.fhirpath.environment import DEFAULT, Environment, Frame, Run
from fhirserver.fhirpath.errors import FhirPathExecutionError, FhirPathTypeError, FhirPathWarning, shown
from fhirserver.fhirpath.expression import NOWHERE, Call, Compiled, FunctionDefinition, Rules, Scope
from fhirserver.fhirpath.externals import external
from fhirserver.fhirpath.factory import FACTORY_FUNCTIONS
from fhirserver.fhirpath.functions import FUNCTIONS
from fhirserver.fhirpath.items import Extended, Item, Items, with_values
from fhirserver.fhirpath.lowering import json_item, resource_item
from fhirserver.fhirpath.narrowing import narrow
from fhirserver.fhirpath.notes import Notes
from fhirserver.fhirpath.operators import OPERATORS
from fhirserver.fhirpath.operators.collections import indexed
from fhirserver.fhirpath.parser import parse
from fhirserver.fhirpath.quantity import Measurement, to_json
from fhirserver.fhirpath.type_tests import as_operation, is_operation
from fhirserver.fhirpath.types import (
    ANY,
    ANYTHING,
    BOOLEAN,
    DECIMAL,
    FACTORY_TYPES,
    INTEGER,
    LONG,
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
    warnings: tuple[FhirPathWarning, ...] = ()
    """What can only yield nothing: elements that the types do not have, types that never occur."""

    def evaluate(self, resource: Resource, environment: Environment = DEFAULT) -> Items:
        """Return the result on a resource (or on a value of the context type), with types as the language has them.

        Raises FhirPathExecutionError.
        """
        focus = [self._item(resource)]
        try:
            return self._run(Frame(environment, focus), focus)
        except (AttributeError, TypeError) as error:
            raise self._misshapen() from error
        except RecursionError:
            raise FhirPathExecutionError(_TOO_DEEP) from None

    def select(self, resource: Resource, environment: Environment | None = None) -> list[tuple[str, Json]]:
        """Return the FHIR type and the JSON value of each item of the result.

        Values are the input's own objects, not copies. Primitives that have extensions but no value are left out.
        Raises FhirPathExecutionError.
        """
        focus = [self._item(resource)] if self._is_open else [(self.context_type, resource)]
        world = environment or DEFAULT
        frame = world.idle if self._is_pure else Frame(world, focus)
        try:
            items = self._run(frame, focus)
        except (AttributeError, TypeError) as error:
            raise self._misshapen() from error
        except RecursionError:
            raise FhirPathExecutionError(_TOO_DEEP) from None
        return self._finish(items) if items and self._finish is not None else items

    def _item(self, value: Json) -> Item:
        """Return the input as an item; of an open type, as what it is by itself."""
        if not self._is_open:
            return (self.context_type, value)
        return json_item(value) if self.context_type == ANY else resource_item(value, self.context_type)

    def _misshapen(self) -> FhirPathExecutionError:
        return FhirPathExecutionError(f"The input does not have the structure of `{self.context_type}`.")


def _finisher(types: Types, definitions: Definitions) -> Callable[[Items], Items] | None:
    """Return what makes plain JSON of results of these types; complex values are plain already."""
    if types == _BOOLEANS:
        return _as_booleans
    if any(is_open(name) or name.startswith(SYSTEM) for name in types):
        return _as_fhir
    return _without_extensions if any(is_primitive(name, definitions) for name in types) else None


_BOOLEANS: Final = frozenset({BOOLEAN})


def _as_booleans(items: Items) -> Items:
    return [("boolean", value) for _, value in items]


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

    For ``System.Any`` the input may be any JSON: resources are of their own type, other objects have no type.
    Raises FhirPathSyntaxError and FhirPathTypeError.
    """
    context, notes = frozenset({context_type}), Notes(source)
    owner = _resource_types(context_type, definitions)
    scope = Scope(definitions, rules, compile_node, context, owner, context, notes)
    try:
        compiled = compile_node(_parsed(source) if len(source) <= _KEPT else parse(source), scope)
    except RecursionError:
        raise FhirPathTypeError(_TOO_DEEP) from None
    return CompiledExpression(
        source,
        context_type,
        fhir_names(compiled.types),
        compiled.run,
        is_open(context_type),
        compiled.is_pure and len(source) <= _TRUSTED,
        _finisher(compiled.types, definitions),
        notes.warnings,
    )


_TOO_DEEP: Final = "The expression nests too deep."
_TRUSTED: Final = 2_000
"""Characters of the expressions that run without a bound on their time where nothing in them can take long."""
_KEPT: Final = 512
"""Characters of those that are kept as trees."""
_parsed: Final = lru_cache(maxsize=1024)(parse)
"""R4's search parameters share expressions among up to 32 resource types; trees never change."""


def _resource_types(context_type: str, definitions: Definitions) -> Types:
    """Return what ``%resource`` is when the input is of ``context_type``."""
    owner = context_type.partition(".")[0]
    is_resource = definitions.has_type(owner) and definitions.type(owner).kind is Kind.RESOURCE
    return frozenset({owner}) if is_resource else ANYTHING


def compile_node(node: Node, scope: Scope) -> Compiled:
    """Compile one node where it stands."""
    scope.notes.count_node()
    match node:
        case Identifier():
            return _start(node, scope)
        case Function():
            return _call(scope.start(), node, scope)
        case Invocation(target, member):
            return _member(scope.compile(target), member, scope)
        case Chain() | Binary() | Unary() | TypeOperation() | Indexer():
            return _operation(node, scope)
        case External(name):
            return external(name, scope)
        case Constant() | Temporal() | Measure() | Empty() | Special():
            return _leaf(node, scope)
        case _:
            raise AssertionError(node)


def _member(focus: Compiled, member: Identifier | Function, scope: Scope) -> Compiled:
    if isinstance(member, Identifier):
        found = scope.extend(focus, member.name, member.offset)
    else:
        found = _call(focus, member, scope.after(focus))
    return replace(found, defines={**focus.defines, **found.defines}) if focus.defines else found


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
            return _constant((_CONSTANT_TYPES[type(value)], int(value) if isinstance(value, Long) else value))
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


_CONSTANT_TYPES: Final = {bool: BOOLEAN, str: STRING, int: INTEGER, Long: LONG, Decimal: DECIMAL}


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


def _start(node: Identifier, scope: Scope) -> Compiled:
    """Compile the first name of a path: an element of ``$this``, or the type that ``$this`` must be of."""
    name = node.name
    if name[:1].isupper() and scope.definitions.has_type(name):
        return _of_leading_type(node, scope)
    element = scope.extend(scope.start(), name, node.offset)
    return _or_of_type(name, element, scope) if name[:1].isupper() and ANY in scope.this else element


def _or_of_type(name: str, element: Compiled, scope: Scope) -> Compiled:
    """Compile a name that may be the type of a resource that FHIR does not define."""
    read = element.run

    def run(frame: Frame, this: Items) -> Items:
        return this if this and this[0][0] == name else read(frame, this)

    return Compiled(run, ANYTHING, scope.this_many or element.many)


def _of_leading_type(node: Identifier, scope: Scope) -> Compiled:
    name = node.name
    definitions, this = scope.definitions, scope.this
    if (name in this and len(this) == 1) or all(definitions.is_subtype(each, name) for each in this):
        return scope.start()
    narrowed = NOWHERE
    if len(this) > 1 or any(is_open(each) for each in this):
        narrowed = narrow(scope.start(), TypeName(name, "FHIR"), scope)
    if not narrowed.types and scope.rules is not Rules.R4:  # R4's parameters name the paths of all their types
        scope.object(f"The input is not of the type `{shown(name)}`.", node.offset)
    return narrowed


def _call(focus: Compiled, node: Function, scope: Scope) -> Compiled:
    definition = FACTORY_FUNCTIONS.get(node.name) if focus.types == FACTORY_TYPES else FUNCTIONS.get(node.name)
    if definition is None:
        raise FhirPathTypeError(f"`{shown(node.name)}()` is not a function.", scope.notes.position(node.offset))
    given = len(node.arguments)
    if not definition.least <= given <= definition.most:
        expected = str(definition.least) if definition.least == definition.most else _range(definition)
        message = f"`{node.name}()` takes {expected} arguments, not {given}."
        raise FhirPathTypeError(message, scope.notes.position(node.offset))
    return definition.build(Call(scope, focus, node))


def _range(definition: FunctionDefinition) -> str:
    return f"{definition.least} to {definition.most}"
