"""Clients for whoever tries the demo record: an app for people and a backend service, on a server of this machine only.

The secret of the service follows from that of the installation, so that it can be told at every start. A server that
others can reach has neither.
"""

from dataclasses import dataclass, replace
from typing import Final

from fhirserver.smart.clients import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    REFRESH_TOKEN,
    AuthMethod,
    Client,
    digest_of,
)
from fhirserver.smart.secret import Secret
from fhirserver.smart.services import Services

_PURPOSE: Final = "demo client"
APP: Final = Client(
    client_id="example-app",
    client_name="Example app",
    token_endpoint_auth_method=AuthMethod.NONE,
    grant_types=(AUTHORIZATION_CODE, REFRESH_TOKEN),
    scope=(
        "openid fhirUser profile launch launch/patient launch/encounter online_access offline_access "
        "patient/*.cruds user/*.cruds"
    ),
    redirect_uris=("http://localhost:3000/callback", "http://localhost:4567/custom/smart/redirect"),
    launch_uri="http://localhost:4567/custom/smart/launch",
    owner="fhirserver",
    description="An app to try: public, with PKCE.",
)
SERVICE: Final = Client(
    client_id="example-service",
    client_name="Example service",
    token_endpoint_auth_method=AuthMethod.BASIC,
    grant_types=(CLIENT_CREDENTIALS,),
    scope="system/*.cruds",
    owner="fhirserver",
    description="A backend service to try: it may do everything that its scopes say.",
)


@dataclass(frozen=True, slots=True)
class DemoClients:
    """How to be the clients of the demo."""

    app: Client
    service: Client
    service_secret: str


async def make_demo_clients(services: Services, secret: Secret, site: str, *, is_private: bool) -> DemoClients | None:
    """Enter the clients that are missing; on a server that others can reach there are none, and they are removed."""
    if not is_private:
        for client in (APP, SERVICE):
            if await services.clients.remove(client.client_id):
                await services.revocations.end_client(client.client_id)
        return None
    password = secret.fingerprint(_PURPOSE, SERVICE.client_id.encode())
    digest = digest_of(password)
    for client in (replace(APP, sites=(site,)), replace(SERVICE, sites=(site,), secret_digest=digest)):
        await services.clients.add(client)
    await services.clients.change(SERVICE.client_id, secret_digest=digest)
    return DemoClients(APP, SERVICE, password)
