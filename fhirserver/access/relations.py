"""Relations of care: which stored resources show that a caller cares for a patient, and until when they do.

Each kind of evidence is a plan; what expires does so by the plan's own dates, days as the policy says.
docs/access-policy.md has the table of kinds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fhirserver.access.asker import Asker
from fhirserver.access.policy import Coded, RelationKind, Term
from fhirserver.access.vocabulary import Vocabulary, days, overlapping
from fhirserver.search.index import DATE_MAX
from fhirserver.search.plan import (
    NONE,
    Comparison,
    HasOneSpan,
    HasSpan,
    HasTerm,
    IsOneOf,
    Plan,
    all_of,
    any_of,
    none_of,
)

DECLARED: Final = Coded("urn:fhirserver:CodeSystem:care-team-category", "declared-relation")
"""The category of a CareTeam by which somebody declares a relation of care."""
_UNDER_WAY: Final = ("planned", "arrived", "triaged", "in-progress", "onleave")
_OVER: Final = "finished"
_MET: Final = ("pending", "booked", "arrived", "fulfilled", "checked-in")
_NO_TEAM: Final = ("proposed", "suspended", "inactive", "entered-in-error")
_EPISODES: Final = ("planned", "waitlist", "active", "onhold", "finished")
_ORDERED: Final = ("active", "on-hold", "completed")
_TASKED: Final = ("requested", "received", "accepted", "ready", "in-progress", "on-hold", "completed")


@dataclass(frozen=True, slots=True)
class Moment:
    """What evidence is asked with: the terms of the record, how long it counts, and now, in ticks."""

    vocabulary: Vocabulary
    term: Term
    now: int

    @property
    def first(self) -> int:
        """The earliest end of what still counts."""
        return self.now - days(self.term.after_days)

    @property
    def last(self) -> int:
        """The latest beginning of what counts already."""
        return self.now + days(self.term.before_days)

    def within(self, resource_type: str, code: str) -> Plan:
        """Return the plan of what has a date that counts now."""
        return any_of(*(overlapping(key, self.first, self.last) for key in self.vocabulary.keys(resource_type, code)))

    def begun_within(self, resource_type: str, code: str) -> Plan:
        """Return the plan of what began so lately that it counts now."""
        return any_of(
            *(
                HasOneSpan((HasSpan(key, Comparison.SA, self.first, self.first), _until(key, self.last)))
                for key in self.vocabulary.keys(resource_type, code)
            )
        )


def _until(key: str, last: int) -> HasSpan:
    return HasSpan(key, Comparison.LE, last, last)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is asked for a kind: resources of a type that a plan selects."""

    resource_type: str
    plan: Plan


def evidence_of(kind: RelationKind, asker: Asker, moment: Moment) -> tuple[Evidence, ...]:
    """Return what shows a relation of a kind now."""
    found = (Evidence(each.resource_type, each.plan) for each in _KINDS[kind](asker, moment))
    return tuple(each for each in found if each.plan != NONE)


def _own_record(asker: Asker, moment: Moment) -> tuple[Evidence, ...]:
    own = tuple(sorted(key for key in asker.persons if key.startswith("Patient/")))
    return (Evidence("Patient", IsOneOf(own) if own else NONE),)


def _represented(asker: Asker, moment: Moment) -> tuple[Evidence, ...]:
    own = tuple(sorted(key for key in asker.persons if key.startswith("RelatedPerson/")))
    if not own:
        return ()
    ended = none_of(moment.vocabulary.plain("RelatedPerson", "active", "false"))
    return (Evidence("RelatedPerson", all_of(IsOneOf(own), ended)),)


def _encounters(asker: Asker, moment: Moment) -> tuple[Evidence, ...]:
    named = any_of(
        moment.vocabulary.refers("Encounter", ("participant",), asker.persons),
        moment.vocabulary.identified("Encounter", ("participant",), asker.identifiers),
    )
    return (Evidence("Encounter", all_of(named, _stay(moment))),)


def _units(asker: Asker, moment: Moment) -> tuple[Evidence, ...]:
    provided = moment.vocabulary.refers("Encounter", ("service-provider",), asker.units)
    return (Evidence("Encounter", all_of(provided, _stay(moment))),)


def _stay(moment: Moment) -> Plan:
    """A stay that is over and has no end counts from its beginning: it would never expire otherwise."""
    vocabulary = moment.vocabulary
    keys = vocabulary.keys("Encounter", "date")
    ended = any_of(*(_ended(key, moment) for key in keys), moment.begun_within("Encounter", "date"))
    under_way = all_of(vocabulary.plain("Encounter", "status", *_UNDER_WAY), moment.within("Encounter", "date"))
    return any_of(under_way, all_of(vocabulary.plain("Encounter", "status", _OVER), ended))


def _ended(key: str, moment: Moment) -> Plan:
    end = DATE_MAX - 1
    conditions = (
        _until(key, moment.last),
        HasSpan(key, Comparison.GE, moment.first, moment.first),
        HasSpan(key, Comparison.EB, end, end),
    )
    return HasOneSpan(conditions)


def _appointments(asker: Asker, moment: Moment) -> tuple[Evidence, ...]:
    named = moment.vocabulary.refers("Appointment", ("actor",), asker.persons)
    met = moment.vocabulary.plain("Appointment", "status", *_MET)
    return (Evidence("Appointment", all_of(named, met, moment.within("Appointment", "date"))),)


def team_plan(asker: Asker, vocabulary: Vocabulary) -> Plan:
    """Return the plan of the CareTeams that a caller is in, or works for a member of."""
    members = vocabulary.refers("CareTeam", ("participant",), asker.persons | asker.organizations)
    return all_of(members, none_of(vocabulary.plain("CareTeam", "status", *_NO_TEAM)))


def _teams(asker: Asker, moment: Moment) -> tuple[Evidence, ...]:
    open_ended = none_of(moment.vocabulary.dated("CareTeam"))
    lasts = any_of(moment.within("CareTeam", "date"), open_ended)
    plan = all_of(team_plan(asker, moment.vocabulary), none_of(_declared(moment)), lasts)
    return (Evidence("CareTeam", plan),)


def _declarations(asker: Asker, moment: Moment) -> tuple[Evidence, ...]:
    lasts = all_of(moment.begun_within("CareTeam", "date"), _not_over("CareTeam", moment))
    return (Evidence("CareTeam", all_of(team_plan(asker, moment.vocabulary), _declared(moment), lasts)),)


def _not_over(resource_type: str, moment: Moment) -> Plan:
    keys = moment.vocabulary.keys(resource_type, "date")
    return any_of(*(overlapping(key, moment.now, moment.last) for key in keys))


def _declared(moment: Moment) -> Plan:
    return moment.vocabulary.coded("CareTeam", (DECLARED,), "category")


def _episodes(asker: Asker, moment: Moment) -> tuple[Evidence, ...]:
    managed = moment.vocabulary.refers("EpisodeOfCare", ("care-manager",), asker.persons)
    status = moment.vocabulary.plain("EpisodeOfCare", "status", *_EPISODES)
    return (Evidence("EpisodeOfCare", all_of(managed, status, moment.within("EpisodeOfCare", "date"))),)


def _registered(asker: Asker, moment: Moment) -> tuple[Evidence, ...]:
    named = moment.vocabulary.refers("Patient", ("general-practitioner",), asker.persons | asker.organizations)
    inactive = moment.vocabulary.plain("Patient", "active", "false")
    return (Evidence("Patient", all_of(named, none_of(inactive))),)


def _requests(asker: Asker, moment: Moment) -> tuple[Evidence, ...]:
    vocabulary, whom = moment.vocabulary, asker.persons | asker.organizations
    ordered = all_of(
        vocabulary.refers("ServiceRequest", ("performer",), whom),
        vocabulary.plain("ServiceRequest", "status", *_ORDERED),
        moment.begun_within("ServiceRequest", "authored"),
    )
    tasked = all_of(
        vocabulary.refers("Task", ("owner",), whom),
        vocabulary.plain("Task", "status", *_TASKED),
        moment.begun_within("Task", "authored-on"),
    )
    return (Evidence("ServiceRequest", ordered), Evidence("Task", tasked))


_KINDS: Final[Mapping[RelationKind, Callable[[Asker, Moment], tuple[Evidence, ...]]]] = MappingProxyType(
    {
        RelationKind.SELF: _own_record,
        RelationKind.REPRESENTATIVE: _represented,
        RelationKind.ENCOUNTER: _encounters,
        RelationKind.UNIT: _units,
        RelationKind.APPOINTMENT: _appointments,
        RelationKind.CARE_TEAM: _teams,
        RelationKind.EPISODE: _episodes,
        RelationKind.GENERAL_PRACTITIONER: _registered,
        RelationKind.REQUEST: _requests,
        RelationKind.DECLARATION: _declarations,
    }
)


def patient_terms(vocabulary: Vocabulary, resource_type: str) -> tuple[str, ...]:
    """Return the prefixes of the terms that say whom evidence of a type is about."""
    if resource_type == "Task":
        return tuple(f"{key}=Patient/" for key in vocabulary.keys("Task", "patient"))
    return vocabulary.patients(resource_type)


def narrowed(vocabulary: Vocabulary, evidence: Evidence, patients: tuple[str, ...]) -> Plan:
    """Return the plan of evidence that is about one of some patients."""
    if evidence.resource_type == "Patient":
        return all_of(evidence.plan, vocabulary.of_patients("Patient", patients))
    prefixes = patient_terms(vocabulary, evidence.resource_type)
    return all_of(evidence.plan, HasTerm(tuple(prefix + one for one in patients for prefix in prefixes)))
