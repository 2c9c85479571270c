"""What makes an access one that somebody should look at: pure rules over who asked and whom it is about.

A finding says that an access is unusual, never that it was wrong: people have colleagues, and names in common.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from fhirserver.kernel.resource import Resource
from fhirserver.search.values.string import normalise

_VIP: Final = "VIP"
_HOUR_US: Final = 3600 * 1_000_000
_DAY_US: Final = 24 * _HOUR_US
_ID_LENGTH: Final = 40


class Rule(StrEnum):
    """Why an access is unusual."""

    OWN_RECORD = "own-record"
    SAME_NAME = "same-name"
    VIP = "vip"
    EMERGENCY = "emergency"
    MASS_READING = "mass-reading"


TEXTS: Final = {
    Rule.OWN_RECORD: "A user had access to what seems to be their own record.",
    Rule.SAME_NAME: "A user had access to the record of a patient of the same family name.",
    Rule.VIP: "A user had access to the record of a patient who is marked as exposed.",
    Rule.EMERGENCY: "A user had access without a relation of care, in an emergency.",
    Rule.MASS_READING: "A user had access to unusually many records within an hour.",
}


@dataclass(frozen=True, slots=True)
class Accessed:
    """One access: who to whose record, by which event, when."""

    user: str
    """``Practitioner/1``."""
    patient: str
    event: str
    recorded_us: int
    in_emergency: bool = False


@dataclass(frozen=True, slots=True)
class Unusual:
    """A finding."""

    rule: Rule
    access: Accessed
    count: int = 1
    """Of a mass reading: how many records."""

    @property
    def id(self) -> str:
        """The same for what is looked at once: a rule, a user and a patient within a day; a mass within an hour."""
        whom = "" if self.rule is Rule.MASS_READING else self.access.patient
        period = _HOUR_US if self.rule is Rule.MASS_READING else _DAY_US
        text = "\0".join((self.rule, self.access.user, whom, str(self.access.recorded_us // period)))
        return f"unusual-{hashlib.sha256(text.encode()).hexdigest()[:_ID_LENGTH]}"


def rules_of(access: Accessed, user: Resource | None, patient: Resource | None) -> Iterator[Rule]:
    """Yield why an access is unusual by itself."""
    if access.in_emergency:
        yield Rule.EMERGENCY
    if patient is None:
        return
    if is_vip(patient):
        yield Rule.VIP
    if user is None:
        return
    if is_same_person(user, patient):
        yield Rule.OWN_RECORD
    elif families(user) & families(patient):
        yield Rule.SAME_NAME


def is_vip(patient: Resource) -> bool:
    """Tell whether a patient is marked as somebody that people are curious about."""
    meta = patient.get("meta", {})
    return any(coding.get("code") == _VIP for coding in (*meta.get("security", ()), *meta.get("tag", ())))


def is_same_person(user: Resource, patient: Resource) -> bool:
    """Tell whether a user and a patient share an identifier, or name and date of birth."""
    if _identifiers(user) & _identifiers(patient):
        return True
    born = user.get("birthDate")
    return born is not None and born == patient.get("birthDate") and bool(_names(user) & _names(patient))


def families(person: Resource) -> set[str]:
    """Return the family names of somebody, in their normal form."""
    return {normalise(name["family"]) for name in person.get("name", ()) if name.get("family")}


def _names(person: Resource) -> set[tuple[str, str]]:
    return {
        (normalise(name["family"]), normalise(given))
        for name in person.get("name", ())
        if name.get("family")
        for given in name.get("given", ())[:1]
    }


def _identifiers(person: Resource) -> set[tuple[str, str]]:
    found = person.get("identifier", ())
    return {(one["system"], one["value"]) for one in found if one.get("system") and one.get("value")}


@dataclass(slots=True)
class Masses:
    """How many records each user had access to within the last hour."""

    threshold: int
    seen: dict[str, dict[str, int]] = field(default_factory=dict)
    """By user: patient -> when last, in µs."""

    def count(self, access: Accessed) -> int | None:
        """Take an access in; return how many records it makes, when these have just become too many."""
        patients = self.seen.setdefault(access.user, {})
        is_new = access.patient not in patients
        patients[access.patient] = access.recorded_us
        if not is_new or len(patients) <= self.threshold:
            return None
        since = access.recorded_us - _HOUR_US
        kept = self.seen[access.user] = {patient: when for patient, when in patients.items() if when > since}
        return len(kept) if len(kept) == self.threshold + 1 else None

    def forget(self, before_us: int) -> None:
        """Forget who has done nothing since an instant."""
        self.seen = {user: found for user, found in self.seen.items() if max(found.values()) > before_us}
