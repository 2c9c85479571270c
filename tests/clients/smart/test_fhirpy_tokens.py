"""fhirpy with access tokens: what it may do within its scopes, and which of its errors it raises without."""

from collections.abc import Callable
from typing import Final

import pytest
from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import AuthorizationError, ForbiddenError, ResourceNotFound

from tests.clients.smart.conftest import Network

Clients = Callable[[str], tuple[AsyncFHIRClient, SyncFHIRClient]]
SYSTEM: Final = "http://example.org/fhirpy-tokens"


@pytest.fixture
def clients(network: Network) -> Clients:
    """Clients that bear a token of some scopes."""

    def made(scope: str) -> tuple[AsyncFHIRClient, SyncFHIRClient]:
        authorization = f"Bearer {network.token(scope)}"
        return AsyncFHIRClient(network.base, authorization), SyncFHIRClient(network.base, authorization)

    return made


async def test_a_resource_lives_within_the_scopes(clients: Clients) -> None:
    client, _ = clients("system/Patient.cruds")
    patient = client.resource("Patient", identifier=[{"system": SYSTEM, "value": "life"}])
    await patient.save()
    patient["active"] = True
    await patient.save()
    assert (await client.get("Patient", patient.id))["active"] is True
    assert await client.resources("Patient").search(identifier=f"{SYSTEM}|life").count() == 1
    await patient.delete()
    with pytest.raises(ResourceNotFound):
        await client.get("Patient", patient.id)


async def test_what_the_scopes_lack_is_forbidden(clients: Clients) -> None:
    client, sync_client = clients("system/Patient.rs")
    assert (await client.get("Patient", "p1"))["id"] == "p1"
    with pytest.raises(ForbiddenError):
        await client.resource("Patient", active=True).save()
    with pytest.raises(ForbiddenError):
        await client.resources("Observation").fetch()
    with pytest.raises(ForbiddenError):
        sync_client.get("Observation", "weight-p1")


@pytest.mark.parametrize("authorization", [None, "Bearer made-up", "Basic bm9ib2R5Og=="], ids=["none", "bad", "basic"])
async def test_without_a_token_there_is_nothing_but_the_capability_statement(
    network: Network, authorization: str | None
) -> None:
    client = AsyncFHIRClient(network.base, authorization)
    assert (await client.execute("metadata", method="get"))["fhirVersion"] == "4.0.1"
    with pytest.raises(AuthorizationError):
        await client.get("Patient", "p1")
    with pytest.raises(AuthorizationError):
        SyncFHIRClient(network.base, authorization).resources("Patient").fetch()
