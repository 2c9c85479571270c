"""Plans without what they ask of masked elements: these have no values, for who does not see them.

Spec: conformance of searches with element masks, docs/access.md
"""

from dataclasses import dataclass, replace

from fhirserver.access.access import Access
from fhirserver.access.masks import Mask, hidden_keys, hides
from fhirserver.search.bind import Binder
from fhirserver.search.coded import InValueSet, Subsumes, Translated
from fhirserver.search.contained import ANY_INSIDE, holding
from fhirserver.search.content import NARRATIVE_CODE
from fhirserver.search.custom import split_union
from fhirserver.search.plan import (
    NONE,
    And,
    Chain,
    HasAnySpan,
    HasGroup,
    HasItem,
    HasOneSpan,
    HasPosition,
    HasSpan,
    HasTerm,
    HasTermBetween,
    HasTermContaining,
    HasTermPrefix,
    HasText,
    HasWords,
    InHierarchy,
    Near,
    Not,
    Or,
    Plan,
    ReverseChain,
    all_of,
    any_of,
    none_of,
)
from fhirserver.search.presence import path_read


@dataclass(frozen=True, slots=True)
class Hiding:
    """What one caller's masks hide of plans."""

    binder: Binder
    access: Access

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to hide."""
        return not self.access.has_masks

    def hides(self, key: str) -> bool:
        """Tell whether an index key, ``Type.code`` with or without a variant, is of masked elements."""
        resource_type, _, code = key.lstrip("#").partition(".")
        mask = self.access.mask(resource_type)
        if mask is None:
            return False
        plain = code.partition("=")[0].partition(":")[0].rstrip("|^*#").partition("#")[0]
        return plain == NARRATIVE_CODE or f"{resource_type}.{plain}" in self._hidden(mask)

    def shown(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of some keys that are of elements that the caller sees."""
        return tuple(key for key in keys if not self.hides(key))

    def plan(self, plan: Plan, resource_type: str) -> Plan:  # noqa: C901, PLR0912 - one line for each kind of node
        """Return a plan on a type in which masked elements have no values."""
        if self.is_idle:
            return plan
        match plan:
            case And(plans):
                return all_of(*(self.plan(part, resource_type) for part in plans))
            case Or(plans):
                return any_of(*(self.plan(part, resource_type) for part in plans))
            case Not(inner):
                return none_of(self.plan(inner, resource_type))
            case Chain(keys, target, inner):
                shown = self.shown(keys)
                return replace(plan, keys=shown, plan=self.plan(inner, target)) if shown else NONE
            case ReverseChain(source, keys, inner):
                shown = self.shown(keys)
                return ReverseChain(source, shown, self.plan(inner, source)) if shown else NONE
            case HasTerm(terms):
                shown = self.shown(terms)
                return HasTerm(shown) if shown else NONE
            case HasTermPrefix(key) | HasTermContaining(key) | HasText(key) | HasTermBetween(key) | HasAnySpan(key):
                return NONE if self.hides(key) else plan
            case HasSpan() | HasGroup():
                return NONE if self.hides(plan.key.partition("~")[0]) else plan
            case HasOneSpan(conditions):
                return NONE if self.hides(conditions[0].key.partition("~")[0]) else plan
            case InValueSet(codes) | Subsumes(codes) | Translated(codes):
                shown = self.shown(codes.keys)
                return replace(plan, codes=replace(codes, keys=shown)) if shown else NONE
            case InHierarchy(keys):
                shown = self.shown(keys)
                return replace(plan, keys=shown, parents=self.shown(plan.parents)) if shown else NONE
            case HasWords(narrative=False):
                return self._words(plan, resource_type)
            case HasWords() | Near() | HasPosition():
                return plan if self.access.mask(resource_type) is None else NONE
            case HasItem():
                return NONE if self._hides_item(plan) else replace(plan, near=self.plan(plan.near, resource_type))
            case _:
                return plan

    @property
    def masked_types(self) -> tuple[str, ...]:
        """The types of whose resources something is masked."""
        if self.is_idle:
            return ()
        return tuple(name for name in self.binder.definitions.resource_types if self.access.mask(name) is not None)

    def _words(self, plan: Plan, resource_type: str) -> Plan:
        """Keep words to resources of whose words, and of those of what is inside them, nothing is masked."""
        types = self.masked_types
        if not types:
            return plan
        if resource_type in types or resource_type in ANY_INSIDE:
            return NONE
        return all_of(plan, none_of(holding(types)))

    def _hides_item(self, item: HasItem) -> bool:
        mask = self.access.mask(item.resource_type)
        if mask is None:
            return False
        definitions = self.binder.definitions
        return any(hides(mask, path_read(item.resource_type, each, definitions)) for each in split_union(item.path))

    def _hidden(self, mask: Mask) -> frozenset[str]:
        return hidden_keys(mask, self.binder.parameters, self.binder.definitions)
