"""Resources inside others: what is indexed of them, and how a plan is asked of them.

A resource has one group for each resource that it contains, with the key ``#Type``, so that what is asked of one must
be found in one. Terms beside lead an index to it:

    #Medication.code=…          a term of what is contained
    MedicationRequest.medication#Medication    a reference of the resource to a contained Medication

and ``MedicationRequest.medication#=``, in the group, says that the reference is to this very one. What a document or
message begins with is in its Bundle in the same way, ``>Composition.title=…``, and what that refers to among the other
entries is in its group as if it contained them. Databases that are older than this have it once they are reindexed.
Spec: http://hl7.org/fhir/R4/search.html#contained
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from fhirserver.kernel.resource import Resource
from fhirserver.search.entries import Entries
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
MAX_REFERRED: Final = 200
"""Of the entries that the first one refers to, so many are indexed as what it leads to."""

ANY_INSIDE: Final = frozenset({"Bundle", "Parameters"})
"""Types that hold resources of which no index tells that they are there."""

_CONTAINED: Final = "#"
_FIRST: Final = ">"
"""Begin the terms of what a resource contains, and of what a Bundle begins with."""


def add_contained(resource: Resource, values: IndexValues, extract: Callable[[Resource], IndexValues]) -> None:
    """Index what a resource contains."""
    pointing = [term for term in values.terms if POINTS in term]
    terms = dict.fromkeys(term for term in values.terms if POINTS not in term)
    for inner in map(identified, resource["contained"]):
        keys = [key for key, _, name in (term.partition(POINTS) for term in pointing) if name == inner["id"]]
        values.groups.append(_inside(inner, extract(inner), keys, _CONTAINED, terms))
    values.terms = list(terms)


def add_referred(values: IndexValues, entries: Entries, extract: Callable[[Resource], IndexValues]) -> None:
    """Index what the first of some entries, which has these values, refers to among them."""
    terms = dict.fromkeys(values.terms)
    referring: dict[int, tuple[Resource, list[str]]] = {}
    for key, _, address in (term.partition("=") for term in values.terms):
        inner = entries.resolve(address)
        if inner is not None and (id(inner) in referring or len(referring) < MAX_REFERRED):
            referring.setdefault(id(inner), (identified(inner), []))[1].append(key)
    for inner, keys in referring.values():
        values.groups.append(_inside(inner, extract(inner), keys, _CONTAINED, terms))
    values.terms = list(terms)


def add_first(values: IndexValues, first: Resource, found: IndexValues, keys: Sequence[str]) -> None:
    """Index what a Bundle begins with, which has its values found already, as what its keys lead to."""
    terms = dict.fromkeys(values.terms)
    values.groups.append(_inside(first, found, keys, _FIRST, terms))
    values.terms = list(terms)


def is_inner(key: str) -> bool:
    """Tell whether a key, of terms or of a group, is that of inner resources."""
    return key.startswith((_CONTAINED, _FIRST))


def is_link(term: str) -> bool:
    """Tell whether a term of a group says that a reference leads to it."""
    return term.endswith((f"{_CONTAINED}=", f"{_FIRST}="))


def identified(inner: Resource) -> Resource:
    """Return a resource inside another so that it has an id."""
    return inner if "id" in inner else {**inner, "id": ""}


def _inside(inner: Resource, found: IndexValues, keys: Sequence[str], mark: str, terms: dict[str, None]) -> Group:
    """Return the group of an inner resource that some keys lead to; add the terms that lead an index to it."""
    resource_type = inner["resourceType"]
    own = [term for term in found.terms if not term.startswith("@")]
    own.append(f"{resource_type}/{inner['id']}")
    terms.update((mark + term, None) for term in own)
    terms.update((f"{key}{mark}{resource_type}", None) for key in keys)
    return Group(mark + resource_type, replace(found, terms=[*own, *(f"{key}{mark}=" for key in keys)]))


def holding(types: Iterable[str]) -> Plan:
    """Return what contains a resource of some types."""
    return HasTerm(tuple(_CONTAINED + resource_type for resource_type in types))


def containing(resource_type: str, plan: Plan) -> Plan:
    """Return what contains a resource of a type that a plan, which is resolved, selects."""
    return all_of(
        holding((resource_type,)), _outside(plan, _CONTAINED), HasGroup(_CONTAINED + resource_type, within(plan))
    )


def pointing_inside(keys: tuple[str, ...], resource_type: str, plan: Plan) -> Plan:
    """Return what refers, by one of some keys, to a resource that it contains itself and the plan selects."""
    return _pointing(keys, resource_type, plan, _CONTAINED)


def pointing_terms(keys: Iterable[str]) -> frozenset[str]:
    """Return the terms of a contained resource to which a reference under one of some keys leads."""
    return frozenset(f"{key}{_CONTAINED}=" for key in keys)


def beginning_with(keys: tuple[str, ...], resource_type: str, plan: Plan) -> Plan:
    """Return the Bundles that begin, as some keys say, with a resource of a type that the plan selects."""
    return _pointing(keys, resource_type, plan, _FIRST)


def may_begin_with(plan: Plan) -> Plan:
    """Return all Bundles that may begin with what a plan, of what documents or messages begin with, selects."""
    return _outside(plan, _FIRST)


def _pointing(keys: tuple[str, ...], resource_type: str, plan: Plan, mark: str) -> Plan:
    marker = HasTerm(tuple(f"{key}{mark}{resource_type}" for key in keys))
    this = HasTerm(tuple(f"{key}{mark}=" for key in keys))
    return all_of(marker, _outside(plan, mark), HasGroup(mark + resource_type, all_of(this, within(plan))))


def within(plan: Plan) -> Plan:
    """Return a plan as it is asked of an inner resource, which has neither an address nor a time of its own."""
    match plan:
        case And(plans):
            return all_of(*map(within, plans))
        case Or(plans):
            return any_of(*map(within, plans))
        case Not(inner):
            return none_of(within(inner))
        case IsOneOf(keys, stored):
            return NONE if stored else HasTerm(keys)
        case LastUpdated():
            return NONE
        case _:
            return plan


def _outside(plan: Plan, mark: str) -> Plan:
    """Return what the terms of the whole resource say when an inner one is selected: as much as they can."""
    match plan:
        case And(plans):
            return all_of(*(_outside(part, mark) for part in plans))
        case Or(plans):
            return any_of(*(_outside(part, mark) for part in plans))
        case HasTerm(terms) | IsOneOf(terms, False):
            return HasTerm(tuple(mark + term for term in terms))
        case HasTermPrefix(prefix):
            return HasTermPrefix(mark + prefix)
        case _:
            return ALL
