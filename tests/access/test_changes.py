"""Rules are loaded again once something has changed that they may rest on, and not for what others write."""

import asyncio
from collections.abc import Sequence

import pytest

from fhirserver.access.changes import EVERYTHING, Changes
from fhirserver.access.rights import Right
from fhirserver.access.rule_book import FRESH_S, LONGEST_S, OLDEST_S, SiteRuleBook
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.resource import Resource
from fhirserver.search.bind import Binder
from fhirserver.search.match import match
from fhirserver.search.plan import Plan
from tests.access.site import Site, actor, caller, consent, encounter, post, ref

NIHDI = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi"
WHO = caller("Practitioner/1", "physician")
ANNE = caller("Patient/1", patient="1")
RELATIVE = caller("RelatedPerson/1")
CLIENT = caller(None, "exchange")
QUIET = Changes()
SOON_S, OLD_S, LONG_S = FRESH_S + 0.05, OLDEST_S + 0.05, LONGEST_S + 0.05
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
    """Changes that are told when asked, a clock that stands, and how often the facts were read."""

    def __init__(self, site: Site) -> None:
        self.site, self.told, self.now_s, self.reads = site, QUIET, 0.0, 0

    async def poll(self) -> Changes:
        told, self.told = self.told, QUIET
        return told

    @property
    def binder(self) -> Binder:
        return self.site.binder

    @property
    def now_us(self) -> int:
        return self.site.now_us + round(self.now_s * 1e6)

    async def resources(self, resource_type: str, plan: Plan, limit: int) -> list[Resource] | None:
        self.reads += 1
        return await self.site.resources(resource_type, plan, limit)

    async def terms(self, resource_type: str, plan: Plan, prefixes: Sequence[str], limit: int) -> list[str] | None:
        self.reads += 1
        return await self.site.terms(resource_type, plan, prefixes, limit)

    def book(self) -> SiteRuleBook:
        return SiteRuleBook(lambda: self.site.policy, lambda: self, self, lambda: self.now_s)

    async def has_read(self, book: SiteRuleBook, who: Caller, after_s: float) -> bool:
        """Tell whether facts were read for who comes after some seconds."""
        before = self.reads
        self.now_s += after_s
        await book.rules_for(who)
        return self.reads > before


async def test_rules_are_kept_while_nothing_changes_that_they_rest_on(ward: Site) -> None:
    record = Record(ward)
    book = record.book()
    first = await asyncio.gather(*(book.rules_for(WHO) for _ in range(5)))
    assert len(set(map(id, first))) == 1
    record.told = Changes(keys=frozenset({"Encounter/9"}), patients=frozenset({"9"}))
    assert not await record.has_read(book, WHO, SOON_S)
    assert await book.rules_for(WHO) is first[0]
    record.site = ward.put(encounter("new", "2", "Practitioner/1"))
    record.told = Changes(
        keys=frozenset({"Encounter/new"}), named=frozenset({"Practitioner/1"}), patients=frozenset({"2"})
    )
    assert await record.has_read(book, WHO, SOON_S)
    assert "2" in next(iter((await book.rules_for(WHO)).facts.related.values()) or frozenset())


async def test_who_comes_again_has_the_rules_at_hand_until_the_next_look(ward: Site) -> None:
    record = Record(ward)
    book = record.book()
    assert book.at_hand(WHO) is None
    rules = await book.rules_for(WHO)
    assert book.at_hand(WHO) is rules
    record.now_s += FRESH_S
    assert book.at_hand(WHO) is rules
    record.now_s += 0.01
    assert book.at_hand(WHO) is None


AGES = [
    pytest.param(ANNE, SOON_S, QUIET, False, id="a patient, soon"),
    pytest.param(ANNE, OLD_S, QUIET, False, id="nothing of a patient's expires"),
    pytest.param(ANNE, LONG_S, QUIET, True, id="for how long at most"),
    pytest.param(ANNE, SOON_S, EVERYTHING, True, id="what is told counts at once"),
    pytest.param(ANNE, SOON_S, Changes(may_lack=True), False, id="what may not be told counts when they are old"),
    pytest.param(ANNE, OLD_S, Changes(may_lack=True), True, id="then"),
    pytest.param(WHO, OLD_S, QUIET, True, id="posts and relations expire"),
    pytest.param(RELATIVE, OLD_S, QUIET, True, id="and so does who represents a child"),
    pytest.param(CLIENT, OLD_S, QUIET, False, id="a client of its own"),
]  # fmt: skip


@pytest.mark.parametrize(("who", "after_s", "told", "read"), AGES)
async def test_facts_that_time_does_not_change_are_not_read_again(
    ward: Site, who: Caller, after_s: float, told: Changes, read: bool
) -> None:
    record = Record(ward)
    book = record.book()
    await book.rules_for(who)
    record.told = told
    assert await record.has_read(book, who, after_s) is read


async def test_rules_that_go_on_for_long_are_read_again(ward: Site) -> None:
    record = Record(ward)
    book = record.book()
    await book.rules_for(ANNE)
    read = [await record.has_read(book, ANNE, OLD_S) for _ in range(8)]
    assert read == [False] * 5 + [True] + [False] * 2


async def test_a_consent_that_expires_does_so_without_a_change(ward: Site) -> None:
    """The facts are the same; what they come to is worked out for each moment."""
    until = "2026-11-24T06:00:05Z"
    record = Record(ward.put(consent("c", "1", {"type": "permit", "period": {"end": until}})))
    book = record.book()
    before, one = await book.rules_for(CLIENT), ward.candidate("Observation/o1")
    assert match(before.filter("Observation", Right.READ), one)
    assert not await record.has_read(book, CLIENT, OLD_S)
    assert not match((await book.rules_for(CLIENT)).filter("Observation", Right.READ), one)
