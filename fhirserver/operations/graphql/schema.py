"""The GraphQL schema of this server, built from the FHIR definitions when somebody first asks for it.

It describes what ``execute`` does, for introspection alone; execution itself goes by the definitions.
Spec: http://hl7.org/fhir/R4/graphql.html#conformance
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from graphql import (
    DirectiveLocation,
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLDirective,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    specified_directives,
)

from fhirserver.definitions.registry import Child, Definitions
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.operations.graphql.fields import ANY_RESOURCE, CONNECTION, EDGE, LIST, Fields, schema_name

_SCALARS: Final[dict[str, GraphQLScalarType]] = {
    "boolean": GraphQLBoolean,
    **dict.fromkeys(("integer", "positiveInt", "unsignedInt"), GraphQLInt),
    "decimal": GraphQLFloat,
    "id": GraphQLID,
}
_RESULTS: Final = ("_count", "_sort", "_total", "_filter", "fhirpath")
_UNSEARCHED: Final = frozenset({SearchType.COMPOSITE, SearchType.SPECIAL})


def _text() -> GraphQLArgument:
    return GraphQLArgument(GraphQLString)


@lru_cache(maxsize=2)
def build_schema(definitions: Definitions) -> GraphQLSchema:
    """Return the schema; this takes seconds, once."""
    builder = _Builder(definitions)
    return GraphQLSchema(
        query=GraphQLObjectType("Query", builder.queries),
        mutation=GraphQLObjectType("Mutation", builder.mutations),
        directives=[*specified_directives, *_directives()],
    )


def _directives() -> list[GraphQLDirective]:
    where = [DirectiveLocation.FIELD]
    path = {"path": _text()}
    plain = [GraphQLDirective(name, where) for name in ("flatten", "first", "singleton")]
    return [*plain, GraphQLDirective("slice", where, path)]


class _Builder:
    """Builds types as they are referred to."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._fields = Fields(definitions)
        self._outputs: dict[str, GraphQLOutputType] = {}
        self._inputs: dict[str, GraphQLInputType] = {}
        self._search_arguments: dict[str, dict[str, GraphQLArgument]] = {}
        self._item_arguments: dict[str, dict[str, GraphQLArgument]] = {}
        self._referring: dict[str, list[str]] | None = None

    def queries(self) -> dict[str, GraphQLField]:
        """Return what can be asked of the system."""
        found: dict[str, GraphQLField] = {}
        for name in self._definitions.resource_types:
            arguments = self._searched_by(name)
            found[name] = GraphQLField(self._output(name), {"id": GraphQLArgument(GraphQLNonNull(GraphQLID))})
            found[name + LIST] = GraphQLField(GraphQLList(self._output(name)), arguments)
            found[name + CONNECTION] = GraphQLField(self._connection(name), {**arguments, "cursor": _text()})
        return found

    def mutations(self) -> dict[str, GraphQLField]:
        """Return what can be written."""
        found: dict[str, GraphQLField] = {}
        for name in self._definitions.resource_types:
            identity = {"id": GraphQLArgument(GraphQLNonNull(GraphQLID))}
            resource = {"res": GraphQLArgument(self._input(name))}
            found[f"{name}Create"] = GraphQLField(self._output(name), resource)
            found[f"{name}Update"] = GraphQLField(self._output(name), {**identity, **resource})
            found[f"{name}Delete"] = GraphQLField(GraphQLBoolean, identity)
        return found

    def _output(self, type_name: str) -> GraphQLOutputType:
        found = self._outputs.get(type_name)
        if found is None:
            found = self._outputs[type_name] = self._new_output(type_name)
        return found

    def _new_output(self, type_name: str) -> GraphQLOutputType:
        if type_name == ANY_RESOURCE:
            return GraphQLUnionType(ANY_RESOURCE, self._resources)
        if self._fields.is_scalar(type_name):
            return _SCALARS.get(type_name, GraphQLString)
        return GraphQLObjectType(schema_name(type_name), lambda: self._object_fields(type_name))

    def _resources(self) -> list[GraphQLObjectType]:
        found = (self._output(name) for name in self._definitions.resource_types)
        return [each for each in found if isinstance(each, GraphQLObjectType)]

    def _object_fields(self, type_name: str) -> dict[str, GraphQLField]:
        found: dict[str, GraphQLField] = {}
        for child in self._definitions.children(type_name).values():
            found[child.json_name] = self._field(child)
            if self._fields.is_scalar(child.type_name) and not child.element.is_xml_attribute:
                shadow = self._output("Element")
                found[f"_{child.json_name}"] = GraphQLField(GraphQLList(shadow) if child.element.repeats else shadow)
        if type_name == "Reference":
            arguments = {"optional": GraphQLArgument(GraphQLBoolean), "type": _text()}
            found["resource"] = GraphQLField(self._output(ANY_RESOURCE), arguments)
        if self._fields.is_resource(type_name):
            found["resourceType"] = GraphQLField(GraphQLString)
            found.update(self._reverse_fields(type_name))
        return found

    def _field(self, child: Child) -> GraphQLField:
        kind = self._output(child.type_name)
        if not child.element.repeats:
            return GraphQLField(kind)
        return GraphQLField(GraphQLList(kind), self._narrowed_by(child.type_name))

    def _narrowed_by(self, type_name: str) -> dict[str, GraphQLArgument]:
        """Return the arguments that select items of a repeating element."""
        if type_name == ANY_RESOURCE or self._fields.is_scalar(type_name):
            return {}
        found = self._item_arguments.get(type_name)
        if found is None:
            numbers = {name: GraphQLArgument(GraphQLInt) for name in ("_offset", "_count")}
            found = self._item_arguments[type_name] = {"fhirpath": _text(), **numbers}
            for child in self._definitions.children(type_name).values():
                if self._fields.is_scalar(child.type_name) and not child.element.repeats:
                    found[child.json_name] = GraphQLArgument(_SCALARS.get(child.type_name, GraphQLString))
        return found

    def _reverse_fields(self, type_name: str) -> dict[str, GraphQLField]:
        """Return the lists of what refers to a resource."""
        arguments = {"_reference": GraphQLArgument(GraphQLNonNull(GraphQLString)), "_count": _text()}
        sources = self._references().get(type_name, ())
        return {f"{name}{LIST}": GraphQLField(GraphQLList(self._output(name)), arguments) for name in sources}

    def _references(self) -> dict[str, list[str]]:
        if self._referring is None:
            self._referring = {}
            for source in self._definitions.resource_types:
                parameters = self._definitions.search_parameters(source).values()
                targets = {target for each in parameters for target in each.targets}
                for target in targets:
                    self._referring.setdefault(target, []).append(source)
        return self._referring

    def _searched_by(self, resource_type: str) -> dict[str, GraphQLArgument]:
        found = self._search_arguments.get(resource_type)
        if found is None:
            argument = GraphQLArgument(GraphQLList(GraphQLString))
            parameters = self._definitions.search_parameters(resource_type).values()
            codes = (each.code for each in parameters if each.type not in _UNSEARCHED and each.expression)
            found = {code[:1] + code[1:].replace("-", "_"): argument for code in sorted(codes)}
            found = self._search_arguments[resource_type] = {**found, **{name: _text() for name in _RESULTS}}
        return found

    def _connection(self, resource_type: str) -> GraphQLObjectType:
        edge = GraphQLObjectType(
            resource_type + EDGE,
            lambda: {
                "mode": GraphQLField(GraphQLString),
                "score": GraphQLField(GraphQLFloat),
                "resource": GraphQLField(self._output(resource_type)),
            },
        )
        numbers = {name: GraphQLField(GraphQLInt) for name in ("count", "offset", "pagesize", "pageSize")}
        cursors = {name: GraphQLField(GraphQLString) for name in ("first", "previous", "next", "last")}
        fields = {**numbers, "edges": GraphQLField(GraphQLList(edge)), **cursors}
        return GraphQLObjectType(resource_type + CONNECTION, fields)

    def _input(self, type_name: str) -> GraphQLInputType:
        found = self._inputs.get(type_name)
        if found is None:
            found = self._inputs[type_name] = self._new_input(type_name)
        return found

    def _new_input(self, type_name: str) -> GraphQLInputType:
        if type_name == ANY_RESOURCE:
            return GraphQLScalarType("ResourceInput", description="A resource of any type, as JSON.")
        if self._fields.is_scalar(type_name):
            return _SCALARS.get(type_name, GraphQLString)
        ending = "_Input" if self._definitions.has_type(f"{type_name}.input") else "Input"  # that name is taken
        return GraphQLInputObjectType(schema_name(type_name) + ending, self._input_fields(type_name))

    def _input_fields(self, type_name: str) -> Callable[[], dict[str, GraphQLInputField]]:
        def fields() -> dict[str, GraphQLInputField]:
            found: dict[str, GraphQLInputField] = {}
            for child in self._definitions.children(type_name).values():
                kind = self._input(child.type_name)
                found[child.json_name] = GraphQLInputField(GraphQLList(kind) if child.element.repeats else kind)
                if self._fields.is_scalar(child.type_name) and not child.element.is_xml_attribute:
                    shadow = self._input("Element")
                    repeated = GraphQLList(shadow) if child.element.repeats else shadow
                    found[f"_{child.json_name}"] = GraphQLInputField(repeated)
            if self._fields.is_resource(type_name):
                found["resourceType"] = GraphQLInputField(GraphQLString)
            return found

        return fields
