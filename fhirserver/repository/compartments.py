"""Plans of the members of compartments, within the caller's access and a range of care dates.

Spec: http://hl7.org/fhir/R4/compartmentdefinition.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from fhirserver.access import Access
from fhirserver.access.access import Right
from fhirserver.access.hiding import Hiding
from fhirserver.repository.planning import types_of, within_access
from fhirserver.repository.services import Services
from fhirserver.search.care import CARE, NO_CARE
from fhirserver.search.extract import COMPARTMENT
from fhirserver.search.index import DATE_MAX, DATE_MIN
from fhirserver.search.plan import (
    ALL,
    NONE,
    And,
    Comparison,
    HasAnySpan,
    HasOneSpan,
    HasSpan,
    HasTerm,
    HasTermPrefix,
    Plan,
    all_of,
    any_of,
    none_of,
)


@dataclass(frozen=True, slots=True)
class CareDates:
    """Care that took place within [first, last), in ticks; None is open."""

    first: int | None = None
    last: int | None = None


ANY_TIME: Final = CareDates()

PlanOf: TypeAlias = Callable[[Sequence[str] | None], Plan]
"""Logical ids -> the plan of all that is in one of their compartments; None are those of any id."""


def member_plans(services: Services, access: Access, code: str, dates: CareDates) -> PlanOf:
    """Return what makes the plans of members; what these have in common is made once."""
    types = _linked_types(services, code)
    if code != COMPARTMENT:
        return lambda ids: _by_criteria(services, access, (code, ids or ()), dates)
    shared = _within(services, access, [(each, ALL) for each in types], dates)
    return lambda ids: all_of(_owned(code, ids), shared)


def _owned(code: str, logical_ids: Sequence[str] | None) -> Plan:
    if logical_ids is None:
        return HasTermPrefix(f"@{code}/")
    return HasTerm(tuple(f"@{code}/{one}" for one in logical_ids)) if logical_ids else NONE


def _by_criteria(services: Services, access: Access, members: tuple[str, Sequence[str]], dates: CareDates) -> Plan:
    """Return the plan of the members of a compartment that has no terms of its own."""
    code, logical_ids = members
    hiding = Hiding(services.binder, access)
    plans = []
    for resource_type in _linked_types(services, code):
        own = [services.binder.compartment(resource_type, code, one, of_many=True) for one in logical_ids]
        plans.append((resource_type, hiding.plan(any_of(*own), resource_type)))
    return _within(services, access, plans, dates)


def _linked_types(services: Services, code: str) -> list[str]:
    definition = services.definitions.compartment(code)
    linked = definition.parameters if definition is not None else {}
    return [each for each in services.definitions.resource_types if each in linked or each == code]


def _within(services: Services, access: Access, plans: Sequence[tuple[str, Plan]], dates: CareDates) -> Plan:
    """Conjoin care dates and access; a condition that all types share stands alone, without their names."""
    bound = [
        (
            resource_type,
            within_access(access, resource_type, (plan, _in_period(services, resource_type, dates)), Right.READ),
        )
        for resource_type, plan in plans
    ]
    joined = types_of(bound)
    match joined:
        case And((HasTerm(types), *rest)) if len(types) == len(plans) and rest:
            return all_of(*rest)
        case HasTerm(types) if len(types) == len(plans):
            return ALL
        case _:
            return joined


def _in_period(services: Services, resource_type: str, dates: CareDates) -> Plan:
    """Return the plan of what happened in the period, or at no known time."""
    if dates.first is None and dates.last is None:
        return ALL
    keys = _care_keys(services, resource_type)
    return any_of(*(_overlapping(key, dates) for key in keys), none_of(any_of(*(HasAnySpan(key) for key in keys))))


def _overlapping(key: str, dates: CareDates) -> Plan:
    first = DATE_MIN if dates.first is None else dates.first
    last = DATE_MAX if dates.last is None else dates.last
    begun = HasSpan(key, Comparison.LE, last, last)
    not_ended = HasSpan(key, Comparison.GE, first, first)
    return HasOneSpan((begun, not_ended))


def _care_keys(services: Services, resource_type: str) -> tuple[str, ...]:
    """Return the keys under which the times of care are."""
    if resource_type in NO_CARE:
        return ()
    bound = services.binder.parameters.of(resource_type).bound
    return tuple(dict.fromkeys(key for code in CARE if code in bound for key in bound[code].keys))
