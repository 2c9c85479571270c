"""What a caller may not see has no say in a search: definitions, hierarchies, lists, contained resources

http://hl7.org/fhir/R4/security.html
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from fhirserver.access.access import Right
from fhirserver.app.knowledge import Knowledge
from fhirserver.kernel.outcome import BadRequest
from fhirserver.kernel.resource import Json, Resource
from fhirserver.repository.repository import Repository
from fhirserver.search.plan import ALL, NONE, HasTerm, Plan
from tests.door import Door, opened
from tests.limited import Limited


@dataclass(frozen=True)
class OnlyActive(Limited):
    """May see active organizations only, and no Group at all."""

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        if resource_type == "Group":
            return NONE
        return HasTerm((f"{resource_type}.active=true\x1f",)) if resource_type == "Organization" else ALL


@dataclass(frozen=True)
class Without(Limited):
    """May see everything but resources of one type."""

    hidden: str

    def filter(self, resource_type: str, right: Right, near: Plan = ALL) -> Plan:
        return NONE if resource_type == self.hidden else ALL


def to(reference: str) -> Json:
    return {"reference": reference}


def organization(name: str, part_of: str | None = None, *, active: bool = True) -> Resource:
    more = {"partOf": to(f"Organization/{part_of}")} if part_of else {}
    return {"resourceType": "Organization", "id": name, "name": name, "active": active, **more}


RESOURCES = [
    organization("top"), organization("hidden", "top", active=False), organization("below-hidden", "hidden"),
    organization("below", "top"),
    *({"resourceType": "Patient", "id": f"at-{name}", "managingOrganization": to(f"Organization/{name}"),
       "gender": "male"} for name in ("top", "hidden", "below-hidden", "below")),
    {"resourceType": "List", "id": "l", "status": "current", "mode": "working",
     "entry": [{"item": to("Patient/at-top")}]},
    {"resourceType": "ValueSet", "id": "vs", "url": "http://vs", "status": "active", "compose": {"include": [
        {"system": "http://hl7.org/fhir/administrative-gender", "concept": [{"code": "male"}]}]}},
    {"resourceType": "MedicationRequest", "id": "mr", "status": "active", "intent": "order",
     "subject": to("Patient/at-top"),
     "contained": [{"resourceType": "Medication", "id": "m", "code": {"coding": [{"code": "c"}]}}],
     "medicationReference": to("#m")},
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Door]:
    async with opened(mongodb_uri, knowledge) as opened_door:
        await opened_door.put(*RESOURCES)
        yield opened_door


def seen_by(door: Door, access: Without | OnlyActive) -> Door:
    return Door(door.services, Repository(door.services, access))


async def test_a_hierarchy_ends_where_the_caller_sees_nothing(door: Door) -> None:
    query = "Patient?organization:below=top"
    assert await door.ids(query) == {"at-top", "at-hidden", "at-below-hidden", "at-below"}
    assert await seen_by(door, OnlyActive()).ids(query) == {"at-top", "at-below"}
    above = "Patient?organization:above=below-hidden"
    assert await door.ids(above) == {"at-top", "at-hidden", "at-below-hidden"}
    assert await seen_by(door, OnlyActive()).ids(above) == {"at-hidden", "at-below-hidden"}


async def test_a_list_that_is_hidden_has_no_entries(door: Door) -> None:
    assert await door.ids("Patient?_list=l") == {"at-top"}
    assert await seen_by(door, Without("List")).ids("Patient?_list=l") == set()


async def test_a_value_set_that_is_hidden_is_not_there(door: Door) -> None:
    for reference in ("http://vs", "ValueSet/vs"):
        assert len(await door.ids(f"Patient?gender:in={reference}")) == 4
        with pytest.raises(BadRequest):
            await seen_by(door, Without("ValueSet")).search(f"Patient?gender:in={reference}")


async def test_what_is_in_a_hidden_container_is_hidden(door: Door) -> None:
    query = "Medication?code=c&_contained=true"
    assert await door.ids(query) == {"mr"}
    assert await seen_by(door, Without("MedicationRequest")).ids(query) == set()


async def test_a_filter_reads_what_the_caller_sees(door: Door) -> None:
    query = "Organization?_filter=name ew n"
    assert await door.ids(query) == {"hidden", "below-hidden"}
    assert await seen_by(door, OnlyActive()).ids(query) == {"below-hidden"}
    chained = 'Patient?_filter=organization[active eq false].name eq "hidden"'
    assert await door.ids(chained) == {"at-hidden"}
    assert await seen_by(door, OnlyActive()).ids(chained) == set()
