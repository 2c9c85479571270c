"""Which elements and attributes a type has in XML and RDF: compiled once a type, on first use, from the definitions.

The definitions stand beside this floor: ``Types`` says what is needed of them.
Spec: http://hl7.org/fhir/R4/xml.html, http://hl7.org/fhir/R4/formats.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

FHIR: Final = "http://hl7.org/fhir"
XHTML: Final = "http://www.w3.org/1999/xhtml"
SEPARATOR: Final = " "
"""Between namespace and name in the names that expat gives."""


class ElementLike(Protocol):
    """An element of a type."""

    @property
    def name(self) -> str:
        """Its name, without ``[x]``."""

    @property
    def repeats(self) -> bool:
        """Whether JSON writes it as an array."""

    @property
    def is_xml_attribute(self) -> bool:
        """Whether XML writes it as an attribute."""


class ChildLike(Protocol):
    """One JSON property of a type."""

    @property
    def json_name(self) -> str:
        """Its name with the type of a choice."""

    @property
    def element(self) -> ElementLike:
        """The element that it is."""

    @property
    def type_name(self) -> str:
        """Its type."""


class TypeLike(Protocol):
    """A type."""

    @property
    def kind(self) -> str:
        """``primitive``, ``complex``, ``resource`` or ``backbone``."""

    @property
    def base(self) -> str | None:
        """The type that it derives from."""


class Types(Protocol):
    """The definitions, as far as a format needs them."""

    def type(self, name: str) -> TypeLike:
        """Return a type, or a backbone element by its path."""

    def children(self, name: str) -> Mapping[str, ChildLike]:
        """Return its JSON properties in the order of the definition."""

    def is_resource_type(self, name: str) -> bool:
        """Tell whether instances of this resource type may exist."""


class Shape(Enum):
    """How a property is written."""

    ATTRIBUTE = "attribute"
    PRIMITIVE = "primitive"
    COMPLEX = "complex"
    RESOURCE = "resource"
    XHTML = "xhtml"


class Literal(Enum):
    """How the value of a primitive is written in JSON."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TEXT = "text"
    """A string whose white space is its own."""
    TRIMMED = "trimmed"


_LITERALS: Final[Mapping[str, Literal]] = {
    "boolean": Literal.BOOLEAN,
    "integer": Literal.INTEGER,
    "positiveInt": Literal.INTEGER,
    "unsignedInt": Literal.INTEGER,
    "decimal": Literal.DECIMAL,
    "string": Literal.TEXT,
    "markdown": Literal.TEXT,
}


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """One property: of JSON, and the element or attribute that it is in XML."""

    json_name: str
    companion: str
    """Where JSON keeps the id and the extensions of a primitive: ``_birthDate``."""
    path_name: str
    """Its name in FHIRPath: without the type of a choice."""
    order: int
    """Its place in the definition, which is its place in XML."""
    shape: Shape
    type_name: str
    repeats: bool
    literal: Literal
    owner: str
    """The type that first defines the element, which names it in RDF."""


@dataclass(frozen=True, slots=True)
class Table:
    """The properties of one type."""

    name: str
    by_json: Mapping[str, Slot]
    """Companions of primitives under their own name as well."""
    by_xml: Mapping[str, Slot]
    """Elements by namespace and name, as expat gives them."""
    attributes: tuple[str, ...]


class Tables:
    """The tables of all types; those of resource types begin with ``resourceType``."""

    def __init__(self, types: Types) -> None:
        """Compile from ``types`` what is asked for."""
        self._types = types
        self._tables: dict[str, Table] = {}
        self.primitive: Final = self.of("Element")
        """What a primitive has beside its value."""

    def of(self, type_name: str) -> Table:
        """Return the table of a type; raises LookupError for one that no package defines."""
        found = self._tables.get(type_name)
        if found is None:
            found = self._tables[type_name] = self._compile(type_name)
        return found

    def is_resource_type(self, name: str) -> bool:
        """Tell whether there is such a resource type."""
        return self._types.is_resource_type(name)

    def _compile(self, type_name: str) -> Table:
        children = self._types.children(type_name).values()
        slots = [self._slot(type_name, child, order) for order, child in enumerate(children)]
        by_json = {slot.json_name: slot for slot in slots}
        by_json |= {slot.companion: slot for slot in slots if slot.shape is Shape.PRIMITIVE}
        if self._types.type(type_name).kind == "resource":
            by_json["resourceType"] = _RESOURCE_TYPE
        return Table(
            type_name,
            by_json,
            {_expat_name(slot): slot for slot in slots if slot.shape is not Shape.ATTRIBUTE},
            tuple(slot.json_name for slot in slots if slot.shape is Shape.ATTRIBUTE),
        )

    def _slot(self, owner: str, child: ChildLike, order: int) -> Slot:
        name = child.json_name
        return Slot(
            name,
            "_" + name,
            child.element.name,
            order,
            self._shape(child),
            child.type_name,
            child.element.repeats,
            _LITERALS.get(child.type_name, Literal.TRIMMED),
            self._first_owner(owner, name),
        )

    def _shape(self, child: ChildLike) -> Shape:
        if child.element.is_xml_attribute:
            return Shape.ATTRIBUTE
        if child.type_name == "xhtml":
            return Shape.XHTML
        kind = self._types.type(child.type_name).kind
        if kind == "primitive":
            return Shape.PRIMITIVE
        return Shape.RESOURCE if kind == "resource" else Shape.COMPLEX

    def _first_owner(self, type_name: str, json_name: str) -> str:
        """``Patient.text`` is defined by DomainResource, ``Age.value`` by Quantity."""
        base = self._types.type(type_name).base
        while base is not None and json_name in self._types.children(base):
            type_name = base
            base = self._types.type(base).base
        return type_name


_RESOURCE_TYPE: Final = Slot(
    "resourceType", "", "", -1, Shape.ATTRIBUTE, "string", repeats=False, literal=Literal.TEXT, owner=""
)


def _expat_name(slot: Slot) -> str:
    return (XHTML if slot.shape is Shape.XHTML else FHIR) + SEPARATOR + slot.json_name
