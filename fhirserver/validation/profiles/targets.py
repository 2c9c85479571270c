"""References: the types and profiles of what they may refer to, and how (aggregation).

What a reference leads to is known when it is contained or in the same Bundle; of any other, only the type it names.
Spec: http://hl7.org/fhir/R4/references.html, elementdefinition-definitions.html#ElementDefinition.type.targetProfile
"""

import re
from typing import Final

from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json, Resource
from fhirserver.validation.findings import Findings
from fhirserver.validation.profiles import told
from fhirserver.validation.profiles.contracts import Above, Compiles
from fhirserver.validation.profiles.deep_walk import DeepWalk
from fhirserver.validation.profiles.nodes import Node
from fhirserver.validation.profiles.sites import Item, ItemCheck
from fhirserver.validation.said import say
from fhirserver.validation.walk import Walk

_TYPED: Final = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[^/]+)?$", re.ASCII)
_ANY: Final = frozenset({"Resource", "DomainResource"})


def type_named(reference: Resource) -> str | None:
    """Return the resource type that a Reference names in its text."""
    literal = reference.get("reference")
    found = _TYPED.search(literal) if type(literal) is str else None
    if found is not None:
        return found[1]
    stated = reference.get("type")
    return stated if type(stated) is str else None


def target_check(compiler: Compiles, node: Node, type_name: str, above: Above) -> ItemCheck | None:
    """Compile what a Reference may refer to; None: the node adds nothing to its base."""
    if type_name != "Reference" or above.says(node, "type"):
        return None
    references = [one for one in node.types if one.get("code") == "Reference"]
    profiles = tuple(dict.fromkeys(url for one in references for url in one.get("targetProfile", ())))
    aggregation = frozenset(kind for one in references for kind in one.get("aggregation", ()))
    base = () if above.element is None else tuple(t for ref in above.element.types for t in ref.targets)
    types = [compiler.plans.type_of(url) for url in profiles]
    if not aggregation and (not profiles or set(types) == set(base) == {*map(_last, profiles)}):
        return None
    return _Targets(compiler, node, profiles, aggregation)


def _last(url: str) -> str:
    return url.rpartition("/")[2]


class _Targets:
    """Checks references by the profiles of what they may refer to."""

    def __init__(self, compiler: Compiles, node: Node, profiles: tuple[str, ...], aggregation: frozenset[str]) -> None:
        self._plans = compiler.plans
        self._profiles = profiles
        self._aggregation = aggregation
        rule = compiler.rule(node)
        types = [compiler.plans.type_of(url) for url in profiles]
        self._types = frozenset(one for one in types if one is not None)
        self._is_open = None in types or not types or bool(self._types & _ANY)
        shown = ", ".join(f"`{name}`" for name in sorted(self._types))
        listed = ", ".join(f"`{url}`" for url in profiles)
        kinds = ", ".join(f"`{kind}`" for kind in sorted(aggregation))
        self._wrong = (say(IssueType.STRUCTURE, told.WRONG_TARGET, shown, rule=rule),)
        self._unlike = (say(IssueType.STRUCTURE, told.TARGET_PROFILE, listed, rule=rule),)
        self._mode = (say(IssueType.STRUCTURE, told.AGGREGATION, kinds, compiler.profile, rule=rule),)

    def __call__(self, item: Item, walk: Walk) -> Findings | None:
        value = item.value
        if type(value) is not dict:
            return None
        resolved = _resolved(value, walk)
        if self._aggregation and (wrong := self._aggregated(value, walk)) is not None:
            return wrong
        name = type_named(value) if resolved is None else resolved.get("resourceType")
        if not self._is_open and isinstance(name, str) and name not in self._types and name[:1].isupper():
            return self._wrong
        if resolved is None or not isinstance(walk, DeepWalk):
            return None
        return None if self._conforms(resolved, walk) else self._unlike

    def _conforms(self, resource: Resource, walk: DeepWalk) -> bool:
        name = resource.get("resourceType")
        fitting = [url for url in self._profiles if self._plans.type_of(url) in (name, None, *_ANY)]
        return not fitting or any(self._plans.conforms(resource, url, walk) for url in fitting)

    def _aggregated(self, value: Resource, walk: Walk) -> Findings | None:
        literal = value.get("reference")
        if type(literal) is not str or not isinstance(walk, DeepWalk):
            return None
        kind = "contained" if literal[:1] == "#" else "referenced" if walk.held(literal) is None else "bundled"
        return None if kind in self._aggregation else self._mode


def _resolved(reference: Resource, walk: Walk) -> Resource | None:
    literal: Json = reference.get("reference")
    return walk.resolve(literal) if isinstance(walk, DeepWalk) and type(literal) is str else None
