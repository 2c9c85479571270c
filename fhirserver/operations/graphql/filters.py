"""Which items of a repeating element are wanted: by FHIRPath, by the value of a part, by position.

Spec: http://hl7.org/fhir/R4/graphql.html#list
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from graphql import FieldNode, Node

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath import Bounds, Environment, FhirPathError, Rules, compile_fhirpath, parse
from fhirserver.kernel.outcome import TooCostly
from fhirserver.kernel.resource import Json, Resource
from fhirserver.operations.graphql.document import QueryError
from fhirserver.operations.graphql.fields import FieldType
from fhirserver.operations.graphql.values import Arguments

FHIRPATH: Final = "fhirpath"
_OFFSET: Final = "_offset"
_COUNT: Final = "_count"
_MAX_EXPRESSION: Final = 2000
_BOUNDS: Final = Bounds(steps=5000, items=1000)
_MAX_EVALUATIONS: Final = 5000
"""Of one answer."""


@dataclass(frozen=True, slots=True)
class Items:
    """The items of one element of an object."""

    owner_type: str
    owner: Resource
    name: str
    type: FieldType
    values: list[Json]


class Navigator:
    """Applies the arguments of fields, for one answer."""

    def __init__(self, definitions: Definitions) -> None:
        """Know elements by ``definitions``."""
        self._definitions = definitions
        self._evaluations = 0

    def narrow(self, node: FieldNode, items: Items, arguments: Arguments, resource: Resource | None) -> list[Json]:
        """Return the wanted items in their order. Raises QueryError."""
        if items.type.is_scalar:
            raise QueryError(f"`{items.name}` has no parts, and so no arguments.", node)
        values = items.values
        for name, wanted in arguments.items():
            if name == FHIRPATH:
                values = self._by_expression(node, items, values, (wanted, resource))
            elif name not in (_OFFSET, _COUNT):
                values = self._by_part(node, items, values, (name, wanted))
        offset, count = _number(node, arguments, _OFFSET), _number(node, arguments, _COUNT)
        return values[offset or 0 :] if count is None else values[offset or 0 : (offset or 0) + count]

    def holds(self, node: Node, type_name: str, value: Json, expression: Json) -> bool:
        """Tell whether an expression is true of a value. Raises QueryError."""
        return self.evaluate(node, type_name, value, expression) == [True]

    def evaluate(
        self, node: Node, type_name: str, value: Json, expression: Json, resource: Resource | None = None
    ) -> list[Json]:
        """Return the result of an expression on a value. Raises QueryError."""
        if not isinstance(expression, str) or len(expression) > _MAX_EXPRESSION:
            raise QueryError(f"A FHIRPath is a string of at most {_MAX_EXPRESSION} characters.", node)
        if not self._definitions.has_type(type_name):
            raise QueryError(f"A FHIRPath is evaluated on elements, which `{type_name}` is not.", node)
        self._evaluations += 1
        if self._evaluations > _MAX_EVALUATIONS:
            raise TooCostly(f"The query evaluates FHIRPath more than {_MAX_EVALUATIONS} times; select less.")
        try:
            compiled = compile_fhirpath(expression, type_name, self._definitions, rules=Rules.LANGUAGE)
            environment = Environment(resource=resource, bounds=_BOUNDS)
            return [item for _, item in compiled.select(value, environment)]
        except FhirPathError as error:
            raise QueryError(f"The FHIRPath cannot be evaluated: {error}", node) from None

    def _by_expression(
        self, node: FieldNode, items: Items, values: list[Json], criterion: tuple[Json, Resource | None]
    ) -> list[Json]:
        expression, resource = criterion
        if "$index" not in str(expression) or not items.type.repeats:
            type_name = items.type.type_name
            return [each for each in values if self.evaluate(node, type_name, each, expression, resource) == [True]]
        _check_alone(node, expression)
        chosen = self.evaluate(node, items.owner_type, items.owner, f"{items.name}.where({expression})", resource)
        kept = {id(each) for each in chosen}
        return [each for each in values if id(each) in kept]

    def _by_part(
        self, node: FieldNode, items: Items, values: Sequence[Json], criterion: tuple[str, Json]
    ) -> list[Json]:
        name, wanted = criterion
        type_name = items.type.type_name
        child = self._definitions.children(type_name).get(name) if self._definitions.has_type(type_name) else None
        if child is None or isinstance(wanted, dict | list):
            raise QueryError(f"`{name[:64]}` is not an argument of `{items.name}`.", node)
        text = _text(wanted)
        return [each for each in values if isinstance(each, dict) and _has(each.get(name), text)]


def _check_alone(node: FieldNode, expression: Json) -> None:
    """Refuse what is no expression by itself, before it becomes part of another."""
    try:
        parse(expression)
    except FhirPathError as error:
        raise QueryError(f"The FHIRPath cannot be evaluated: {error}", node) from None


def _number(node: FieldNode, arguments: Arguments, name: str) -> int | None:
    value = arguments.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise QueryError(f"`{name}` is a whole number from 0.", node)
    return value


def _has(value: Json, wanted: str) -> bool:
    return any(_text(each) == wanted for each in value) if isinstance(value, list) else _text(value) == wanted


def _text(value: Json) -> str:
    """Return a simple value as text, by which ``true`` and ``"true"`` are the same."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | Decimal) else ""
