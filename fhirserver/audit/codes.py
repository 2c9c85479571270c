"""The codes of audit events: types, subtypes, roles of agents and profiles, by interaction and kind.

Spec: https://profiles.ihe.net/ITI/BALP, http://hl7.org/fhir/R4/auditevent.html, DICOM PS3.15 A.5
"""

from types import MappingProxyType
from typing import Final, NamedTuple

from fhirserver.audit.record import Kind

SYSTEM: Final = "urn:fhirserver"
CLIENT_SYSTEM: Final = f"{SYSTEM}:client"
DEVICE_SYSTEM: Final = f"{SYSTEM}:server"
ROLE_SYSTEM: Final = f"{SYSTEM}:CodeSystem:role"
OPERATION_SYSTEM: Final = f"{SYSTEM}:CodeSystem:operation"
DECISION: Final = f"{SYSTEM}:StructureDefinition:access-decision"
"""The extension that names the version of the policy and the rule that decided."""
REPEATS: Final = f"{SYSTEM}:StructureDefinition:repeats"
"""The extension that tells how many more of the same there were."""

KEPT_FROM_SUBJECTS: Final = frozenset({"INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX", "ADOL"})
"""Codes of labels that hide a resource from the patient or who acts for them: so they do what tells of it."""

DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
EVENT_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
ENTITY_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
OBJECT_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
LIFECYCLE: Final = "http://terminology.hl7.org/CodeSystem/dicom-audit-lifecycle"
PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ROLE_CLASS: Final = "http://terminology.hl7.org/CodeSystem/v3-RoleClass"
PROVENANCE_AGENT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
SOURCE_TYPE: Final = "http://terminology.hl7.org/CodeSystem/security-source-type"
PURPOSE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
BALP_ENTITY: Final = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
BALP_AGENT: Final = "https://profiles.ihe.net/ITI/BALP/CodeSystem/UserAgentTypes"
BALP_AUTHORIZATION: Final = "https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType"
IHE_EVENT: Final = "urn:ihe:event-type-code"
_PROFILE: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_IUA: Final = "https://profiles.ihe.net/ITI/IUA/StructureDefinition/IHE.IUA.71"


class Coding(NamedTuple):
    """A code of a system; displays are left out, as every one would be one more term of the index."""

    system: str
    code: str

    def to_json(self) -> dict[str, str]:
        """Render the Coding."""
        return {"system": self.system, "code": self.code} if self.system else {"code": self.code}


class Shape(NamedTuple):
    """How the events of an interaction look."""

    action: str
    """C, R, U, D or E."""
    client: Coding
    """The role of the client, and of the server."""
    server: Coding
    users: tuple[Coding, ...]
    profile: str | None = None
    """The part of a BALP profile's name that follows ``Patient``, when the event is about one."""
    is_query: bool = False
    """What was asked is a query entity, what came of it no entities of their own."""


_SOURCE: Final = Coding(DCM, "110153")
_DESTINATION: Final = Coding(DCM, "110152")
_APPLICATION: Final = Coding(DCM, "110150")
_RECIPIENT: Final = (Coding(PARTICIPATION, "IRCP"),)
_AUTHOR: Final = (Coding(PARTICIPATION, "AUT"), Coding(PARTICIPATION, "IRCP"))
_CUSTODIAN: Final = Coding(PROVENANCE_AGENT, "custodian")

_READ: Final = Shape("R", _DESTINATION, _SOURCE, _RECIPIENT, "Read")
_VIEW: Final = Shape("R", _DESTINATION, _SOURCE, _RECIPIENT, is_query=True)
_SEARCH: Final = Shape("E", _SOURCE, _DESTINATION, _RECIPIENT, "Query", is_query=True)
_UPDATE: Final = Shape("U", _SOURCE, _DESTINATION, _AUTHOR, "Update")
OTHER: Final = Shape("E", _SOURCE, _DESTINATION, _RECIPIENT, is_query=True)
"""Operations, Bundles, and what addressed nothing."""

SHAPES: Final = MappingProxyType(
    {
        "read": _READ,
        "vread": _READ,
        "history-instance": _VIEW,
        "history-type": _VIEW,
        "history-system": _VIEW,
        "create": Shape("C", _SOURCE, _DESTINATION, _AUTHOR, "Create"),
        "update": _UPDATE,
        "patch": _UPDATE,
        "delete": Shape("D", _APPLICATION, _CUSTODIAN, _AUTHOR, "Delete"),
        "search-type": _SEARCH,
        "search-system": _SEARCH,
    }
)
"""By interaction; all others are ``OTHER``."""

_TOKEN: Final = Shape("E", _APPLICATION, Coding(BALP_AGENT, "AuthzOauthService"), _RECIPIENT, is_query=True)

_LOGIN: Final = Coding(DCM, "110114")
_ALERT: Final = Coding(DCM, "110113")


class KindCodes(NamedTuple):
    """Type and subtype of what is no interaction."""

    type: Coding
    subtype: Coding
    shape: Shape = _TOKEN


KINDS: Final = MappingProxyType(
    {
        Kind.LOGIN: KindCodes(_LOGIN, Coding(DCM, "110122")),
        Kind.LOGOUT: KindCodes(_LOGIN, Coding(DCM, "110123")),
        Kind.TOKEN: KindCodes(_LOGIN, Coding(IHE_EVENT, "ITI-71")),
        Kind.INTROSPECTION: KindCodes(_LOGIN, Coding(IHE_EVENT, "ITI-102")),
        Kind.REVOCATION: KindCodes(_LOGIN, Coding(f"{SYSTEM}:CodeSystem:audit", "revocation")),
        Kind.CONSENT: KindCodes(_ALERT, Coding(BALP_AUTHORIZATION, "AuthZ-Consent")),
        Kind.EMERGENCY: KindCodes(_ALERT, Coding(DCM, "110127")),
        Kind.EMERGENCY_END: KindCodes(_ALERT, Coding(DCM, "110138")),
        Kind.EXPORT: KindCodes(Coding(DCM, "110106"), Coding(f"{SYSTEM}:CodeSystem:audit", "export"), _VIEW),
        Kind.DISCLOSURE: KindCodes(Coding(DCM, "110106"), Coding(f"{SYSTEM}:CodeSystem:audit", "disclosure"), _VIEW),
        Kind.ACCOUNT: KindCodes(_ALERT, Coding(DCM, "110137")),
    }
)


def profile_of(shape: Shape, *, about_patient: bool) -> str | None:
    """Return the BALP profile that a successful event conforms to."""
    if shape.profile is None:
        return None
    return f"{_PROFILE}{'Patient' if about_patient else ''}{shape.profile}"
