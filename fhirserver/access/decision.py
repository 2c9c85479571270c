"""One decision and by which rule it falls: what ``SiteRules`` says as plans, step by step for one resource.

The steps stand in the order of the law: secrets, exclusion, opposition, relation, the matrix of roles, labels, and the
emergency that opens some of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fhirserver.access.policy import ConsentNeed, Grant, Role
from fhirserver.access.rights import Right
from fhirserver.access.site_rules import SiteRules
from fhirserver.search.extract import COMPARTMENT
from fhirserver.search.match import Candidate, match
from fhirserver.search.plan import NONE, Plan


class Rule(StrEnum):
    """What decides, in the order in which it is asked."""

    CLOSED = "closed-label"
    """A label that is closed by law."""
    EXCLUSION = "exclusion"
    """A Consent denies it to the caller by name."""
    OPPOSITION = "opposition"
    """A Consent denies it."""
    NO_CONSENT = "no-consent"
    """An opt-in is needed and there is none."""
    RELATION = "relation"
    """The relation of care: there is one, or none."""
    MATRIX = "role-matrix"
    """The rights of the role."""
    LABEL = "label"
    """A security label."""
    RELEASE = "release"
    """It is not released to the caller yet."""
    EMERGENCY = "emergency"
    """The glass is broken."""


_ORDER: Final = tuple(Rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a caller may use a resource so, and why."""

    permit: bool
    rule: Rule
    policy_version: str
    role: str | None = None
    patients: frozenset[str] = frozenset()
    """Whose records it is in: logical ids."""
    labels: tuple[str, ...] = ()
    """Names of the labels that hide it."""
    may_break_glass: bool = False
    """An emergency would open it."""


def decide(rules: SiteRules, candidate: Candidate, right: Right) -> Decision:
    """Decide on one resource."""
    return _Case(rules, candidate, right).decide()


@dataclass(frozen=True, slots=True)
class _Case:
    rules: SiteRules
    candidate: Candidate
    right: Right

    @property
    def resource_type(self) -> str:
        return self.candidate.key.partition("/")[0]

    @property
    def patients(self) -> frozenset[str]:
        """Whose records the resource is in: a Patient's own, whoever it is linked to."""
        if self.resource_type == COMPARTMENT:
            return frozenset({self.candidate.key.partition("/")[2]})
        prefixes = self.rules.records.vocabulary.patients(self.resource_type)
        terms = self.candidate.values.terms
        return frozenset(t.removeprefix(p) for p in prefixes for t in terms if t.startswith(p))

    def decide(self) -> Decision:
        refused: list[tuple[Rule, Role | None, Grant | None]] = []
        for role, grant in self._grants():
            rule = self._refusal(role, grant)
            if rule is None:
                reason = Rule.RELATION if grant is not None and grant.relation else Rule.MATRIX
                return self._decision(reason, role, permit=True)
            refused.append((rule, role, grant))
        opened = next((role for _, role, grant in refused if role and grant and self._is_open(role, grant)), None)
        if opened is not None:
            return self._decision(Rule.EMERGENCY, opened, permit=True)
        if not refused:
            return self._decision(Rule.MATRIX, None, permit=False)
        nearest = max(refused, key=lambda each: _ORDER.index(each[0]))
        return self._decision(nearest[0], nearest[1], permit=False)

    def _grants(self) -> Iterator[tuple[Role, Grant | None]]:
        """Yield what could permit it; a role without a grant still says by which earlier rule it falls."""
        for role in self.rules.facts.roles:
            grants = role.grants_of(self.resource_type, self.right)
            yield from ((role, grant) for grant in grants)
            if not grants:
                yield role, None

    def _refusal(self, role: Role, grant: Grant | None) -> Rule | None:
        """Return the first rule by which a grant does not permit it."""
        terms, kind = self.rules.terms, self.resource_type
        if not self._holds(terms.secrets(role, kind)):
            return Rule.CLOSED
        need = grant.consent if grant is not None else ConsentNeed.RESPECT
        refusal = self._by_consent(need)
        if refusal is not None:
            return refusal
        if (grant is None or grant.relation) and not self._is_related(role):
            return Rule.RELATION
        if grant is None or not self._covers(grant):
            return Rule.MATRIX
        if not self._holds(terms.labels(role, kind)):
            return Rule.LABEL
        return None if self._holds(terms.released(role, kind, self.rules.facts.now)) else Rule.RELEASE

    def _by_consent(self, need: ConsentNeed) -> Rule | None:
        if need is ConsentNeed.NONE:
            return None
        if not all(self._consents(patient, ConsentNeed.NAMED) for patient in self.patients):
            return Rule.EXCLUSION
        if need is ConsentNeed.NAMED:
            return None
        if not all(self._consents(patient, ConsentNeed.RESPECT) for patient in self.patients):
            return Rule.OPPOSITION
        permitted = all(self._consents(patient, need) for patient in self.patients)
        return None if permitted else Rule.NO_CONSENT

    def _consents(self, patient: str, need: ConsentNeed, *, emergency: bool = False) -> bool:
        records = self.rules.records
        consents = records.settled(self.right, emergency=emergency).get(patient, ())
        return self._holds(records.judge(self.resource_type).condition(consents, need))

    def _is_related(self, role: Role) -> bool:
        if not self.rules.records.vocabulary.patients(self.resource_type):
            return False
        if not self.patients:
            return self.resource_type in self.rules.policy.unattached
        related = self.rules.facts.related.get(role.evidence)
        return related is not None and self.patients <= related

    def _covers(self, grant: Grant) -> bool:
        terms, kind = self.rules.terms, self.resource_type
        if grant.consent is ConsentNeed.OPT_IN and not grant.relation and not self._is_consented():
            return False
        return self._holds(terms.criteria(grant, kind)) and self._holds(terms.recent(grant, kind, self.rules.facts.now))

    def _is_consented(self) -> bool:
        """An opt-in is a patient's: what is about none needs none only where its type may be about none."""
        names = self.rules.records.vocabulary.patients(self.resource_type)
        return not names or bool(self.patients) or self.resource_type in self.rules.policy.unattached

    def _is_open(self, role: Role, grant: Grant) -> bool:
        """Tell whether the emergency opens it."""
        emergency = self.rules.emergency
        if emergency is None or role.emergency is None or not grant.relation or not self._covers(grant):
            return False
        return (
            self.patients == {emergency.patient}
            and self._consents(emergency.patient, ConsentNeed.NAMED, emergency=True)
            and self._holds(self.rules.terms.labels(role, self.resource_type, emergency=True))
            and self._holds(self.rules.terms.released(role, self.resource_type, self.rules.facts.now))
        )

    def _decision(self, rule: Rule, role: Role | None, *, permit: bool) -> Decision:
        return Decision(
            permit=permit,
            rule=rule,
            policy_version=self.rules.version,
            role=role.name if role is not None else None,
            patients=self.patients,
            labels=tuple(self._hiding(role)) if role is not None and not permit else (),
            may_break_glass=not permit and self._could_open(rule, role),
        )

    def _hiding(self, role: Role) -> Iterator[str]:
        for label in role.hidden_labels(self.rules.policy.labels):
            found = self.rules.records.vocabulary.labelled(self.resource_type, label.codes)
            if found != NONE and match(found, self.candidate):
                yield label.name

    def _could_open(self, rule: Rule, role: Role | None) -> bool:
        if role is None or role.emergency is None or len(self.patients) != 1:
            return False
        if rule in (Rule.OPPOSITION, Rule.NO_CONSENT, Rule.RELATION, Rule.LABEL):
            labels = self.rules.terms.labels(role, self.resource_type, emergency=True)
            return self._holds(labels) and bool(role.grants_of(self.resource_type, self.right))
        return False

    def _holds(self, plan: Plan) -> bool:
        return match(plan, self.candidate)
