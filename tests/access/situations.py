"""Why a resource may be hidden: whose it is, what a scope is about, a label, a relation that is missing, a mask."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fhirserver.access.masks import Mask
from fhirserver.access.rights import Right
from fhirserver.access.rules import NoRules, Rules
from fhirserver.kernel.caller import Caller
from fhirserver.search.plan import ALL, HasTerm, IsOneOf, OnlyPatients, Plan, all_of, none_of
from tests.access.records import CATEGORY, CONFIDENTIALITY, LAB, SHARED, Json, labelled, record
from tests.access.worlds import Callers

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
        return sorted(self.who.callers)

    @property
    def is_mask(self) -> bool:
        return self.mask is not None

    def as_shown(self, resource: Json, *, twin: bool) -> Json:
        """Return a visible resource as it stands in one of the databases."""
        return self.mask(resource) if twin and self.mask is not None else resource


class Labelled(NoRules):
    """Hides what has the label R, and all patients but one."""

    def filter(self, resource_type: str, right: Right, near: Plan) -> Plan:
        label = HasTerm((f"{resource_type}._security=R\x1f{CONFIDENTIALITY}",))
        related = OnlyPatients(frozenset({"a"}))
        return all_of(none_of(label), related, self._own.get(resource_type, ALL))

    _own: Mapping[str, Plan] = {
        "Patient": IsOneOf(("Patient/a",)),
        "Device": HasTerm(("Device.patient=Patient/a",)),
        "Task": HasTerm(("Task.subject=Patient/a",)),
    }
    """Of types that are in nobody's compartment, or that are whose they are."""


class Masked(NoRules):
    """Hides how to reach patients, and the values of Observations."""

    def mask(self, resource_type: str) -> Mask | None:
        elements = MASKS.get(resource_type)
        return None if elements is None else Mask(resource_type, elements)


MASKS = {
    "Patient": frozenset({"telecom", "address", "birthDate", "contact.telecom", "generalPractitioner"}),
    "Observation": frozenset({"value", "note", "performer", "encounter"}),
    "Medication": frozenset({"code"}),
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
_SOME = ("Patient", "Observation", "Encounter", "Device", "Task", "Condition", "Binary")
_CLINICAL = [
    one
    for one in A
    if one["resourceType"]
    in ("Observation", "Condition", "Encounter", "DocumentReference", "List", "MedicationRequest")
]
_VITALS = ("a-vital", "b-vital")

SITUATIONS = [
    Situation(
        "another patient's",
        callers(
            {
                "app": ["patient/*.cruds"],
            },
            patient="a",
        ),
        visible=[*SHARED, *A],
        hidden=B,
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
        hidden=[*(one for one in B if one["resourceType"] in _SOME), *labelled(_CLINICAL, "s-")],
    ),
    Situation(
        "masked",
        callers({"secretary": ["user/*.rs"]}, rules=Masked()),
        visible=[*SHARED, *A, *B],
        hidden=[one for one in (*A, *B, *SHARED) if one["resourceType"] in MASKS or "contained" in one],
        mask=_without_masked,
    ),
]
