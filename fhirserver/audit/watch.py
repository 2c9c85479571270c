"""Looks through new audit events for unusual access, and leaves a Task for the data protection officer of each finding.

One worker at a time goes on where the last one ended: a mark in the database says where, and who has it.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from fhirserver.access import Unrestricted
from fhirserver.audit.codes import DEVICE_SYSTEM, SYSTEM
from fhirserver.audit.unusual import TEXTS, Accessed, Masses, Rule, Unusual, rules_of
from fhirserver.codec.fhir_json import decode_checked, encode, parse_resource
from fhirserver.kernel.instant import render_instant
from fhirserver.kernel.outcome import PreconditionFailed
from fhirserver.kernel.resource import Json, Resource
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Update
from fhirserver.repository.services import LiveServices
from fhirserver.store.audit import AuditStore, Stored, place_of
from fhirserver.store.store import Store

RULE_SYSTEM: Final = f"{SYSTEM}:CodeSystem:unusual-access"
_NAME: Final = "unusual access"
_LEASE_S: Final = 60.0
_BATCH: Final = 500
_KNOWN: Final = 10_000
_HOUR_US: Final = 3600 * 1_000_000
_AGENT: Final = "AuditEvent.agent="
_PATIENT: Final = "AuditEvent.patient="
_USERS: Final = ("Practitioner/", "PractitionerRole/", "Person/")
_EMERGENCY: Final = b'"code":"BTG"'
_VERY_RESTRICTED: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}
_PRIORITIES: Final = {Rule.OWN_RECORD: "urgent", Rule.EMERGENCY: "urgent", Rule.MASS_READING: "urgent"}


@dataclass(slots=True)
class _People:
    """What was read of users and patients, for some time."""

    found: dict[str, Resource | None] = field(default_factory=dict)
    until_s: float = 0.0

    async def read(self, repository: Repository, keys: Iterable[str]) -> dict[str, Resource | None]:
        """Return people by key; None is somebody who is not there."""
        if time.monotonic() > self.until_s or len(self.found) > _KNOWN:
            self.found, self.until_s = {}, time.monotonic() + _LEASE_S
        missing = [key for key in dict.fromkeys(keys) if key not in self.found]
        for start in range(0, len(missing), _BATCH):
            part = missing[start : start + _BATCH]
            self.found.update(dict.fromkeys(part))
            for version in await repository.read_many(part):
                self.found[version.key] = decode_checked(version.content or b"{}").value
        return self.found


class Watch:
    """Watches the trail of one site."""

    def __init__(self, live: LiveServices, store: Store, owner: str, threshold: int) -> None:
        """Watch as ``owner``; more than ``threshold`` records within an hour are unusual."""
        self._events = AuditStore(store)
        self._repository = Repository(live, Unrestricted())
        self._owner = owner
        self._masses = Masses(threshold)
        self._people = _People()
        self._place: int | None = None
        """How far we have come; None while another worker watches."""

    async def run(self) -> bool:
        """Look at some new events; tell whether there may be more. Raises Unavailable."""
        place = await self._events.take_mark(_NAME, self._owner, _LEASE_S)
        if place is None:
            self._place = None
            return False
        if place != self._place:
            await self._remember(place)
        events = await self._next(place)
        if not events:
            self._place = place
            return False
        for finding in await self._judge([one for event in events for one in accesses_of(event)]):
            await self._report(finding)
        self._place = events[-1].place
        await self._events.move_mark(_NAME, self._owner, self._place)
        return len(events) == _BATCH

    async def _next(self, place: int) -> list[Stored]:
        found: list[Stored] = []
        async for event in self._events.events(place):
            found.append(event)
            if len(found) == _BATCH:
                break
        return found

    async def _remember(self, place: int) -> None:
        """Count what the last hour before a place saw: another worker watched then."""
        self._masses = Masses(self._masses.threshold)
        since = place_of(max((place >> 10) - _HOUR_US, 0))
        async for event in self._events.events(since, place):
            for access in accesses_of(event):
                self._masses.count(access)

    async def _judge(self, accesses: Sequence[Accessed]) -> list[Unusual]:
        people = await self._people.read(self._repository, (key for one in accesses for key in (one.user, one.patient)))
        found: dict[str, Unusual] = {}
        for access in accesses:
            user = await self._person(people.get(access.user))
            for rule in rules_of(access, user, people.get(access.patient)):
                finding = Unusual(rule, access)
                found.setdefault(finding.id, finding)
            count = self._masses.count(access)
            if count is not None:
                finding = Unusual(Rule.MASS_READING, access, count)
                found.setdefault(finding.id, finding)
        if accesses:
            self._masses.forget(accesses[-1].recorded_us - _HOUR_US)
        return list(found.values())

    async def _person(self, user: Resource | None) -> Resource | None:
        """Return who is behind a role."""
        reference = (user or {}).get("practitioner", {}).get("reference")
        if not reference:
            return user
        return (await self._people.read(self._repository, [reference])).get(reference)

    async def _report(self, finding: Unusual) -> None:
        """Leave a Task, once."""
        body = parse_resource(encode(task_of(finding)))
        write = Update(resource_type="Task", body=body, logical_id=finding.id, if_none_match=True)
        try:
            await self._repository.write(write)
        except PreconditionFailed:
            return


def accesses_of(event: Stored) -> list[Accessed]:
    """Return the accesses of users that an event is about: what it is found by says who and whom."""
    users = [term.removeprefix(_AGENT) for term in event.terms if term.startswith(_AGENT)]
    user = next((one for one in sorted(users) if one.startswith(_USERS)), None)
    if user is None or event.link is None:
        return []
    in_emergency = _EMERGENCY in (event.content or b"")
    patients = [term.removeprefix(_PATIENT) for term in event.terms if term.startswith(_PATIENT)]
    return [Accessed(user, patient, event.key, event.updated_us, in_emergency) for patient in patients]


def task_of(finding: Unusual) -> Resource:
    """Write the Task of a finding; the patient stands among its inputs, so that it is in nobody's record."""
    access = finding.access
    inputs: list[Json] = [
        {"type": {"text": "user"}, "valueReference": {"reference": access.user}},
        {"type": {"text": "patient"}, "valueReference": {"reference": access.patient}},
    ]
    if finding.rule is Rule.MASS_READING:
        inputs[1] = {"type": {"text": "records"}, "valueInteger": finding.count}
    return {
        "resourceType": "Task",
        "id": finding.id,
        "meta": {"security": [_VERY_RESTRICTED]},
        "status": "requested",
        "intent": "order",
        "priority": _PRIORITIES.get(finding.rule, "routine"),
        "code": {"coding": [{"system": RULE_SYSTEM, "code": finding.rule}], "text": "unusual access"},
        "description": TEXTS[finding.rule],
        "focus": {"reference": access.event},
        "authoredOn": render_instant(access.recorded_us),
        "requester": {"identifier": {"system": DEVICE_SYSTEM, "value": "audit"}},
        "performerType": [{"text": "data protection officer"}],
        "input": inputs,
    }
