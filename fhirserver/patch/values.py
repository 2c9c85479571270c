"""The ``value`` part of an operation as an element of the type that its place asks for.

Types that Parameters cannot hold come in parts, each named as the element it is.
Spec: http://hl7.org/fhir/R4/fhirpatch.html#anonymous, http://hl7.org/fhir/R4/datatypes.html#open
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fhirserver.definitions.elements import Kind
from fhirserver.definitions.registry import Child, Definitions
from fhirserver.kernel.resource import Json, Resource
from fhirserver.patch.document import marked
from fhirserver.patch.places import Element, Unappliable, put

_OPEN: Final = "Parameters.parameter"
_READ_AS: Final = frozenset({("date", "dateTime"), ("string", "xhtml")})
"""Pairs of a value's type and another that may take it, although neither derives from the other."""
_STRUCTURE: Final = frozenset({"name", "id", "extension"})


@dataclass(frozen=True, slots=True)
class Values:
    """Builds elements by the definitions."""

    definitions: Definitions

    def named(self, parent_type: str, name: str) -> list[Child]:
        """Return the JSON properties of an element: several where it is a choice. Raises Unappliable without any."""
        name = name.removesuffix("[x]")
        children = self.definitions.children(parent_type) if self.definitions.has_type(parent_type) else {}
        exact = children.get(name)
        if exact is not None:
            return [exact]
        found = [child for child in children.values() if child.element.name == name]
        if not found:
            raise Unappliable(f"`{parent_type}` has no element of that `name`")
        return found

    def build(self, part: Json, candidates: Sequence[Child]) -> Element:
        """Make an element of a part; raises Unappliable when it does not fit any of the ``candidates``."""
        content = {key: value for key, value in part.items() if key not in _STRUCTURE} if isinstance(part, dict) else {}
        if content.keys() == {"part"}:
            return self._in_parts(content["part"], candidates)
        if content.keys() == {"resource"}:
            return self._resource(content["resource"], candidates)
        keys = {key.removeprefix("_") for key in content}
        key = keys.pop() if len(keys) == 1 else ""
        given = self.definitions.children(_OPEN).get(key)
        if given is None or not key.startswith("value"):
            raise Unappliable("a value is one `value[x]`, one `resource`, or `part`")
        return self._value(given.type_name, content.get(key), content.get("_" + key), candidates)

    def _value(self, type_name: str, value: Json, extras: Json, candidates: Sequence[Child]) -> Element:
        child = self._fitting(type_name, candidates)
        if value is None and extras is None:
            raise Unappliable("a value is null")
        for each in (value, extras):
            _check_content(each, inside=False)
        if self._is_primitive(child.type_name):
            if isinstance(value, dict | list) or not isinstance(extras, dict | None):
                raise Unappliable(f"a `{type_name}` is one primitive value")
            return Element(child, value, marked(extras or {}))
        if not isinstance(value, dict) or extras is not None:
            raise Unappliable(f"a `{type_name}` is an object")
        return Element(child, marked(value))

    def _in_parts(self, parts: Json, candidates: Sequence[Child]) -> Element:
        if len(candidates) > 1:
            raise Unappliable("the type of a choice cannot be told from parts: name the element with its type")
        child = candidates[0]
        if self._is_primitive(child.type_name) or self._is_resource(child):
            raise Unappliable(f"a `{child.type_name}` has no parts")
        if not isinstance(parts, list) or not parts:
            raise Unappliable("`part` must be an array")
        found: Resource = {}
        for part in parts:
            name = part.get("name") if isinstance(part, dict) else None
            if not isinstance(name, str):
                raise Unappliable("each part of a value is named as the element it is")
            inner = self.build(part, self.named(child.type_name, name))
            check_absent(found, inner.child, self.named(child.type_name, inner.child.element.name))
            put(found, inner)
        return Element(child, found)

    def _resource(self, resource: Json, candidates: Sequence[Child]) -> Element:
        child = candidates[0]
        if not self._is_resource(child):
            raise Unappliable(f"a `{child.type_name}` is expected, not a resource")
        name = resource.get("resourceType") if isinstance(resource, dict) else None
        if not isinstance(name, str) or not self.definitions.is_resource_type(name):
            raise Unappliable("`resource` must be a resource")
        _check_content(resource, inside=False)
        return Element(child, marked(resource))

    def _fitting(self, type_name: str, candidates: Sequence[Child]) -> Child:
        for child in candidates:
            if child.type_name == type_name:
                return child
        if len(candidates) == 1 and self._fits(type_name, candidates[0].type_name):
            return candidates[0]
        expected = " or ".join(f"`{child.type_name}`" for child in candidates[:12])
        raise Unappliable(f"the value is a `{type_name}`; expected {expected}")

    def _fits(self, given: str, wanted: str) -> bool:
        """Tell whether one type derives from the other, as code does from string; what is wrong shows in the end."""
        related = self.definitions.is_subtype(given, wanted) or self.definitions.is_subtype(wanted, given)
        return related or (given, wanted) in _READ_AS

    def _is_primitive(self, type_name: str) -> bool:
        return self.definitions.type(type_name).kind is Kind.PRIMITIVE

    def _is_resource(self, child: Child) -> bool:
        return self.definitions.type(child.type_name).kind is Kind.RESOURCE


def check_absent(parent: Resource, wanted: Child, choices: Sequence[Child]) -> None:
    """Raise Unappliable when an element that does not repeat is there already, as any of its types."""
    present = any(key in parent for child in choices for key in (child.json_name, "_" + child.json_name))
    if present and not wanted.element.repeats:
        raise Unappliable(f"`{wanted.element.name}` exists already and does not repeat")


def _check_content(value: Json, *, inside: bool) -> None:
    """Refuse what JSON can say and FHIR cannot: nothing, in place of an element."""
    if isinstance(value, dict | list) and not value:
        raise Unappliable("a value has an empty object or array")
    if isinstance(value, dict):
        for each in value.values():
            if each is None:
                raise Unappliable("a value has a null")
            _check_content(each, inside=True)
    elif isinstance(value, list):
        for each in value:
            if each is not None or not inside:
                _check_content(each, inside=True)
