"""What a write will store: the next version of an instance with its index values, ready for the commit.

Of a Patient whose identity changes this is where the rules of its country have their say: the version may come with a
Provenance that says what became of the identity, stored in the same commit.
"""

from dataclasses import replace
from typing import Final

from fhirserver.codec import fhir_json
from fhirserver.codec.fhir_json import Body
from fhirserver.identifiers.changes import Happened
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.instant import render_instant
from fhirserver.kernel.outcome import Issue, IssueType, Severity, Unprocessable
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version import Method, Version
from fhirserver.repository.permits import Permits
from fhirserver.repository.requests import Effect, Written
from fhirserver.repository.services import Services
from fhirserver.search.subjects import PROVENANCE, SUBJECT
from fhirserver.store.documents import Draft
from fhirserver.store.store import Current

_PATIENT: Final = "Patient"
_TERMS: Final = "http://terminology.hl7.org/CodeSystem/"
_UPDATE: Final = {"coding": [{"system": f"{_TERMS}v3-DataOperation", "code": "UPDATE"}]}
_AUTHOR: Final = {"coding": [{"system": f"{_TERMS}provenance-participant-type", "code": "author"}]}


def stage(permits: Permits, body: Body, logical_id: str, current: Current | None, method: Method) -> Draft:
    """Return the next version after ``current``, ready to be stored. Raises Unprocessable."""
    if body.value["resourceType"] != _PATIENT:
        return staged(permits.services, body, logical_id, current, method)
    before = None if current is None else current.version.content
    if before is None:
        _check_identity(permits.services, body.value)
        return staged(permits.services, body, logical_id, current, method)
    services = permits.services
    today = render_instant(services.clock())[:10]
    change = services.identities.changed(fhir_json.decode_literal(before), body.value, today)
    _check_identity(services, change.patient)
    if not change.happened:
        return staged(services, body, logical_id, current, method)
    altered = fhir_json.parse_resource(fhir_json.encode_literal(change.patient))
    draft = staged(services, altered, logical_id, current, method)
    told = [_told(services, permits.access.caller, draft.version, altered.value, one) for one in change.happened]
    return replace(draft, beside=tuple(told), happened=tuple(one.text for one in change.happened))


def written(effect: Effect, draft: Draft) -> Written:
    """Return the outcome of storing a version."""
    if not draft.happened:
        return Written(effect, draft.version)
    beside = tuple(one.version for one in draft.beside)
    return Written(effect, draft.version, remarks=_remarks(draft), beside=beside, happened=draft.happened)


def _remarks(draft: Draft) -> tuple[Issue, ...]:
    at, severity = (f"{_PATIENT}.identifier",), Severity.INFORMATION
    return tuple(Issue(IssueType.BUSINESS_RULE, text, severity, at) for text in draft.happened)


def staged(services: Services, body: Body, logical_id: str, current: Current | None, method: Method) -> Draft:
    """Give a resource its identity and index values as the next version after ``current``."""
    version_id = 1 if current is None else current.version.version_id + 1
    revives = current is not None and current.version.content is None
    instant = _next_instant(services, current)
    content = fhir_json.stamp(body, logical_id, version_id, render_instant(instant))
    values = services.extractor.extract({**body.value, "id": logical_id})
    resource_type = body.value["resourceType"]
    version = Version(resource_type, logical_id, version_id, instant, method, content, revives=revives)
    return Draft(version, values)


def tombstone(services: Services, current: Current) -> Draft:
    """Return the version that marks an instance as deleted."""
    old = current.version
    instant = _next_instant(services, current)
    version = Version(old.resource_type, old.logical_id, old.version_id + 1, instant, Method.DELETE, content=None)
    return Draft(version, None)


def _next_instant(services: Services, current: Current | None) -> int:
    """Return now; of another worker's version that has a later time, the µs after it, so that each has its own."""
    now = services.clock()
    return now if current is None else max(now, current.version.last_updated_us + 1)


def _check_identity(services: Services, patient: Resource) -> None:
    problems = list(services.identities.problems(patient))
    if problems:
        raise Unprocessable("The `Patient` breaks the rules of its identity.", issues=problems)


def _told(services: Services, caller: Caller | None, version: Version, patient: Resource, what: Happened) -> Draft:
    """Return the Provenance of what happened to an identity, to be seen by who sees the Patient."""
    instant = services.clock()
    labels = patient.get("meta", {}).get("security", ())
    meta = {"versionId": "1", "lastUpdated": render_instant(instant), **({"security": labels} if labels else {})}
    provenance: Resource = {
        "resourceType": PROVENANCE,
        "id": services.new_id(),
        "meta": meta,
        "extension": [{"url": SUBJECT, "valueReference": {"reference": version.key}}],
        "target": [{"reference": f"{version.key}/_history/{version.version_id}"}],
        "recorded": render_instant(version.last_updated_us),
        "reason": [{"text": what.text}],
        "activity": {**_UPDATE, "text": what.code},
        "agent": [{"type": _AUTHOR, "who": _who(caller)}],
        "entity": [{"role": "revision", "what": {"reference": f"{version.key}/_history/{version.version_id - 1}"}}],
    }
    written = Version(PROVENANCE, provenance["id"], 1, instant, Method.POST, fhir_json.encode_literal(provenance))
    return Draft(written, services.extractor.extract(provenance))


def _who(caller: Caller | None) -> Resource:
    """Return who changed the Patient: the user, else the client; the server's own name where nobody logs in."""
    if caller is None:
        return {"display": "unknown"}
    if not caller.fhir_user:
        return {"display": caller.name or caller.client_id}
    return {"reference": caller.fhir_user, **({"display": caller.name} if caller.name else {})}
