"""``__schema`` and ``__type``: the schema asked in its own language, in a thread beside the event loop.

What is selected of a type is answered once, however many fields have the type: a whole schema is large.
Spec: https://spec.graphql.org/October2021/#sec-Introspection
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
)

from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import TooCostly
from fhirserver.kernel.resource import Json, Resource
from fhirserver.operations.graphql.document import Query, QueryError
from fhirserver.operations.graphql.schema import build_schema
from fhirserver.operations.graphql.selections import Selected, Selector

_LISTS: Final = frozenset({"fields", "inputFields", "possibleTypes", "interfaces", "types"})
_MAX_LISTS: Final = 2
"""Lists of types and fields within each other: tools ask for ``types { fields``, each more multiplies the answer."""


@dataclass(frozen=True, slots=True)
class _Named:
    """A field, an argument or a field of an input, with the name that it has in its owner."""

    name: str
    what: GraphQLField | GraphQLArgument | GraphQLInputField


Meta: TypeAlias = Callable[[Any, GraphQLSchema], Json]


def _kind(kind: object) -> str:
    kinds = {GraphQLNonNull: "NON_NULL", GraphQLList: "LIST", GraphQLScalarType: "SCALAR", GraphQLUnionType: "UNION"}
    kinds |= {GraphQLObjectType: "OBJECT", GraphQLInputObjectType: "INPUT_OBJECT"}
    return next((name for each, name in kinds.items() if isinstance(kind, each)), "ENUM")


def _named(
    members: Mapping[str, GraphQLField] | Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField],
) -> Json:
    return [_Named(name, what) for name, what in members.items()]


def _fields(kind: object) -> Json:
    return _named(kind.fields) if isinstance(kind, GraphQLObjectType) else None


def _input_fields(kind: object) -> Json:
    return _named(kind.fields) if isinstance(kind, GraphQLInputObjectType) else None


def _nothing(value: object, schema: GraphQLSchema) -> Json:
    return None


_DESCRIBED: Final[dict[str, tuple[str | None, Meta]]] = {
    "name": (None, lambda value, schema: value.name if isinstance(value, _Named | GraphQLNamedType) else None),
    "description": (None, _nothing),
}
_DEPRECABLE: Final[dict[str, tuple[str | None, Meta]]] = {
    "isDeprecated": (None, lambda value, schema: False),
    "deprecationReason": (None, _nothing),
}
_META: Final[dict[str, dict[str, tuple[str | None, Meta]]]] = {
    # each field: the type of its value (None: a scalar), and how it is found
    "__Schema": {
        "description": (None, _nothing),
        "types": ("__Type", lambda value, schema: list(schema.type_map.values())),
        "queryType": ("__Type", lambda value, schema: schema.query_type),
        "mutationType": ("__Type", lambda value, schema: schema.mutation_type),
        "subscriptionType": ("__Type", _nothing),
        "directives": ("__Directive", lambda value, schema: list(schema.directives)),
    },
    "__Type": {
        **_DESCRIBED,
        "kind": (None, lambda value, schema: _kind(value)),
        "specifiedByURL": (None, _nothing),
        "isOneOf": (None, lambda value, schema: False if isinstance(value, GraphQLInputObjectType) else None),
        "fields": ("__Field", lambda value, schema: _fields(value)),
        "inputFields": ("__InputValue", lambda value, schema: _input_fields(value)),
        "interfaces": ("__Type", lambda value, schema: [] if isinstance(value, GraphQLObjectType) else None),
        "possibleTypes": (
            "__Type",
            lambda value, schema: list(value.types) if isinstance(value, GraphQLUnionType) else None,
        ),
        "enumValues": ("__EnumValue", lambda value, schema: [] if _kind(value) == "ENUM" else None),
        "ofType": (
            "__Type",
            lambda value, schema: value.of_type if isinstance(value, GraphQLList | GraphQLNonNull) else None,
        ),
    },
    "__Field": {
        **_DESCRIBED,
        **_DEPRECABLE,
        "args": ("__InputValue", lambda value, schema: _named(value.what.args)),
        "type": ("__Type", lambda value, schema: value.what.type),
    },
    "__InputValue": {
        **_DESCRIBED,
        **_DEPRECABLE,
        "type": ("__Type", lambda value, schema: value.what.type),
        "defaultValue": (None, _nothing),
    },
    "__EnumValue": {**_DESCRIBED, **_DEPRECABLE},
    "__Directive": {
        "name": (None, lambda value, schema: value.name),
        "description": (None, _nothing),
        "isRepeatable": (None, lambda value, schema: value.is_repeatable),
        "locations": (None, lambda value, schema: [each.name for each in value.locations]),
        "args": ("__InputValue", lambda value, schema: _named(value.args)),
    },
}


async def introspect(query: Query, selector: Selector, definitions: Definitions) -> Resource:
    """Answer what a query asks of the schema; raises QueryError, TooCostly."""
    asked = [each for each in selector.collect([query.operation.selection_set], "Query") if each.name in _ROOTS]
    if not asked:
        return {}
    return await asyncio.to_thread(_answer, asked, selector, definitions)


_ROOTS: Final = frozenset({"__schema", "__type"})


def _answer(asked: Iterable[Selected], selector: Selector, definitions: Definitions) -> Resource:
    walk = _Walk(build_schema(definitions), selector)
    return {each.key: walk.root(each) for each in asked}


class _Walk:
    """One walk over the schema; remembers what was answered of each of its parts."""

    def __init__(self, schema: GraphQLSchema, selector: Selector) -> None:
        self._schema = schema
        self._selector = selector
        self._collected: dict[tuple[str, tuple[int, ...]], list[Selected]] = {}
        self._answered: dict[tuple[int, str, int, tuple[int, ...]], Json] = {}

    def root(self, selected: Selected) -> Json:
        """Answer ``__schema`` or ``__type``."""
        if selected.name == "__schema":
            return self._object("__Schema", self._schema, (selected, 0))
        name = self._selector.arguments(selected.node).get("name")
        found = self._schema.type_map.get(name) if isinstance(name, str) else None
        return None if found is None else self._object("__Type", found, (selected, 0))

    def _object(self, meta: str, value: Any, asked: tuple[Selected, int]) -> Json:  # noqa: ANN401 - part of a schema
        """Answer what is selected of a part; it stands so many lists deep."""
        selected, lists = asked
        sets = tuple(id(each) for each in selected.sets)
        part = id(value.what) if isinstance(value, _Named) else id(value)
        key = (part, value.name if isinstance(value, _Named) else "", lists, sets)
        if key not in self._answered:
            fields = self._fields(meta, selected, sets)
            self._answered[key] = {each.key: self._field(meta, value, (each, lists)) for each in fields}
        return self._answered[key]

    def _fields(self, meta: str, selected: Selected, sets: tuple[int, ...]) -> list[Selected]:
        found = self._collected.get((meta, sets))
        if found is None:
            if not sets:
                raise QueryError(f"`{selected.name[:64]}` has parts; select some of them.", selected.node)
            found = self._collected[meta, sets] = self._selector.collect(selected.sets, meta)
        return found

    def _field(self, meta: str, value: Any, asked: tuple[Selected, int]) -> Json:  # noqa: ANN401 - part of a schema
        selected, lists = asked
        if selected.name == "__typename":
            return meta
        found = _META[meta].get(selected.name)
        if found is None:
            raise QueryError(f"`{selected.name[:64]}` is not a field of `{meta}`.", selected.node)
        inner, find = found
        result = find(value, self._schema)
        if inner is None or result is None:
            return result
        lists += selected.name in _LISTS
        if lists > _MAX_LISTS:
            raise TooCostly("The introspection lists types or fields within fields; ask for them type by type.")
        if isinstance(result, list):
            return [self._object(inner, each, (selected, lists)) for each in result]
        return self._object(inner, result, (selected, lists))
