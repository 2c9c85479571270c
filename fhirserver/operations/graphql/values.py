"""Values in a query, with its variables put in; names without quotes are text.

Numbers with a fraction are decimals as they are written.
Spec: https://spec.graphql.org/October2021/#sec-Input-Values, #sec-Coercing-Variable-Values
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypeAlias

from graphql import (
    BooleanValueNode,
    ConstDirectiveNode,
    DirectiveNode,
    EnumValueNode,
    FieldNode,
    FloatValueNode,
    IntValueNode,
    ListTypeNode,
    ListValueNode,
    NamedTypeNode,
    NonNullTypeNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    StringValueNode,
    TypeNode,
    ValueNode,
    VariableNode,
)

from fhirserver.kernel.resource import Json
from fhirserver.operations.graphql.document import QueryError

Variables: TypeAlias = Mapping[str, Json]
Arguments: TypeAlias = dict[str, Json]

_SCALARS: Final[dict[str, tuple[type, ...]]] = {
    "Boolean": (bool,),
    "Int": (int,),
    "Float": (int, Decimal),
    "String": (str,),
    "ID": (str, int),
}


def variables_of(operation: OperationDefinitionNode, given: Mapping[str, Json]) -> Variables:
    """Return the variables that an operation declares, given or by default. Raises QueryError."""
    found: dict[str, Json] = {}
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        if name in found:
            raise QueryError(f"The variable `${name}` is declared twice.", definition)
        value = given.get(name)
        if name not in given and definition.default_value is not None:
            value = value_of(definition.default_value, {})
        if not _fits(value, definition.type):
            raise QueryError(f"The variable `${name}` is missing or not of its type.", definition)
        found[name] = value
    return found


def _fits(value: Json, wanted: TypeNode) -> bool:
    if isinstance(wanted, NonNullTypeNode):
        return value is not None and _fits(value, wanted.type)
    if value is None:
        return True
    if isinstance(wanted, ListTypeNode):
        return all(_fits(each, wanted.type) for each in (value if isinstance(value, list) else [value]))
    types = _SCALARS.get(wanted.name.value) if isinstance(wanted, NamedTypeNode) else None
    return types is None or (isinstance(value, types) and (bool in types or not isinstance(value, bool)))


def value_of(node: ValueNode, variables: Variables) -> Json:
    """Return what a value stands for. Raises QueryError for a variable that is not declared."""
    match node:
        case VariableNode(name=name):
            if name.value not in variables:
                raise QueryError(f"The variable `${name.value}` is not declared.", node)
            return variables[name.value]
        case IntValueNode(value=text):
            return _number(int, text, node)
        case FloatValueNode(value=text):
            return _number(Decimal, text, node)
        case StringValueNode(value=value) | EnumValueNode(value=value) | BooleanValueNode(value=value):
            return value
        case NullValueNode():
            return None
        case ListValueNode(values=values):
            return [value_of(each, variables) for each in values]
        case ObjectValueNode(fields=fields):
            return {each.name.value: value_of(each.value, variables) for each in fields}
        case _:
            raise QueryError("A value of an unknown form.", node)


def _number(kind: type[int] | type[Decimal], text: str, node: ValueNode) -> Json:
    if len(text) > 100:
        raise QueryError("A number has more than 100 digits.", node)
    return kind(text)


def arguments_of(node: FieldNode | DirectiveNode | ConstDirectiveNode, variables: Variables) -> Arguments:
    """Return the arguments of a field or directive; those that are null or an undefined variable are left out."""
    found: Arguments = {}
    for argument in node.arguments or ():
        name = argument.name.value
        if name in found:
            raise QueryError(f"The argument `{name}` is given twice.", argument)
        found[name] = value_of(argument.value, variables)
    return {name: value for name, value in found.items() if value is not None}
