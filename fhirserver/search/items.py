"""Items of a resource, each with the index values of what is in it: for conditions that one item must meet.

``name[use eq official].family eq x`` asks two things of one name. The index holds names for searches by any of their
parts; which parts belong together is read off the resource.
"""

from collections.abc import Iterable
from typing import Final

from fhirserver.definitions.registry import Definitions
from fhirserver.definitions.search_parameters import SearchType
from fhirserver.fhirpath import CompiledExpression, compile_fhirpath
from fhirserver.kernel.resource import Json, Resource
from fhirserver.search.extract import IndexingRules, value_adder
from fhirserver.search.index import IndexValues
from fhirserver.search.match import Candidate, match
from fhirserver.search.plan import HasItem

_KINDS: Final[dict[SearchType, frozenset[str]]] = {
    SearchType.TOKEN: frozenset(("code", "Coding", "CodeableConcept", "Identifier", "ContactPoint", "boolean", "id")),
    SearchType.STRING: frozenset(("string", "markdown", "HumanName", "Address")),
    SearchType.DATE: frozenset(("date", "dateTime", "instant", "Period", "Timing")),
    SearchType.NUMBER: frozenset(("decimal", "integer", "positiveInt", "unsignedInt")),
    SearchType.QUANTITY: frozenset(
        ("Quantity", "SimpleQuantity", "Age", "Duration", "Distance", "Count", "Money", "Range", "SampledData")
    ),
    SearchType.REFERENCE: frozenset(("Reference", "canonical")),
    SearchType.URI: frozenset(("uri", "url", "oid", "uuid", "canonical")),
}
"""The data types that a type of parameter indexes."""


def kinds_of(types: Iterable[str]) -> tuple[SearchType, ...]:
    """Return as what values of these data types can be searched, in a fixed order."""
    found = frozenset(types)
    return tuple(kind for kind, indexed in _KINDS.items() if indexed & found)


class ItemReader:
    """Tells whether a resource has an item that a plan, which must be resolved, asks for."""

    def __init__(self, wanted: HasItem, definitions: Definitions, rules: IndexingRules) -> None:
        """Compile the paths once for all resources."""
        self._wanted = wanted
        self._definitions = definitions
        self._path = compile_fhirpath(wanted.path, wanted.resource_type, definitions)
        self._adders = {part.key: value_adder(part.key, SearchType(part.kind), rules) for part in wanted.parts}
        self._parts: dict[tuple[str, str], CompiledExpression] = {}

    def __call__(self, resource: Resource) -> bool:
        """Decide on one resource."""
        return any(
            match(self._wanted.plan, Candidate("", 0, self._values(context, item)))
            for context, item in self._path.select(resource)
        )

    def _values(self, context: str, item: Json) -> IndexValues:
        values = IndexValues()
        for part in self._wanted.parts:
            add, kind = self._adders[part.key], SearchType(part.kind)
            for type_name, value in self._part(part.path, context).select(item):
                if type_name in _KINDS[kind]:
                    add(type_name, value, values)
        return values

    def _part(self, path: str, context: str) -> CompiledExpression:
        found = self._parts.get((path, context))
        if found is None:
            found = self._parts[path, context] = compile_fhirpath(path, context, self._definitions)
        return found
