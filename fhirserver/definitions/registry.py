"""What the running server asks of the installed packages: types, parameters, compartments, resources.

Everything is decoded on first use and kept. Several packages stand side by side; a later one in the list
takes precedence over an earlier one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from fhirserver.definitions.compartments import CompartmentDefinition
from fhirserver.definitions.compiled import CompiledPackage
from fhirserver.definitions.elements import Element, Kind, TypeDefinition
from fhirserver.definitions.search_parameters import SearchParameter
from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.resource import Resource


@dataclass(frozen=True, slots=True)
class Child:
    """One JSON property of a type: ``valueQuantity`` is the element ``value`` with the type ``Quantity``."""

    json_name: str
    element: Element
    type_name: str


class UnknownType(LookupError):
    """No installed package defines the type."""


class Definitions:
    """The installed packages as one whole."""

    def __init__(self, packages: Sequence[CompiledPackage]) -> None:
        """Serve ``packages``, the last one first."""
        self._packages = tuple(reversed(packages))
        self._types: dict[str, TypeDefinition] = {}
        self._children: dict[str, Mapping[str, Child]] = {}
        self._parameters: dict[str, Mapping[str, SearchParameter]] = {}
        self._compartments: dict[str, CompartmentDefinition] = {}

    def type(self, name: str) -> TypeDefinition:
        """Return a type by name, or a backbone element by path; raises UnknownType."""
        found = self._types.get(name)
        if found is None:
            found = self._find_type(name)
            self._types[name] = found
        return found

    def has_type(self, name: str) -> bool:
        """Tell whether a type of this name exists."""
        return name in self._type_names

    def children(self, name: str) -> Mapping[str, Child]:
        """Return a type's JSON properties by name, a choice element once for each of its types."""
        found = self._children.get(name)
        if found is None:
            found = MappingProxyType({child.json_name: child for child in _json_properties(self.type(name))})
            self._children[name] = found
        return found

    def is_subtype(self, name: str, ancestor: str) -> bool:
        """Tell whether ``name`` is ``ancestor`` or derives from it."""
        current: str | None = name
        while current is not None and current != ancestor:
            current = self.type(current).base if self.has_type(current) else None
        return current is not None

    @cached_property
    def resource_types(self) -> tuple[str, ...]:
        """Every concrete resource type, sorted."""
        return tuple(sorted(name for name in self._type_names if self._is_concrete_resource(name)))

    @cached_property
    def _resource_type_set(self) -> frozenset[str]:
        return frozenset(self.resource_types)

    def is_resource_type(self, name: str) -> bool:
        """Tell whether instances of this resource type may exist."""
        return name in self._resource_type_set

    def search_parameters(self, resource_type: str) -> Mapping[str, SearchParameter]:
        """Return the parameters of a resource type by code, those of its ancestors included."""
        found = self._parameters.get(resource_type)
        if found is None:
            found = MappingProxyType(self._find_parameters(resource_type))
            self._parameters[resource_type] = found
        return found

    def compartment(self, code: str) -> CompartmentDefinition | None:
        """Return a compartment's definition by its code (``Patient``)."""
        if code not in self._compartments:
            found = next((c for p in self._packages if (c := p.compartment(code)) is not None), None)
            if found is None:
                return None
            self._compartments[code] = found
        return self._compartments[code]

    @cached_property
    def compartments(self) -> tuple[str, ...]:
        """The codes of all compartments, sorted."""
        return tuple(sorted({code for package in self._packages for code in package.names("compartment")}))

    def resource(self, canonical: str) -> Resource | None:
        """Return a packaged conformance resource by canonical, decoded anew; a pinned version must be its own."""
        for package in self._packages:
            exact = package.resource(canonical)  # some R4 value set urls contain a bar themselves
            if exact is not None:
                return exact
        wanted = parse_canonical(canonical)
        for package in self._packages:
            found = package.resource(wanted.url)
            if found is not None and wanted.version in (None, found.get("version")):
                return found
        return None

    def code_systems(self) -> dict[str, str]:
        """Return the version of every packaged code system that has its codes; empty for one without."""
        return {url: version for package in reversed(self._packages) for url, version in package.code_systems().items()}

    def canonicals(self) -> tuple[str, ...]:
        """List the urls of every packaged conformance resource."""
        return tuple(sorted({url for package in self._packages for url in package.names("resource")}))

    @cached_property
    def _type_names(self) -> frozenset[str]:
        return frozenset(name for package in self._packages for name in package.names("type"))

    def _find_type(self, name: str) -> TypeDefinition:
        for package in self._packages:
            found = package.find_type(name)
            if found is not None:
                return found
        raise UnknownType(f"`{name}` is not a type of the installed packages.")

    def _is_concrete_resource(self, name: str) -> bool:
        if "." in name or not name[0].isupper():
            return False
        definition = self.type(name)
        return definition.kind is Kind.RESOURCE and not definition.abstract

    def _find_parameters(self, resource_type: str) -> dict[str, SearchParameter]:
        lineage = [resource_type]
        while (base := self.type(lineage[-1]).base) is not None:
            lineage.append(base)
        found: dict[str, SearchParameter] = {}
        for ancestor in reversed(lineage):
            for package in reversed(self._packages):
                found.update((p.code, p) for p in package.search_parameters(ancestor))
        return found


def _json_properties(definition: TypeDefinition) -> list[Child]:
    properties = []
    for element in definition.elements:
        for ref in element.types:
            suffix = ref.name[0].upper() + ref.name[1:] if element.is_choice else ""
            properties.append(Child(element.name + suffix, element, ref.name))
    return properties
