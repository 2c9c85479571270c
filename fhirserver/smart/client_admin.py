"""The JSON API of administrators over clients, below ``/auth/admin/clients``; members are named as in RFC 7591.

Who calls it is an administrator who is logged in at this browser, or an app of this network in the name of one.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from fhirserver.smart.catalogue import OF_NETWORK, Catalogue
from fhirserver.smart.client_metadata import Name, Url
from fhirserver.smart.clients import AuthMethod, Client
from fhirserver.smart.errors import ACCESS_DENIED, INVALID_REQUEST, INVALID_TOKEN, OAuthError
from fhirserver.smart.logos import logo_path
from fhirserver.smart.refusals import refusals
from fhirserver.smart.registration import INITIAL_S, new_initial_token, shown_metadata
from fhirserver.smart.scopes import covers
from fhirserver.smart.services import Services

PREFIX: Final = "/auth/admin/clients"
_NEEDED: Final = "user/*.cruds"
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="fhirserver"'}

Words = Annotated[str, Field(max_length=2000)]
Sites = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=100)]
ClientId = Annotated[str, Path(min_length=1, max_length=256)]


class ClientEntry(BaseModel):
    """A client in the catalogue, without any secret."""

    model_config = ConfigDict(extra="allow")

    client_id: str
    client_name: str
    grant_types: list[str]
    token_endpoint_auth_method: str
    scope: str
    """The ceiling: what may be granted at most."""
    sites: list[str]
    """The sites that have approved it."""
    owner: str | None
    description: str | None
    logo: str | None
    """Where the picture is that pages show."""
    trusted: bool
    introspects: bool
    organization: str | None
    purpose: str
    roles: list[str]
    blocked: bool
    self_registered: bool
    created_seconds: float


class NewClientEntry(ClientEntry):
    """A client that was just entered."""

    client_secret: str | None = None


class ClientChange(BaseModel):
    """What of a client is changed; members that are absent stay."""

    model_config = ConfigDict(extra="forbid")

    client_name: Name | None = None
    redirect_uris: Annotated[list[Url], Field(max_length=50)] | None = None
    scope: Annotated[str, Field(max_length=10_000)] | None = None
    jwks_uri: Url | None = None
    jwks: dict[str, Any] | None = None
    launch_uri: Url | None = None
    client_uri: Url | None = None
    logo_uri: Url | None = None
    policy_uri: Url | None = None
    tos_uri: Url | None = None
    contacts: Annotated[list[Name], Field(max_length=20)] | None = None
    owner: Words | None = None
    description: Words | None = None
    logo: Annotated[str, Field(max_length=30_000)] | None = None
    """A ``data:`` URL of a small picture."""
    trusted: bool | None = None
    introspects: bool | None = None
    organization: Words | None = None
    purpose: Annotated[str, Field(pattern=r"^[A-Z]{2,16}$")] | None = None
    roles: Sites | None = None
    blocked: bool | None = None


class NewClient(ClientChange):
    """What a client begins with."""

    client_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]{1,128}$")] | None = None
    client_name: Name
    grant_types: list[str] = ["authorization_code", "refresh_token"]
    token_endpoint_auth_method: str = AuthMethod.NONE.value
    sites: Sites | None = None


class NewSecret(BaseModel):
    """A secret, told this once."""

    client_secret: str


class InitialToken(BaseModel):
    """What one client may register with."""

    scope: Annotated[str, Field(max_length=10_000)]
    sites: Sites = []


class InitialTokenEntry(BaseModel):
    """An initial access token, told this once."""

    initial_access_token: str
    expires_in: int


class ClientAdministration:
    """The endpoints."""

    def __init__(self, services: Services) -> None:
        """Keep the catalogue of ``services``."""
        self._services = services
        self._catalogue = Catalogue(services)

    async def list_all(self, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[ClientEntry]:
        """List the catalogue."""
        return [_shown(client) for client in await self._services.clients.find(limit=limit)]

    async def add(self, new: NewClient) -> NewClientEntry:
        """Enter a client; its secret is told this once."""
        document = new.model_dump(exclude={"client_id"}, exclude_none=True)
        client, secret = await self._catalogue.add(document, new.client_id)
        return NewClientEntry(**entry_of(client), client_secret=secret)

    async def initial_token(self, wanted: InitialToken) -> InitialTokenEntry:
        """Make a token with which one client can register itself."""
        token = await new_initial_token(self._services, scope=wanted.scope, sites=tuple(wanted.sites))
        return InitialTokenEntry(initial_access_token=token, expires_in=INITIAL_S)

    async def show(self, client_id: ClientId) -> ClientEntry:
        """Show a client."""
        return _shown(await self._client(client_id))

    async def change(self, client_id: ClientId, wanted: ClientChange) -> ClientEntry:
        """Change a client; the tokens that it has end."""
        client = await self._client(client_id)
        return _shown(await self._catalogue.change(client, wanted.model_dump(exclude_none=True)))

    async def remove(self, client_id: ClientId) -> Response:
        """Delete a client; all that it has ends."""
        await self._catalogue.remove(await self._client(client_id))
        return Response(status_code=204)

    async def renew_secret(self, client_id: ClientId) -> NewSecret:
        """Give a client another secret."""
        return NewSecret(client_secret=await self._catalogue.renew_secret(await self._client(client_id)))

    async def approve(self, client_id: ClientId, site: str) -> ClientEntry:
        """Let a site let the client in."""
        return _shown(await self._catalogue.approve(await self._client(client_id), site))

    async def disapprove(self, client_id: ClientId, site: str) -> ClientEntry:
        """Let a site let the client in no more; what it has there ends."""
        return _shown(await self._catalogue.disapprove(await self._client(client_id), site))

    async def _client(self, client_id: str) -> Client:
        client = await self._services.clients.get(client_id)
        if client is None:
            raise OAuthError(INVALID_REQUEST, "There is no such client.", status=404)
        return client


def client_admin_router(services: Services) -> APIRouter:
    """Return the routes of the endpoints, for administrators alone."""
    administrator = Depends(administrator_of(services))
    refused = refusals(400, 401, 403, 404, 421, 429, 503)
    router = APIRouter(prefix=PREFIX, tags=["clients"], responses=refused, dependencies=[administrator])
    api = ClientAdministration(services)
    router.add_api_route("", api.list_all, methods=["GET"])
    router.add_api_route("", api.add, methods=["POST"], status_code=201)
    router.add_api_route("/initial-access-tokens", api.initial_token, methods=["POST"], status_code=201)
    router.add_api_route("/{client_id}", api.show, methods=["GET"])
    router.add_api_route("/{client_id}", api.change, methods=["PATCH"])
    router.add_api_route("/{client_id}", api.remove, methods=["DELETE"], status_code=204)
    router.add_api_route("/{client_id}/secret", api.renew_secret, methods=["POST"])
    router.add_api_route("/{client_id}/sites/{site}", api.approve, methods=["PUT"])
    router.add_api_route("/{client_id}/sites/{site}", api.disapprove, methods=["DELETE"])
    return router


def _shown(client: Client) -> ClientEntry:
    return ClientEntry(**entry_of(client))


def entry_of(client: Client) -> dict[str, Any]:
    """Return a client as administrators see it."""
    of_network = {name: getattr(client, name) for name in OF_NETWORK}
    return {
        **shown_metadata(client),
        **{name: list(value) if isinstance(value, tuple) else value for name, value in of_network.items()},
        "logo": logo_path(client),
        "client_id": client.client_id,
        "self_registered": client.self_registered,
        "created_seconds": client.created_s,
    }


def administrator_of(services: Services) -> Callable[[Request, Response], Awaitable[None]]:
    """Return what lets administrators alone call an endpoint."""

    async def administrator(request: Request, response: Response) -> None:
        """Raises OAuthError unless an administrator calls."""
        response.headers["Cache-Control"] = "no-store"
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            await check_token(services, token.strip())
            return
        if request.headers.get("origin") not in (None, services.network.origin(request)):
            raise OAuthError(ACCESS_DENIED, "Pages of another origin may not call this.", status=403)
        login = await services.logins.current(request)
        if login is None:
            raise OAuthError(INVALID_TOKEN, "Nobody has logged in.", status=401, headers=_CHALLENGE)
        if not await services.logins.may_administer(login):
            raise OAuthError(ACCESS_DENIED, "This is for administrators, by a login as sure as theirs.", status=403)

    return administrator


async def check_token(services: Services, token: str) -> None:
    """Raises OAuthError unless a token is of an app of this network in the name of an administrator."""
    record = await services.access_tokens.record_of(token)
    if record is None:
        raise OAuthError(INVALID_TOKEN, "The access token is not valid.", status=401, headers=_CHALLENGE)
    client = await services.clients.active(record["client_id"])
    granted = services.read_scopes(" ".join(record["scopes"]))
    is_able = client is not None and client.trusted and covers(granted, services.read_scopes(_NEEDED))
    if not (record["is_admin"] and is_able):
        raise OAuthError(
            "insufficient_scope", f"This is for administrators, in an app of this network with `{_NEEDED}`.", status=403
        )
