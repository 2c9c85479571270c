"""Turns the types of the definitions into checks, each property on its first use.

Types may hold themselves (an Extension in an Extension, parts of Parameters, a contained resource): every cycle
passes an edge that counts depth. Spec: http://hl7.org/fhir/R4/datatypes.html, json.html
"""

from collections.abc import Callable
from typing import Final

from fhirserver.definitions.elements import Element, Kind
from fhirserver.definitions.registry import Child, Definitions
from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json
from fhirserver.kernel.texts import Text
from fhirserver.terminology.required import CodeSet, RequiredCodes
from fhirserver.validation.bindings import bound_coded, bound_primitive
from fhirserver.validation.findings import Check, Finding, Findings, both
from fhirserver.validation.identifiers import check_identifier
from fhirserver.validation.invariants import Invariants
from fhirserver.validation.narrative import check_xhtml
from fhirserver.validation.objects import Choice, Lazy, ShadowCheck, Shape, array_check, bounded, object_check
from fhirserver.validation.primitives import PRIMITIVES, check_element_id
from fhirserver.validation.rules import (
    DOM_2,
    check_contained,
    check_container,
    check_extension,
    check_extension_url,
    reference_check,
)
from fhirserver.validation.shadows import repeating_shadow, single_shadow
from fhirserver.validation.walk import Scope, Walk

_UNKNOWN_RESOURCE: Final = (
    Finding(
        "",
        IssueType.STRUCTURE,
        Text(
            "resource-type-unknown",
            en="{path} must be a resource whose `resourceType` is one that R4 defines.",
            fr="{path} doit être une ressource dont le `resourceType` est défini par R4.",
            nl="{path} moet een resource zijn waarvan R4 het `resourceType` definieert.",
        ),
    ),
)
_TWICE: Final = Text(
    "choice-twice",
    en="{path} must have `{0}[x]` once, of one type only.",
    fr="{path} doit avoir `{0}[x]` une seule fois, d'un seul type.",
    nl="{path} moet `{0}[x]` één keer hebben, van één enkel type.",
)
_MISSING: Final = Text(
    "element-missing",
    en="{path} must have `{0}`, which `{1}` requires.",
    fr="{path} doit avoir `{0}`, que `{1}` exige.",
    nl="{path} moet `{0}` hebben, dat `{1}` vereist.",
)


class Compiler:
    """Compiles the checks of types and keeps them."""

    def __init__(self, definitions: Definitions, codes: RequiredCodes, invariants: Invariants | None = None) -> None:
        """Compile from ``definitions``, with ``codes`` for the required bindings; invariants: errors if not given."""
        self._definitions = definitions
        self._codes = codes
        self.invariants = invariants or Invariants(definitions, warnings=False)
        self._types: dict[str, Check] = {}
        self._contained: dict[str, Check] = {}

    def type_check(self, name: str) -> Check:
        """Return the check of a resource type, datatype or backbone element."""
        check = self._types.get(name)
        if check is None:
            check = self._types[name] = self._compile(name, self._rule(name), self._property)
        return check

    def _contained_check(self, name: str) -> Check:
        """Return the check of a resource type where it is contained."""
        check = self._contained.get(name)
        if check is None:
            check = self._contained[name] = self._compile(name, check_contained, self._contained_property)
        return check

    def _compile(self, name: str, rule: Check | None, compile_property: Callable[[str, str], Check | None]) -> Check:
        definition = self._definitions.type(name)
        is_primitive = definition.kind is Kind.PRIMITIVE  # its value stands beside, under the name without underscore
        single = [e for e in definition.elements if e.min and not e.is_choice and not is_primitive]
        return object_check(
            Shape(
                Lazy(lambda json_name: compile_property(name, json_name)),
                Lazy(lambda shadow_name: self._shadow(name, shadow_name)),
                lambda json_name: self._definitions.children(name)[json_name].element,
                {element.name: _missing(name, element) for element in single},
                tuple(self._choice(name, element) for element in definition.elements if element.is_choice),
                is_primitive or definition.kind is Kind.RESOURCE,
                rule,
                self.invariants.of_type(name) if definition.kind is not Kind.PRIMITIVE else None,
            )
        )

    def _rule(self, name: str) -> Check | None:
        """Return what holds between the elements of a type, beside its invariants."""
        if name == "Extension":
            return check_extension
        if name == "Identifier":
            return check_identifier
        if name == "Reference":
            return reference_check(frozenset(self._definitions.resource_types))
        return check_container if self._definitions.is_subtype(name, "DomainResource") else None

    def _choice(self, owner: str, element: Element) -> Choice:
        children = self._definitions.children(owner).values()
        names = frozenset(child.json_name for child in children if child.element is element)
        twice = Finding("", IssueType.STRUCTURE, _TWICE, (element.name,))
        return Choice(names, element.min > 0, _missing(owner, element), twice)

    def _property(self, owner: str, json_name: str) -> Check | None:
        """Compile one JSON property; None: the type has none of this name."""
        if json_name == "resourceType" and self._definitions.is_resource_type(owner):
            return _accept
        child = self._definitions.children(owner).get(json_name)
        if child is None or child.element.max == 0:
            return None
        check = self._item(owner, child)
        invariants = self.invariants.of_child(owner, child.element.name, child.type_name)
        check = check if invariants is None else both(check, invariants)
        return array_check(check) if child.element.repeats else check

    def _contained_property(self, owner: str, json_name: str) -> Check | None:
        if json_name == "contained":
            return lambda value, walk: DOM_2
        return self._property(owner, json_name)

    def _item(self, owner: str, child: Child) -> Check:
        """Compile the check of one item of a property."""
        if child.type_name == "Resource":
            return bounded(self._check_contained if child.json_name == "contained" else self._check_nested)
        if self._is_primitive(child.type_name):
            return self._primitive(child)
        check = self._complex(child)
        if child.type_name == "Extension" and owner != "Extension":
            check = both(check, check_extension_url)
        return bounded(check) if _may_recur(owner, child) else check

    def _is_primitive(self, type_name: str) -> bool:
        return self._definitions.type(type_name).kind is Kind.PRIMITIVE

    def _primitive(self, child: Child) -> Check:
        if child.type_name == "xhtml":
            return check_xhtml
        check = PRIMITIVES[child.type_name]
        if child.element.is_xml_attribute and child.json_name == "id":
            check = check_element_id
        bound = self._binding(child)
        return check if bound is None else bound_primitive(*bound, check)

    def _complex(self, child: Child) -> Check:
        check = self.type_check(child.type_name)
        bound = self._binding(child)
        binding = None if bound is None else bound_coded(*bound, child.type_name)
        return check if binding is None else both(check, binding)

    def _binding(self, child: Child) -> tuple[CodeSet, str] | None:
        """Return the codes an element must be of, with their value set; None: not bound, or not decidable."""
        value_set = child.element.required_binding
        code_set = None if value_set is None else self._codes.codes(value_set)
        return None if value_set is None or code_set is None else (code_set, value_set)

    def _shadow(self, owner: str, shadow_name: str) -> ShadowCheck | None:
        """Compile the check of ``name`` with the ids and extensions in ``_name``; None: no such primitive."""
        child = self._definitions.children(owner).get(shadow_name[1:]) if shadow_name.startswith("_") else None
        if child is None or child.element.is_xml_attribute or not self._is_primitive(child.type_name):
            return None
        element_check = bounded(self._compile(child.type_name, None, self._element_property))
        kind = repeating_shadow if child.element.repeats else single_shadow
        return kind(child.json_name, self._primitive(child), element_check)

    def _element_property(self, primitive: str, json_name: str) -> Check | None:
        return self._property(primitive, json_name) if json_name != "value" else None

    def _check_nested(self, value: Json, walk: Walk) -> Findings | None:
        """Check a resource in a Bundle or in Parameters: it is a container of its own."""
        name = _resource_type(value)
        if name is None or not self._definitions.is_resource_type(name):
            return _UNKNOWN_RESOURCE
        outer, inner, around = walk.scope, Scope(value), walk.resource
        walk.scope, walk.resource = inner, value
        found = self.type_check(name)(value, walk)
        walk.scope, walk.resource = outer, around
        outer.adopt(inner)
        return found

    def _check_contained(self, value: Json, walk: Walk) -> Findings | None:
        """Check a contained resource, in the scope of its container."""
        scope = walk.scope
        scope.pointing_up += [False] if isinstance(value, dict) else []
        name = _resource_type(value)
        if name is None or not self._definitions.is_resource_type(name):
            return _UNKNOWN_RESOURCE
        scope.inside = True
        around, walk.resource = walk.resource, value
        found = self._contained_check(name)(value, walk)
        walk.resource = around
        scope.inside = False
        return found


def _missing(owner: str, element: Element) -> Finding:
    name = element.name + ("[x]" if element.is_choice else "")
    return Finding("", IssueType.REQUIRED, _MISSING, (name, owner))


def _resource_type(value: Json) -> str | None:
    name = value.get("resourceType") if isinstance(value, dict) else None
    return name if isinstance(name, str) else None


def _may_recur(owner: str, child: Child) -> bool:
    """Tell whether an edge between types closes a cycle: nested extensions, identifiers, content references."""
    if owner == "Extension" or (owner == "Reference" and child.json_name == "identifier"):
        return True
    return "." in child.type_name and child.type_name != f"{owner}.{child.element.name}"


def _accept(value: Json, walk: Walk) -> Findings | None:
    """Accept a ``resourceType`` by which the check was chosen."""
    return None
