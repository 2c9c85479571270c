"""Which patients a caller cares for: the evidence that is stored, read and held to what no index says."""

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from fhirserver.access.asker import Asker
from fhirserver.access.fact_source import FactSource, bound_of, lasts, reference_in, some
from fhirserver.access.policy import Policy, RelationKind, Role
from fhirserver.access.relations import Evidence, Moment, evidence_of, narrowed, patient_terms
from fhirserver.access.vocabulary import Vocabulary, ticks
from fhirserver.kernel.resource import Resource
from fhirserver.search.index import DATE_MIN
from fhirserver.search.plan import IsOneOf

_READ: Final = frozenset({RelationKind.CARE_TEAM, RelationKind.DECLARATION, RelationKind.REPRESENTATIVE})
"""Kinds of which the index does not say all: the dates of single participants, the age of a child."""
_YEAR_TICKS: Final = 365.2425 * 864_000_000_000


@dataclass(frozen=True, slots=True)
class Shown:
    """Evidence that was found: its kind and the resource that shows it."""

    kind: RelationKind
    key: str


@dataclass(frozen=True, slots=True)
class RelationFinder:
    """Finds evidence in the record of a site."""

    source: FactSource
    policy: Policy
    vocabulary: Vocabulary
    limit: int

    async def patients(self, asker: Asker, role: Role, only: Collection[str] | None = None) -> frozenset[str] | None:
        """Return whom a caller cares for in a role, ``only`` of some; None when they are more than the limit."""
        found = await asyncio.gather(*(self._patients(asker, role, kind, only) for kind in role.evidence))
        if any(one is None for one in found):
            return None
        return frozenset(patient for one in found if one is not None for patient in one)

    async def shown(self, asker: Asker, role: Role, patient: str) -> list[Shown]:
        """Return the evidence that a caller cares for one patient, of each kind one."""
        found = []
        for kind in role.evidence:
            for evidence in self._evidence(asker, kind):
                plan = narrowed(self.vocabulary, evidence, (patient,))
                resources = await some(self.source, evidence.resource_type, plan, self.limit)
                own = await self._held(asker, role, kind, resources)
                found += [Shown(kind, f"{one['resourceType']}/{one['id']}") for one, _ in own][:1]
        return found

    async def _patients(
        self, asker: Asker, role: Role, kind: RelationKind, only: Collection[str] | None
    ) -> set[str] | None:
        found: set[str] = set()
        for evidence in self._evidence(asker, kind):
            plan = evidence.plan if only is None else narrowed(self.vocabulary, evidence, tuple(sorted(only)))
            if kind in _READ:
                resources = await self.source.resources(evidence.resource_type, plan, self.limit)
                more = None if resources is None else {p for _, p in await self._held(asker, role, kind, resources)}
            else:
                more = await self._named(evidence, Evidence(evidence.resource_type, plan))
            if more is None:
                return None
            found |= more
        return found if only is None else found.intersection(only)

    async def _named(self, evidence: Evidence, asked: Evidence) -> set[str] | None:
        prefixes = patient_terms(self.vocabulary, evidence.resource_type)
        terms = await self.source.terms(asked.resource_type, asked.plan, prefixes, self.limit)
        if terms is None:
            return None
        return {term.rpartition("/")[2] for term in terms}

    def _evidence(self, asker: Asker, kind: RelationKind) -> tuple[Evidence, ...]:
        moment = Moment(self.vocabulary, self.policy.term(kind), ticks(self.source.now_us))
        return evidence_of(kind, asker, moment)

    async def _held(
        self, asker: Asker, role: Role, kind: RelationKind, resources: list[Resource]
    ) -> list[tuple[Resource, str]]:
        """Return those resources that show the relation, each with its patient."""
        if kind in (RelationKind.CARE_TEAM, RelationKind.DECLARATION):
            resources = [one for one in resources if self._is_member(asker, one)]
        if kind is RelationKind.REPRESENTATIVE:
            resources = await self._of_age(role, [one for one in resources if self._lasts(one.get("period"))])
        return [(one, patient) for one in resources for patient in self._subjects(one)]

    def _is_member(self, asker: Asker, team: Resource) -> bool:
        own = asker.persons | asker.organizations
        return any(
            self._lasts(each.get("period")) and reference_in(self.source.binder, each.get("member")) in own
            for each in team.get("participant", ())
        )

    def _lasts(self, period: object) -> bool:
        return lasts(period, ticks(self.source.now_us), self.source.binder.rules.zone)

    def _subjects(self, resource: Resource) -> Iterator[str]:
        if resource["resourceType"] == "Patient":
            yield resource["id"]
        for name in ("patient", "subject", "for"):
            key = reference_in(self.source.binder, resource.get(name)) or ""
            if key.startswith("Patient/"):
                yield key.removeprefix("Patient/")
        for participant in resource.get("participant", ()) if resource["resourceType"] == "Appointment" else ():
            key = reference_in(self.source.binder, participant.get("actor")) or ""
            if key.startswith("Patient/"):
                yield key.removeprefix("Patient/")

    async def _of_age(self, role: Role, relatives: list[Resource]) -> list[Resource]:
        """Leave out those who represented a child that is one no more."""
        if role.until_age is None:
            return relatives
        children = [one for one in relatives if not self._goes_on(role, one)]
        keys = {f"Patient/{patient}" for one in children for patient in self._subjects(one)}
        patients = await some(self.source, "Patient", IsOneOf(tuple(sorted(keys)))) if keys else []
        grown = ticks(self.source.now_us) - round(role.until_age * _YEAR_TICKS)
        zone = self.source.binder.rules.zone
        minors = {one["id"] for one in patients if bound_of(one.get("birthDate"), 0, DATE_MIN, zone) > grown}
        return [one for one in relatives if one not in children or minors.issuperset(self._subjects(one))]

    @staticmethod
    def _goes_on(role: Role, relative: Resource) -> bool:
        held = {
            (str(c.get("system", "")), c.get("code"))
            for r in relative.get("relationship", ())
            for c in r.get("coding", ())
        }
        return any((coded.system, coded.code) in held for coded in role.beyond_age)
