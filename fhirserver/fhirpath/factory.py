"""``%factory``: values made by expressions. Spec: https://build.fhir.org/fhirpath.html#factory

Not in R4; from the draft of the next release. What is made is checked as far as the type of each element goes, and
primitives are checked by their lexical form.
"""

from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath.environment import Frame
from fhirserver.fhirpath.errors import FhirPathExecutionError, FhirPathTypeError
from fhirserver.fhirpath.expression import Call, Compiled, Functions, FunctionTable
from fhirserver.fhirpath.functions.conversion import CONVERTERS
from fhirserver.fhirpath.items import Extended, Item, Items, only, plain
from fhirserver.fhirpath.lifting import value_of
from fhirserver.fhirpath.navigation import Branch, find_branches
from fhirserver.fhirpath.quantity import Measurement, to_json
from fhirserver.fhirpath.regex import read_regex
from fhirserver.fhirpath.types import (
    DATE,
    DATE_TIME,
    DECIMAL,
    INTEGER,
    STRING,
    SYSTEM_TYPES,
    TIME,
    fhir_name,
    is_primitive,
    type_name,
)
from fhirserver.kernel.resource import Json, Resource

_TEMPORALS: Final = frozenset({DATE, DATE_TIME, TIME})
_NOT_EMPTY: Final = frozenset({"string", "markdown"})
_PRIMITIVES: Final = (
    *("base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer"),
    *("markdown", "oid", "string", "positiveInt", "time", "unsignedInt", "uri", "url", "uuid"),
)
_COMPLEX: Final = MappingProxyType(
    {
        "Extension": ("url", "value"),
        "Identifier": ("system", "value", "use", "type"),
        "HumanName": ("family", "given", "prefix", "suffix", "text", "use"),
        "ContactPoint": ("system", "value", "use"),
        "Address": ("line", "city", "state", "postalCode", "country", "use", "type"),
        "Quantity": ("system", "code", "value", "unit"),
        "Coding": ("system", "code", "display", "version"),
        "CodeableConcept": ("coding", "text"),
    }
)
_TABLE: Final = FunctionTable()


def _enter_primitive(name: str) -> None:
    def build(call: Call) -> Compiled:
        arguments, definitions = [call.argument(i).run for i in range(len(call))], call.scope.definitions

        def run(frame: Frame, this: Items) -> Items:
            given = only(arguments[0](frame, this))
            value = None if given is None else _primitive(name, given, definitions)
            extensions = arguments[1](frame, this) if len(arguments) > 1 else []
            if value is not None and not extensions:
                return [(name, value)]
            element: Resource = {}
            for extension in extensions:
                _put(element, "Element", "extension", extension, definitions)
            return [(name, Extended(value, element))]

        return Compiled(run, frozenset({name}), many=False)

    _TABLE.function(name, 1, 2)(build)


def _primitive(name: str, item: Item, definitions: Definitions) -> Json:
    """Return the value of a primitive; raises FhirPathExecutionError where it cannot have this one."""
    wanted, kind, value = SYSTEM_TYPES[name], SYSTEM_TYPES.get(item[0]), plain(item[1])
    if kind is None or value is None or (kind != wanted and (kind, wanted) != (INTEGER, DECIMAL) and kind != STRING):
        raise FhirPathExecutionError(f"A {item[0]} cannot be a {name}.")
    found = CONVERTERS[wanted](kind, value)
    if found is None or not _is_well_formed(name, found, definitions):
        raise FhirPathExecutionError(f"The value is no {name}.")
    return found


def _is_well_formed(name: str, value: Json, definitions: Definitions) -> bool:
    pattern = definitions.type(name).pattern
    if pattern is None or SYSTEM_TYPES[name] in _TEMPORALS or isinstance(value, bool | Decimal):
        return True
    text = str(value)
    return (bool(text) or name not in _NOT_EMPTY) and read_regex(pattern).fullmatch(text) is not None


def _enter_complex(name: str, elements: tuple[str, ...]) -> None:
    def build(call: Call) -> Compiled:
        arguments = [(elements[i], call.argument(i).run) for i in range(len(call))]
        definitions = call.scope.definitions

        def run(frame: Frame, this: Items) -> Items:
            made: Resource = {}
            for element, argument in arguments:
                for item in argument(frame, this):
                    _put(made, name, element, item, definitions)
            return [(name, made)]

        return Compiled(run, frozenset({name}), many=False)

    _TABLE.function(name, 1, len(elements))(build)


def _put(made: Resource, parent: str, element: str, item: Item, definitions: Definitions) -> None:
    """Add an item to an element of an object; raises FhirPathExecutionError where it has no such element or type."""
    branch = _branch(find_branches(definitions, parent, element), item)
    if branch is None or (not branch.many and branch.key in made):
        raise FhirPathExecutionError(f"A {item[0]} cannot be added to this element of a {parent}.")
    value = _value_for(branch, item, definitions)
    if branch.many:
        made[branch.key] = [*made.get(branch.key, ()), value]
    else:
        made[branch.key] = value
    if type(item[1]) is Extended and not branch.many:
        made[branch.sibling] = item[1].element


def _branch(branches: tuple[Branch, ...], item: Item) -> Branch | None:
    """Find the property of a choice that takes the item: one of its own type, else one that may be written so."""
    own = fhir_name(item[0])
    exact = next((branch for branch in branches if branch.type == own), None)
    if exact is not None or len(branches) != 1:
        return exact
    kind, wanted = SYSTEM_TYPES.get(item[0]), SYSTEM_TYPES.get(branches[0].type)
    fits = kind is not None and (kind == wanted or (kind in (STRING, INTEGER) and wanted == DECIMAL))
    return branches[0] if fits else None


def _value_for(branch: Branch, item: Item, definitions: Definitions) -> Json:
    value = plain(item[1])
    if isinstance(value, Measurement):
        return to_json(value)
    return _primitive(branch.type, (item[0], value), definitions) if branch.primitive and value is not None else value


for _name in _PRIMITIVES:
    _enter_primitive(_name)
for _name, _elements in _COMPLEX.items():
    _enter_complex(_name, _elements)


@_TABLE.function("create", 1)
def create(call: Call) -> Compiled:
    """A value of a type, with nothing in it."""
    name, definitions = type_name(call.node.arguments[0]).name, call.scope.definitions
    if not definitions.has_type(name):
        raise FhirPathTypeError("`create()` takes the name of a FHIR type.")
    primitive = is_primitive(name, definitions)

    def run(frame: Frame, this: Items) -> Items:
        return [(name, Extended(None, {}) if primitive else {})]

    return Compiled(run, frozenset({name}), many=False)


@_TABLE.function("withExtension", 3)
def with_extension(call: Call) -> Compiled:
    """A copy of a value with one more extension."""
    instance, url, value = (call.argument(i) for i in range(3))
    definitions = call.scope.definitions

    def run(frame: Frame, this: Items) -> Items:
        item = only(instance.run(frame, this))
        if item is None:
            return []
        extension: Resource = {}
        for element, operand in (("url", url), ("value", value)):
            for part in operand.run(frame, this):
                _put(extension, "Extension", element, part, definitions)
        return [_with(item, "extension", ("Extension", extension), definitions)]

    return Compiled(run, instance.types, many=False)


@_TABLE.function("withProperty", 3)
def with_property(call: Call) -> Compiled:
    """A copy of a value with an item added to one of its elements."""
    instance, name, value = (call.argument(i) for i in range(3))
    definitions = call.scope.definitions

    def run(frame: Frame, this: Items) -> Items:
        item, element = only(instance.run(frame, this)), value_of(name.run(frame, this), STRING)
        if item is None or element is None:
            return []
        for part in value.run(frame, this):
            item = _with(item, element, part, definitions)
        return [item]

    return Compiled(run, instance.types, many=False)


def _with(item: Item, element: str, part: Item, definitions: Definitions) -> Item:
    name, value = item
    if not definitions.has_type(name):
        raise FhirPathExecutionError(f"A {name} has no elements to add to.")
    if not is_primitive(name, definitions):
        made: dict[str, Any] = dict(value)
        _put(made, name, element, part, definitions)
        return (name, made)
    children = dict(value.element) if type(value) is Extended else {}
    _put(children, name, element, part, definitions)
    return (name, Extended(plain(value), children))


FACTORY_FUNCTIONS: Final[Functions] = MappingProxyType(_TABLE)
