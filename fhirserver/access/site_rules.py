"""The rules of a site for one caller: roles, relations, Consents and labels, as plans.

In the order of the law: secrets, exclusions, oppositions, relations, the matrix of roles, labels, emergencies. As plans
they are conjuncts; ``decision`` says by which of them something is refused.
"""

import time
from dataclasses import dataclass, field, replace

from fhirserver.access.facts import Facts
from fhirserver.access.masks import Mask
from fhirserver.access.policy import Grant, Policy, Role
from fhirserver.access.record_rules import RecordRules
from fhirserver.access.rights import Right
from fhirserver.access.role_terms import RoleTerms
from fhirserver.kernel.caller import Caller, Emergency
from fhirserver.search.plan import NONE, Plan, all_of, any_of


@dataclass(frozen=True, slots=True)
class SiteRules:
    """What the site lets one caller do, by the facts of one moment."""

    caller: Caller
    facts: Facts
    records: RecordRules
    terms: RoleTerms
    _plans: dict[tuple[str, Right], Plan] = field(default_factory=dict, compare=False)

    def at(self, now: int) -> "SiteRules":
        """Return the rules by the same facts at another moment, in ticks."""
        facts = replace(self.facts, now=now)
        return SiteRules(self.caller, facts, RecordRules(self.policy, self.terms.vocabulary, facts), self.terms)

    @property
    def policy(self) -> Policy:
        """The policy they are of."""
        return self.records.policy

    @property
    def version(self) -> str:
        """Names the policy in the audit trail."""
        return self.policy.version

    @property
    def decision(self) -> str:
        """The version of the policy and by which roles it decides."""
        roles = ",".join(role.name for role in self.facts.roles) or "no role"
        return f"{self.version} {roles}{'' if self.emergency is None else ' emergency'}"

    @property
    def emergency(self) -> Emergency | None:
        """The emergency that lasts."""
        emergency = self.caller.emergency
        return emergency if emergency is not None and emergency.until_s > time.time() else None

    def allows(self, resource_type: str, right: Right) -> bool:
        """Tell whether some role gives the right."""
        return any(role.grants_of(resource_type, right) for role in self.facts.roles)

    def filter(self, resource_type: str, right: Right) -> Plan:
        """Return the plan that resources of a type must match to be used so."""
        key = (resource_type, right)
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = any_of(*self._alternatives(resource_type, right))
        return found

    def shown(self, resource_type: str) -> Plan:
        """Return the plan of what may be read by who may read a resource that shows it.

        It may name no patient: then whose record it is in is that of the resource.
        """
        emergency = self.emergency
        plans = []
        for role, grant in self.given(resource_type, Right.READ):
            own = self.own_terms(role, grant, resource_type)
            labels = self.terms.labels(role, resource_type)
            records = self.records.plan(role, grant, resource_type, Right.READ, may_name_none=True)
            plans.append(all_of(records, labels, own))
            if emergency is not None and role.emergency is not None and grant.relation:
                opened = self.records.in_emergency(emergency.patient, resource_type, Right.READ, may_name_none=True)
                plans.append(all_of(opened, self.terms.labels(role, resource_type, emergency=True), own))
        return any_of(*plans)

    @property
    def has_masks(self) -> bool:
        """Whether some role does not see all elements of some type."""
        return any(role.masked for role in self.facts.roles)

    def mask(self, resource_type: str) -> Mask | None:
        """Return the elements that none of the caller's roles sees."""
        granted = [role for role in self.facts.roles if any(resource_type in grant.types for grant in role.grants)]
        if not granted:
            return None
        hidden = frozenset[str].intersection(*(role.masked.get(resource_type, frozenset()) for role in granted))
        return Mask(resource_type, hidden) if hidden else None

    def given(self, resource_type: str, right: Right) -> list[tuple[Role, Grant]]:
        """Return the grants of a right on a type, by role."""
        return [(role, grant) for role in self.facts.roles for grant in role.grants_of(resource_type, right)]

    def _alternatives(self, resource_type: str, right: Right) -> list[Plan]:
        emergency = self.emergency
        plans = []
        for role, grant in self.given(resource_type, right):
            own = self.own_terms(role, grant, resource_type)
            labels = self.terms.labels(role, resource_type)
            plans.append(all_of(self.records.plan(role, grant, resource_type, right), labels, own))
            if emergency is not None and role.emergency is not None and grant.relation:
                opened = self.records.in_emergency(emergency.patient, resource_type, right)
                plans.append(all_of(opened, self.terms.labels(role, resource_type, emergency=True), own))
        return [plan for plan in plans if plan != NONE]

    def own_terms(self, role: Role, grant: Grant, resource_type: str) -> Plan:
        """Return what a grant covers, beside records and labels."""
        return all_of(
            self.terms.criteria(grant, resource_type),
            self.terms.recent(grant, resource_type, self.facts.now),
            self.terms.released(role, resource_type, self.facts.now),
        )
