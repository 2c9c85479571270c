"""What a plan asks of a resource beside its terms: known once for each plan, however often it is matched."""

from collections.abc import Callable
from enum import Enum
from typing import Final

from fhirserver.kernel.memory import ByIdentity
from fhirserver.search.coded import InValueSet, Subsumes, Translated
from fhirserver.search.plan import (
    And,
    Chain,
    HasAnySpan,
    HasGroup,
    HasItem,
    HasOneSpan,
    HasSpan,
    HasTerm,
    InHierarchy,
    IsOneOf,
    LastUpdated,
    Not,
    OnList,
    OnlyPatients,
    Or,
    Plan,
    ReverseChain,
)

_REMEMBERED: Final = 1024


class Extent(Enum):
    """As much of the index values as decides."""

    TERMS = "terms"
    SPANS = "terms and spans"
    ALL = "all"


def asked_keys(plan: Plan) -> frozenset[str]:
    """Return the keys of the spans and groups that a plan asks for."""
    return needs_of(plan)[1]


_GROWING: Final = tuple(Extent)
_NESTED: Final = frozenset({Not, Or})
_ELSEWHERE: Final = frozenset({Chain, ReverseChain, HasItem, InValueSet, Subsumes, Translated, InHierarchy, OnList})


def asks_elsewhere(plan: Plan) -> bool:
    """Tell whether a plan asks for other resources than those it selects, and is to be resolved first."""
    if type(plan) is And:
        for part in plan.plans:  # noqa: SIM110 - every search asks, and a generator takes as long as what it calls
            if asks_elsewhere(part):
                return True
        return False
    return _asks_within(plan) if type(plan) in _NESTED else type(plan) in _ELSEWHERE


def _look_within(plan: Plan) -> bool:
    if isinstance(plan, Or):
        return any(map(asks_elsewhere, plan.plans))
    return isinstance(plan, Not) and asks_elsewhere(plan.plan)


_asks_within: Final = ByIdentity(_look_within, _REMEMBERED)
"""Rules of access recur as the same objects."""


Needs = tuple[Extent, frozenset[str]]


def _find_needs(plan: Plan) -> Needs:
    return _extent_of(plan), frozenset(_keys_of(plan))


needs_of: Final[Callable[[Plan], Needs]] = ByIdentity(_find_needs, _REMEMBERED)
"""What decides a plan, and the keys of the spans and groups that it asks for."""


def _extent_of(plan: Plan) -> Extent:
    match plan:
        case And(plans) | Or(plans):
            return max(map(_extent_of, plans), key=_GROWING.index)
        case Not(inner):
            return _extent_of(inner)
        case HasTerm() | IsOneOf() | OnlyPatients() | LastUpdated():
            return Extent.TERMS
        case HasSpan() | HasAnySpan() | HasOneSpan():
            return Extent.SPANS
        case _:
            return Extent.ALL


def _keys_of(plan: Plan) -> set[str]:
    match plan:
        case And(plans) | Or(plans):
            return set().union(*map(_keys_of, plans))
        case Not(inner):
            return _keys_of(inner)
        case HasSpan(key) | HasAnySpan(key) | HasGroup(key):
            return {key}
        case HasOneSpan(conditions):
            return {condition.key for condition in conditions}
        case _:
            return set()
