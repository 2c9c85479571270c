"""The access log of a patient: the audit events about them, for themselves, their proxies and who watches over it.

They see it whatever else they may see of the audit trail: the events are read with the rights of the server, and so
are the names of the organizations and people in them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fhirserver.access import Access, Unrestricted
from fhirserver.access.access import Right
from fhirserver.codec.fhir_json import decode_checked
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.outcome import Forbidden
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.scopes import parse_scope
from fhirserver.repository.append_only import AUDIT_EVENT
from fhirserver.repository.cursors import Cursor, digest
from fhirserver.repository.linked import read_many
from fhirserver.repository.planning import plan_of_type, resolve
from fhirserver.repository.services import Services
from fhirserver.search.query import parse_query
from fhirserver.store.sorting import Window

_SERVER: Final = Unrestricted()
_PROXIES: Final = "RelatedPerson/"
OFFICER: Final = "data-protection-officer"
"""The role of the policy file of who looks into unusual access."""
_READING: Final = ("r", "s")
_FROM_PATIENTS: Final = ("INVISIBLE_PATIENT",)
_FROM_PROXIES: Final = ("INVISIBLE_REPRESENTANTS_LEGAUX", "ADOL")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLogRequest:
    """Whose log, and which part of it; ``dates`` are values of the search parameter ``date``."""

    patient: str
    count: int
    dates: tuple[str, ...] = ()
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class AccessLogPage:
    """One page, the latest first, and who and what the events name."""

    events: tuple[Resource, ...]
    named: dict[str, Resource]
    next_cursor: str | None


async def access_log(services: Services, access: Access, request: AccessLogRequest) -> AccessLogPage:
    """Return a page of the events about a patient. Raises Forbidden, BadSearchValue."""
    check_may_see(access.caller, request.patient)
    kept = (("_security:not", code) for code in kept_from(access.caller, request.patient))
    criteria = (("patient", f"Patient/{request.patient}"), *(("date", date) for date in request.dates), *kept)
    given = parse_query(criteria).criteria
    plan = await resolve(services, _SERVER, plan_of_type(services, _SERVER, AUDIT_EVENT, given, Right.SEARCH))
    identity = digest(("$access-log", access.key, *(f"{name}={value}" for name, value in criteria)))
    position = None if request.cursor is None else services.cursors.open(identity, request.cursor).position
    hits = await services.searcher.find(plan, Window(request.count + 1, position=position, backward=True))
    shown = hits[::-1][: request.count]
    following = None
    if len(hits) > request.count:
        following = services.cursors.seal(identity, Cursor(shown[-1].position, backward=True))
    events = tuple(decode_checked(hit.version.content or b"{}").value for hit in shown)
    return AccessLogPage(events, await _named(services, events), following)


def check_may_see(caller: Caller | None, patient: str) -> None:
    """Refuse all but the patient, who acts for them, administrators and data protection officers. Raises Forbidden."""
    if caller is None or caller.is_admin:
        return
    if OFFICER in caller.roles:
        return
    is_own = caller.fhir_user == f"Patient/{patient}"
    is_proxy = caller.patient == patient and (caller.fhir_user or "").startswith(_PROXIES)
    scopes = (parse_scope(text, lambda name: True) for text in caller.scopes)
    covered = any(scope and any(scope.covers(AUDIT_EVENT, right) for right in _READING) for scope in scopes)
    if not (is_own or is_proxy):
        raise Forbidden("The access log of a patient is for the patient, who acts for them, and administrators.")
    if not covered:
        raise Forbidden("The access log takes a scope that covers `AuditEvent`, as `patient/AuditEvent.rs`.")


def kept_from(caller: Caller | None, patient: str) -> tuple[str, ...]:
    """Return the labels of events that are not told to a caller: what they name is kept from them."""
    if caller is None or caller.is_admin or OFFICER in caller.roles:
        return ()
    return _FROM_PATIENTS if caller.fhir_user == f"Patient/{patient}" else (*_FROM_PATIENTS, *_FROM_PROXIES)


async def _named(services: Services, events: Iterable[Resource]) -> dict[str, Resource]:
    """Read the people and organizations that events name."""
    agents = (agent for event in events for agent in event.get("agent", ()))
    keys = dict.fromkeys(agent.get("who", {}).get("reference", "") for agent in agents)
    hits = await read_many(services, _SERVER, [key for key in keys if key.count("/") == 1])
    return {hit.version.key: decode_checked(hit.version.content or b"{}").value for hit in hits}
