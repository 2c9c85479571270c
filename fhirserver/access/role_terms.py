"""What a role does not see, whoever the patient is: by labels, by what its grants cover, by age and release."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from fhirserver.access.policy import Grant, Label, Policy, Release, Role
from fhirserver.access.policy_reader import PolicyProblem
from fhirserver.access.scopes import is_plain
from fhirserver.access.vocabulary import Vocabulary, days, overlapping
from fhirserver.kernel.outcome import FhirError
from fhirserver.search.bind import Binder
from fhirserver.search.plan import ALL, Comparison, HasAnySpan, HasSpan, LastUpdated, Plan, all_of, any_of, none_of
from fhirserver.search.query import parse_query

Criteria = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RoleTerms:
    """The terms of roles as plans of one type, by the search parameters of one moment."""

    policy: Policy
    vocabulary: Vocabulary
    _labels: dict[tuple[str, str, bool], Plan] = field(default_factory=dict, compare=False)
    _criteria: dict[tuple[str, Criteria], Plan] = field(default_factory=dict, compare=False)

    def labels(self, role: Role, resource_type: str, *, emergency: bool = False) -> Plan:
        """Return the plan of what no label hides from a role."""
        key = (role.name, resource_type, emergency)
        found = self._labels.get(key)
        if found is None:
            hidden = role.hidden_labels(self.policy.labels, emergency=emergency)
            found = self._labels[key] = self._without(resource_type, hidden)
        return found

    def secrets(self, role: Role, resource_type: str) -> Plan:
        """Return the plan of what is no secret of law towards a role."""
        hidden = role.hidden_labels(self.policy.labels)
        return self._without(resource_type, (label for label in hidden if label.closed))

    def criteria(self, grant: Grant, resource_type: str) -> Plan:
        """Return the plan of what a grant covers."""
        return self._bound(resource_type, grant.criteria)

    def recent(self, grant: Grant, resource_type: str, now: int) -> Plan:
        """Return the plan of what is not too old for a grant; what has no date is not."""
        keys = self.vocabulary.care_keys(resource_type)
        if grant.max_age_days is None or not keys:
            return ALL
        first = now - days(grant.max_age_days)
        return any_of(*(overlapping(key, first) for key in keys), none_of(self.vocabulary.dated(resource_type)))

    def released(self, role: Role, resource_type: str, now: int) -> Plan:
        """Return the plan of what a role may see already."""
        waiting = (self._waiting(each, resource_type, now) for each in role.releases if resource_type in each.types)
        return all_of(*(none_of(plan) for plan in waiting))

    def _waiting(self, release: Release, resource_type: str, now: int) -> Plan:
        """What has no date waits from when it was last changed."""
        keys, before = self.vocabulary.keys(resource_type, release.by), now - days(release.days)
        dated = any_of(*(HasAnySpan(key) for key in keys))
        out = any_of(*(HasSpan(key, Comparison.EB, before, before) for key in keys))
        changed = LastUpdated(Comparison.LT, before // 10, before // 10)
        return all_of(
            self._bound(resource_type, release.criteria), none_of(any_of(out, all_of(none_of(dated), changed)))
        )

    def _without(self, resource_type: str, labels: Iterable[Label]) -> Plan:
        codings = [coded for label in labels for coded in label.codes]
        return none_of(self.vocabulary.labelled(resource_type, codings))

    def _bound(self, resource_type: str, criteria: Criteria) -> Plan:
        key = (resource_type, criteria)
        found = self._criteria.get(key)
        if found is None:
            found = self._criteria[key] = bind_criteria(self.vocabulary.binder, resource_type, criteria)
        return found


def bind_criteria(binder: Binder, resource_type: str, criteria: Criteria) -> Plan:
    """Return the plan of search parameters. Raises FhirError."""
    return all_of(*(binder.bind(resource_type, given) for given in parse_query(criteria).criteria))


def check_criteria(policy: Policy, binder: Binder) -> None:
    """Refuse criteria that a type does not understand, or that ask for other resources. Raises PolicyProblem."""
    for role in policy.roles.values():
        for number, (types, criteria) in enumerate(
            [*((g.types, g.criteria) for g in role.grants), *((r.types, r.criteria) for r in role.releases)]
        ):
            for resource_type in sorted(types) if criteria else ():
                _check(binder, resource_type, criteria, f"`roles.{role.name}`, grant or release {number}")


def _check(binder: Binder, resource_type: str, criteria: Criteria, place: str) -> None:
    try:
        plan = bind_criteria(binder, resource_type, criteria)
    except FhirError as problem:
        raise PolicyProblem(f"{place}: {problem.diagnostics}") from None
    if not is_plain(plan):
        raise PolicyProblem(f"{place}: its criteria ask for other resources than the one that is to be decided on.")
