"""What goes beyond the rules, by rules of its own: breaking the glass, declaring a relation of care.

Both are for who is logged in, write what shows them, and are audited as any other write.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fhirserver.access import Unrestricted
from fhirserver.access.declaration import check_declaration, declared_team
from fhirserver.access.emergency import Asked, Opening, WaysIn, check_emergency, is_refused, ways_in
from fhirserver.access.rights import Right
from fhirserver.access.rule_book import SiteRuleBook
from fhirserver.access.site_rules import SiteRules
from fhirserver.codec.fhir_json import encode, parse_json, parse_resource
from fhirserver.kernel.caller import Caller, Emergency
from fhirserver.kernel.outcome import Forbidden, NotFound
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version import Version
from fhirserver.repository.facts import facts_now
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Create, Written
from fhirserver.repository.services import LiveServices
from fhirserver.repository.sight import Sight
from fhirserver.repository.trail import Trail

_SERVER: Final = Unrestricted()
_NOTICE: Final = "urn:uuid:5f9a2c6e-6b1d-4c53-9f0e-0a7e3f1d2b4c"
"""What the entries of the transaction call the notice."""
_MINUTE_US: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class Opened:
    """An emergency that has begun, and what was written about it."""

    emergency: Emergency
    notice: str
    """``Communication/1``."""
    review: str
    """``Task/1``."""
    policy_version: str


@dataclass(frozen=True, slots=True)
class AccessDesk:
    """One site's."""

    live: LiveServices
    book: SiteRuleBook

    async def break_glass(self, caller: Caller, asked: Asked, trail: Trail) -> Opened:
        """Begin an emergency. Raises NotFound, Forbidden, BadRequest."""
        rules = await self._rules(caller, asked.patient)
        minutes = check_emergency(rules, asked)
        patient = await self._known(rules, asked.patient)
        began_us = self.live.now.clock()
        until_us = began_us + minutes * _MINUTE_US
        opening = Opening(rules, asked, began_us, until_us)
        notice, review = await self._write(trail, {_NOTICE: opening.notice(patient), "": opening.review(_NOTICE)})
        emergency = Emergency(reason=asked.reason.strip(), patient=asked.patient, until_s=until_us / 1_000_000)
        return Opened(emergency, notice.key, review.key, rules.version)

    async def declare(self, caller: Caller, patient: str, evidence: str, trail: Trail) -> Version:
        """Declare a relation of care. Raises NotFound, Forbidden, BadRequest."""
        rules = await self._rules(caller, patient)
        check_declaration(rules, evidence)
        await self._known(rules, patient)
        team = declared_team(rules, patient, evidence, self.live.now.clock())
        return (await self._write(trail, {"": team}))[0]

    async def ways_in(self, caller: Caller, patient: str) -> WaysIn:
        """Return what a caller may do about the record of a patient that it sees."""
        return ways_in(await self.book.load(caller, facts_now(self.live.now), frozenset({patient})), patient)

    async def _rules(self, caller: Caller, patient: str) -> SiteRules:
        """Return the caller's rules, which know of a patient. Raises Forbidden."""
        rules = await self.book.load(caller, facts_now(self.live.now), frozenset({patient}))
        if all(role.emergency is None and not role.declares for role in rules.facts.roles):
            raise Forbidden("None of your roles may open a record beyond its relations of care.")
        return rules

    async def _known(self, rules: SiteRules, patient: str) -> Resource:
        """Return a patient; who is excluded by them does not see that they are there. Raises NotFound, Forbidden."""
        services = self.live.now
        current = await services.store.current(f"Patient/{patient}")
        version = None if current is None else current.version
        refused = is_refused(rules, patient)
        sees = version is not None and Sight(services, _SERVER).sees(version, rules.filter("Patient", Right.READ))
        if version is None or version.content is None or (refused and not sees):
            raise NotFound(f"`Patient/{patient}` is not known.")
        if refused:
            raise Forbidden("This record is not open to you, in an emergency either.")
        found: Resource = parse_json(version.content)
        return found

    async def _write(self, trail: Trail, resources: Mapping[str, Resource]) -> list[Version]:
        """Write resources with the rights of the server itself, all or none; keys are what they call each other."""
        door = Repository(self.live, _SERVER, trail)
        creates = [
            Create(resource_type=one["resourceType"], body=parse_resource(encode(one)), full_url=url or None)
            for url, one in resources.items()
        ]
        return [_version(written) for written in await door.transact(creates)]


def _version(written: Written) -> Version:
    if written.version is None:
        raise ValueError("a create always has a version")
    return written.version
