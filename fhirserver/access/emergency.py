"""Break-the-glass: who may, for how long, and what is written about it.

The reason and the patient are named beforehand; what is opened is one patient's record, for an hour at most. The
patient is told by a Communication, a Task asks for the review. Labels that are closed by law stay closed, and who is
excluded by name stays so.
Spec: docs/access-policy.md; IHE PCF, "break-glass"
"""

from dataclasses import dataclass
from typing import Any, Final

from fhirserver.access.policy import ConsentNeed
from fhirserver.access.rights import Right
from fhirserver.access.site_rules import SiteRules
from fhirserver.kernel.instant import render_instant
from fhirserver.kernel.outcome import BadRequest, Forbidden
from fhirserver.kernel.resource import Resource
from fhirserver.search.plan import NONE

MAX_REASON: Final = 1000
_PURPOSE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_REVIEW: Final = {"system": "urn:fhirserver:CodeSystem:task", "code": "emergency-review"}
_NOTIFICATION: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/communication-category",
    "code": "notification",
}
_TOLD: Final = {
    "fr": "{who} a ouvert votre dossier en urgence le {when}. Motif : {reason}",
    "nl": "{who} heeft uw dossier in een noodsituatie geopend op {when}. Reden: {reason}",
    "de": "{who} hat Ihre Akte am {when} in einem Notfall geöffnet. Grund: {reason}",
    "en": "{who} opened your record in an emergency on {when}. Reason: {reason}",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody who would break the glass says."""

    patient: str
    """Logical id."""
    reason: str
    minutes: int | None = None


def check_emergency(rules: SiteRules, asked: Asked) -> int:
    """Return for how many minutes the glass may be broken, of whatever patient. Raises Forbidden, BadRequest."""
    caller, terms = rules.caller, rules.policy.emergency
    if caller.fhir_user is None or all(role.emergency is None for role in rules.facts.roles):
        raise Forbidden("None of your roles may break the glass.")
    if caller.emergency is not None:
        raise Forbidden("This token is one of an emergency already; ask with the token that it came from.")
    if not terms.min_reason <= len(asked.reason.strip()) <= MAX_REASON:
        raise BadRequest(
            f"`reason` says in {terms.min_reason} to {MAX_REASON} characters why the record must be opened.",
            expression=["Parameters.parameter"],
        )
    minutes = terms.max_minutes if asked.minutes is None else asked.minutes
    if not 1 <= minutes <= terms.max_minutes:
        raise BadRequest(f"`minutes` is 1 to {terms.max_minutes}.", expression=["Parameters.parameter"])
    return minutes


def is_refused(rules: SiteRules, patient: str) -> bool:
    """Tell whether a patient, whose Consents ``rules`` know, has excluded the caller or refused emergencies."""
    consents = rules.records.settled(Right.READ, emergency=True).get(patient, ())
    return rules.records.judge("Patient").condition(consents, ConsentNeed.NAMED) == NONE


@dataclass(frozen=True, slots=True)
class WaysIn:
    """What a caller may do about a record that is closed to it, as far as roles say: nothing of what is hidden."""

    is_related: bool
    """A relation of care that the caller has opens it already."""
    minutes: int | None
    """For how long the glass may be broken at most; None: not by this caller."""
    min_reason: int
    """Characters of the reason."""
    may_declare: bool
    """A relation of care may be declared."""


def ways_in(rules: SiteRules, patient: str) -> WaysIn:
    """Return what a caller may try. Whom the patient has excluded is told when it is tried."""
    roles, terms, is_user = rules.facts.roles, rules.policy.emergency, rules.caller.fhir_user is not None
    known = [rules.facts.related.get(role.evidence, frozenset()) for role in roles]
    breaks = is_user and rules.caller.emergency is None and any(role.emergency is not None for role in roles)
    return WaysIn(
        is_related=any(related is None or patient in related for related in known),
        minutes=terms.max_minutes if breaks else None,
        min_reason=terms.min_reason,
        may_declare=is_user and any(role.declares for role in roles),
    )


@dataclass(frozen=True, slots=True)
class Opening:
    """An emergency as it is written down."""

    rules: SiteRules
    asked: Asked
    began_us: int
    until_us: int

    def notice(self, patient: Resource) -> Resource:
        """Return what tells the patient, in the language of the record."""
        caller = self.rules.caller
        language = language_of(patient)
        told = _TOLD[language].format(
            who=caller.name or caller.fhir_user, when=_minute(self.began_us), reason=self.asked.reason.strip()
        )
        return {
            "resourceType": "Communication",
            "language": language,
            "status": "completed",
            "category": [{"coding": [_NOTIFICATION]}],
            "priority": "urgent",
            "subject": self._patient(),
            "topic": {"coding": [{"system": _PURPOSE, "code": "BTG"}]},
            "sent": render_instant(self.began_us),
            "recipient": [self._patient()],
            "sender": {"reference": caller.fhir_user},
            "payload": [{"contentString": told}],
        }

    def review(self, notice: str) -> Resource:
        """Return what asks for the review; ``notice`` is the reference of what told the patient."""
        reviewer = self.rules.policy.emergency.reviewer
        task: dict[str, Any] = {
            "resourceType": "Task",
            "status": "requested",
            "intent": "order",
            "priority": "urgent",
            "code": {"coding": [_REVIEW]},
            "focus": {"reference": notice},
            "for": self._patient(),
            "authoredOn": render_instant(self.began_us),
            "requester": {"reference": self.rules.caller.fhir_user},
            "reasonCode": {"coding": [{"system": _PURPOSE, "code": "BTG"}], "text": self.asked.reason.strip()},
            "executionPeriod": {"start": render_instant(self.began_us), "end": render_instant(self.until_us)},
        }
        return {**task, "owner": {"reference": reviewer}} if reviewer is not None else task

    def _patient(self) -> dict[str, str]:
        return {"reference": f"Patient/{self.asked.patient}"}


def language_of(patient: Resource) -> str:
    """Return the language to speak to a patient in: the preferred one that is known here, else English."""
    spoken = sorted(patient.get("communication", ()), key=lambda one: one.get("preferred") is not True)
    codes = [coding.get("code", "") for one in spoken for coding in one.get("language", {}).get("coding", ())]
    known = (code[:2].lower() for code in (*codes, patient.get("language", "")))
    return next((code for code in known if code in _TOLD), "en")


def _minute(moment_us: int) -> str:
    return f"{render_instant(moment_us)[:16].replace('T', ' ')} UTC"
