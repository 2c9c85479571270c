"""What a plan asks of a resource beside its terms: known once for each plan, however often it is matched."""

from collections import OrderedDict
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


def asks_terms(plan: Plan) -> bool:
    """Tell whether terms decide a plan."""
    return _needs_of(plan)[0]


def asked_keys(plan: Plan) -> frozenset[str]:
    """Return the keys of the spans and groups that a plan asks for."""
    return _needs_of(plan)[1]


Needs = tuple[bool, frozenset[str]]
_known: OrderedDict[int, tuple[Plan, Needs]] = OrderedDict()
"""By the identity of plans, which never change: to compare them would take as long as to look through them."""


def _needs_of(plan: Plan) -> Needs:
    found = _known.get(id(plan))
    if found is not None:
        return found[1]
    needs = _decided_by_terms(plan), frozenset(_keys_of(plan))
    _known[id(plan)] = (plan, needs)  # which keeps the plan, and so its identity
    if len(_known) > _REMEMBERED:
        _known.popitem(last=False)
    return needs


def _decided_by_terms(plan: Plan) -> bool:
    match plan:
        case And(plans) | Or(plans):
            return all(map(_decided_by_terms, plans))
        case Not(inner):
            return _decided_by_terms(inner)
        case HasTerm() | IsOneOf() | OnlyPatients() | LastUpdated():
            return True
        case _:
            return False


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
