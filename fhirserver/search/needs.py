"""What a plan asks of a resource beside its terms: known once for each plan, however often it is matched."""

from collections import OrderedDict
from enum import Enum
from typing import Final

from fhirserver.search.plan import (
    And,
    HasAnySpan,
    HasGroup,
    HasOneSpan,
    HasSpan,
    HasTerm,
    IsOneOf,
    LastUpdated,
    Not,
    OnlyPatients,
    Or,
    Plan,
)

_REMEMBERED: Final = 1024


class Extent(Enum):
    """As much of the index values as decides."""

    TERMS = "terms"
    SPANS = "terms and spans"
    ALL = "all"


def extent_of(plan: Plan) -> Extent:
    """Return what decides a plan."""
    return _needs_of(plan)[0]


def asked_keys(plan: Plan) -> frozenset[str]:
    """Return the keys of the spans and groups that a plan asks for."""
    return _needs_of(plan)[1]


_GROWING: Final = tuple(Extent)
Needs = tuple[Extent, frozenset[str]]
_known: OrderedDict[int, tuple[Plan, Needs]] = OrderedDict()
"""By the identity of plans, which never change: to compare them would take as long as to look through them."""


def _needs_of(plan: Plan) -> Needs:
    found = _known.get(id(plan))
    if found is not None:
        return found[1]
    needs = _extent_of(plan), frozenset(_keys_of(plan))
    _known[id(plan)] = (plan, needs)  # which keeps the plan, and so its identity
    if len(_known) > _REMEMBERED:
        _known.popitem(last=False)
    return needs


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
