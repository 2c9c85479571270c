"""Within which records of patients a caller may act: relations and Consents as plans, patient by patient.

A resource that is in the records of several patients needs each of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from fhirserver.access.asker import Asker
from fhirserver.access.consents import PrivacyConsent
from fhirserver.access.facts import MAX_PATIENTS, Facts
from fhirserver.access.policy import ConsentNeed, Grant, Policy, Role
from fhirserver.access.provisions import Judge, Settled, settle
from fhirserver.access.rights import Right
from fhirserver.access.vocabulary import Vocabulary
from fhirserver.kernel.outcome import TooCostly
from fhirserver.search.plan import ALL, NONE, Plan, all_of, any_of, none_of

Groups = Mapping[tuple[Settled, ...], frozenset[str]]
"""Patients by what their Consents come to."""
_SAME_ACTION: Final = {Right.SEARCH: Right.READ, Right.DELETE: Right.UPDATE}
"""Rights that are the same action of a Consent."""


@dataclass(frozen=True, slots=True)
class RecordRules:
    """Relations and Consents of one caller at one moment."""

    policy: Policy
    vocabulary: Vocabulary
    facts: Facts
    _settled: dict[tuple[Right, bool], dict[str, tuple[Settled, ...]]] = field(default_factory=dict, compare=False)

    def plan(self, role: Role, grant: Grant, resource_type: str, right: Right, *, may_name_none: bool = False) -> Plan:
        """Return the plan of the resources of a type in whose records a grant is good. Raises TooCostly.

        ``may_name_none``: also of those that are in nobody's record.
        """
        if not self.vocabulary.patients(resource_type):
            return NONE if grant.relation else ALL
        if not grant.relation and grant.consent is ConsentNeed.NONE:
            return ALL
        if not grant.relation and grant.consent is not ConsentNeed.OPT_IN:
            return self._except(resource_type, right, grant.consent)
        found = self._only(self.reachable(role, grant, right), resource_type, right, grant.consent)
        return found if may_name_none else all_of(self._attached(role, grant, resource_type, right), found)

    def reachable(self, role: Role, grant: Grant, right: Right) -> frozenset[str]:
        """Return the patients with whom there is a relation or, where none is needed, some Consent."""
        if grant.relation:
            related = self.facts.related.get(role.evidence, frozenset())
            if related is None:
                raise too_many()
            return related
        return frozenset(self.settled(right))

    def in_emergency(self, patient: str, resource_type: str, right: Right, *, may_name_none: bool = False) -> Plan:
        """Return the plan of one patient's record without a relation, but for what is denied by name."""
        if not self.vocabulary.patients(resource_type):
            return NONE
        consents = self.settled(right, emergency=True).get(patient, ())
        condition = self.judge(resource_type).condition(consents, ConsentNeed.NAMED)
        own = frozenset({patient})
        only = self.vocabulary.of_no_others(resource_type, own)
        named = ALL if may_name_none else self.vocabulary.of_patients(resource_type, own)
        return all_of(named, only, condition)

    def settled(self, right: Right, *, emergency: bool = False) -> dict[str, tuple[Settled, ...]]:
        """Return what the Consents of each patient come to. Raises TooCostly."""
        key = (_SAME_ACTION.get(right, right), emergency)
        found = self._settled.get(key)
        if found is None:
            found = self._settled[key] = self._settle(right, emergency=emergency)
        return found

    def judge(self, resource_type: str) -> Judge:
        """Return what judges resources of a type."""
        return Judge(self.vocabulary, resource_type)

    def _settle(self, right: Right, *, emergency: bool) -> dict[str, tuple[Settled, ...]]:
        if self.facts.consents is None:
            raise too_many()
        asker = self.facts.asker.in_emergency() if emergency else self.facts.asker
        found: dict[str, tuple[Settled, ...]] = {}
        for consent in self.facts.consents:
            settled = self._settle_one(consent, asker, right)
            if settled is not None:
                found[consent.patient] = (*found.get(consent.patient, ()), settled)
        return found

    def _settle_one(self, consent: PrivacyConsent, asker: Asker, right: Right) -> Settled | None:
        return settle(consent, asker, right, self.facts.now, self.policy.sharing)

    def _groups(self, right: Right, patients: Iterable[str]) -> Groups:
        settled = self.settled(right)
        groups: dict[tuple[Settled, ...], set[str]] = {}
        for patient in patients:
            groups.setdefault(settled.get(patient, ()), set()).add(patient)
        return {consents: frozenset(some) for consents, some in groups.items()}

    def _only(self, patients: frozenset[str], resource_type: str, right: Right, need: ConsentNeed) -> Plan:
        """Return the plan of the records of some patients, each as far as its Consents go."""
        judge = self.judge(resource_type)
        groups: dict[Plan, frozenset[str]] = {ALL: patients} if need is ConsentNeed.NONE else {}
        if need is not ConsentNeed.NONE:
            for consents, some in self._groups(right, patients).items():
                condition = judge.condition(consents, need)
                groups[condition] = groups.get(condition, frozenset()) | some
        open_to = frozenset(one for condition, some in groups.items() if condition != NONE for one in some)
        limits = (self._limit(resource_type, some, condition) for condition, some in groups.items())
        return all_of(self.vocabulary.of_no_others(resource_type, open_to), *limits)

    def _except(self, resource_type: str, right: Right, need: ConsentNeed) -> Plan:
        """Return the plan of all records but what is denied in some."""
        judge = self.judge(resource_type)
        found = self._groups(right, self.settled(right))
        conditions = ((judge.condition(consents, need), some) for consents, some in found.items())
        refused = (
            all_of(self.vocabulary.of_patients(resource_type, some), none_of(condition))
            for condition, some in conditions
        )
        return none_of(any_of(*refused))

    def _limit(self, resource_type: str, patients: frozenset[str], condition: Plan) -> Plan:
        if condition in (ALL, NONE):  # those of whom nothing is open are not among the others
            return ALL
        return none_of(all_of(self.vocabulary.of_patients(resource_type, patients), none_of(condition)))

    def _attached(self, role: Role, grant: Grant, resource_type: str, right: Right) -> Plan:
        """Return the plan of what is in the record of a patient with whom there is a relation: not in nobody's."""
        if resource_type in self.policy.unattached:
            return ALL
        return self.vocabulary.of_patients(resource_type, self.reachable(role, grant, right))


def too_many() -> TooCostly:
    """Return what is said to who cares for more patients than can be told apart."""
    return TooCostly(
        f"More than {MAX_PATIENTS} resources say for whom you care. Ask within the context of one patient: a launch"
        " with `launch/patient` and scopes of `patient/`."
    )
