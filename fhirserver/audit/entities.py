"""The part of an event that says what: the request, the query or the instances, and the patient.

Written by hand for speed; a test holds the index values against those that the extractor finds in the JSON.
"""

import base64
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from fhirserver.audit.codes import BALP_ENTITY, ENTITY_TYPE, LIFECYCLE, OBJECT_ROLE
from fhirserver.audit.record import TouchedEntry
from fhirserver.codec.fhir_json import encode
from fhirserver.search.index import SEPARATOR

MOST_DATA: Final = 200
"""Instances that one event names each in an entity of its own."""
MOST_RESULTS: Final = 2000
"""Versions that one event names as what a query found."""

_KEY: Final = "AuditEvent.entity"


class Entity(NamedTuple):
    """One ``AuditEvent.entity``: its JSON and the terms of its reference, its role and its type."""

    json: str
    what: tuple[str, ...]
    role: tuple[str, ...]
    type: tuple[str, ...]


def _coding(system: str, code: str) -> str:
    return f'{{"system":"{system}","code":"{code}"}}'


def _terms(element: str, system: str, code: str) -> tuple[str, ...]:
    key = f"{_KEY}-{element}"
    return f"{key}:code={code}", f"{key}={code}{SEPARATOR}{system}", f"{key}|={system}"


_REQUEST_TYPE: Final = _terms("type", BALP_ENTITY, "XrequestId")
_PERSON: Final = _terms("type", ENTITY_TYPE, "1")
_OBJECT: Final = _terms("type", ENTITY_TYPE, "2")
_OTHER: Final = _terms("type", ENTITY_TYPE, "4")
_PATIENT_ROLE: Final = _terms("role", OBJECT_ROLE, "1")
_REPORT_ROLE: Final = _terms("role", OBJECT_ROLE, "3")
_RESOURCE_ROLE: Final = _terms("role", OBJECT_ROLE, "4")
_JOB_ROLE: Final = _terms("role", OBJECT_ROLE, "20")
_QUERY_ROLE: Final = _terms("role", OBJECT_ROLE, "24")

_REQUEST_END: Final = f'}}}},"type":{_coding(BALP_ENTITY, "XrequestId")}}}'
_PATIENT_END: Final = f'"}},"type":{_coding(ENTITY_TYPE, "1")},"role":{_coding(OBJECT_ROLE, "1")}}}'
_QUERY_HEAD: Final = f'{{"type":{_coding(ENTITY_TYPE, "2")},"role":{_coding(OBJECT_ROLE, "24")},"query":"'
_RESULT_HEAD: Final = f'{{"type":{_coding(ENTITY_TYPE, "4")},"role":{_coding(OBJECT_ROLE, "4")},"detail":'

_ROLES: Final = {
    "DiagnosticReport": ("3", _REPORT_ROLE),
    "DocumentReference": ("3", _REPORT_ROLE),
    "Composition": ("3", _REPORT_ROLE),
    "Task": ("20", _JOB_ROLE),
}
_RESOURCE: Final = ("4", _RESOURCE_ROLE)
_LIFECYCLES: Final = {"r": "6", "c": "1", "u": "3", "d": "14"}
"""Access / use, origination / creation, amendment, logical deletion."""


def request_entity(request_id: str) -> Entity:
    """Return the entity of the ``X-Request-Id``."""
    value = encode(request_id).decode()
    return Entity(
        f'{{"what":{{"identifier":{{"value":{value}{_REQUEST_END}',
        (f"{_KEY}:identifier={request_id}{SEPARATOR}",),
        (),
        _REQUEST_TYPE,
    )


def patient_entity(key: str) -> Entity:
    """Return the entity of a patient, ``Patient/1``."""
    return Entity(f'{{"what":{{"reference":"{key}{_PATIENT_END}', (f"{_KEY}={key}",), _PATIENT_ROLE, _PERSON)


def data_entity(key: str, version: int | None, touch: str | None = None) -> Entity:
    """Return the entity of an instance; ``touch`` where the event alone does not say what was done with it."""
    code, role = _ROLES.get(key.partition("/")[0], _RESOURCE)
    reference = key if version is None else f"{key}/_history/{version}"
    lifecycle = f',"lifecycle":{_coding(LIFECYCLE, _LIFECYCLES[touch])}' if touch else ""
    head = f'{{"what":{{"reference":"{reference}"}},"type":{_coding(ENTITY_TYPE, "2")}'
    return Entity(f'{head},"role":{_coding(OBJECT_ROLE, code)}{lifecycle}}}', (f"{_KEY}={key}",), role, _OBJECT)


def query_entity(query: str) -> Entity:
    """Return the entity of what was asked, the text in base64."""
    return Entity(f'{_QUERY_HEAD}{base64.b64encode(query.encode()).decode()}"}}', (), _QUERY_ROLE, _OBJECT)


def result_entity(touched: Sequence[TouchedEntry]) -> Entity:
    """Return the entity of what a query found: versions by type, and how many, where they are not all named."""
    by_type: dict[str, list[str]] = {}
    for one in touched[:MOST_RESULTS]:
        resource_type, _, logical_id = one.key.partition("/")
        by_type.setdefault(resource_type, []).append(f"{logical_id}/{one.version}")
    details = [{"type": name, "valueString": " ".join(ids)} for name, ids in by_type.items()]
    if len(touched) > MOST_RESULTS:
        details.append({"type": "total", "valueString": str(len(touched))})
    return Entity(f"{_RESULT_HEAD}{encode(details).decode()}}}", (), _RESOURCE_ROLE, _OTHER)


def entity_terms(entities: Iterable[Entity], patients: Iterable[str]) -> list[str]:
    """Return the terms of entities in the order of the extractor: references, roles, types, patients."""
    found = list(entities)
    terms = [term for entity in found for term in entity.what]
    terms += [term for entity in found for term in entity.role]
    terms += [term for entity in found for term in entity.type]
    return [*terms, *(f"AuditEvent.patient={key}" for key in patients)]
