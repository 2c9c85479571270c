"""The policy of a site as values: roles and what they may, labels, how long relations last. ``policy_file`` reads it.

docs/access-policy.md describes the file and shows the matrix of the default one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fhirserver.access.rights import Right


class RelationKind(StrEnum):
    """What shows that somebody cares for a patient."""

    SELF = "self"
    """The caller is the patient."""
    REPRESENTATIVE = "representative"
    """The caller is a RelatedPerson of the patient."""
    ENCOUNTER = "encounter"
    """A participant of an Encounter."""
    UNIT = "unit"
    """Works in the unit that provides an Encounter."""
    APPOINTMENT = "appointment"
    """An actor of an Appointment."""
    CARE_TEAM = "care-team"
    """A participant of a CareTeam, or works for one."""
    EPISODE = "episode"
    """The care manager of an EpisodeOfCare."""
    GENERAL_PRACTITIONER = "general-practitioner"
    """Named in ``Patient.generalPractitioner``, or works for who is."""
    REQUEST = "request"
    """Asked to perform a ServiceRequest, or owns a Task."""
    DECLARATION = "declaration"
    """Declared it, with evidence: a CareTeam of its own category."""


class ConsentNeed(StrEnum):
    """What the Consents of a patient mean for a grant."""

    NONE = "none"
    """Nothing: it is the patient, or nothing of a patient."""
    NAMED = "named"
    """Exclusions that name the caller bind."""
    RESPECT = "respect"
    """Oppositions bind too."""
    OPT_IN = "opt-in"
    """Nothing is seen without a permit."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A code of a system."""

    system: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Security labels that mean the same to this site."""

    name: str
    title: str
    codes: tuple[Coded, ...]
    closed: bool = False
    """A secret of law: no emergency opens it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """How long evidence of a kind counts: from some days before it until some days after it."""

    before_days: float = 0
    after_days: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Results that a role sees only some days after they were made."""

    types: frozenset[str]
    criteria: tuple[tuple[str, str], ...]
    by: str
    """The search parameter that dates them."""
    days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Rights on some types, and what they need."""

    types: frozenset[str]
    rights: frozenset[Right]
    relation: bool = True
    """Only within the records of patients whom the caller cares for."""
    consent: ConsentNeed = ConsentNeed.RESPECT
    criteria: tuple[tuple[str, str], ...] = ()
    """Search parameters that a resource must match."""
    max_age_days: float | None = None
    """What is older is not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What somebody is at a site."""

    name: str
    title: str
    codes: tuple[Coded, ...] = ()
    """Of PractitionerRole: who has them has the role, unless the account names others; Consents name it so too."""
    evidence: tuple[RelationKind, ...] = ()
    clearance: frozenset[str] = frozenset()
    """Labels that do not hide from it."""
    emergency: frozenset[str] | None = None
    """Labels that an emergency opens beside them; None: the role breaks no glass."""
    declares: bool = False
    """Whether it may declare a relation of care itself."""
    until_age: int | None = None
    """Who represents a child does so until then."""
    beyond_age: tuple[Coded, ...] = ()
    """Relationships (guardian, power of attorney) that the age does not end."""
    masked: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Elements that it never sees, by type."""
    grants: tuple[Grant, ...] = ()
    releases: tuple[Release, ...] = ()

    def grants_of(self, resource_type: str, right: Right) -> list[Grant]:
        """Return the grants of a right on a type."""
        return [grant for grant in self.grants if resource_type in grant.types and right in grant.rights]

    def hidden_labels(self, labels: Mapping[str, Label], *, emergency: bool = False) -> list[Label]:
        """Return the labels that hide what has them from the role."""
        opened = self.clearance | (self.emergency or frozenset()) if emergency else self.clearance
        return [label for name, label in labels.items() if name not in opened]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """The roles of callers that nothing else gives one."""

    patient: str | None = None
    related_person: str | None = None
    client: str | None = None
    """Of a client that acts for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyTerms:
    """How the glass is broken at a site."""

    max_minutes: int = 60
    min_reason: int = 10
    """Characters that a reason has at least."""
    reviewer: str | None = None
    """``Organization/1`` or another owner of the Task of review."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTest:
    """A row of a policy's own tests: what a role can do with some types, and what not."""

    line: int
    role: str
    types: frozenset[str]
    can: frozenset[Right]
    cannot: frozenset[Right]
    relation: bool | None = None
    """Whether what it can do needs a relation; None: either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One site's policy."""

    version: str
    """The beginning of the SHA-256 of its text: decisions name it."""
    title: str
    roles: Mapping[str, Role]
    labels: Mapping[str, Label]
    terms: Mapping[RelationKind, Term]
    unattached: frozenset[str]
    """Types of patients' records that may also be of no patient, and are then free of relations."""
    sharing: frozenset[str]
    """Policies of Consents that are about sharing with others: they do not bind those who care for the patient."""
    defaults: Defaults = Defaults()
    emergency: EmergencyTerms = EmergencyTerms()
    tests: tuple[PolicyTest, ...] = ()

    def term(self, kind: RelationKind) -> Term:
        """Return how long evidence of a kind counts."""
        return self.terms.get(kind, Term())
