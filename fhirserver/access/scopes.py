"""Scopes as plans: what those of a token give a right on, for each type.

Scopes of a type are alternatives. The criteria of a granular one are bound as those of a search are; one whose criteria
cannot be decided on the resource alone is refused when it is asked for, and gives nothing.
Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from fhirserver.access.compartments import patient_plan
from fhirserver.access.rights import Right
from fhirserver.kernel.ids import is_id
from fhirserver.kernel.outcome import BadRequest, FhirError
from fhirserver.kernel.scopes import ANY_TYPE, Context, Scope, parse_scope
from fhirserver.search.bind import Binder
from fhirserver.search.coded import InValueSet, Subsumes, Translated
from fhirserver.search.plan import (
    NONE,
    And,
    Chain,
    HasItem,
    InHierarchy,
    Not,
    OnList,
    Or,
    Plan,
    ReverseChain,
    all_of,
    any_of,
)
from fhirserver.search.query import parse_query

MAX_CRITERIA: Final = 10
"""Search parameters of one scope."""


@dataclass(frozen=True, slots=True)
class Scopes:
    """The scopes of a token, compiled for a type and a right when first asked for."""

    scopes: tuple[Scope, ...]
    patient: str | None
    binder: Binder
    _plans: dict[tuple[str, Right], Plan] = field(default_factory=dict, compare=False)

    def plan(self, resource_type: str, right: Right) -> Plan:
        """Return the plan of what the scopes give a right on."""
        found = self._plans.get((resource_type, right))
        if found is None:
            found = self._plans[resource_type, right] = self._compile(resource_type, right)
        return found

    def has_broad(self, resource_type: str, right: Right) -> bool:
        """Tell whether a scope of the user or the system gives the right, not just one of the patient."""
        return any(s.context is not Context.PATIENT and s.covers(resource_type, right) for s in self.scopes)

    def of_patient(self, resource_type: str, right: Right) -> Plan:
        """Return the plan of what scopes of the patient alone give a right on."""
        own = tuple(scope for scope in self.scopes if scope.context is Context.PATIENT)
        return Scopes(own, self.patient, self.binder).plan(resource_type, right)

    def _compile(self, resource_type: str, right: Right) -> Plan:
        covering = (scope for scope in self.scopes if scope.covers(resource_type, right))
        return any_of(*(self._given(scope, resource_type, right) for scope in covering))

    def _given(self, scope: Scope, resource_type: str, right: Right) -> Plan:
        try:
            criteria = criteria_plan(self.binder, resource_type, scope)
        except FhirError:  # of another server, or of the time before a search parameter was withdrawn
            return NONE
        if scope.context is not Context.PATIENT:
            return criteria
        if self.patient is None or not is_id(self.patient):
            return NONE
        return all_of(patient_plan(self.binder, resource_type, right, self.patient), criteria)


def scopes_of(texts: Iterable[str], patient: str | None, binder: Binder) -> Scopes:
    """Read the scopes of a token; what is none gives nothing."""
    found = (parse_scope(text, binder.definitions.is_resource_type) for text in texts)
    return Scopes(tuple(scope for scope in found if scope is not None), patient, binder)


def check_scope(binder: Binder, scope: Scope) -> None:
    """Refuse a granular scope whose criteria this server cannot hold every resource against. Raises FhirError.

    Criteria on any type must be understood by every type, as those of ``Resource`` are.
    """
    types = binder.definitions.resource_types if scope.resource_type == ANY_TYPE else (scope.resource_type,)
    for resource_type in types if scope.criteria else ():
        criteria_plan(binder, resource_type, scope)


def criteria_plan(binder: Binder, resource_type: str, scope: Scope) -> Plan:
    """Return the plan of the criteria of a scope on one type. Raises FhirError."""
    if not scope.criteria:
        return all_of()
    if len(scope.criteria) > MAX_CRITERIA:
        raise BadRequest(f"A scope has more than {MAX_CRITERIA} criteria.")
    criteria = parse_query(scope.criteria).criteria
    if len(criteria) != len(scope.criteria):
        raise BadRequest("The criteria of a scope are search parameters, no result parameters.")
    plan = all_of(*(binder.bind(resource_type, given) for given in criteria))
    if not is_plain(plan):
        raise BadRequest(
            "The criteria of a scope are decided on the resource itself: no chain, `_has`, `:in`, `_list`."
        )
    return plan


def is_plain(plan: Plan) -> bool:
    """Tell whether a plan asks nothing of other resources."""
    match plan:
        case And(plans) | Or(plans):
            return all(map(is_plain, plans))
        case Not(inner):
            return is_plain(inner)
        case Chain() | ReverseChain() | InValueSet() | Subsumes() | Translated() | InHierarchy() | OnList() | HasItem():
            return False
        case _:
            return True
