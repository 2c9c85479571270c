"""What rules are decided by: who asks, whom it cares for, what those have consented to, as stored at one moment."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fhirserver.access.asker import Asker, AskerLoader, is_professional
from fhirserver.access.changes import Changes
from fhirserver.access.consents import PRIVACY, ConsentReader, PrivacyConsent
from fhirserver.access.fact_source import FactSource, some
from fhirserver.access.policy import Coded, ConsentNeed, Policy, RelationKind, Role
from fhirserver.access.relations import team_plan
from fhirserver.access.relations_found import RelationFinder
from fhirserver.access.vocabulary import ANY_SYSTEM, Vocabulary, ticks
from fhirserver.kernel.caller import Caller
from fhirserver.search.consent_actors import ACTOR, IDENTIFIED
from fhirserver.search.index import SEPARATOR
from fhirserver.search.plan import NONE, HasTerm, Plan, all_of

MAX_PATIENTS: Final = 5000
"""Resources of evidence, and Consents, of one caller; beyond it the caller must keep to one patient."""
_MAX_TEAMS: Final = 1000
_CHUNK: Final = 500
_TIMELESS: Final = frozenset({RelationKind.SELF})
"""Evidence that does not expire."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one caller at one moment."""

    asker: Asker
    roles: tuple[Role, ...]
    related: dict[tuple[RelationKind, ...], frozenset[str] | None]
    """Whom it cares for, by each set of kinds of evidence that a role counts; None: more than can be told."""
    consents: tuple[PrivacyConsent, ...] | None
    """Of those patients, and those that name the caller; None: more than can be told."""
    now: int
    """In ticks."""
    concerned: frozenset[str] | None = frozenset()
    """The patients whom they are about; None: more than can be told."""
    is_lasting: bool = False
    """Whether time alone leaves what was loaded as it is, so that only ``now`` goes on."""

    def may_differ(self, changes: Changes) -> bool:
        """Tell whether changes of the record may have made other facts of them."""
        if changes.everything or self.concerned is None or self.consents is None:
            return True
        asker = self.asker
        names = asker.persons | asker.units | asker.establishments | asker.teams
        consents = {consent.key for consent in self.consents}
        if self._needs_everybodys_consents() and any(key.startswith("Consent/") for key in changes.keys):
            return True
        return not (
            names.isdisjoint(changes.named)
            and names.isdisjoint(changes.keys)
            and consents.isdisjoint(changes.keys)
            and self.concerned.isdisjoint(changes.patients)
            and changes.named.isdisjoint(f"{value}{SEPARATOR}{system}" for system, value in asker.identifiers)
        )

    def _needs_everybodys_consents(self) -> bool:
        grants = (grant for role in self.roles for grant in role.grants)
        return any(grant.consent is ConsentNeed.OPT_IN and not grant.relation for grant in grants)


@dataclass(frozen=True, slots=True)
class FactLoader:
    """Loads the facts of callers from a source, by a policy."""

    source: FactSource
    policy: Policy
    vocabulary: Vocabulary

    async def load(self, caller: Caller, only: Collection[str] | None = None) -> Facts:
        """Return the facts of a caller; ``only``: of no patients but these."""
        asker = await AskerLoader(self.source, self.vocabulary).load(caller)
        roles = self._roles(caller, asker)
        asker = replace(asker, teams=await self._teams(asker), codes=asker.codes.union(*(role.codes for role in roles)))
        finder = RelationFinder(self.source, self.policy, self.vocabulary, MAX_PATIENTS)
        counted = {role.evidence: role for role in roles if any(grant.relation for grant in role.grants)}
        found = await asyncio.gather(*(finder.patients(asker, role, only) for role in counted.values()))
        related = dict(zip(counted, found, strict=True))
        concerned = _concerned(caller, found, only)
        consents = await self._consents(asker, roles, concerned)
        is_lasting = not is_professional(caller) and all(_TIMELESS.issuperset(kinds) for kinds in counted)
        return Facts(asker, roles, related, consents, ticks(self.source.now_us), concerned, is_lasting)

    def _roles(self, caller: Caller, asker: Asker) -> tuple[Role, ...]:
        """Return the roles an account names, else those that posts show, else what the site gives by default."""
        policy = self.policy
        if caller.roles:
            return tuple(policy.roles[name] for name in caller.roles if name in policy.roles)
        shown = tuple(role for role in policy.roles.values() if not asker.codes.isdisjoint(role.codes))
        default = self._default(caller)
        return shown or ((policy.roles[default],) if default is not None else ())

    def _default(self, caller: Caller) -> str | None:
        defaults = self.policy.defaults
        match (caller.fhir_user or "").partition("/")[0]:
            case "Patient":
                return defaults.patient
            case "RelatedPerson":
                return defaults.related_person
            case "":
                return defaults.client
            case _:
                return None

    async def _teams(self, asker: Asker) -> frozenset[str]:
        teams = await some(self.source, "CareTeam", team_plan(asker, self.vocabulary), _MAX_TEAMS)
        return frozenset(f"CareTeam/{team['id']}" for team in teams)

    async def _consents(
        self, asker: Asker, roles: Sequence[Role], patients: frozenset[str] | None
    ) -> tuple[PrivacyConsent, ...] | None:
        needs = {grant.consent for role in roles for grant in role.grants}
        if needs <= {ConsentNeed.NONE}:
            return ()
        plans = [self._naming(asker)]
        if any(g.consent is ConsentNeed.OPT_IN and not g.relation for role in roles for g in role.grants):
            plans = [self._in_force()]
        elif needs & {ConsentNeed.RESPECT, ConsentNeed.OPT_IN}:
            plans += [self._of(some) for some in _chunks(sorted(patients or ()))]
        found = await asyncio.gather(*(self.source.resources("Consent", plan, MAX_PATIENTS) for plan in plans))
        if patients is None or any(each is None for each in found):
            return None
        rules = self.source.binder.rules
        reader = ConsentReader(rules.own_bases, rules.zone)
        read = (reader.read(resource) for some in found for resource in some or ())
        return tuple({consent.key: consent for consent in read if consent is not None}.values())

    def _in_force(self) -> Plan:
        return all_of(
            self.vocabulary.plain("Consent", "status", "active"),
            self.vocabulary.coded("Consent", (Coded(ANY_SYSTEM, PRIVACY),), "scope"),
        )

    def _naming(self, asker: Asker) -> Plan:
        names = sorted(asker.persons | asker.establishments | asker.teams)
        identifiers = sorted(asker.identifiers)
        terms = (
            *(f"{ACTOR}{name}" for name in names),
            *(f"{IDENTIFIED}{value}{SEPARATOR}{system}" for system, value in identifiers),
        )
        return all_of(self._in_force(), HasTerm(terms)) if terms else NONE

    def _of(self, patients: Iterable[str]) -> Plan:
        return all_of(
            self._in_force(), self.vocabulary.refers("Consent", ("patient",), [f"Patient/{one}" for one in patients])
        )


def _concerned(
    caller: Caller, related: Iterable[frozenset[str] | None], only: Collection[str] | None
) -> frozenset[str] | None:
    """Return the patients whose Consents matter; None when they are too many."""
    found = set(only or ())
    if caller.emergency is not None:
        found.add(caller.emergency.patient)
    for some_of_them in related:
        if some_of_them is None:
            return None
        found |= some_of_them
    return frozenset(found)


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
