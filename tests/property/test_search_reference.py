"""What the database selects is what ``search.match`` selects, for any resources and any plan

http://hl7.org/fhir/R4/search.html
"""

import asyncio
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.outcome import BadSearchValue
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.version import Version
from fhirserver.repository.planning import anchored, conjoined
from fhirserver.repository.requests import Update
from fhirserver.search.match import Candidate, match
from fhirserver.search.plan import And, HasTerm, Not, OnlyPatients, Or, Plan, all_of
from fhirserver.search.query import parse_query
from tests.door import Door, body_of
from tests.property import values


@dataclass(frozen=True)
class Stored:
    """Resources in the database, and what is indexed of them."""

    door: Door
    versions: list[Version]

    async def check(self, resource_type: str, plan: Plan, like: Plan | None = None) -> None:
        """Compare what a plan selects in the database with what it, or one like it, selects by ``match``."""
        anchor = anchored(resource_type, plan)
        found = await self.door.services.searcher.keys(anchor, 1000)
        own = [version for version in self.versions if version.resource_type == resource_type]
        expected = [version.key for version in own if match(like or plan, self.candidate(version))]
        assert sorted(found) == sorted(expected)

    def candidate(self, version: Version) -> Candidate:
        assert version.content is not None
        indexed = self.door.services.extractor.extract(parse_json(version.content))
        return Candidate(version.key, version.last_updated_us, indexed)


async def stored(door: Door, resources: list[Resource]) -> Stored:
    await door.clear()

    async def write(resource: Resource) -> Version:
        update = Update(resource_type=resource["resourceType"], logical_id=resource["id"], body=body_of(resource))
        version = (await door.repository.write(update)).version
        assert version is not None
        return version

    return Stored(door, list(await asyncio.gather(*map(write, resources))))


def bound(door: Door, resource_type: str, parameter: tuple[str, str]) -> Plan | None:
    """Bind a parameter; None when its value is none."""
    try:
        given_criteria = parse_query([parameter]).criteria
        return door.services.binder.bind(resource_type, given_criteria[0]) if given_criteria else None
    except BadSearchValue:
        return None


def trees(leaves: SearchStrategy[Plan]) -> SearchStrategy[Plan]:
    def extend(inner: SearchStrategy[Plan]) -> SearchStrategy[Plan]:
        some = st.lists(inner, min_size=1, max_size=3).map(tuple)
        return st.one_of(some.map(And), some.map(Or), inner.map(Not))

    return st.recursive(leaves, extend, max_leaves=5)


@settings(max_examples=25)
@given(data=st.data(), resources=values.resources())
async def test_the_database_is_the_reference(door: Door, data: st.DataObject, resources: list[Resource]) -> None:
    here = await stored(door, resources)
    for resource_type in sorted({resource["resourceType"] for resource in resources}):
        parameters = data.draw(st.lists(values.criteria(resource_type), min_size=8, max_size=12))
        plans = [plan for parameter in parameters if (plan := bound(door, resource_type, parameter)) is not None]
        for plan in plans:
            await here.check(resource_type, plan)
        joined = all_of(*conjoined(door.services, resource_type, plans))
        await here.check(resource_type, joined, like=all_of(*plans))
        if plans:
            await here.check(resource_type, data.draw(trees(st.sampled_from(plans))))


def of_patients() -> SearchStrategy[Plan]:
    """Records of patients: those of no other one, those of some."""
    some = st.sets(st.sampled_from(values.IDS))
    inside = some.filter(bool).map(lambda ids: HasTerm(tuple(f"@Patient/{one}" for one in sorted(ids))))
    prefixes = st.sampled_from((("@Patient/",), ("@Patient/", "Observation.subject=Patient/")))
    return st.one_of(st.builds(OnlyPatients, some.map(frozenset), prefixes), inside)


@settings(max_examples=25)
@given(data=st.data(), resources=values.resources())
async def test_records_of_no_other_patients(door: Door, data: st.DataObject, resources: list[Resource]) -> None:
    here = await stored(door, resources)
    for resource_type in sorted({resource["resourceType"] for resource in resources}):
        for _ in range(4):
            await here.check(resource_type, data.draw(trees(of_patients())))
