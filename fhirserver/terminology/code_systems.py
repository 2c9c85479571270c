"""One CodeSystem, indexed by code, with its subsumption hierarchy.

A concept's parents are the concept it is nested in and those named by a ``parent``, ``subsumedBy`` or ``child``
property. Spec: http://hl7.org/fhir/R4/codesystem.html#hierarchy
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from fhirserver.kernel.resource import Json, Resource

_PARENT_PROPERTIES: Final = frozenset({"parent", "subsumedBy"})
_LISTS_ITS_CODES: Final = frozenset({"complete", "fragment", "example"})


@dataclass(frozen=True, slots=True)
class Concept:
    """One concept as its code system declares it; ``properties`` are (code, value) pairs."""

    code: str
    display: str | None
    parents: tuple[str, ...]
    properties: tuple[tuple[str, Json], ...]

    def values(self, name: str) -> Iterator[str]:
        """Yield the values of a property as text; ``code``, ``concept``, ``display`` and ``parent`` are built in."""
        if name in ("code", "concept"):
            yield self.code
        elif name == "display" and self.display is not None:
            yield self.display
        elif name == "parent":
            yield from self.parents
        else:
            yield from (_text(value) for code, value in self.properties if code == name)


class CodeSystem:
    """The concepts of one CodeSystem resource."""

    def __init__(self, resource: Resource) -> None:
        """Index ``resource``; codes declared twice are merged."""
        self.url = str(resource["url"])
        self.lists_codes = resource.get("content") in _LISTS_ITS_CODES and "concept" in resource
        self.concepts: dict[str, Concept] = {}
        for concept in _concepts(resource.get("concept", ()), None):
            self._add(concept)

    def descendants(self, code: str) -> set[str]:
        """Return the codes below ``code``, itself excluded."""
        return _reachable(code, lambda parent: self._children.get(parent, ()))

    def ancestors(self, code: str) -> set[str]:
        """Return the codes above ``code``, itself excluded."""
        return _reachable(code, lambda child: self.concepts[child].parents if child in self.concepts else ())

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {}
        for concept in self.concepts.values():
            for parent in concept.parents:
                children.setdefault(parent, []).append(concept.code)
            for child in concept.values("child"):
                children.setdefault(concept.code, []).append(child)
        return children

    def _add(self, concept: Concept) -> None:
        known = self.concepts.get(concept.code)
        if known is not None:
            parents = tuple(dict.fromkeys(known.parents + concept.parents))
            concept = Concept(known.code, known.display, parents, known.properties)
        self.concepts[concept.code] = concept


def _concepts(declared: Json, parent: str | None) -> Iterator[Concept]:
    """Yield nested concepts, parents first, without recursion: code systems may be deep."""
    pending = [(parent, concept) for concept in reversed(declared)]
    while pending:
        parent, concept = pending.pop()
        properties = tuple((p["code"], _value(p)) for p in concept.get("property", ()))
        named = [value for code, value in properties if code in _PARENT_PROPERTIES]
        parents = tuple(dict.fromkeys([parent, *named] if parent is not None else named))
        yield Concept(concept["code"], concept.get("display"), parents, properties)
        pending.extend((concept["code"], child) for child in reversed(concept.get("concept", ())))


def _value(declared: Resource) -> Json:
    found = next((value for name, value in declared.items() if name.startswith("value")), None)
    return found["code"] if isinstance(found, dict) else found


def _text(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _reachable(start: str, following: Callable[[str], tuple[str, ...] | list[str]]) -> set[str]:
    found: set[str] = set()
    pending = list(following(start))
    while pending:
        code = pending.pop()
        if code not in found:
            found.add(code)
            pending.extend(following(code))
    found.discard(start)
    return found
