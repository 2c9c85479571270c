"""Rules are loaded again once something has changed that they may rest on, and not for what others write."""

import asyncio
import time

import pytest

from fhirserver.access.changes import EVERYTHING, Changes
from fhirserver.access.rule_book import FRESH_S, SiteRuleBook
from tests.access.site import Site, actor, caller, consent, encounter, post, ref

NIHDI = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi"
WHO = caller("Practitioner/1", "physician")
QUIET = Changes()
CASES = [
    pytest.param(QUIET, False, id="nothing"),
    pytest.param(EVERYTHING, True, id="more than can be told"),
    pytest.param(Changes(keys=frozenset({"Encounter/9"}), named=frozenset({"Practitioner/1"})), True, id="relation"),
    pytest.param(Changes(keys=frozenset({"Encounter/9"}), named=frozenset({"Practitioner/2"})), False, id="of another"),
    pytest.param(Changes(keys=frozenset({"Encounter/e1"}), patients=frozenset({"1"})), True, id="an Encounter"),
    pytest.param(Changes(keys=frozenset({"Consent/9"}), patients=frozenset({"1"})), True, id="a patient's Consent"),
    pytest.param(Changes(keys=frozenset({"Consent/9"}), patients=frozenset({"2"})), False, id="another patient's"),
    pytest.param(Changes(keys=frozenset({"Consent/c"})), True, id="a Consent that counted"),
    pytest.param(Changes(keys=frozenset({"PractitionerRole/r"})), True, id="a post"),
    pytest.param(Changes(keys=frozenset({"Organization/h"})), True, id="what the unit is part of"),
    pytest.param(Changes(named=frozenset({"Organization/u"})), True, id="a new part of the unit"),
    pytest.param(Changes(named=frozenset({f"1\x1f{NIHDI}"})), True, id="an exclusion by number"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "differs"), CASES)
async def test_what_may_differ(ward: Site, changes: Changes, differs: bool) -> None:
    site = ward.put(
        post("r", "1", organization=ref("Organization/u")),
        {"resourceType": "Organization", "id": "u", "partOf": ref("Organization/h")},
        {"resourceType": "Practitioner", "id": "1", "identifier": [{"system": NIHDI, "value": "1"}]},
        consent("c", "2", {"type": "permit", "provision": [{"type": "deny", **actor("Practitioner/1")}]}),
    )
    assert (await site.rules(WHO)).facts.may_differ(changes) is differs


async def test_any_consent_matters_to_who_needs_those_of_everybody(ward: Site) -> None:
    facts = (await ward.rules(caller(None, "exchange"))).facts
    assert facts.may_differ(Changes(keys=frozenset({"Consent/9"})))
    assert not facts.may_differ(Changes(keys=frozenset({"Encounter/9"})))


class Record:
    """Changes that are told when asked, and how often the facts were read."""

    def __init__(self, site: Site) -> None:
        self.site, self.told, self.loads = site, QUIET, 0

    async def poll(self) -> Changes:
        told, self.told = self.told, QUIET
        return told

    def source(self) -> Site:
        self.loads += 1
        return self.site


async def test_rules_are_kept_while_nothing_changes_that_they_rest_on(ward: Site) -> None:
    record = Record(ward)
    book = SiteRuleBook(lambda: ward.policy, record.source, record)
    first = await asyncio.gather(*(book.rules_for(WHO) for _ in range(5)))
    assert len(set(map(id, first))) == 1
    await asyncio.sleep(FRESH_S + 0.05)
    record.told = Changes(keys=frozenset({"Encounter/9"}), patients=frozenset({"9"}))
    assert await book.rules_for(WHO) is first[0]
    assert record.loads == 1
    await asyncio.sleep(FRESH_S + 0.05)
    record.site = ward.put(encounter("new", "2", "Practitioner/1"))
    record.told = Changes(
        keys=frozenset({"Encounter/new"}), named=frozenset({"Practitioner/1"}), patients=frozenset({"2"})
    )
    began_s = time.monotonic()
    assert "2" in next(iter((await book.rules_for(WHO)).facts.related.values()) or frozenset())
    assert record.loads == 2
    assert time.monotonic() - began_s < FRESH_S
