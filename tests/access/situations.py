"""Why a resource may be hidden: whose it is, what a scope is about, a label, a relation that is missing, a mask."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from fhirserver.access.masks import Mask
from fhirserver.access.rights import Right
from fhirserver.access.rules import NoRules, Rules
from fhirserver.kernel.caller import Caller
from fhirserver.search.plan import ALL, HasTerm, IsOneOf, OnlyPatients, Plan, all_of, none_of
from tests.access.records import BOTH, CATEGORY, CONFIDENTIALITY, LAB, SHARED, Json, coded, labelled, record, to
from tests.access.site import actor, consent, labels
from tests.access.worlds import Callers, Login

A, B = record("a", "b", number=1), record("b", "a", number=2)


@dataclass(frozen=True)
class Situation:
    """Who calls, and what there is that they see and do not see."""

    name: str
    who: Callers
    visible: Sequence[Json]
    hidden: Sequence[Json]
    gone: tuple[str, ...] = ("b-Condition", "b-Device", "b-Task")
    """What is hidden and deleted besides: how its ids start."""
    mask: Callable[[Json], Json] | None = None
    """Of what is masked rather than hidden: what the twin has in its place."""

    @property
    def callers(self) -> Sequence[str]:
        return sorted((*self.who.callers, *self.who.logins))

    @property
    def is_mask(self) -> bool:
        return self.mask is not None

    def as_shown(self, resource: Json, *, twin: bool) -> Json:
        """Return a visible resource as it stands in one of the databases."""
        return self.mask(resource) if twin and self.mask is not None else resource


class Labelled(NoRules):
    """Hides what has the label R, and all patients but one."""

    def filter(self, resource_type: str, right: Right) -> Plan:
        label = HasTerm((f"{resource_type}._security=R\x1f{CONFIDENTIALITY}",))
        related = ALL if resource_type == "Patient" else OnlyPatients(frozenset({"a"}))
        return all_of(none_of(label), related, self._own.get(resource_type, ALL))

    _own: Mapping[str, Plan] = {
        "Patient": IsOneOf(("Patient/a",)),
        "Device": HasTerm(("Device.patient=Patient/a",)),
        "Task": HasTerm(("Task.subject=Patient/a",)),
        "Contract": HasTerm(("Contract.subject=Patient/a",)),
    }
    """Of types that are in nobody's compartment, or that are whose they are."""


class Masked(NoRules):
    """Hides how to reach patients, and the values of Observations."""

    has_masks = True

    def mask(self, resource_type: str) -> Mask | None:
        elements = MASKS.get(resource_type)
        return None if elements is None else Mask(resource_type, elements)


MASKS = {
    "Patient": frozenset({"telecom", "address", "birthDate", "contact.telecom", "generalPractitioner"}),
    "Observation": frozenset({"value", "note", "performer", "encounter"}),
    "Medication": frozenset({"code"}),
    "Encounter": frozenset({"partOf"}),
}


def _without_masked(resource: Json) -> Json:
    """Return a resource that never had what is masked of it."""
    shown = {name: value for name, value in resource.items() if name not in ("text",)}
    match resource["resourceType"]:
        case "Patient":
            shown["contact"] = [{"name": one["name"]} for one in resource["contact"]]
            dropped = {"telecom", "address", "birthDate", "generalPractitioner"}
        case "Observation":
            dropped = {"valueQuantity", "note", "performer", "encounter"}
        case "Medication":
            dropped = {"code"}
        case "Encounter":
            dropped = {"partOf"}
        case _:
            shown = dict(resource)
            dropped = set()
            if "contained" in shown:
                shown["contained"] = [_without_masked(one) for one in shown["contained"]]
    return {name: value for name, value in shown.items() if name not in dropped}


def callers(scopes: Mapping[str, Sequence[str]], patient: str | None = None, rules: Rules | None = None) -> Callers:
    made = {
        name: Caller(client_id=name, scopes=tuple(texts), patient=patient, token_id=f"token of {name}")
        for name, texts in scopes.items()
    }
    return Callers(made, dict.fromkeys(made, rules) if rules is not None else {})


TYPES = sorted({one["resourceType"] for one in (*A, *SHARED)})
_OTHERS = [f"user/{name}.cruds" for name in TYPES if name != "Observation"]
_SOME = ("Patient", "Observation", "Encounter", "Device", "Task", "Contract", "Condition", "Binary")
_CLINICAL = [
    one
    for one in A
    if one["resourceType"]
    in ("Observation", "Condition", "Encounter", "DocumentReference", "List", "MedicationRequest")
]
_VALUES = next(one for one in SHARED if one["resourceType"] == "ValueSet") | {"url": "http://example.org/s-vs"}
_VITALS = ("a-vital", "b-vital")


def login(fhir_user: str, *roles: str, scope: str = "user/*.cruds", **more: str) -> Callers:
    """Return somebody who logs in, and is held to the policy that ships."""
    return Callers({}, {}, {fhir_user: Login(fhir_user, roles, scope, **more)})


def _showing(logical_id: str, code: str) -> tuple[Json, Json]:
    """Return a document of a patient, and the labelled Binary that it shows."""
    binary = {"resourceType": "Binary", "id": f"{logical_id}-shown", "contentType": "text/plain", "data": "aGk="}
    about = {"status": "current", "subject": to("Patient/a")}
    content = [{"attachment": {"url": f"Binary/{logical_id}-shown"}}]
    document = {"resourceType": "DocumentReference", "id": f"{logical_id}-showing", **about, "content": content}
    return document, {**binary, "meta": labels(code)}


def _team(logical_id: str, patient: str, member: str) -> Json:
    """Return a care team: the evidence of a relation."""
    return {"resourceType": "CareTeam", "id": logical_id, "status": "active", "subject": to(f"Patient/{patient}"),
            "participant": [{"member": to(member)}]}  # fmt: skip


def _dated(resources: Sequence[Json], day: str, prefix: str) -> list[Json]:
    """Return copies of Observations of another day, under ids of their own."""
    return [{**one, "id": prefix + one["id"], "effectiveDateTime": day} for one in resources]


OWN = "Practitioner/own"
C = record("c", "a", number=3)
_WITHOUT_RELATION = ("Patient", "Appointment", "Group", "AuditEvent", "Contract")
"""Types that a physician sees without a relation, or not at all."""
_OBSERVATIONS = [one for one in A if one["resourceType"] == "Observation"]
_DENIED = [{**one, "id": f"x-{one['id']}", "code": coded("denied")} for one in _OBSERVATIONS]
_DENYING = consent("denying", "a", {"type": "permit", "provision": [{"type": "deny", "code": [coded("denied")]}]})
_DENYING_BY_NAME = consent(
    "denying",
    "a",
    {"type": "permit", "provision": [{"type": "deny", "code": [coded("denied")], **actor("Practitioner/other")}]},
)
_RESTRICTED, _CLOSED = _showing("v", "V"), _showing("m", "MASQUE_PS")
_OF_NOBODY = {name: value for name, value in _OBSERVATIONS[0].items() if name != "subject"} | {"id": "u-Observation"}
_PERMITTING = consent("permitting", "a", {"type": "permit"})
_EXCLUDING = consent("b-excluding", "c", {"type": "permit", "provision": [{"type": "deny", **actor(OWN)}]})
_TODAY = date.today()  # noqa: DTZ011 - days are enough
_LATELY, _LONG_AGO = f"{_TODAY - timedelta(days=30)}", f"{_TODAY - timedelta(days=500)}"
_STAFF = [{"resourceType": "Practitioner", "id": "own"}, _team("team", "a", OWN)]
_OF_A_LABORATORY = ("Patient", "Specimen", "ServiceRequest")
_OF_THE_EXCLUDING = ("Patient", "Observation", "Appointment", "Group", "DocumentReference", "Binary", "Task")
_HERSELF = [one for one in A if one["resourceType"] not in ("AuditEvent", "Group")]

REAL = [
    Situation(
        "no relation, labelled, denied or excluded by Consent",
        login(OWN, "physician"),
        visible=[
            *SHARED,
            *_STAFF,
            _DENYING,
            _RESTRICTED[0],
            *A,
            *(one for one in B if one["resourceType"] in _WITHOUT_RELATION),
        ],
        hidden=[
            *(one for one in B if one["resourceType"] not in _WITHOUT_RELATION),
            *BOTH[:1],
            *labelled(_CLINICAL, "s-", "V"),
            *labelled(_CLINICAL[:1], "m-", "MASQUE_PS"),
            *_DENIED,
            _RESTRICTED[1],
            _OF_NOBODY,
            *(one for one in C if one["resourceType"] in _OF_THE_EXCLUDING),
            _team("b-team", "c", OWN),
            _EXCLUDING,
        ],
    ),
    Situation(
        "closed in an emergency too",
        login("Practitioner/other", "physician", emergency="a"),
        visible=[*SHARED, _DENYING_BY_NAME, _CLOSED[0], *A, B[0]],
        hidden=[
            *(one for one in B if one["resourceType"] in ("Observation", "Condition", "Binary", "Task")),
            *BOTH[:1],
            *labelled(_CLINICAL[:2], "m-", "MASQUE_PS"),
            *_DENIED,
            _CLOSED[1],
        ],
    ),
    Situation(
        "beyond a role",
        login(OWN, "lab"),
        visible=[
            *SHARED,
            *_STAFF,
            *(one for one in A if one["resourceType"] in _OF_A_LABORATORY),
        ],
        hidden=[one for one in (*A, *B) if one["id"] in _VITALS],
    ),
    Situation(
        "too old",
        login(OWN, "nursing-home"),
        visible=[
            *SHARED,
            *_STAFF,
            _PERMITTING,
            A[0],
            *_dated(_OBSERVATIONS, _LATELY, "n-"),
        ],
        hidden=_dated(_OBSERVATIONS, _LONG_AGO, "o-"),
    ),
    Situation(
        "not to be seen by the patient",
        login("Patient/a", "patient", scope="patient/*.rs", patient="a"),
        visible=[*SHARED, *_HERSELF],
        hidden=[
            *labelled(_CLINICAL, "s-", "INVISIBLE_PATIENT"),
            *_dated(_OBSERVATIONS[:1], f"{_TODAY}", "y-"),
            *(one for one in B if one["resourceType"] in _SOME),
        ],
    ),
]

STATIC = [
    Situation(
        "another patient's",
        callers(
            {
                "app": ["patient/*.cruds"],
            },
            patient="a",
        ),
        visible=[*SHARED, *A],
        hidden=[*B, *BOTH],
    ),
    Situation(
        "outside a granular scope",
        callers({"laboratory": [*_OTHERS, f"user/Observation.cruds?category={CATEGORY}|{LAB}"]}),
        visible=[*SHARED, *(one for one in (*A, *B) if one["id"] not in _VITALS)],
        hidden=[one for one in (*A, *B) if one["id"] in _VITALS],
        gone=("b-vital",),
    ),
    Situation(
        "labelled, or of no related patient",
        callers({"clinician": ["user/*.cruds"]}, rules=Labelled()),
        visible=[*SHARED, *A],
        hidden=[
            *(one for one in B if one["resourceType"] in _SOME),
            *BOTH,
            *labelled([*_CLINICAL, _VALUES], "s-", "R"),
        ],
    ),
    Situation(
        "masked",
        callers({"secretary": ["user/*.rs"]}, rules=Masked()),
        visible=[*SHARED, *A, *B],
        hidden=[one for one in (*A, *B, *SHARED) if one["resourceType"] in MASKS or "contained" in one],
        mask=_without_masked,
    ),
]

SITUATIONS = [*STATIC, *REAL]
