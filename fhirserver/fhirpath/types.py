"""Type names: FHIR's, and those of FHIRPath's own ``System`` namespace; how one is recognised in the other.

Spec: http://hl7.org/fhir/R4/fhirpath.html#types, http://hl7.org/fhirpath/N1/#types-and-reflection
"""

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fhirserver.definitions.elements import Kind
from fhirserver.definitions.registry import Definitions
from fhirserver.fhirpath.ast import Function, Identifier, Invocation, Node, TypeName
from fhirserver.fhirpath.errors import FhirPathTypeError, shown

SYSTEM: Final = "System."
ANY: Final = "System.Any"
"""As a static type: nothing is known before the expression runs."""
BOOLEAN: Final = "System.Boolean"
STRING: Final = "System.String"
INTEGER: Final = "System.Integer"
LONG: Final = "System.Long"
"""An integer of 64 bits; every integer may have as many here, so that this is only its name."""
DECIMAL: Final = "System.Decimal"
DATE: Final = "System.Date"
DATE_TIME: Final = "System.DateTime"
TIME: Final = "System.Time"
QUANTITY: Final = "System.Quantity"

Types = frozenset[str]
"""The static type of a collection: what its items may be. None of them: it is always empty."""
NOTHING: Final[Types] = frozenset()
ANYTHING: Final[Types] = frozenset({ANY})
FACTORY_TYPES: Final[Types] = frozenset({"System.Factory"})
"""Of ``%factory``, which is no collection: it only has functions."""

SYSTEM_TYPES: Final = MappingProxyType(
    {name: name for name in (BOOLEAN, STRING, INTEGER, DECIMAL, DATE, DATE_TIME, TIME, QUANTITY)}
    | {LONG: INTEGER}
    | {"boolean": BOOLEAN, "decimal": DECIMAL, "date": DATE, "dateTime": DATE_TIME, "instant": DATE_TIME, "time": TIME}
    | dict.fromkeys(("integer", "unsignedInt", "positiveInt"), INTEGER)
    | dict.fromkeys(("string", "uri", "url", "canonical", "oid", "uuid", "id", "code", "markdown"), STRING)
    | dict.fromkeys(("base64Binary", "xhtml"), STRING)
    | dict.fromkeys(("Quantity", "Age", "Distance", "Duration", "Count", "SimpleQuantity", "MoneyQuantity"), QUANTITY)
)
"""Which System type a value is when an operator needs one (the table of fhirpath.html#types)."""
_ABSTRACT_RESOURCES: Final = frozenset({"Resource", "DomainResource"})
_FHIR_NAMES: Final = MappingProxyType(
    {
        BOOLEAN: "boolean",
        STRING: "string",
        INTEGER: "integer",
        LONG: "integer",
        DECIMAL: "decimal",
        DATE: "date",
        DATE_TIME: "dateTime",
        TIME: "time",
        QUANTITY: "Quantity",
    }
)


def fhir_name(name: str) -> str:
    """Return the FHIR type a System value is written as; FHIR types are themselves."""
    return _FHIR_NAMES.get(name, name)


def is_open(name: str) -> bool:
    """Tell whether items of this static type have a type that only the data tell."""
    return name == ANY or name in _ABSTRACT_RESOURCES


def is_primitive(name: str, definitions: Definitions) -> bool:
    """Tell whether a FHIR type is a primitive."""
    return name[0].islower() and definitions.has_type(name) and definitions.type(name).kind is Kind.PRIMITIVE


@dataclass(frozen=True, slots=True)
class TypeTest:
    """A type specifier, resolved: ``Quantity`` may be FHIR's or System's, so there can be two names."""

    names: tuple[str, ...]
    definitions: Definitions

    def is_satisfied_by(self, name: str) -> bool:
        """Tell whether an item of type ``name`` *is* of this type: itself or a descendant."""
        return any(wanted in (name, ANY) or self._descends(name, wanted) for wanted in self.names)

    def selects(self, name: str) -> bool:
        """Tell whether ``as`` and ``ofType`` keep an item of type ``name``.

        A primitive must be of exactly this type: the official tests say that a code is not ``ofType(string)``
        although it ``is(string)``, and R4's ``(ConceptMap.source as uri)`` must not select canonicals.
        """
        if name in self.names or ANY in self.names:
            return True
        return not is_primitive(name, self.definitions) and self.is_satisfied_by(name)

    def may_be(self, static: str) -> bool:
        """Tell whether items of an open static type may turn out to be of this type."""
        return static == ANY or any(self._descends(wanted, static) or wanted == static for wanted in self.names)

    def _descends(self, name: str, wanted: str) -> bool:
        return not name.startswith(SYSTEM) and self.definitions.is_subtype(name, wanted)


def resolve_type(specifier: TypeName, definitions: Definitions, wrong_case: bool = False) -> TypeTest:
    """Find the type a specifier names; raises FhirPathTypeError.

    ``wrong_case``: let ``DateTime`` also mean ``dateTime``, as R4 does (``value.as(DateTime)`` in the parameter
    Observation-code-value-date, ``answer is Boolean`` in the invariant que-7).
    """
    names = []
    if specifier.namespace in (None, "FHIR") and definitions.has_type(specifier.name):
        names.append(specifier.name)
    system = SYSTEM + specifier.name
    if specifier.namespace in (None, "System") and (system in _FHIR_NAMES or system == ANY):
        names.append(system)
        if wrong_case and system in _FHIR_NAMES:
            names.append(_FHIR_NAMES[system])
    if not names and not (specifier.namespace == "System" and definitions.has_type(specifier.name)):
        raise FhirPathTypeError(f"`{shown(str(specifier))}` is not a type.")
    return TypeTest(tuple(dict.fromkeys(names)), definitions)


def type_name(node: Node) -> TypeName:
    """Read the argument of ``is()``, ``as()`` and ``ofType()``; raises FhirPathTypeError."""
    match node:
        case Identifier(name):
            return TypeName(name)
        case Invocation(Identifier(namespace), Identifier(name)):
            return TypeName(name, namespace)
        case Function() | _:
            raise FhirPathTypeError(f"`{shown(str(node))}` is not a type.")


def fhir_names(types: Iterable[str]) -> Types:
    """Return the FHIR types that items of these static types are given as."""
    return frozenset(map(fhir_name, types))
