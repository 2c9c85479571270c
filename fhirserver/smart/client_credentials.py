"""grant_type=client_credentials: a backend service acts for itself.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html, https://www.rfc-editor.org/rfc/rfc6749#section-4.4
"""

import secrets
from typing import Any

from fhirserver.kernel.scopes import Context
from fhirserver.smart.authorization import Authorization
from fhirserver.smart.clients import Client
from fhirserver.smart.errors import UNAUTHORIZED_CLIENT, OAuthError, invalid_client, invalid_scope
from fhirserver.smart.issuing import issue
from fhirserver.smart.scopes import Ceiling
from fhirserver.smart.services import Services
from fhirserver.smart.token_request import TokenRequest


async def client_credentials(services: Services, request: TokenRequest) -> dict[str, Any]:
    """Answer a backend service. Raises OAuthError."""
    client = request.proven.client
    if client.is_public:
        raise invalid_client("A client that acts for itself proves who it is.")
    scopes = _granted(services, client, request.form.get("scope"))
    request.proven.once()  # after the scopes: whoever asks too much learns that, and a replay still gives nothing
    authorization = Authorization(
        id=secrets.token_urlsafe(18),
        client_id=client.client_id,
        site=_site(services, client, request),
        scopes=scopes,
        purpose=client.purpose,
        issuer=request.origin,
        certificate=request.certificate,
    )
    return await issue(services, authorization, client)


def _granted(services: Services, client: Client, asked: str | None) -> tuple[str, ...]:
    if asked is None:
        raise invalid_scope("`scope` is missing.")
    scopes = services.read_scopes(asked)
    strange = [*scopes.unknown, *scopes.beside]
    strange += [scope.text for scope in scopes.resources if scope.context is not Context.SYSTEM]
    if strange:
        raise invalid_scope(f"`{strange[0][:200]}` is no scope of a backend service, such as `system/Patient.rs`.")
    granted = Ceiling(services.read_scopes(client.scope)).within(scopes)
    if not granted.resources:
        raise invalid_scope("The client is not registered for any of these scopes.")
    return granted.texts


def _site(services: Services, client: Client, request: TokenRequest) -> str:
    """Return the site that is asked for: the one named (RFC 8707, IUA), or the first that lets the client in."""
    resource = request.form.get("resource")
    if resource is None:
        approved = [site for site in services.network.mounts if site in client.sites]
        if not approved:
            raise OAuthError(UNAUTHORIZED_CLIENT, "No site has approved this client.")
        return approved[0]
    site = services.network.site_of(resource)
    if site is None:
        raise OAuthError("invalid_target", "`resource` is the FHIR base of a site of this server.")
    if site not in client.sites:
        raise OAuthError(UNAUTHORIZED_CLIENT, "The site has not approved this client.")
    return site
