"""A Provenance for what a request wrote, where its caller brought none: who, when, what it did, to which versions.

Spec: http://hl7.org/fhir/R4/provenance.html
"""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final, NamedTuple

from fhirserver.audit.agents import purposes_of, who_of
from fhirserver.audit.balp import Composer
from fhirserver.audit.codes import CLIENT_SYSTEM, PROVENANCE_AGENT, Coding
from fhirserver.audit.record import CallerEntry, Record, TouchedEntry
from fhirserver.audit.subjects import keys_of
from fhirserver.codec.fhir_json import encode
from fhirserver.kernel.instant import render_instant
from fhirserver.kernel.resource import Json, Resource
from fhirserver.kernel.version import Method, Version
from fhirserver.search.subjects import PROVENANCE, SUBJECT
from fhirserver.store.documents import Draft

_OPERATION: Final = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_ACTIVITIES: Final = MappingProxyType({"c": "CREATE", "u": "UPDATE", "d": "DELETE"})
_WITHOUT: Final = frozenset({PROVENANCE, "AuditEvent"})
_TARGETS: Final = 1000
"""Versions that one Provenance is about."""


class _Seen(NamedTuple):
    """What decides who may see a version: those of one Provenance have it in common, so that it is seen by the same."""

    resource_type: str
    patients: tuple[str, ...]
    """``Patient/1``."""
    labels: tuple[Coding, ...]


def provenances(record: Record, caller: CallerEntry | None, base_id: str, composer: Composer) -> Iterator[Draft]:
    """Write the Provenances of a record: of what was created, of what was updated, of what was deleted."""
    for touch, activity in _ACTIVITIES.items():
        for number, (seen, targets) in enumerate(_groups(record, touch, composer.own_bases)):
            resource = _resource(record, caller, activity, targets)
            yield _draft(_as_seen(seen), resource, f"{base_id}.{touch}{number or ''}", composer)


def _groups(record: Record, touch: str, own_bases: tuple[str, ...]) -> Iterator[tuple[_Seen, list[TouchedEntry]]]:
    """Yield what was done of a kind, by who may see it."""
    groups: dict[_Seen, list[TouchedEntry]] = {}
    for one in record.touched:
        resource_type = one.key.partition("/")[0]
        if one.touch == touch and resource_type not in _WITHOUT:
            labels = tuple(sorted({Coding(*label) for label in one.labels}))
            seen = _Seen(resource_type, tuple(sorted(keys_of(one.patients, own_bases))), labels)
            groups.setdefault(seen, []).append(one)
    for seen, targets in groups.items():
        for start in range(0, len(targets), _TARGETS):
            yield seen, targets[start : start + _TARGETS]


def _as_seen(seen: _Seen) -> Resource:
    """Return what lets those see a Provenance who see its targets: their labels, and in whose records they are."""
    labels = {"security": [one.to_json() for one in seen.labels]} if seen.labels else {}
    subjects = [{"url": SUBJECT, "valueReference": {"reference": key}} for key in seen.patients]
    return {"meta": labels, **({"extension": subjects} if subjects else {})}


def _draft(head: Resource, resource: Resource, logical_id: str, composer: Composer) -> Draft:
    updated_us = composer.clock()
    meta = {"versionId": "1", "lastUpdated": render_instant(updated_us), **head["meta"]}
    whole = {"resourceType": PROVENANCE, "id": logical_id, **head, "meta": meta, **resource}
    version = Version(PROVENANCE, logical_id, 1, updated_us, Method.POST, encode(whole))
    return Draft(version, composer.extractor.extract(whole))


def _resource(record: Record, caller: CallerEntry | None, activity: str, targets: list[TouchedEntry]) -> Resource:
    purposes = purposes_of(caller)
    return {
        "target": [{"reference": f"{one.key}/_history/{one.version}"} for one in targets],
        "recorded": render_instant(record.recorded_us),
        **({"reason": purposes} if purposes else {}),
        "activity": {"coding": [Coding(_OPERATION, activity).to_json()]},
        "agent": _agents(caller),
    }


def _agents(caller: CallerEntry | None) -> list[Json]:
    """Return the author and the client that wrote it down; of who needed no login there is a name only."""
    if caller is None:
        return [{"type": _role("assembler"), "who": {"display": "unknown"}}]
    client: Resource = {
        "type": _role("assembler"),
        "who": {"identifier": {"system": CLIENT_SYSTEM, "value": caller.client_id}},
    }
    if not (caller.fhir_user or caller.name):
        return [client]
    author: Resource = {"type": _role("author"), "who": who_of(caller)}
    if caller.organizations:
        author["onBehalfOf"] = {"reference": caller.organizations[0]}
    return [author, client]


def _role(code: str) -> Resource:
    return {"coding": [Coding(PROVENANCE_AGENT, code).to_json()]}
