"""A Provenance for what a request wrote, where its caller brought none: who, when, what it did, to which versions.

Spec: http://hl7.org/fhir/R4/provenance.html
"""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from fhirserver.audit.agents import purposes_of, who_of
from fhirserver.audit.codes import CLIENT_SYSTEM, PROVENANCE_AGENT, Coding
from fhirserver.audit.record import CallerEntry, Record, TouchedEntry
from fhirserver.codec.fhir_json import encode
from fhirserver.kernel.instant import Clock, render_instant
from fhirserver.kernel.resource import Json, Resource
from fhirserver.kernel.version import Method, Version
from fhirserver.search.extract import Extractor
from fhirserver.store.documents import Draft

PROVENANCE: Final = "Provenance"
_OPERATION: Final = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_ACTIVITIES: Final = MappingProxyType({"c": "CREATE", "u": "UPDATE", "d": "DELETE"})
_WITHOUT: Final = frozenset({PROVENANCE, "AuditEvent"})
_TARGETS: Final = 1000
"""Versions that one Provenance is about."""


def provenances(
    record: Record, caller: CallerEntry | None, base_id: str, clock: Clock, extractor: Extractor
) -> Iterator[Draft]:
    """Write the Provenances of a record: of what was created, of what was updated, of what was deleted."""
    for touch, activity in _ACTIVITIES.items():
        targets = [one for one in record.touched if one.touch == touch and one.key.partition("/")[0] not in _WITHOUT]
        for number, start in enumerate(range(0, len(targets), _TARGETS)):
            logical_id = f"{base_id}.{touch}{number or ''}"
            resource = _resource(record, caller, activity, targets[start : start + _TARGETS])
            yield _draft(resource, logical_id, clock(), extractor)


def _draft(resource: Resource, logical_id: str, updated_us: int, extractor: Extractor) -> Draft:
    meta = {"versionId": "1", "lastUpdated": render_instant(updated_us)}
    whole = {"resourceType": PROVENANCE, "id": logical_id, "meta": meta, **resource}
    version = Version(PROVENANCE, logical_id, 1, updated_us, Method.POST, encode(whole))
    return Draft(version, extractor.extract(whole))


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
