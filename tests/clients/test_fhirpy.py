"""fhirpy, async and sync, against a running server — https://pypi.org/project/fhirpy/"""

import datetime
from typing import Any
from uuid import uuid4

import pytest
from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound

SYSTEM = "http://example.org/fhirpy"


@pytest.fixture
def mark() -> str:
    """What the resources of one test have in common, and no others."""
    return uuid4().hex


@pytest.fixture
def client(base: str) -> AsyncFHIRClient:
    return AsyncFHIRClient(base)


@pytest.fixture
def sync_client(base: str) -> SyncFHIRClient:
    return SyncFHIRClient(base)


def patient(client: Any, mark: str, **more: object) -> Any:  # noqa: ANN401 - the client's resource has any member
    identifier = [{"system": SYSTEM, "value": mark}]
    return client.resource("Patient", identifier=identifier, name=[{"family": f"Fam{mark}"}], **more)


async def test_a_resource_lives(client: AsyncFHIRClient, mark: str) -> None:
    resource = patient(client, mark)
    await resource.save()
    assert resource.id
    assert resource["meta"]["versionId"] == "1"
    resource["active"] = True
    await resource.save()
    assert resource["meta"]["versionId"] == "2"
    read = await client.reference("Patient", resource.id).to_resource()
    assert read.serialize() == resource.serialize()
    assert (await client.get("Patient", resource.id))["active"] is True
    await resource.refresh()
    await resource.delete()
    with pytest.raises(ResourceNotFound):
        await client.get("Patient", resource.id)


async def test_update_as_create_and_history(client: AsyncFHIRClient, mark: str) -> None:
    resource = patient(client, mark, id=mark)
    await resource.update()
    resource["active"] = False
    await resource.update()
    history = await resource.execute("_history", method="get")
    assert [entry["response"]["etag"] for entry in history["entry"]] == ['W/"2"', 'W/"1"']
    first = await client.execute(f"Patient/{mark}/_history/1", method="get")
    assert "active" not in first


async def test_search_in_pages(client: AsyncFHIRClient, mark: str) -> None:
    for number in range(7):
        await patient(client, mark, birthDate=f"2001-01-0{number + 1}").save()
    found = client.resources("Patient").search(identifier=f"{SYSTEM}|{mark}")
    assert await found.count() == 7
    assert len(await found.limit(3).fetch()) == 3
    pages = await found.limit(3).sort("-birthdate").fetch_all()
    assert [found.birthDate for found in pages] == [f"2001-01-0{day}" for day in range(7, 0, -1)]
    after = found.search(birthdate__ge=datetime.date(2001, 1, 3), birthdate__lt=datetime.date(2001, 1, 5))
    assert {found.birthDate async for found in after} == {"2001-01-03", "2001-01-04"}
    assert (await found.first()).birthDate
    with pytest.raises(MultipleResourcesFound):
        await found.get()
    named = client.resources("Patient").search(name__contains=mark[4:20], name=f"fam{mark}"[:12])
    assert await named.count() == 7
    parts = await found.elements("birthDate").limit(1).fetch()
    assert "name" not in parts[0]


async def test_includes_chains_and_reverse_chains(client: AsyncFHIRClient, mark: str) -> None:
    subject = patient(client, mark)
    await subject.save()
    code = {"coding": [{"system": SYSTEM, "code": mark}]}
    observation = client.resource("Observation", status="final", code=code, subject=subject.to_reference())
    await observation.save()
    found = client.resources("Observation").search(code=f"{SYSTEM}|{mark}")
    included = await found.include("Observation", "subject").fetch_raw()
    assert [entry["search"]["mode"] for entry in included["entry"]] == ["match", "include"]
    backwards = client.resources("Patient").search(_id=subject.id).revinclude("Observation", "subject")
    assert {entry["resource"].id for entry in (await backwards.fetch_raw())["entry"]} == {subject.id, observation.id}
    chained = client.resources("Observation").search(subject__Patient__identifier=f"{SYSTEM}|{mark}")
    assert [found.id for found in await chained.fetch_all()] == [observation.id]
    having = client.resources("Patient").has("Observation", "subject", code=f"{SYSTEM}|{mark}")
    assert [found.id for found in await having.fetch_all()] == [subject.id]
    assert (await observation["subject"].to_resource()).id == subject.id


async def test_conditional_interactions(base: str, client: AsyncFHIRClient, mark: str) -> None:
    condition = AsyncFHIRClient(base, extra_headers={"If-None-Exist": f"identifier={SYSTEM}|{mark}"})
    first = await patient(condition, mark).save()
    second = await patient(condition, mark).save()
    assert second.id == first.id
    found = client.resources("Patient").search(identifier=f"{SYSTEM}|{mark}")
    updated, created = await found.update(patient(client, mark, active=True))
    assert (updated.id, updated["meta"]["versionId"], created) == (first.id, "2", False)
    other = client.resources("Patient").search(identifier=f"{SYSTEM}|{mark}-other")
    _, created = await other.update(patient(client, f"{mark}-other"))
    assert created
    assert (await found.delete())[1] == 204
    assert await found.count() == 0


async def test_if_match(base: str, client: AsyncFHIRClient, mark: str) -> None:
    resource = await patient(client, mark).save()
    for version, holds in (("7", False), ("1", True)):
        careful = AsyncFHIRClient(base, extra_headers={"If-Match": f'W/"{version}"'})
        again = careful.resource("Patient", **{**resource.serialize(), "active": True})
        if holds:
            assert (await again.save())["meta"]["versionId"] == "2"
        else:
            with pytest.raises(MultipleResourcesFound):  # what this client calls every 412
                await again.save()


@pytest.mark.parametrize("kind", ["transaction", "batch"])
async def test_bundles(client: AsyncFHIRClient, mark: str, kind: str) -> None:
    entry = {"resource": patient(client, mark).serialize(), "request": {"method": "POST", "url": "Patient"}}
    read = {"request": {"method": "GET", "url": f"Patient?identifier={SYSTEM}|{mark}"}}
    answer = await client.execute("", data={"resourceType": "Bundle", "type": kind, "entry": [entry, read]})
    assert answer["type"] == f"{kind}-response"
    assert answer.get_by_path(["entry", 1, "resource", "total"]) == 1


async def test_the_capability_statement(client: AsyncFHIRClient) -> None:
    statement = await client.execute("metadata", method="get")
    assert statement.get_by_path(["rest", 0, "resource", {"type": "Patient"}, "versioning"]) == "versioned-update"


async def test_errors_are_told(client: AsyncFHIRClient, mark: str) -> None:
    with pytest.raises(OperationOutcome, match=r"Patient\.gender"):
        await patient(client, mark, gender="x").save()
    with pytest.raises(OperationOutcome, match="nonsense"):
        await client.resources("Patient").search(nonsense="x").fetch()


async def test_what_is_no_fhir_is_refused_and_changes_nothing(client: AsyncFHIRClient, mark: str) -> None:
    """This client sends a part of a resource as PATCH, and criteria in the URL of a POST: R4 knows neither."""
    resource = await patient(client, mark).save()
    with pytest.raises(OperationOutcome, match="application/json-patch"):
        await resource.patch(active=True)
    found = client.resources("Patient").search(identifier=f"{SYSTEM}|{mark}")
    with pytest.raises(OperationOutcome):
        await found.get_or_create(patient(client, mark))
    assert await found.count() == 1
    assert (await found.get())["meta"]["versionId"] == "1"


def test_sync_a_resource_lives(sync_client: SyncFHIRClient, mark: str) -> None:
    resource = patient(sync_client, mark)
    resource.save()
    resource["active"] = True
    resource.save()
    read = sync_client.reference("Patient", resource.id).to_resource()
    assert read.serialize() == resource.serialize()
    history = resource.execute("_history", method="get")
    assert history["total"] == 2
    resource.refresh()
    resource.delete()
    with pytest.raises(ResourceNotFound):
        sync_client.get("Patient", resource.id)


def test_sync_search_in_pages(sync_client: SyncFHIRClient, mark: str) -> None:
    for number in range(5):
        patient(sync_client, mark, birthDate=f"2001-01-0{number + 1}").save()
    found = sync_client.resources("Patient").search(identifier=f"{SYSTEM}|{mark}")
    assert found.count() == 5
    assert [one.birthDate for one in found.limit(2).sort("birthdate")] == [f"2001-01-0{day}" for day in range(1, 6)]
    observation = sync_client.resource("Observation", status="final", code={"text": mark})
    observation["subject"] = found.first().to_reference()
    observation.save()
    included = sync_client.resources("Observation").search(_id=observation.id).include("Observation", "subject")
    assert [entry["search"]["mode"] for entry in included.fetch_raw()["entry"]] == ["match", "include"]


def test_sync_conditional_update_and_bundle(sync_client: SyncFHIRClient, mark: str) -> None:
    found = sync_client.resources("Patient").search(identifier=f"{SYSTEM}|{mark}")
    created: list[bool] = [found.update(patient(sync_client, mark, active=active))[1] for active in (True, False)]
    assert created == [True, False]
    entry = {"request": {"method": "DELETE", "url": f"Patient?identifier={SYSTEM}|{mark}"}}
    sync_client.execute("", data={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert found.count() == 0
