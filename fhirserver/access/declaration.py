"""Declaring a relation of care: a CareTeam of a category of its own, with the evidence that was given.

It counts for as many days as the policy says, never beyond its period, and only while the patient does not end it.
"""

from typing import Final

from fhirserver.access.policy import RelationKind
from fhirserver.access.relations import DECLARED
from fhirserver.access.site_rules import SiteRules
from fhirserver.kernel.instant import render_instant
from fhirserver.kernel.outcome import BadRequest, Forbidden
from fhirserver.kernel.resource import Resource

EVIDENCE: Final = "urn:fhirserver:StructureDefinition:relation-evidence"
"""The extension that says by what it was shown."""
KINDS: Final = ("identity-read", "reference-practitioner", "patient-present", "referral")
"""An identity document that was read, a general practitioner's mandate, a patient who is there, a referral."""
_DAY_US: Final = 86_400_000_000


def check_declaration(rules: SiteRules, evidence: str) -> None:
    """Refuse who may not declare, of whatever patient. Raises Forbidden, BadRequest."""
    if rules.caller.fhir_user is None or not any(role.declares for role in rules.facts.roles):
        raise Forbidden("None of your roles may declare a relation of care.")
    if evidence not in KINDS:
        raise BadRequest(f"`evidence` is one of {', '.join(KINDS)}.", expression=["Parameters.parameter"])


def declared_team(rules: SiteRules, patient: str, evidence: str, now_us: int) -> Resource:
    """Return the CareTeam that declares it."""
    days = rules.policy.term(RelationKind.DECLARATION).after_days
    end_us = now_us + round(days * _DAY_US)
    return {
        "resourceType": "CareTeam",
        "extension": [{"url": EVIDENCE, "valueCode": evidence}],
        "status": "active",
        "category": [{"coding": [{"system": DECLARED.system, "code": DECLARED.code}]}],
        "subject": {"reference": f"Patient/{patient}"},
        "period": {"start": render_instant(now_us), "end": render_instant(end_us)},
        "participant": [{"member": {"reference": rules.caller.fhir_user}}],
    }
