"""StructureDefinitions that are stored take effect at once where they were written, and leave when they are deleted."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest_asyncio

from fhirserver.access import Unrestricted
from fhirserver.app.knowledge import Knowledge
from fhirserver.codec.fhir_json import encode, parse_resource
from fhirserver.kernel.instant import UniqueClock
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Create, Delete, Update
from fhirserver.repository.services import LiveServices
from fhirserver.repository.structures import StoredStructures
from tests.door import Door, opened

URL = "http://example.org/fhir/StructureDefinition/little"


def profile(logical_id: str, version: str = "1.0.0", url: str = URL) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition", "id": logical_id, "url": url, "version": version, "name": "Little",
        "status": "active", "kind": "resource", "abstract": False, "type": "Patient", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]},
    }  # fmt: skip


def put(definition: dict[str, Any]) -> Update:
    body = parse_resource(encode(definition))
    return Update(resource_type="StructureDefinition", logical_id=definition["id"], body=body)


@pytest_asyncio.fixture
async def door(mongodb_uri: str, knowledge: Knowledge) -> AsyncIterator[Door]:
    async with opened(mongodb_uri, knowledge) as opened_door:
        yield opened_door


def of_worker(door: Door) -> StoredStructures:
    """Return what another worker keeps."""
    return StoredStructures(door.services.store, UniqueClock())


async def test_what_is_written_is_learned_by_others_and_leaves(door: Door) -> None:
    other = of_worker(door)
    await other.refresh()
    assert other.structure(URL) is None
    before = other.mark
    await door.repository.write(put(profile("a")))
    await other.refresh()
    found = other.structure(URL)
    assert found is not None
    assert (found["id"], found["meta"]["versionId"]) == ("a", "1")
    assert other.mark != before
    same = other.mark
    await other.refresh()
    assert other.mark == same
    await door.repository.write(put(profile("a", "1.1.0")))
    await other.refresh()
    assert other.structure(f"{URL}|1.0.0") is None
    assert other.structure(f"{URL}|1.1.0") is not None
    await door.repository.write(Delete(resource_type="StructureDefinition", logical_id="a"))
    await other.refresh()
    assert other.structure(URL) is None


async def test_of_several_versions_the_last_counts(door: Door) -> None:
    for logical_id, version in (("a", "1.9.0"), ("b", "1.10.0"), ("c", "1.2.0")):
        await door.repository.write(put(profile(logical_id, version)))
    other = of_worker(door)
    await other.refresh()
    found = other.structure(URL)
    assert found is not None
    assert found["version"] == "1.10.0"
    assert other.versions(URL) == ["1.10.0", "1.9.0", "1.2.0"]


async def test_the_worker_that_wrote_knows_at_once(door: Door) -> None:
    stored = of_worker(door)
    repository = Repository(LiveServices(replace(door.services, stored_structures=stored)), Unrestricted())
    await repository.write(put(profile("a")))
    assert stored.structure(URL) is not None
    await repository.transact([Delete(resource_type="StructureDefinition", logical_id="a")])
    assert stored.structure(URL) is None
    body = parse_resource(encode(profile("b")))
    await repository.write(Create(resource_type="StructureDefinition", body=body))
    assert stored.structure(URL) is not None
