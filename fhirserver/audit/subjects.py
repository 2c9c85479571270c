"""Whom a record is about: the patients that its versions name, and those that were asked for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from fhirserver.audit.record import CallerEntry, Record, StepEntry, TouchedEntry
from fhirserver.kernel.ids import is_id
from fhirserver.search.values.reference import resolved

_PATIENT = "Patient"
_PREFIX = "Patient/"
_NAMING = frozenset({"patient", "subject", "patient._id", "subject._id", "patient:Patient", "subject:Patient"})


@dataclass(slots=True)
class Subjects:
    """What was touched, by patient; ``others`` is what is about none."""

    by_patient: dict[str, list[TouchedEntry]] = field(default_factory=dict)
    """By ``Patient/1``."""
    others: list[TouchedEntry] = field(default_factory=list)


def subjects_of(record: Record, caller: CallerEntry | None, own_bases: tuple[str, ...]) -> Subjects:
    """Sort what a record touched by patient; who was asked for is there even where nothing was found.

    Entries of a Bundle that were refused have events of their own.
    """
    found = Subjects()
    for touched in record.touched:
        keys = keys_of(touched.patients, own_bases)
        for key in keys:
            found.by_patient.setdefault(key, []).append(touched)
        if not keys:
            found.others.append(touched)
    steps = (step for index, step in enumerate(record.steps) if index == 0 or not step.status)
    asked = [key for step in steps for key in asked_for(step)]
    if record.patient is not None:
        asked.append(_PREFIX + record.patient)
    for key in asked:
        found.by_patient.setdefault(key, [])
    if not found.by_patient and caller is not None and caller.patient is not None and record.steps:
        found.by_patient[_PREFIX + caller.patient] = []
    return found


def keys_of(patients: Sequence[str], own_bases: tuple[str, ...]) -> Sequence[str]:
    """Return ``Patient/1`` of each; those of other servers are left out."""
    if len(patients) == 1 and "/" not in patients[0]:
        return (_PREFIX + patients[0],)
    named = (resolved(one, own_bases) if "/" in one else _PREFIX + one for one in patients)
    return tuple(dict.fromkeys(key for key in named if key.startswith(_PREFIX)))


def asked_for(step: StepEntry) -> Iterator[str]:
    """Yield the patients that the URL and the parameters of an interaction name."""
    if step.resource_type == _PATIENT and step.logical_id is not None:
        yield from _keys([step.logical_id])
    if step.compartment is not None and step.compartment[0] == _PATIENT:
        yield from _keys([step.compartment[1]])
    for name, value in step.parameters:
        if name in _NAMING or (name == "_id" and step.resource_type == _PATIENT):
            yield from _keys(value.split(","), bare=name.startswith("patient") or name != "subject")


def _keys(values: Iterable[str], *, bare: bool = True) -> Iterator[str]:
    for value in values:
        logical_id = value.removeprefix(_PREFIX)
        if is_id(logical_id) and (bare or logical_id != value):
            yield _PREFIX + logical_id
