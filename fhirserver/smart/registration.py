"""POST /auth/register: a client enters itself, within what the operator allows; GET, PUT, DELETE what it entered.

What registers without an administrator's token waits until a site has approved it.
Spec: https://www.rfc-editor.org/rfc/rfc7591, https://www.rfc-editor.org/rfc/rfc7592
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fhirserver.settings import Registration
from fhirserver.smart import network
from fhirserver.smart.client_metadata import checked, metadata_of
from fhirserver.smart.clients import AuthMethod, Client, digest_of, new_client_id, new_secret
from fhirserver.smart.errors import ACCESS_DENIED, INVALID_CLIENT_METADATA, INVALID_TOKEN, NOT_STORED, OAuthError
from fhirserver.smart.forms import read_json
from fhirserver.smart.scopes import Ceiling
from fhirserver.smart.services import Services
from fhirserver.smart.udap import Udap

INITIAL_S: Final = 7 * 24 * 3600
"""The life of an initial access token."""
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="fhirserver", error="invalid_token"'}


@dataclass(frozen=True, slots=True)
class _Allowance:
    """What whoever registers may have."""

    ceiling: str
    sites: tuple[str, ...] = ()


async def new_initial_token(services: Services, *, scope: str, sites: tuple[str, ...]) -> str:
    """Return a token that registers one client, with these scopes at most, approved by these sites."""
    token = secrets.token_urlsafe(32)
    await services.state.initial.insert(digest_of(token), {"scope": scope, "sites": list(sites)}, INITIAL_S)
    return token


class RegistrationEndpoint:
    """Answers clients about themselves."""

    def __init__(self, services: Services) -> None:
        """Enter clients with ``services``."""
        self._services = services

    async def register(self, request: Request) -> Response:
        """Enter a client. Raises OAuthError."""
        document = await read_json(request)
        if self._services.udap is not None and "udap" in document:
            return await self._register_by_certificate(self._services.udap, document)
        allowance = await self._allowance(request)
        fields = self._fields(document, allowance)
        secret, token = new_secret(), new_secret()
        method: AuthMethod = fields["token_endpoint_auth_method"]
        client = Client(
            **fields,
            client_id=new_client_id(),
            secret_digest=digest_of(secret) if method.by_secret else None,
            sites=allowance.sites,
            self_registered=True,
            registration_digest=digest_of(token),
        )
        await self._services.clients.add(client)
        answer = self._shown(request, client, token)
        if method.by_secret:
            answer |= {"client_secret": secret, "client_secret_expires_at": 0}
        return JSONResponse(answer, 201, headers=dict(NOT_STORED))

    async def _register_by_certificate(self, udap: Udap, document: dict[str, Any]) -> Response:
        where = self._services.network
        client, is_new = await udap.register(document, lambda url: where.is_endpoint(url, network.REGISTER))
        if not is_new:
            await self._services.revocations.end_client(client.client_id)
        answer = {**shown_metadata(client), "client_id": client.client_id}
        return JSONResponse(answer, 201 if is_new else 200, headers=dict(NOT_STORED))

    async def manage(self, request: Request) -> Response:
        """Show, change or delete what a client entered. Raises OAuthError."""
        client, token = await self._registered(request)
        if request.method == "DELETE":
            await self._services.clients.remove(client.client_id)
            await self._services.revocations.end_client(client.client_id)
            return Response(status_code=204, headers=dict(NOT_STORED))
        if request.method == "PUT":
            client = await self._changed(client, await read_json(request))
        return JSONResponse(self._shown(request, client, token), headers=dict(NOT_STORED))

    async def _changed(self, client: Client, document: dict[str, Any]) -> Client:
        """Change a client; what is not as a site has approved it waits for approval anew."""
        if document.get("client_id", client.client_id) != client.client_id:
            raise OAuthError(INVALID_CLIENT_METADATA, "`client_id` cannot be changed.")
        fields = self._fields(document, _Allowance(client.scope))
        if fields["token_endpoint_auth_method"] is not client.token_endpoint_auth_method:
            raise OAuthError(INVALID_CLIENT_METADATA, "`token_endpoint_auth_method` cannot be changed.")
        changes = {name: value for name, value in fields.items() if getattr(client, name) != value}
        if not changes:
            return client
        changed = await self._services.clients.change(client.client_id, **changes, sites=())
        await self._services.revocations.end_client(client.client_id)
        if changed is None:
            raise OAuthError(INVALID_TOKEN, "The client is not registered any more.", status=401, headers=_CHALLENGE)
        return changed

    async def _allowance(self, request: Request) -> _Allowance:
        policy = self._services.policy
        if policy.registration is Registration.OFF:
            raise OAuthError(ACCESS_DENIED, "Clients are registered by an administrator.", status=403)
        token = _bearer(request)
        if token is None and policy.registration is Registration.OPEN:
            return _Allowance(policy.registration_scope)
        known = await self._services.state.initial.take(digest_of(token)) if token is not None else None
        if known is None:
            raise OAuthError(
                INVALID_TOKEN, "Registration needs an initial access token.", status=401, headers=_CHALLENGE
            )
        return _Allowance(known["scope"], tuple(known["sites"]))

    def _fields(self, document: dict[str, Any], allowance: _Allowance) -> dict[str, Any]:
        fields = checked(metadata_of(document), self._services.read_scopes)
        ceiling = Ceiling(self._services.read_scopes(allowance.ceiling))
        asked = fields["scope"] or allowance.ceiling
        within = ceiling.within(self._services.read_scopes(asked))
        if not within.texts:
            raise OAuthError(INVALID_CLIENT_METADATA, "`scope`: none of these may a client register for.")
        return {**fields, "scope": " ".join(within.texts)}

    async def _registered(self, request: Request) -> tuple[Client, str]:
        token = _bearer(request)
        client = await self._services.clients.active(request.path_params["client_id"])
        if token is None or client is None or not client.proves_registration(token):
            raise OAuthError(INVALID_TOKEN, "The registration access token is wrong.", status=401, headers=_CHALLENGE)
        return client, token

    def _shown(self, request: Request, client: Client, token: str) -> dict[str, Any]:
        origin = self._services.network.origin(request)
        return {
            **shown_metadata(client),
            "client_id": client.client_id,
            "client_id_issued_at": int(client.created_s or self._services.clock()),
            "registration_access_token": token,
            "registration_client_uri": f"{origin}{network.REGISTER}/{client.client_id}",
        }


def shown_metadata(client: Client) -> Mapping[str, Any]:
    """Return the metadata of a client as it was registered."""
    known = {
        "client_name": client.client_name,
        "redirect_uris": list(client.redirect_uris),
        "grant_types": list(client.grant_types),
        "response_types": ["code"] if client.redirect_uris else [],
        "token_endpoint_auth_method": client.token_endpoint_auth_method.value,
        "scope": client.scope,
        "jwks": client.jwks,
        "jwks_uri": client.jwks_uri,
        "launch_uri": client.launch_uri,
        "client_uri": client.client_uri,
        "logo_uri": client.logo_uri,
        "policy_uri": client.policy_uri,
        "tos_uri": client.tos_uri,
        "contacts": list(client.contacts) or None,
        "software_id": client.software_id,
        "software_version": client.software_version,
        "software_statement": client.software_statement,
    }
    return {name: value for name, value in known.items() if value is not None}


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
