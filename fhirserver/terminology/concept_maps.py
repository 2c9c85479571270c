"""A ConceptMap, read once: which concepts of one system stand for those of another, in what circumstances.

Relationships of later versions of FHIR are read as R4's equivalences.
Spec: http://hl7.org/fhir/R4/conceptmap.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final

from fhirserver.kernel.canonical import parse_canonical
from fhirserver.kernel.resource import Resource

_EQUIVALENCES: Final = MappingProxyType(
    {
        "related-to": "relatedto",
        "equivalent": "equivalent",
        "source-is-narrower-than-target": "wider",
        "source-is-broader-than-target": "narrower",
        "not-related-to": "disjoint",
    }
)
"""Equivalences by relationship: R4 says of the target how it is to the source, later versions the other way round."""
_RELATIONSHIPS: Final = MappingProxyType(
    {
        "relatedto": "related-to",
        "equivalent": "equivalent",
        "equal": "equivalent",
        "wider": "source-is-narrower-than-target",
        "subsumes": "source-is-narrower-than-target",
        "narrower": "source-is-broader-than-target",
        "specializes": "source-is-broader-than-target",
        "inexact": "related-to",
        "unmatched": "not-related-to",
        "disjoint": "not-related-to",
    }
)
_REVERSED: Final = MappingProxyType(
    {"wider": "narrower", "narrower": "wider", "subsumes": "specializes", "specializes": "subsumes"}
)
NO_TRANSLATION: Final = frozenset({"unmatched", "disjoint"})
_RELATED: Final = "relatedto"
OTHER_MAP: Final = "other-map"
_PROVIDED: Final = frozenset({"provided", "use-source-code"})
_SAME: Final = "equal"


@dataclass(frozen=True, slots=True)
class Other:
    """Another element that a mapping depends on or produces: the concept or text that it has."""

    element: str
    value: str
    system: str | None = None
    display: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a concept is mapped to; no ``code``: to nothing."""

    code: str | None
    display: str | None
    equivalence: str
    comment: str | None = None
    depends_on: tuple[Other, ...] = ()
    products: tuple[Other, ...] = ()


@dataclass(frozen=True, slots=True)
class Mapped:
    """One concept of the source with one of its targets."""

    code: str
    display: str | None
    target: Target


@dataclass(frozen=True, slots=True)
class Unmapped:
    """What to do with a code that a group has nothing on."""

    mode: str
    code: str | None
    display: str | None
    url: str | None
    equivalence: str

    def target(self, code: str) -> Target | None:
        """Return what a code is mapped to, if not by another map."""
        if self.mode in _PROVIDED:
            return Target(code, None, _SAME)
        if self.mode == "fixed" and self.code:
            return Target(self.code, self.display, self.equivalence)
        return None


class Group:
    """The mappings from one code system to another."""

    def __init__(self, declared: Resource) -> None:
        """Read ``declared``."""
        source, target = parse_canonical(declared.get("source", "")), parse_canonical(declared.get("target", ""))
        self.source: str | None = source.url or None
        self.source_version: str | None = declared.get("sourceVersion") or source.version
        self.target: str | None = target.url or None
        self.target_version: str | None = declared.get("targetVersion") or target.version
        self.unmapped = _unmapped(declared["unmapped"]) if "unmapped" in declared else None
        self._declared: Sequence[Resource] = declared.get("element", ())

    @cached_property
    def by_source(self) -> Mapping[str, Sequence[Mapped]]:
        """The mappings by code of the source; a code without a target is mapped to nothing."""
        found: dict[str, list[Mapped]] = {}
        for one in self._declared:
            targets = [_target(each) for each in one.get("target", ())] or [Target(None, None, "unmatched")]
            mapped = (Mapped(one["code"], one.get("display"), target) for target in targets)
            found.setdefault(one.get("code", ""), []).extend(mapped)
        return found

    @cached_property
    def by_target(self) -> Mapping[str, Sequence[Mapped]]:
        """The mappings by code of the target."""
        found: dict[str, list[Mapped]] = {}
        for mappings in self.by_source.values():
            for one in mappings:
                if one.target.code is not None:
                    found.setdefault(one.target.code, []).append(one)
        return found


class ConceptMap:
    """A ConceptMap resource, whose groups are read when first asked for."""

    def __init__(self, resource: Resource) -> None:
        """Keep ``resource``."""
        self.resource = resource
        self.url: str = resource.get("url", "")
        self.version: str | None = resource.get("version")
        self.status: str = resource.get("status", "unknown")
        self.source = _scope(resource, "source")
        self.target = _scope(resource, "target")

    @property
    def canonical(self) -> str:
        """The url, with the version where there is one."""
        return f"{self.url}|{self.version}" if self.version else self.url

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The groups of mappings."""
        return tuple(Group(one) for one in self.resource.get("group", ()))

    def systems(self) -> set[str]:
        """Return the code systems that it maps from or to."""
        return {url for group in self.groups for url in (group.source, group.target) if url is not None}

    def is_between(self, source: str | None, target: str | None) -> bool:
        """Tell whether it is from a value set and to another one; None: from or to any."""
        return source in (None, self.source) and target in (None, self.target)

    def others(self) -> Iterator[str]:
        """Yield the urls of the maps that it leaves some codes to."""
        for group in self.groups:
            if group.unmapped is not None and group.unmapped.mode == OTHER_MAP and group.unmapped.url:
                yield group.unmapped.url


def reversed_equivalence(equivalence: str) -> str:
    """Return how the source is to the target where the target is so to the source."""
    return _REVERSED.get(equivalence, equivalence)


def relationship_of(equivalence: str) -> str:
    """Return what later versions of FHIR call an equivalence."""
    return _RELATIONSHIPS.get(equivalence, "related-to")


def _scope(resource: Resource, name: str) -> str | None:
    values = (resource.get(f"{name}{kind}") for kind in ("Canonical", "Uri", "ScopeCanonical", "ScopeUri"))
    found = next((one for one in values if isinstance(one, str)), None)
    return None if found is None else parse_canonical(found).url


def _equivalence(declared: Resource) -> str:
    stated = declared.get("equivalence")
    return str(stated) if stated else _EQUIVALENCES.get(declared.get("relationship", ""), _RELATED)


def _target(declared: Resource) -> Target:
    return Target(
        declared.get("code"),
        declared.get("display"),
        _equivalence(declared),
        declared.get("comment"),
        tuple(_other(one) for one in declared.get("dependsOn", ())),
        tuple(_other(one) for one in declared.get("product", ())),
    )


def _other(declared: Resource) -> Other:
    coding = declared.get("valueCoding", {})
    value = declared.get("value") or coding.get("code") or declared.get("valueString") or declared.get("valueCode")
    element = declared.get("property") or declared.get("attribute") or ""
    system = declared.get("system") or coding.get("system")
    return Other(element, str(value or ""), system, declared.get("display") or coding.get("display"))


def _unmapped(declared: Resource) -> Unmapped:
    return Unmapped(
        declared.get("mode", ""),
        declared.get("code"),
        declared.get("display"),
        declared.get("url") or declared.get("otherMap"),
        _equivalence(declared),
    )
