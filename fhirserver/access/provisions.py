"""What consents come to for one caller: first what does not depend on data, then plans of the data they are about.

Within one Consent a child is an exception to its parent, and of children that both apply a denial holds. Among several
Consents of a patient a denial holds too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fhirserver.access.asker import EMERGENCY_PURPOSES, Asker
from fhirserver.access.consents import EVERYTHING, Actor, Data, PrivacyConsent, Provision
from fhirserver.access.policy import Coded, ConsentNeed
from fhirserver.access.rights import Right
from fhirserver.access.vocabulary import Vocabulary
from fhirserver.search.plan import ALL, NONE, IsOneOf, Plan, all_of, any_of, none_of

_ACTIONS: Final = {
    Right.READ: frozenset({"access", "use", "disclose"}),
    Right.SEARCH: frozenset({"access", "use", "disclose"}),
    Right.CREATE: frozenset({"collect"}),
    Right.UPDATE: frozenset({"correct"}),
    Right.DELETE: frozenset({"correct"}),
}
_NAMED: Final = ("Practitioner/", "PractitionerRole/", "RelatedPerson/", "Patient/", "Person/")
_LEVELS: Final = ("U", "L", "M", "N", "R", "V")
"""Confidentiality, from the least to the most."""
_CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_RESOURCE_TYPES: Final = "http://hl7.org/fhir/resource-types"


@dataclass(frozen=True, slots=True)
class Rule:
    """A provision of which only the data is still open."""

    permit: bool | None
    firm: bool
    """Of a denial: it names the caller in person, or the emergency that is asked for, and holds in one."""
    data: Data = EVERYTHING
    rules: tuple["Rule", ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """One Consent as it concerns a caller."""

    base: bool | None
    sharing: bool
    """It is about sharing with others."""
    rule: Rule | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What of a type is permitted, denied, denied in emergencies too; ``unknown``: not collected."""

    permit: Plan = NONE
    deny: Plan = NONE
    firm: Plan = NONE
    unknown: Plan = NONE


SILENT: Final = Verdict()


def settle(consent: PrivacyConsent, asker: Asker, right: Right, now: int, sharing: frozenset[str]) -> Settled | None:
    """Return a Consent as it concerns a caller now, in ticks; None when it does not."""
    rule = _settle(consent.provision, asker, _ACTIONS[right], now, firm=False)
    if rule is None and consent.base is None:
        return None
    return Settled(consent.base, not sharing.isdisjoint(consent.policies), rule)


def _settle(provision: Provision, asker: Asker, actions: frozenset[str], now: int, *, firm: bool) -> Rule | None:
    applies = (
        provision.period[0] <= now < provision.period[1]
        and (not provision.actions or not provision.actions.isdisjoint(actions))
        and (not provision.purposes or not provision.purposes.isdisjoint(asker.purposes))
        and (not provision.actors or any(is_about(actor, asker) for actor in provision.actors))
    )
    if not applies:
        return None
    refuses = not (provision.purposes & asker.purposes).isdisjoint(EMERGENCY_PURPOSES)
    firm = firm or refuses or any(is_named(actor, asker) for actor in provision.actors)
    inner = (_settle(each, asker, actions, now, firm=firm) for each in provision.provisions)
    return Rule(provision.permit, firm, provision.data, tuple(rule for rule in inner if rule is not None))


def is_about(actor: Actor, asker: Asker) -> bool:
    """Tell whether an actor is the caller, whom it works for, or a role it has."""
    if actor.reference is not None:
        return actor.reference in asker.persons | asker.establishments | asker.teams
    if actor.identifier is not None:
        return actor.identifier in asker.identifiers
    return not asker.codes.isdisjoint(actor.roles)


def is_named(actor: Actor, asker: Asker) -> bool:
    """Tell whether an actor names the caller in person."""
    if actor.reference is not None:
        return actor.reference.startswith(_NAMED) and actor.reference in asker.persons
    return actor.identifier is not None and actor.identifier in asker.identifiers


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges the resources of one type by what Consents come to."""

    vocabulary: Vocabulary
    resource_type: str

    def condition(self, consents: Sequence[Settled], need: ConsentNeed) -> Plan:
        """Return the plan of what the Consents of one patient let a caller see.

        What they deny by name binds whatever the need, those about sharing only where an opt-in is needed.
        """
        if need is ConsentNeed.NONE:
            return ALL
        verdicts = [(consent.sharing, self._consent(consent)) for consent in consents]
        firm = any_of(*(verdict.firm for _, verdict in verdicts))
        if need is ConsentNeed.NAMED:
            return none_of(firm)
        if need is ConsentNeed.RESPECT:
            return none_of(any_of(firm, *(verdict.deny for sharing, verdict in verdicts if not sharing)))
        permitted = any_of(*(verdict.permit for _, verdict in verdicts))
        return all_of(permitted, none_of(any_of(*(verdict.deny for _, verdict in verdicts))))

    def _consent(self, consent: Settled) -> Verdict:
        found = self._rule(consent.rule, root=True) if consent.rule is not None else SILENT
        if consent.base is None:
            return found
        rest = none_of(any_of(found.permit, found.deny, found.unknown))
        if consent.base:
            return Verdict(any_of(found.permit, rest), found.deny, found.firm, found.unknown)
        return Verdict(found.permit, any_of(found.deny, rest), found.firm, found.unknown)

    def _rule(self, rule: Rule, *, root: bool = False) -> Verdict:
        here = self._about(rule.data, wide=rule.permit is not True)
        if here == NONE:
            return SILENT
        inner = [self._rule(each) for each in rule.rules]
        deny = all_of(here, any_of(*(one.deny for one in inner)))
        firm = all_of(here, any_of(*(one.firm for one in inner)))
        unknown = all_of(here, any_of(*(one.unknown for one in inner)), none_of(deny))
        permit = all_of(here, any_of(*(one.permit for one in inner)), none_of(any_of(deny, unknown)))
        rest = all_of(here, none_of(any_of(deny, unknown, permit)))
        if rule.permit:
            return Verdict(any_of(permit, rest), deny, firm, unknown)
        if rule.permit is False:
            return Verdict(permit, any_of(deny, rest), any_of(firm, rest) if rule.firm else firm, unknown)
        return Verdict(permit, deny, firm, unknown if root else any_of(unknown, rest))

    def _about(self, data: Data, *, wide: bool) -> Plan:
        """Return the plan of the data of a rule; ``wide``: in doubt a resource is among it."""
        return all_of(
            any_of(*map(self._of_class, data.classes)) if data.classes else ALL,
            self.vocabulary.coded(self.resource_type, data.codes) if data.codes else ALL,
            *(self._labelled(label, wide=wide) for label in data.labels),
            self._during(data.period, wide=wide) if data.period is not None else ALL,
            any_of(*(self._instance(*each) for each in data.instances)) if data.instances else ALL,
        )

    def _of_class(self, coded: Coded) -> Plan:
        if coded.system == _RESOURCE_TYPES or self.vocabulary.binder.definitions.is_resource_type(coded.code):
            return ALL if coded.code == self.resource_type else NONE
        if coded.code.startswith(("http://", "https://")):
            return self.vocabulary.profiled(self.resource_type, coded.code)
        return self.vocabulary.coded(self.resource_type, (coded,))

    def _labelled(self, label: Coded, *, wide: bool) -> Plan:
        """Confidentiality is a high-water mark: a permit of R reaches what is R or less, a denial what is R or more."""
        if label.system != _CONFIDENTIALITY or label.code not in _LEVELS:
            return self.vocabulary.labelled(self.resource_type, (label,))
        level = _LEVELS.index(label.code)
        above = tuple(Coded(_CONFIDENTIALITY, code) for code in _LEVELS[level if wide else level + 1 :])
        found = self.vocabulary.labelled(self.resource_type, above)
        return found if wide else none_of(found)

    def _during(self, period: tuple[int, int], *, wide: bool) -> Plan:
        during = self.vocabulary.during(self.resource_type, period[0], period[1] - 1)
        if not wide or not self.vocabulary.care_keys(self.resource_type):
            return during
        return any_of(during, none_of(self.vocabulary.dated(self.resource_type)))

    def _instance(self, meaning: str, key: str) -> Plan:
        itself = IsOneOf((key,)) if key.startswith(f"{self.resource_type}/") else NONE
        match meaning:
            case "related" | "dependents":
                return any_of(itself, self.vocabulary.related(self.resource_type, key))
            case "authoredby":
                return self.vocabulary.authored(self.resource_type, key)
            case _:
                return itself
