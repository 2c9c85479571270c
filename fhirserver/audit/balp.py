"""Records -> AuditEvents as IHE's Basic Audit Log Patterns describe them, each with its index values.

One event for each patient that an interaction is about. The events are written by hand from pieces that recur, for
there are more of them than of all other resources together: a test holds their index values against the extractor's.
Where a site indexes AuditEvents by SearchParameters of its own, the extractor does it.
Spec: https://profiles.ihe.net/ITI/BALP, http://hl7.org/fhir/R4/auditevent.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from fhirserver.audit.agents import Agents, Fragment, Observer, fragment_of
from fhirserver.audit.codes import (
    DECISION,
    EVENT_TYPE,
    INTERACTION,
    KEPT_FROM_SUBJECTS,
    KINDS,
    OPERATION_SYSTEM,
    OTHER,
    REPEATS,
    SHAPES,
    Coding,
    Shape,
    profile_of,
)
from fhirserver.audit.entities import (
    MOST_DATA,
    Entity,
    data_entity,
    entity_terms,
    patient_entity,
    query_entity,
    request_entity,
    result_entity,
)
from fhirserver.audit.record import CallerEntry, Kind, Outcome, Record, StepEntry, TouchedEntry, outcome_of
from fhirserver.audit.subjects import Subjects, asked_for, subjects_of
from fhirserver.codec.fhir_json import decode_checked, encode
from fhirserver.kernel.ids import is_id
from fhirserver.kernel.instant import Clock, render_instant
from fhirserver.kernel.resource import Json
from fhirserver.kernel.version import Method, Version
from fhirserver.search.extract import Extractor
from fhirserver.search.index import SEPARATOR, IndexValues, Span
from fhirserver.search.values.date import TICKS_PER_US
from fhirserver.store.documents import Draft

AUDIT_EVENT: Final = "AuditEvent"
_BUNDLES: Final = frozenset({"batch", "transaction"})
_QUERIES: Final = 20
"""Queries that the event of one Bundle names."""
_PROFILE_KEY: Final = f"{AUDIT_EVENT}._profile="
_SECURITY_KEY: Final = f"{AUDIT_EVENT}._security"
_DATE_KEY: Final = f"{AUDIT_EVENT}.date"
_NONE: Final = (StepEntry(""),)


@dataclass(frozen=True, slots=True)
class _Head:
    """What is the same in all events of a kind."""

    shape: Shape
    type: Coding
    subtypes: tuple[Coding, ...]
    outcome: str


@dataclass(frozen=True, slots=True)
class _Event:
    """One event before it is written."""

    head: _Head
    entities: tuple[Entity, ...]
    patient: str | None = None
    """``Patient/1``."""
    profile: str | None = None
    labels: tuple[Coding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """What an event is about: versions with the same labels that keep them from the patient."""

    touched: Sequence[TouchedEntry]
    labels: tuple[Coding, ...] = ()
    is_silent: bool = False
    """What was asked names something that is kept from the patient."""


class Composer:
    """Writes the events of one site, by the search parameters of one moment."""

    def __init__(self, observer: Observer, extractor: Extractor, own_bases: tuple[str, ...], clock: Clock) -> None:
        """Let ``observer`` have recorded them; ``clock`` gives ``meta.lastUpdated``."""
        self._observer = observer
        self.extractor = extractor
        self.own_bases = own_bases
        self.clock = clock
        self._agents = Agents(observer, extractor)
        self._heads: dict[_Head, Fragment] = {}

    def events(self, record: Record, caller: CallerEntry | None, base_id: str, *, exact: bool = False) -> list[Draft]:
        """Write the events of a record, ready to be stored; ``exact``: indexed by the extractor."""
        drafts = []
        for number, event in enumerate(self._events(record, caller)):
            logical_id = base_id if number == 0 else f"{base_id}.{number}"
            draft = self._draft(event, record, caller, logical_id)
            drafts.append(self._indexed_by_extractor(draft) if exact else draft)
        return drafts

    def _indexed_by_extractor(self, draft: Draft) -> Draft:
        return Draft(draft.version, self.extractor.extract(decode_checked(draft.version.content or b"").value))

    def _events(self, record: Record, caller: CallerEntry | None) -> Iterator[_Event]:
        subjects = subjects_of(record, caller, self.own_bases)
        if record.kind != Kind.REST:
            yield from self._of_happening(record, subjects)
            return
        main = (record.steps or _NONE)[0]
        yield from self._of_interaction(record, main, subjects)
        for step in record.steps[1:]:
            if step.status:
                yield from self._of_refusal(record, step)

    def _of_happening(self, record: Record, subjects: Subjects) -> Iterator[_Event]:
        codes = KINDS[Kind(record.kind)]
        head = _Head(codes.shape, codes.type, (codes.subtype,), record.outcome)
        entities = (*_request(record), *(query_entity(step.parameters[0][0]) for step in record.steps))
        for patient in subjects.by_patient or (None,):
            yield _Event(head, entities, patient)

    def _of_interaction(self, record: Record, step: StepEntry, subjects: Subjects) -> Iterator[_Event]:
        head = _head_of(step, record.outcome)
        others: Sequence[TouchedEntry] = subjects.others
        for patient, touched in subjects.by_patient.items():
            for part in _parts(record, [*touched, *others]):
                yield self._event(head, record, step, part, patient)
            others = ()  # what is about nobody stands in the first event
        if not subjects.by_patient:
            for part in _parts(record, others):
                yield self._event(head, record, step, part, None)

    def _event(self, head: _Head, record: Record, step: StepEntry, part: _Part, patient: str | None) -> _Event:
        entities = [*_request(record), *self._what(head, record, step, part)]
        is_plain = (head.shape.is_query and not part.is_silent) or len(part.touched) == 1
        successful = record.outcome == Outcome.SUCCESS and is_plain
        profile = profile_of(head.shape, about_patient=patient is not None) if successful else None
        return _Event(head, tuple(entities), patient, profile, part.labels)

    def _what(self, head: _Head, record: Record, step: StepEntry, part: _Part) -> Iterator[Entity]:
        touched = part.touched
        if step.interaction in _BUNDLES:
            asked = (one for one in record.steps[1:] if SHAPES.get(one.interaction, OTHER).is_query)
            queries = (self._query(record, one) for one, _ in zip(asked, range(_QUERIES), strict=False))
            yield from () if part.is_silent else queries
            yield from _data(touched, with_touch=True)
        elif head.shape.is_query:
            if not part.is_silent:
                yield self._query(record, step)
            if touched:
                yield result_entity(touched)
        elif touched:
            yield from _data(touched, with_touch=False)
        elif step.resource_type and step.logical_id and is_id(step.logical_id):
            yield data_entity(f"{step.resource_type}/{step.logical_id}", None)
        else:
            yield self._query(record, step)

    def _of_refusal(self, record: Record, step: StepEntry) -> Iterator[_Event]:
        """Make the events of an entry of a Bundle that was refused."""
        head = _head_of(step, outcome_of(step.status))
        entities = (*_request(record), *self._what(head, record, step, _Part(())))
        for patient in tuple(dict.fromkeys(asked_for(step))) or (None,):
            yield _Event(head, entities, patient)

    def _query(self, record: Record, step: StepEntry) -> Entity:
        return query_entity(f"{record.method} {self._observer.base_url}/{url_of(step)}")

    def _draft(self, event: _Event, record: Record, caller: CallerEntry | None, logical_id: str) -> Draft:
        agents = self._agents.of(caller, record.address, event.head.shape)
        head = self._head(event.head)
        updated = self.clock()
        entities = event.entities if event.patient is None else (*event.entities, patient_entity(event.patient))
        content = b"".join(
            (
                _opening(logical_id, updated, event),
                _extensions(record),
                b'"recorded":"',
                render_instant(record.recorded_us).encode(),
                b'",',
                head.json,
                b'"outcomeDesc":%b,' % encode(record.text) if record.text else b"",
                agents.json,
                self._agents.source.json if entities else self._agents.source.json[:-1],
                f'"entity":[{",".join([entity.json for entity in entities])}]'.encode() if entities else b"",
                b"}",
            )
        )
        version = Version(AUDIT_EVENT, logical_id, 1, updated, Method.POST, content)
        return Draft(version, self._values(event, record, (head, agents), entities))

    def _values(
        self, event: _Event, record: Record, parts: tuple[Fragment, Fragment], entities: Sequence[Entity]
    ) -> IndexValues:
        head, agents = parts
        patients = (event.patient,) if event.patient is not None else ()
        terms = [
            AUDIT_EVENT,
            *((_PROFILE_KEY + event.profile,) if event.profile else ()),
            *_label_terms(event.labels),
            *head.terms,
            *agents.terms,
            *(f"{AUDIT_EVENT}.patient={key}" for key in agents.patients),
            *self._agents.source.terms,
            *entity_terms(entities, patients),
            *(f"@{key}" for key in (*agents.patients, *patients)),
        ]
        ticks = record.recorded_us * TICKS_PER_US
        return IndexValues(list(dict.fromkeys(terms)), [Span(_DATE_KEY, ticks, ticks + 1)])

    def _head(self, head: _Head) -> Fragment:
        found = self._heads.get(head)
        if found is None:
            members = {
                "type": head.type.to_json(),
                **({"subtype": [coding.to_json() for coding in head.subtypes]} if head.subtypes else {}),
                "action": head.shape.action,
                "outcome": head.outcome,
            }
            found = self._heads[head] = fragment_of(members, self.extractor)
        return found


def _head_of(step: StepEntry, outcome: str) -> _Head:
    shape = SHAPES.get(step.interaction, OTHER)
    subtypes = [Coding(INTERACTION, step.interaction)] if step.interaction else []
    if step.operation and is_id(step.operation):
        subtypes.append(Coding(OPERATION_SYSTEM, step.operation))
    return _Head(shape, Coding(EVENT_TYPE, "rest"), tuple(subtypes), outcome)


def url_of(step: StepEntry) -> str:
    """Write what an interaction addressed, below the base, in the canonical form of the URL."""
    if not step.interaction:
        return quote(step.parameters[0][0], safe="/$") if step.parameters else ""
    parts = [*(step.compartment or ()), step.resource_type, step.logical_id]
    if step.version_id is not None:
        parts += ["_history", step.version_id]
    elif step.interaction.startswith("history"):
        parts.append("_history")
    if step.operation is not None:
        parts.append(f"${step.operation}")
    path = "/".join(quote(part, safe="$*") for part in parts if part)
    return f"{path}?{urlencode(step.parameters, safe=':|,/')}" if step.parameters else path


def _request(record: Record) -> tuple[Entity, ...]:
    return (request_entity(record.request_id),) if record.request_id else ()


def _data(touched: Sequence[TouchedEntry], *, with_touch: bool) -> Iterator[Entity]:
    for one in touched[:MOST_DATA]:
        yield data_entity(one.key, one.version, one.touch if with_touch else None)
    if len(touched) > MOST_DATA:
        yield result_entity(touched[MOST_DATA:])


def _parts(record: Record, touched: Sequence[TouchedEntry]) -> list[_Part]:
    """Part what is kept from the patient from what is not: nothing in an event that they may see tells of it."""
    by_labels: dict[tuple[Coding, ...], list[TouchedEntry]] = {}
    for one in touched:
        by_labels.setdefault(_kept(one), []).append(one)
    if not any(by_labels):
        return [_Part(touched)]
    kept = {one.key.partition("/")[2] for labels, some in by_labels.items() if labels for one in some}
    names_it = any(one in value for step in record.steps for _, value in step.parameters for one in kept)
    return [_Part(some, labels, is_silent=names_it and not labels) for labels, some in by_labels.items()]


def _kept(touched: TouchedEntry) -> tuple[Coding, ...]:
    if not touched.labels:
        return ()
    return tuple(sorted({Coding(*label) for label in touched.labels if label[1] in KEPT_FROM_SUBJECTS}))


def _label_terms(labels: Sequence[Coding]) -> Iterator[str]:
    for system, code in labels:
        yield from (f"{_SECURITY_KEY}:code={code}", f"{_SECURITY_KEY}={code}{SEPARATOR}{system}")
        if system:
            yield f"{_SECURITY_KEY}|={system}"


def _opening(logical_id: str, updated_us: int, event: _Event) -> bytes:
    profiles = f',"profile":["{event.profile}"]' if event.profile else ""
    labels = f',"security":{encode([one.to_json() for one in event.labels]).decode()}' if event.labels else ""
    meta = f'{{"versionId":"1","lastUpdated":"{render_instant(updated_us)}"{profiles}{labels}}}'
    return f'{{"resourceType":"{AUDIT_EVENT}","id":"{logical_id}","meta":{meta},'.encode()


def _extensions(record: Record) -> bytes:
    found: list[Json] = []
    if record.decision:
        found.append({"url": DECISION, "valueString": record.decision})
    if record.repeats:
        found.append({"url": REPEATS, "valueInteger": record.repeats})
    return b'"extension":%b,' % encode(found) if found else b""
