"""Contained resources: what is indexed of them, and how a plan is asked of them.

A resource has one group for each resource that it contains, with the key ``#Type``, so that what is asked of one must
be found in one. Terms beside lead an index to it:

    #Medication.code=…          a term of what is contained
    MedicationRequest.medication#Medication    a reference of the resource to a contained Medication

and ``MedicationRequest.medication#=``, in the group, says that the reference is to this very one. Databases that are
older than this have it once they are reindexed.
Spec: http://hl7.org/fhir/R4/search.html#contained
"""

from collections.abc import Callable
from typing import Final

from fhirserver.kernel.resource import Resource
from fhirserver.search.index import Group, IndexValues
from fhirserver.search.plan import (
    ALL,
    NONE,
    And,
    HasGroup,
    HasTerm,
    HasTermPrefix,
    IsOneOf,
    LastUpdated,
    Not,
    Or,
    Plan,
    all_of,
    any_of,
    none_of,
)

POINTS: Final = "#="
"""Ends the key of a reference to a contained resource, whose id follows while they are put together."""

_INSIDE: Final = "#"


def add_contained(resource: Resource, values: IndexValues, extract: Callable[[Resource], IndexValues]) -> None:
    """Index what a resource contains."""
    pointing = [term for term in values.terms if POINTS in term]
    terms = dict.fromkeys(term for term in values.terms if POINTS not in term)
    for inner in resource["contained"]:
        found = extract({**inner, "id": inner.get("id", "")})
        own = [term for term in found.terms if not term.startswith("@")]
        own.append(f"{inner['resourceType']}/{inner.get('id', '')}")
        terms.update((_INSIDE + term, None) for term in own)
        keys = [key for key, _, name in (term.partition(POINTS) for term in pointing) if name == inner.get("id")]
        terms.update((f"{key}{_INSIDE}{inner['resourceType']}", None) for key in keys)
        group = IndexValues([*own, *(f"{key}{POINTS}" for key in keys)], found.spans, found.groups, found.positions)
        values.groups.append(Group(_INSIDE + inner["resourceType"], group))
    values.terms = list(terms)


def containing(resource_type: str, plan: Plan) -> Plan:
    """Return what contains a resource of a type that a plan, which is resolved, selects."""
    marker = HasTerm((_INSIDE + resource_type,))
    return all_of(marker, _outside(plan), HasGroup(_INSIDE + resource_type, within(plan)))


def pointing_inside(keys: tuple[str, ...], resource_type: str, plan: Plan) -> Plan:
    """Return what refers, by one of some keys, to a resource that it contains itself and the plan selects."""
    marker = HasTerm(tuple(f"{key}{_INSIDE}{resource_type}" for key in keys))
    this = HasTerm(tuple(f"{key}{POINTS}" for key in keys))
    return all_of(marker, _outside(plan), HasGroup(_INSIDE + resource_type, all_of(this, within(plan))))


def within(plan: Plan) -> Plan:
    """Return a plan as it is asked of a contained resource, which has neither an address nor a time of its own."""
    match plan:
        case And(plans):
            return all_of(*map(within, plans))
        case Or(plans):
            return any_of(*map(within, plans))
        case Not(inner):
            return none_of(within(inner))
        case IsOneOf(keys):
            return HasTerm(keys)
        case LastUpdated():
            return NONE
        case _:
            return plan


def _outside(plan: Plan) -> Plan:
    """Return what the terms of the whole resource say when a contained one is selected: as much as they can."""
    match plan:
        case And(plans):
            return all_of(*map(_outside, plans))
        case Or(plans):
            return any_of(*map(_outside, plans))
        case HasTerm(terms) | IsOneOf(terms):
            return HasTerm(tuple(_INSIDE + term for term in terms))
        case HasTermPrefix(prefix):
            return HasTermPrefix(_INSIDE + prefix)
        case _:
            return ALL
