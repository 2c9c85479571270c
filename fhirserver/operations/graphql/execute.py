"""Walks a query over resources: elements from what is at hand, references and searches through the door.

Spec: http://hl7.org/fhir/R4/graphql.html, https://spec.graphql.org/October2021/#sec-Executing-Fields
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Final

from graphql import SelectionSetNode

from fhirserver.kernel.outcome import Deleted, NotFound, TooCostly
from fhirserver.kernel.reference import parse_rest_reference
from fhirserver.kernel.resource import Json, Resource
from fhirserver.operations.graphql.document import Query, QueryError
from fhirserver.operations.graphql.fields import ANY_RESOURCE, CONNECTION, LIST, MUTATION, QUERY, Fields, FieldType
from fhirserver.operations.graphql.filters import Items, Navigator
from fhirserver.operations.graphql.mutations import CREATE, DELETE, UPDATE, mutate
from fhirserver.operations.graphql.output import Output, Shape
from fhirserver.operations.graphql.searches import Asked, decoded, find_list, find_page, read_search
from fhirserver.operations.graphql.selections import MAX_DEPTH, Selected, Selector
from fhirserver.operations.graphql.shared import Shared
from fhirserver.operations.graphql.values import Arguments, Variables
from fhirserver.repository.repository import Repository

_MAX_VALUES: Final = 200_000
"""Values that are looked at for one answer."""
_RESOURCE: Final = 20
"""Values that a resource found by a search counts for at least."""
_MAX_CALLS: Final = 2000
"""Reads and searches of one answer."""
_AT_ONCE: Final = 32
"""Items whose references are followed together."""
_LOCAL_ENDINGS: Final = (LIST, CONNECTION)


@dataclass(frozen=True, slots=True)
class _Place:
    """An object that is walked: its type and value, and the resource it is in."""

    type_name: str
    value: Resource
    resource: Resource | None
    depth: int
    in_list: bool = False
    """A field around it is flattened: what it has becomes lists."""
    suffix: str = ""
    """What ``@slice`` adds to the names of its fields."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The values of a field; resources among them are in ``container``, or stand alone."""

    type: FieldType
    values: list[Json]
    container: Resource | None = None


class Execution:
    """One run of a query."""

    def __init__(self, query: Query, variables: Variables, repository: Repository, own_base: str) -> None:
        """Answer with what ``repository`` lets the caller see; ``own_base`` is where this server stands."""
        self._query = query
        self._repository = repository
        self._own_base = f"{own_base}/"
        self._fields = Fields(repository.definitions)
        self.selector = Selector(query, variables, self._fields)
        self._navigator = Navigator(repository.definitions)
        self._read = Shared[Resource]()
        self._searched = Shared[_Found]()
        self._values = 0
        self._calls = 0

    async def of_resource(self, resource: Resource) -> Resource:
        """Answer a query on one resource. Raises FhirError."""
        place = _Place(resource["resourceType"], resource, resource, 0)
        return (await self._object([self._query.operation.selection_set], place)).render()

    async def of_system(self) -> Resource:
        """Answer a query or a mutation on the whole server. Raises FhirError."""
        output = Output()
        is_mutation = self._query.is_mutation
        root = MUTATION if is_mutation else QUERY
        for selected in self.selector.collect([self._query.operation.selection_set], root):
            if selected.name == "__typename":
                output.add(selected.key, [root], self._shape(selected, FieldType("string"), in_list=False))
            elif not selected.name.startswith("__"):
                await (self._mutation if is_mutation else self._search)(selected, _ROOT, output)
        return output.render()

    async def _object(self, sets: list[SelectionSetNode], place: _Place) -> Output:
        if place.depth > MAX_DEPTH:
            raise QueryError(f"The query is nested more than {MAX_DEPTH} levels deep.")
        output = Output()
        for selected in self.selector.collect(sets, place.type_name):
            await self._field(selected, place, output)
        return output

    async def _field(self, selected: Selected, place: _Place, output: Output) -> None:
        """Answer one field of an object."""
        field_type = self._fields.find(place.type_name, selected.name)
        if field_type is not None:
            await self._element(selected, place, output, field_type)
        elif selected.name == "__typename":
            output.add(selected.key + place.suffix, [place.type_name], self._shape(selected, _NAME, place.in_list))
        elif selected.name.startswith("__") and place.depth == 0:
            return  # of the schema, which is asked apart
        elif selected.name == "resource" and place.type_name == "Reference":
            await self._reference(selected, place, output)
        elif self._fields.is_resource(place.type_name) and selected.name.endswith(_LOCAL_ENDINGS):
            await self._search(selected, place, output)
        else:
            raise self._unknown(selected, place.type_name)

    def _unknown(self, selected: Selected, type_name: str) -> QueryError:
        return QueryError(f"`{selected.name[:64]}` is not a field of `{type_name}`.", selected.node)

    async def _element(self, selected: Selected, place: _Place, output: Output, field_type: FieldType) -> None:
        """Answer a part of the object itself."""
        if field_type.is_scalar and selected.sets:
            raise QueryError(f"`{selected.name}` has no parts to select.", selected.node)
        if not field_type.is_scalar and not selected.sets:
            raise QueryError(f"`{selected.name}` has parts; select some of them.", selected.node)
        value = place.value.get(selected.name)
        values = value if isinstance(value, list) else [] if value is None else [value]
        arguments = self.selector.arguments(selected.node)
        if arguments:
            items = Items(place.type_name, place.value, selected.name, field_type, values)
            values = self._navigator.narrow(selected.node, items, arguments, place.resource)
        container = place.resource if selected.name == "contained" else None
        await self._values_of(selected, place, output, _Found(field_type, values, container))

    async def _values_of(self, selected: Selected, place: _Place, output: Output, found: _Found) -> None:
        """Add values under the field's key, or, flattened, what they have under its own."""
        field_type, values = found.type, found.values
        if selected.directive("first") is not None:
            values = values[:1]
        self._spend(len(values))
        suffixes = self._suffixes(selected, field_type, values)
        if selected.directive("flatten") is not None and not field_type.is_scalar:
            inner = replace(place, in_list=place.in_list or field_type.repeats)
            for each in await self._objects(selected, inner, found, list(zip(values, suffixes, strict=True))):
                output.flatten(each)
            return
        if field_type.is_scalar:
            rendered: list[Json] = [each for each in values if each is not None or not place.in_list]
        else:
            inner = replace(place, in_list=False, suffix="")
            plain = [(each, "") for each in values]
            rendered = [each.render() for each in await self._objects(selected, inner, found, plain)]
        shape = self._shape(selected, field_type, place.in_list)
        if selected.directive("slice") is None:
            output.add(selected.key + place.suffix, rendered, shape)
            return
        for each, suffix in zip(rendered, suffixes, strict=False):
            output.add(selected.key + place.suffix + suffix, [each], shape)

    async def _objects(
        self, selected: Selected, place: _Place, found: _Found, values: list[tuple[Json, str]]
    ) -> list[Output]:
        """Answer what is selected of each value; what must be asked for is asked for together."""
        places = [self._inside(place, found, value, suffix) for value, suffix in values if value is not None]
        outputs: list[Output] = []
        for start in range(0, len(places), _AT_ONCE):
            outputs += await _together([self._object(selected.sets, each) for each in places[start:][:_AT_ONCE]])
        return outputs

    def _inside(self, place: _Place, found: _Found, value: Json, suffix: str) -> _Place:
        """Step into a value."""
        own: Resource = value if isinstance(value, dict) else {}
        type_name, resource = found.type.type_name, place.resource
        if type_name == ANY_RESOURCE or self._fields.is_resource(type_name):
            type_name = str(own.get("resourceType", type_name))
            resource = own if found.container is None else found.container
        return _Place(type_name, own, resource, place.depth + 1, place.in_list, place.suffix + suffix)

    def _suffixes(self, selected: Selected, field_type: FieldType, values: list[Json]) -> list[str]:
        """Return what ``@slice`` adds to the name for each value."""
        directive = selected.directive("slice")
        if directive is None:
            return [""] * len(values)
        arguments = self.selector.arguments(directive)
        path = arguments.get("path", arguments.get("fhirpath"))
        if path == "$index":
            return [f".{number}" for number in range(len(values))]
        results = [self._navigator.evaluate(directive, field_type.type_name, value, path) for value in values]
        return [f".{result[0]}" if result and isinstance(result[0], str | int) else "" for result in results]

    async def _reference(self, selected: Selected, place: _Place, output: Output) -> None:
        """Answer the resource that a reference points to. Raises NotFound and the like unless it is optional."""
        arguments = self.selector.arguments(selected.node)
        if not arguments.keys() <= {"type", "optional"}:
            raise QueryError("`resource` takes `type` and `optional`.", selected.node)
        if not selected.sets:
            raise QueryError("`resource` has parts; select some of them.", selected.node)
        try:
            resource, container = await self._target(place, arguments)
        except (NotFound, Deleted):
            if arguments.get("optional") is not True:
                raise
            return
        if resource is None:
            return
        found = _Found(FieldType(resource["resourceType"]), [resource], container)
        await self._values_of(selected, place, output, found)

    async def _target(self, place: _Place, arguments: Arguments) -> tuple[Resource | None, Resource | None]:
        """Return what a reference points to, and the resource that contains it, if one does."""
        text = place.value.get("reference")
        types = arguments.get("type")
        wanted = types if isinstance(types, list) else [types]
        if isinstance(text, str) and text.startswith("#"):
            contained = self._contained(place.resource, text[1:])
            is_wanted = types is None or contained["resourceType"] in wanted
            return (contained if is_wanted else None), place.resource
        found = parse_rest_reference(text.removeprefix(self._own_base)) if isinstance(text, str) else None
        if found is None or found.base:
            raise NotFound("A reference points to no resource of this server; ask with `optional: true`.")
        if types is not None and found.resource_type not in wanted:
            return None, None
        return await self._resource(found.resource_type, found.logical_id), None

    def _contained(self, resource: Resource | None, logical_id: str) -> Resource:
        if resource is not None:
            if not logical_id:
                return resource
            for each in resource.get("contained", ()):
                if each.get("id") == logical_id:
                    return dict(each)
        raise NotFound("A reference points to a contained resource that is not there.")

    async def _resource(self, resource_type: str, logical_id: str) -> Resource:
        """Read a resource, once for all who refer to it."""
        return await self._read.get((resource_type, logical_id), lambda: self._fetch(resource_type, logical_id))

    async def _fetch(self, resource_type: str, logical_id: str) -> Resource:
        self._call()
        if not self._fields.is_resource(resource_type):
            raise NotFound("A reference points to no resource of this server.")
        return decoded(await self._repository.read(resource_type, logical_id))

    async def _search(self, selected: Selected, place: _Place, output: Output) -> None:
        """Answer a read, a list or a connection, at the root or of what refers to a resource."""
        if not selected.sets:
            raise QueryError(f"`{selected.name[:64]}` has parts; select some of them.", selected.node)
        arguments = self.selector.arguments(selected.node)
        is_root = place is _ROOT
        focus = None if is_root else f"{place.type_name}/{place.value.get('id', '')}"
        if is_root and self._fields.is_resource(selected.name):
            resource = await self._resource(selected.name, self._id(selected, arguments))
            await self._values_of(selected, place, output, _Found(FieldType(selected.name), [resource]))
            return
        for ending in _LOCAL_ENDINGS:
            resource_type = self._fields.searched(selected.name, ending)
            if resource_type is not None:
                break
        else:
            raise self._unknown(selected, QUERY if is_root else place.type_name)
        asked = read_search(selected.node, resource_type, arguments, focus)
        await self._values_of(selected, place, output, await self._matches(asked, is_list=ending == LIST))

    async def _matches(self, asked: Asked, *, is_list: bool) -> _Found:
        """Search, once for all who ask the same."""
        found = await self._searched.get((*asked.key, is_list), lambda: self._find(asked, is_list=is_list))
        self._spend(_RESOURCE * len(found.values if is_list else found.values[0]["edges"]))
        return found

    async def _find(self, asked: Asked, *, is_list: bool) -> _Found:
        self._call()
        if is_list:
            found = await find_list(asked, self._repository, self._navigator)
            return _Found(FieldType(asked.resource_type, repeats=True), list[Json](found))
        page = await find_page(asked, self._repository, self._navigator)
        return _Found(FieldType(asked.resource_type + CONNECTION), [page])

    async def _mutation(self, selected: Selected, place: _Place, output: Output) -> None:
        for ending in (CREATE, UPDATE, DELETE):
            resource_type = self._fields.searched(selected.name, ending)
            if resource_type is not None:
                break
        else:
            raise self._unknown(selected, MUTATION)
        if (ending == DELETE) is bool(selected.sets):
            raise QueryError(f"Select parts of what a write returns; `{DELETE}` returns none.", selected.node)
        self._call()
        arguments = self.selector.arguments(selected.node)
        version = await mutate(selected.node, resource_type, ending, arguments, self._repository)
        self._read.forget()
        self._searched.forget()
        if version is None or ending == DELETE:
            output.add(selected.key, [True], self._shape(selected, _NAME, in_list=False))
            return
        await self._values_of(selected, place, output, _Found(FieldType(resource_type), [decoded(version)]))

    def _id(self, selected: Selected, arguments: Arguments) -> str:
        given = [arguments[name] for name in ("id", "_id") if name in arguments]
        if len(given) != 1 or len(arguments) != 1 or not isinstance(given[0], str | int):
            raise QueryError(f"`{selected.name}` takes the `id` of one resource.", selected.node)
        return str(given[0])

    def _shape(self, selected: Selected, field_type: FieldType, in_list: bool) -> Shape:
        is_single = selected.directive("singleton") is not None
        return Shape(selected.node, field_type.type_name, field_type.repeats or in_list, is_single)

    def _spend(self, values: int) -> None:
        self._values += values + 1
        if self._values > _MAX_VALUES:
            raise TooCostly(f"The query looks at more than {_MAX_VALUES} values; select less.")

    def _call(self) -> None:
        self._calls += 1
        if self._calls > _MAX_CALLS:
            raise TooCostly(f"The query needs more than {_MAX_CALLS} reads and searches; select less.")


_NAME: Final = FieldType("string", is_scalar=True)
_ROOT: Final = _Place(QUERY, {}, None, 0)


async def _together(work: list[Awaitable[Output]]) -> list[Output]:
    if len(work) == 1:
        return [await work[0]]
    results = await asyncio.gather(*work, return_exceptions=True)  # waits for all, however one ends
    for each in results:
        if isinstance(each, BaseException):
            raise each
    return [each for each in results if isinstance(each, Output)]
