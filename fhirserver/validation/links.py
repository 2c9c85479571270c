"""The links that a transaction must replace when it gives resources their ids.

These are ``Reference.reference``, elements of type uri, url, oid and uuid, and ``<a href>`` and ``<img src>`` in
narratives; elements of type canonical are not. A string that merely looks like a link stays.
Spec: http://hl7.org/fhir/R4/http.html#trules
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from fhirserver.definitions.elements import Kind
from fhirserver.definitions.registry import Child, Definitions
from fhirserver.kernel.resource import Json, Resource
from fhirserver.validation.narrative_links import links_in, with_links
from fhirserver.validation.raw_strings import Change, Place, replace_strings
from fhirserver.validation.references import ReferenceFinder, Renaming

_LINK_TYPES: Final = frozenset({"uri", "url", "oid", "uuid"})


class LinkKind(StrEnum):
    """Where a link stands."""

    REFERENCE = "reference"
    URI = "uri"
    NARRATIVE = "narrative"


@dataclass(frozen=True, slots=True)
class Link:
    """One link; ``container[key]`` is the string that holds it: its value or, in a narrative, the whole ``div``."""

    kind: LinkKind
    value: str
    expression: str
    container: Json
    key: str | int


Found: TypeAlias = list[Link]
Wanted: TypeAlias = Callable[[str], bool]
Visit: TypeAlias = Callable[[Json, str | int, Wanted], Found | None]
"""(container, key, wanted) -> links, with expressions relative to the container's item."""


class LinkFinder:
    """Finds links by the types of elements; what can hold none is passed over."""

    def __init__(self, definitions: Definitions) -> None:
        """Compile from ``definitions`` as types are needed."""
        self._definitions = definitions
        self._references = ReferenceFinder(definitions)
        self._types: dict[str, Visit] = {}

    def find(self, resource: Resource, resource_type: str, wanted: Wanted) -> list[Link]:
        """Return the links whose value is ``wanted``, in document order."""
        found = self._of_type(resource_type)([resource], 0, wanted)
        return [] if found is None else _under(resource_type, found)

    def rename(self, raw: bytes, resource: Resource, renaming: Renaming) -> bytes:
        """Return the JSON ``raw``, which ``resource`` was decoded from, with its links renamed.

        All else keeps its bytes: number literals, order, and strings that only equal an old name.
        """
        renamed = self._references.rename(raw, resource, renaming)
        return self._rename_everywhere(raw, resource, renaming.names) if renamed is None else renamed

    def _rename_everywhere(self, raw: bytes, resource: Resource, names: Mapping[str, str]) -> bytes:
        changed: dict[Place, Change] = {}
        for link in self.find(resource, resource["resourceType"], names.__contains__):
            place = (id(link.container), link.key)
            if place not in changed:  # a narrative has many links, and is changed once for all
                changed[place] = _change(link, names)
        return replace_strings(raw, resource, changed) if changed else raw

    def _of_type(self, type_name: str) -> Visit:
        """Return the visit of an object of a type, compiled when the first one comes."""
        visit = self._types.get(type_name)
        if visit is None:
            visit = self._types[type_name] = _object_visit(lambda: self._compile(type_name))
        return visit

    def _compile(self, type_name: str) -> dict[str, Visit]:
        """Return what to do with the properties of a type that may hold links, extensions of primitives included."""
        visitors: dict[str, Visit] = {}
        for child in self._definitions.children(type_name).values():
            segment = "." + child.element.name
            visit = self._visitor(type_name, child)
            if visit is not None:
                visitors[child.json_name] = _member(segment, visit, repeats=child.element.repeats)
            if self._is_primitive(child.type_name) and not child.element.is_xml_attribute:
                in_shadow = self._of_type("Element")
                visitors["_" + child.json_name] = _member(segment, in_shadow, repeats=child.element.repeats)
        return visitors

    def _visitor(self, owner: str, child: Child) -> Visit | None:
        """Return the visit of one item of a property; None: it is a primitive that holds no link."""
        if owner == "Reference" and child.json_name == "reference":
            return _string_visit(LinkKind.REFERENCE)
        if child.type_name in _LINK_TYPES:
            return _string_visit(LinkKind.URI)
        if child.type_name == "xhtml":
            return _visit_narrative
        if self._is_primitive(child.type_name):
            return None
        return self._visit_resource if child.type_name == "Resource" else self._of_type(child.type_name)

    def _visit_resource(self, container: Json, key: str | int, wanted: Wanted) -> Found | None:
        value = container[key]
        name = value.get("resourceType") if isinstance(value, dict) else None
        if not isinstance(name, str) or not self._definitions.is_resource_type(name):
            return None
        return self._of_type(name)(container, key, wanted)

    def _is_primitive(self, type_name: str) -> bool:
        return self._definitions.type(type_name).kind is Kind.PRIMITIVE


def _change(link: Link, mapping: Mapping[str, str]) -> Change:
    text = link.container[link.key]
    return Change(text, with_links(text, mapping) if link.kind is LinkKind.NARRATIVE else mapping[text])


def _under(segment: str, found: Found) -> Found:
    return [Link(link.kind, link.value, segment + link.expression, link.container, link.key) for link in found]


def _object_visit(compile_visits: Callable[[], dict[str, Visit]]) -> Visit:
    visits: dict[str, Visit] = {}

    def visit_object(container: Json, key: str | int, wanted: Wanted) -> Found | None:
        value = container[key]
        if not isinstance(value, dict):
            return None
        if not visits:
            visits.update(compile_visits())
        if visits.keys().isdisjoint(value):
            return None
        found: Found | None = None
        for name in value:
            visit = visits.get(name)
            if visit is not None and (links := visit(value, name, wanted)) is not None:
                found = found or []
                found += links
        return found

    return visit_object


def _member(segment: str, visit: Visit, *, repeats: bool) -> Visit:
    """Return the visit of a whole property out of that of one item."""

    def visit_single(container: Json, key: str | int, wanted: Wanted) -> Found | None:
        found = visit(container, key, wanted)
        return None if found is None else _under(segment, found)

    def visit_repeating(container: Json, key: str | int, wanted: Wanted) -> Found | None:
        found: Found = []
        items = container[key]
        for index in range(len(items) if isinstance(items, list) else 0):
            links = visit(items, index, wanted)
            if links is not None:
                found += _under(f"{segment}[{index}]", links)
        return found or None

    return visit_repeating if repeats else visit_single


def _string_visit(kind: LinkKind) -> Visit:
    def visit(container: Json, key: str | int, wanted: Wanted) -> Found | None:
        value = container[key]
        return [Link(kind, value, "", container, key)] if isinstance(value, str) and wanted(value) else None

    return visit


def _visit_narrative(container: Json, key: str | int, wanted: Wanted) -> Found | None:
    div = container[key]
    if not isinstance(div, str):
        return None
    found = [Link(LinkKind.NARRATIVE, value, "", container, key) for value in links_in(div) if wanted(value)]
    return found or None
