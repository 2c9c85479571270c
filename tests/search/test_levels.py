"""Searches of compartments, of several types, of everything; unknown and empty parameters

http://hl7.org/fhir/R4/search.html#type, http://hl7.org/fhir/R4/compartmentdefinition.html, search.html#errors
"""

import pytest

from fhirserver.kernel.outcome import BadSearchValue, UnknownParameter
from fhirserver.kernel.resource import Json, Resource
from fhirserver.repository.requests import Delete
from tests.door import Door


def to(reference: str) -> Json:
    return {"reference": reference}


def observation(name: str, **more: Json) -> Resource:
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"coding": [{"code": "c"}]}, **more}


TAGGED = {"tag": [{"system": "http://t", "code": "t"}]}
RESOURCES = [
    {"resourceType": "Patient", "id": "p", "active": True, "meta": TAGGED},
    {"resourceType": "Patient", "id": "p2", "link": [{"other": to("Patient/p"), "type": "seealso"}]},
    {"resourceType": "Practitioner", "id": "dr", "active": True, "name": [{"family": "Peeters"}]},
    {"resourceType": "Device", "id": "device", "patient": to("Patient/p")},
    {"resourceType": "Encounter", "id": "enc", "status": "finished", "class": {"code": "AMB"},
     "subject": to("Patient/p"), "participant": [{"individual": to("Practitioner/dr")}]},
    {"resourceType": "RelatedPerson", "id": "rel", "patient": to("Patient/p")},
    observation("subject", subject=to("Patient/p"), encounter=to("Encounter/enc"), meta=TAGGED),
    observation("performer", performer=[to("Patient/p"), to("Practitioner/dr"), to("RelatedPerson/rel")]),
    observation("focus", focus=[to("Patient/p")]),
    observation("other", subject=to("Patient/p2")),
    observation("by-device", device=to("Device/device"), subject=to("Device/device")),
    {"resourceType": "AuditEvent", "id": "audit", "type": {"code": "x"}, "recorded": "2020-01-01T00:00:00Z",
     "agent": [{"requestor": True, "who": to("Patient/p")}], "source": {"observer": to("Device/device")}},
    {"resourceType": "Bundle", "id": "bundle", "type": "collection"},
]  # fmt: skip

CASES = [
    pytest.param("Patient/p/Observation?", "performer subject", id="Patient: by subject or performer, not by focus"),
    pytest.param("Patient/p2/Observation?", "other", id="Patient: another"),
    pytest.param("Patient/p/Observation?encounter=enc", "subject", id="Patient: a parameter beside it"),
    pytest.param("Patient/p/Encounter?", "enc", id="Patient: another type"),
    pytest.param("Patient/p/Patient?", "p p2", id="Patient: itself, and who links to it"),
    pytest.param("Patient/p/Practitioner?", "", id="Patient: a type that is never in it"),
    pytest.param("Patient/p/*?", "audit enc p p2 performer rel subject", id="Patient: everything"),
    pytest.param("Patient/p/*?_type=Observation,Encounter", "enc performer subject", id="Patient: some types"),
    pytest.param("Patient/p/*?_tag=t", "p subject", id="Patient: everything, by a common parameter"),
    pytest.param("Patient/nobody/Observation?", "", id="Patient: of nobody"),
    pytest.param("Practitioner/dr/Observation?", "performer", id="Practitioner"),
    pytest.param("Practitioner/dr/Encounter?", "enc", id="Practitioner: another type"),
    pytest.param("Practitioner/dr/*?", "dr enc performer", id="Practitioner: everything"),
    pytest.param("Encounter/enc/Observation?", "subject", id="Encounter"),
    pytest.param("RelatedPerson/rel/Observation?", "performer", id="RelatedPerson"),
    pytest.param("Device/device/Observation?", "by-device", id="Device"),
    pytest.param("Device/device/*?", "by-device device", id="Device: everything"),
    pytest.param("?_tag=t", "p subject", id="all types: a common parameter"),
    pytest.param("?_id=p,dr,subject", "dr p subject", id="all types: _id"),
    pytest.param("?_type=Patient", "p p2", id="_type"),
    pytest.param("?_type=Patient,Practitioner&active=true", "dr p", id="_type: parameters that all of them share"),
    pytest.param("?_type=Patient&_type=Practitioner", "dr p p2", id="_type repeats"),
    pytest.param("?_type=Bundle,Patient&_lastUpdated=gt2000-01-01", "bundle p p2", id="_type: _lastUpdated"),
    pytest.param("?_lastUpdated=lt2000-01-01", "", id="all types: _lastUpdated"),
    pytest.param(
        "?_type=Patient,Observation&_tag:missing=true", "by-device focus other p2 performer", id="_type: missing"
    ),
    pytest.param("?_type=Patient,Observation&_id:not=p", "by-device focus other p2 performer subject", id="_type: not"),
    pytest.param("Patient?active=&_id=&_sort=&_count=&nothing=", "p p2", id="empty parameters are just ignored"),
    pytest.param("Patient?_id=,p,,", "p", id="empty values in a list"),
    pytest.param("Patient?_format=json&_pretty=true", "p p2", id="parameters of the HTTP layer"),
]


@pytest.mark.parametrize(("query", "expected"), CASES)
async def test_a_level(door: Door, query: str, expected: str) -> None:
    assert " ".join(sorted(await door.ids(query))) == expected


async def test_everything(door: Door) -> None:
    assert await door.ids("?") == {resource["id"] for resource in RESOURCES}


@pytest.mark.parametrize("query", ["?active=true", "?_type=Patient,Observation&active=true", "Patient?_type=Patient",
                                   "Patient?nothing=x", "Patient?Active=true", "Patient?active:=true", "Patient?a b=c",
                                   "Patient?_has=x", "Patient?_in=x"])  # fmt: skip
async def test_a_parameter_that_is_unknown_here(door: Door, query: str) -> None:
    with pytest.raises(UnknownParameter) as refused:
        await door.search(query)
    assert len(refused.value.issues[0].expression) == 1
    page = await door.search(query, lenient=True)
    assert [(issue.code, issue.severity) for issue in page.issues] == [("not-supported", "warning")]


@pytest.mark.parametrize("value", ["Nothing", "Patient,Nothing", "patient"])
async def test_an_unknown_type_is_refused(door: Door, value: str) -> None:
    with pytest.raises(BadSearchValue) as refused:
        await door.search(f"?_type={value}", lenient=True)
    assert refused.value.issues[0].expression == ("http._type",)


async def test_what_was_deleted_is_not_found_by_anything(door: Door) -> None:
    gone = {**RESOURCES[0], "id": "gone"}
    await door.put(gone)
    assert await door.ids("Patient?_id=gone") == {"gone"}
    await door.repository.write(Delete(resource_type="Patient", logical_id="gone"))
    for query in ("Patient?", "Patient?_id=gone", "?_id=gone", "Patient?active=true", "Patient?_id:not=p", "?_tag=t",
                  "Patient?_lastUpdated=gt2000-01-01", "Patient?name:missing=true", "Patient/gone/*?", "?",
                  "Patient?_sort=_id", "Patient?_type:not-a-modifier="):  # fmt: skip
        assert "gone" not in await door.ids(query), query


async def test_an_update_changes_what_finds_it(door: Door) -> None:
    await door.put({"resourceType": "Patient", "id": "changing", "gender": "male"})
    assert await door.ids("Patient?gender=male") == {"changing"}
    await door.put({"resourceType": "Patient", "id": "changing", "gender": "female"})
    assert await door.ids("Patient?gender=male") == set()
    assert await door.ids("Patient?gender=female") == {"changing"}
    await door.repository.write(Delete(resource_type="Patient", logical_id="changing"))
