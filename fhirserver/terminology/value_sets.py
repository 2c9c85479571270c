"""A ValueSet, read once: the parts of its content logical definition, and what it states of itself.

Spec: http://hl7.org/fhir/R4/valueset.html#compositions
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from fhirserver.kernel.outcome import Severity
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.concepts import Filter
from fhirserver.terminology.issues import BadDefinition, issue
from fhirserver.terminology.resource_systems import STANDARDS_STATUS, extension_code

_SUPPLEMENT: Final = "http://hl7.org/fhir/StructureDefinition/valueset-supplement"
_PARAMETERS: Final = frozenset(
    f"http://hl7.org/fhir/{part}StructureDefinition/valueset-expansion-parameter" for part in ("", "tools/")
)


@dataclass(frozen=True, slots=True)
class Part:
    """One include or exclude; ``path`` is its place in the ValueSet."""

    path: str
    system: str | None
    version: str | None
    concepts: Mapping[str, Resource] | None
    """The concepts it lists, by code, in order; None where it lists none."""
    filters: tuple[Filter, ...]
    value_sets: tuple[str, ...]


class ValueSet:
    """A ValueSet resource, of which the parts are read when first asked for."""

    def __init__(self, resource: Resource, *, is_made_up: bool = False) -> None:
        """Keep ``resource``; one that is made up stands for a whole code system and is never named to a client."""
        self.resource = resource
        self.is_made_up = is_made_up
        self.url: str = resource.get("url", "")
        self.version: str | None = resource.get("version")
        self.status: str = resource.get("status", "unknown")
        self.standards_status = extension_code(resource, STANDARDS_STATUS)
        self.compose: Resource | None = resource.get("compose")

    @property
    def canonical(self) -> str:
        """The url, with the version where there is one."""
        return f"{self.url}|{self.version}" if self.version else self.url

    @property
    def place(self) -> str:
        """What tells it from others on the path of imports: its canonical, or its id where it is contained."""
        return self.canonical or f"#{self.resource.get('id', '')}"

    @property
    def excludes_inactive(self) -> bool:
        """Whether it says that concepts no longer used are not in it."""
        return self.compose is not None and self.compose.get("inactive") is False

    @cached_property
    def includes(self) -> tuple[Part, ...]:
        """What is united; raises BadDefinition."""
        return self._parts("include")

    @cached_property
    def excludes(self) -> tuple[Part, ...]:
        """What is taken away; raises BadDefinition."""
        return self._parts("exclude")

    @cached_property
    def supplements(self) -> frozenset[str]:
        """The canonicals of the supplements that it cannot do without."""
        return frozenset(_value(one) for one in self.resource.get("extension", ()) if one.get("url") == _SUPPLEMENT)

    def contained(self, reference: str) -> Resource | None:
        """Return the resource inside it that ``#id`` names."""
        named = (one for one in self.resource.get("contained", ()) if f"#{one.get('id')}" == reference)
        return next(named, None)

    def parameters(self) -> Iterator[Resource]:
        """Yield the parameters of expansion that it states itself, as those of a Parameters resource."""
        for extension in (self.compose or {}).get("extension", ()):
            if extension.get("url") in _PARAMETERS:
                parts = {one.get("url"): one for one in extension.get("extension", ())}
                if "name" in parts and "value" in parts:
                    value = {key: one for key, one in parts["value"].items() if key.startswith("value")}
                    yield {"name": _value(parts["name"]), **value}

    def stated(self) -> Iterator[Resource]:
        """Yield every concept of the expansion that it comes with."""
        pending = list(reversed(self.resource.get("expansion", {}).get("contains", ())))
        while pending:
            one = pending.pop()
            yield one
            pending.extend(reversed(one.get("contains", ())))

    def _parts(self, kind: str) -> tuple[Part, ...]:
        declared: Sequence[Resource] = (self.compose or {}).get(kind, ())
        return tuple(_part(f"ValueSet.compose.{kind}[{place}]", one) for place, one in enumerate(declared))


def _part(path: str, declared: Resource) -> Part:
    listed = declared.get("concept")
    return Part(
        path,
        declared.get("system"),
        declared.get("version"),
        None if listed is None else {one["code"]: one for one in listed},
        tuple(_filter(f"{path}.filter[{n}]", declared, one) for n, one in enumerate(declared.get("filter", ()))),
        tuple(declared.get("valueSet", ())),
    )


def _filter(path: str, part: Resource, declared: Resource) -> Filter:
    name, op, value = declared.get("property", ""), declared.get("op", ""), declared.get("value")
    if not value:
        facts = {"system": part.get("system"), "property": name, "op": op}
        raise BadDefinition(issue("UNABLE_TO_HANDLE_SYSTEM_FILTER_WITH_NO_VALUE", Severity.ERROR, path, **facts))
    return Filter(name, op, value)


def _value(element: Resource) -> str:
    return str(next((value for name, value in element.items() if name.startswith("value")), ""))
