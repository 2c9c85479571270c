"""The part of an event that says who: client, server and user; made once for a caller, an address and a shape.

Its index values are those that the extractor finds in it, so that nothing of how agents are indexed is written twice.
"""

from typing import Final, NamedTuple

from fhirserver.audit.codes import (
    CLIENT_SYSTEM,
    DEVICE_SYSTEM,
    PURPOSE,
    ROLE_CLASS,
    ROLE_SYSTEM,
    SOURCE_TYPE,
    Coding,
    Shape,
)
from fhirserver.audit.record import CallerEntry
from fhirserver.codec.fhir_json import encode
from fhirserver.kernel.resource import Json, Resource
from fhirserver.search.extract import Extractor

_MEMBER: Final = "@Patient/"
_PATIENT_KEY: Final = "AuditEvent.patient="
_TYPE: Final = "AuditEvent"
_IP: Final = "2"
_URI: Final = "5"
_EMERGENCY: Final = "BTG"
_APPLICATION_SERVER: Final = "4"
_REMEMBERED: Final = 4096


class Fragment(NamedTuple):
    """JSON members of an event, in one piece, and what they index."""

    json: bytes
    terms: tuple[str, ...]
    patients: tuple[str, ...] = ()
    """Patients that it makes the event a member of the records of: ``Patient/1``."""


class Observer(NamedTuple):
    """The server that records."""

    name: str
    site: str
    base_url: str


def fragment_of(members: Resource, extractor: Extractor) -> Fragment:
    """Write members of an AuditEvent, with a comma at the end, and find what they index."""
    values = extractor.extract({"resourceType": _TYPE, "id": "0", **members})
    own = [term for term in values.terms if term != _TYPE and not term.startswith((_MEMBER, _PATIENT_KEY))]
    patients = [term.removeprefix(_PATIENT_KEY) for term in values.terms if term.startswith(_PATIENT_KEY)]
    return Fragment(encode(members)[1:-1] + b",", tuple(own), tuple(patients))


class Agents:
    """Makes and remembers the agents of events."""

    def __init__(self, observer: Observer, extractor: Extractor) -> None:
        """Let ``observer`` be the server of all events."""
        self._observer = observer
        self._extractor = extractor
        self._made: dict[tuple[CallerEntry | None, str | None, Shape], Fragment] = {}
        self.source = fragment_of({"source": _source(observer)}, extractor)

    def of(self, caller: CallerEntry | None, address: str | None, shape: Shape) -> Fragment:
        """Return ``purposeOfEvent`` and ``agent``."""
        key = (caller, address, shape)
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= _REMEMBERED:
                self._made.clear()
            found = self._made[key] = fragment_of(self._members(caller, address, shape), self._extractor)
        return found

    def _members(self, caller: CallerEntry | None, address: str | None, shape: Shape) -> Resource:
        agents: list[Json] = [self._client(caller, address, shape), self._server(shape)]
        if caller is not None and (caller.fhir_user or caller.name):
            agents.append(_user(caller, shape))
        if caller is not None:
            agents += [_organization(reference) for reference in caller.organizations]
        purposes = purposes_of(caller)
        return {**({"purposeOfEvent": purposes} if purposes else {}), "agent": agents}

    def _client(self, caller: CallerEntry | None, address: str | None, shape: Shape) -> Resource:
        is_alone = caller is None or not (caller.fhir_user or caller.name)
        who: Resource = {"display": "unknown"}
        if caller is not None and caller.client_id:
            who = {"identifier": {"system": CLIENT_SYSTEM, "value": caller.client_id}}
        agent: Resource = {"type": {"coding": [shape.client.to_json()]}, "who": who, "requestor": is_alone}
        if is_alone and caller is not None and caller.policy:
            agent["policy"] = [caller.policy]
        network: Resource = {"address": address, "type": _IP} if address else {"address": "unknown"}
        return {**agent, "network": network}

    def _server(self, shape: Shape) -> Resource:
        return {
            "type": {"coding": [shape.server.to_json()]},
            "who": {"identifier": {"system": DEVICE_SYSTEM, "value": self._observer.name}},
            "requestor": False,
            "network": {"address": self._observer.base_url, "type": _URI},
        }


def purposes_of(caller: CallerEntry | None) -> list[Json]:
    """Return why somebody asks; of an emergency with the reason that was given."""
    if caller is None:
        return []
    if caller.emergency is not None:
        return [{"coding": [Coding(PURPOSE, _EMERGENCY).to_json()], "text": caller.emergency or "no reason given"}]
    return [{"coding": [Coding(PURPOSE, caller.purpose).to_json()]}] if caller.purpose else []


def who_of(caller: CallerEntry) -> Resource:
    """Return the reference to a user."""
    who: Resource = {}
    if caller.fhir_user:
        who["reference"] = caller.fhir_user
    if caller.name:
        who["display"] = caller.name
    return who


def _user(caller: CallerEntry, shape: Shape) -> Resource:
    agent: Resource = {"type": {"coding": [coding.to_json() for coding in shape.users]}}
    if caller.roles:
        agent["role"] = [{"coding": [Coding(ROLE_SYSTEM, role).to_json()]} for role in caller.roles]
    agent["who"] = who_of(caller)
    if caller.name:
        agent["name"] = caller.name
    agent["requestor"] = True
    if caller.policy:
        agent["policy"] = [caller.policy]
    purposes = purposes_of(caller)
    return {**agent, "purposeOfUse": purposes} if purposes else agent


def _organization(reference: str) -> Resource:
    """Return the agent of whom a user acts for: BALP has it in events of authorization."""
    return {
        "type": {"coding": [Coding(ROLE_CLASS, "PROV").to_json()]},
        "who": {"reference": reference},
        "requestor": False,
    }


def _source(observer: Observer) -> Resource:
    return {
        "site": observer.site,
        "observer": {"identifier": {"system": DEVICE_SYSTEM, "value": observer.name}},
        "type": [Coding(SOURCE_TYPE, _APPLICATION_SERVER).to_json()],
    }
