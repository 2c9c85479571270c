"""A version of a code system whose concepts are in a CodeSystem resource.

A concept's parents are the concept it is nested in and those named by a ``parent``, ``subsumedBy`` or ``child``
property. Spec: http://hl7.org/fhir/R4/codesystem.html#hierarchy
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Final

import numpy as np

from fhirserver.kernel.resource import Json, Resource
from fhirserver.terminology.concepts import Concept, Designation, Filter, Head, Mask, Numbers, Property
from fhirserver.terminology.filters import holds, select
from fhirserver.terminology.words import asked_words, fold, rank

STANDARDS_STATUS: Final = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"
_PROPERTIES: Final = "http://hl7.org/fhir/concept-properties#"
_PARENT_PROPERTIES: Final = frozenset({"parent", "subsumedBy"})
_LISTS_ITS_CODES: Final = frozenset({"complete", "fragment", "example"})
_ROLES: Final = frozenset({"status", "inactive", "notSelectable", "deprecated", "deprecationDate"})
_NOT_IN_USE: Final = frozenset({"inactive", "retired"})


def head_of(resource: Resource) -> Head:
    """Return what a CodeSystem says of itself as a whole."""
    return Head(
        url=str(resource.get("url", "")),
        version=resource.get("version"),
        name=resource.get("name"),
        title=resource.get("title"),
        status=resource.get("status", "unknown"),
        standards_status=extension_code(resource, STANDARDS_STATUS),
        experimental=resource.get("experimental", False),
        language=resource.get("language"),
        content=resource.get("content", "complete"),
        is_listed=resource.get("content") in _LISTS_ITS_CODES and "concept" in resource,
        is_case_sensitive=resource.get("caseSensitive", True),
        version_needed=resource.get("versionNeeded", False),
        properties={one["code"]: one for one in resource.get("property", ())},
        value_set=resource.get("valueSet"),
        filters=frozenset(one["code"] for one in resource.get("filter", ())),
    )


def extension_code(element: Resource, url: str) -> str | None:
    """Return the code that an extension of an element has."""
    found = (one for one in element.get("extension", ()) if one.get("url") == url)
    return next((one.get("valueCode") for one in found), None)


class ResourceCodeSystem:
    """The concepts of one CodeSystem resource; codes declared twice are one concept."""

    def __init__(self, resource: Resource) -> None:
        """Number the concepts of ``resource``."""
        self.head = head_of(resource)
        self._declared: list[Resource] = []
        self._parents: list[list[int]] = []
        self._numbers: dict[str, int] = {}
        self._known: dict[int, Concept] = {}
        self._roles = _roles(self.head.properties)
        self._add(resource.get("concept", ()))
        self._link()

    def __len__(self) -> int:
        """Return how many concepts there are."""
        return len(self._declared)

    def number(self, code: str) -> int | None:
        """Return the number of a concept."""
        return self._numbers.get(code if self.head.is_case_sensitive else code.lower())

    def code(self, number: int) -> str:
        """Return the code of a concept."""
        return str(self._declared[number]["code"])

    def find(self, code: str) -> Concept | None:
        """Return a concept by code, in any case where the code system does not mind."""
        number = self.number(code)
        return None if number is None else self.concept(number)

    def concept(self, number: int) -> Concept:
        """Return a concept by number."""
        known = self._known.get(number)
        if known is None:
            known = self._known[number] = self._concept(self._declared[number])
        return known

    def parents(self, number: int) -> Sequence[int]:
        """Return the concepts right above one."""
        return self._parents[number]

    def children(self, number: int) -> Sequence[int]:
        """Return the concepts right below one."""
        return self._children.get(number, ())

    def subsumes(self, above: int, below: int) -> bool:
        """Tell whether a concept is another or above it."""
        return above == below or above in self._ancestors(below)

    def descendants(self, number: int) -> Mask:
        """Return all that is below a concept, without it."""
        return self._mask(_reachable(number, self.children))

    def ancestors(self, number: int) -> Mask:
        """Return all that is above a concept, without it."""
        return self._mask(self._ancestors(number))

    def select(self, wanted: Filter) -> Mask:
        """Return the concepts a filter selects."""
        return select(self, wanted)

    def holds(self, wanted: Filter) -> Callable[[int], bool]:
        """Return what tells whether a filter selects a concept."""
        return holds(self, wanted)

    def inactive(self) -> Mask:
        """Return the concepts that are no longer used."""
        return np.fromiter((self.concept(n).is_inactive for n in range(len(self))), np.bool_, len(self))

    def abstract(self) -> Mask:
        """Return the concepts that are not to be selected."""
        return np.fromiter((self.concept(n).is_abstract for n in range(len(self))), np.bool_, len(self))

    def matching(self, text: str, languages: Sequence[str], within: Mask) -> Numbers:
        """Return the concepts of ``within`` that a text finds, the best first; terms of every language count."""
        asked, typed = asked_words(text), fold(text.strip())
        found = []
        for number in np.flatnonzero(within):
            concept = self.concept(int(number))
            terms = (concept.code, concept.display, *(one.value for one in concept.designations))
            ranks = [place for term in terms if term and (place := rank(asked, typed, term)) is not None]
            if ranks:
                found.append((min(ranks), int(number)))
        return np.array([number for _, number in sorted(found)], np.intp)

    def _add(self, declared: Json) -> None:
        """Number nested concepts, parents first, without recursion: code systems may be deep."""
        pending: list[tuple[int | None, Resource]] = [(None, concept) for concept in reversed(declared)]
        while pending:
            parent, concept = pending.pop()
            key = concept["code"] if self.head.is_case_sensitive else concept["code"].lower()
            number = self._numbers.setdefault(key, len(self._declared))
            if number == len(self._declared):
                self._declared.append(concept)
                self._parents.append([])
            if parent is not None and parent not in self._parents[number]:
                self._parents[number].append(parent)
            pending.extend((number, child) for child in reversed(concept.get("concept", ())))

    def _link(self) -> None:
        """Add the parents that properties name."""
        for number, concept in enumerate(self._declared):
            for one in concept.get("property", ()):
                other = self.number(str(_value(one)[1])) if one["code"] in (*_PARENT_PROPERTIES, "child") else None
                if other is not None:
                    below, above = (number, other) if one["code"] in _PARENT_PROPERTIES else (other, number)
                    if above not in self._parents[below]:
                        self._parents[below].append(above)

    @cached_property
    def _children(self) -> Mapping[int, Sequence[int]]:
        children: dict[int, list[int]] = {}
        for number, parents in enumerate(self._parents):
            for parent in parents:
                children.setdefault(parent, []).append(number)
        return children

    @cached_property
    def _above(self) -> dict[int, frozenset[int]]:
        return {}

    def _ancestors(self, number: int) -> frozenset[int]:
        known = self._above.get(number)
        if known is None:
            known = self._above[number] = frozenset(_reachable(number, self.parents))
        return known

    def _mask(self, numbers: set[int] | frozenset[int]) -> Mask:
        mask = np.zeros(len(self), np.bool_)
        mask[list(numbers)] = True
        return mask

    def _concept(self, declared: Resource) -> Concept:
        properties = tuple(Property(one["code"], *_value(one)) for one in declared.get("property", ()))
        roles = {self._roles.get(one.code): one.value for one in properties}
        status = roles.get("status") or extension_code(declared, STANDARDS_STATUS)
        is_inactive = roles.get("inactive") is True or status in _NOT_IN_USE
        if status is None:
            status = "deprecated" if "deprecated" in roles or "deprecationDate" in roles else None
        return Concept(
            code=declared["code"],
            display=declared.get("display"),
            definition=declared.get("definition"),
            designations=designations_of(declared),
            properties=properties,
            extensions=tuple(declared.get("extension", ())),
            is_abstract=roles.get("notSelectable") is True,
            is_inactive=is_inactive,
            status=status or ("inactive" if is_inactive else None),
        )


def designations_of(declared: Resource, source: str | None = None) -> tuple[Designation, ...]:
    """Return the designations of a concept as its CodeSystem, a supplement or a ValueSet declares them."""
    return tuple(
        Designation(
            one.get("value", "").strip(), one.get("language"), one.get("use"), tuple(one.get("extension", ())), source
        )
        for one in declared.get("designation", ())
    )


def properties_of(declared: Resource) -> tuple[Property, ...]:
    """Return the properties of a concept as its CodeSystem or a supplement declares them."""
    return tuple(Property(one["code"], *_value(one)) for one in declared.get("property", ()))


def _roles(declared: Mapping[str, Resource]) -> Mapping[str, str]:
    """Return which of the properties FHIR defines those of a code system are: by their uri, else by their code."""
    roles = {name: name for name in _ROLES}
    for code, one in declared.items():
        role = one.get("uri", "").removeprefix(_PROPERTIES)
        if role in _ROLES:
            roles[code] = role
    return roles


def _value(declared: Resource) -> tuple[str, Json]:
    return next(((name, value) for name, value in declared.items() if name.startswith("value")), ("valueString", ""))


def _reachable(start: int, following: Callable[[int], Sequence[int]]) -> set[int]:
    found: set[int] = set()
    pending = list(following(start))
    while pending:
        number = pending.pop()
        if number not in found:
            found.add(number)
            pending.extend(following(number))
    found.discard(start)
    return found
