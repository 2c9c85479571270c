"""The JSON API of users over the apps they let in, below ``/auth/grants``: what each may, since when; withdrawing it.

Who calls it has logged in at this browser, or uses an app of this network; the page is ``/auth/account/apps``.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel

from fhirserver.smart import network
from fhirserver.smart.access_tokens import caller_of
from fhirserver.smart.errors import ACCESS_DENIED, INVALID_REQUEST, INVALID_TOKEN, OAuthError
from fhirserver.smart.noted import note_decision, note_token, note_user
from fhirserver.smart.page_answers import PageGrants
from fhirserver.smart.pages.contracts import GrantCard
from fhirserver.smart.refusals import refusals
from fhirserver.smart.services import Services

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="fhirserver"'}


class GrantEntry(BaseModel):
    """What a user has let an app have."""

    id: str
    client_id: str
    client_name: str
    client_uri: str | None
    logo_uri: str | None
    owner: str | None
    scope: str
    patient: str | None
    """The logical id of whose record it is, where it is one's."""
    since_seconds: float
    used_seconds: float | None


def grant_router(services: Services) -> APIRouter:
    """Return the endpoints."""
    refused = refusals(400, 401, 403, 404, 421, 429, 503)
    router = APIRouter(prefix=network.GRANTS, tags=["grants"], responses=refused)
    grants = PageGrants(services)

    @router.get("")
    async def list_all(request: Request, response: Response) -> list[GrantEntry]:
        """List the apps that who asks has let in."""
        response.headers["Cache-Control"] = "no-store"
        return [_entry(card) for card in await grants.of_user(await _user(services, request))]

    @router.delete("/{grant}", status_code=204)
    async def withdraw(request: Request, grant: Annotated[str, Path(max_length=64)]) -> Response:
        """Take back what an app was let have: it binds on every worker within a second."""
        user = await _user(services, request)
        card = next((one for one in await grants.of_user(user) if one.id == grant), None)
        if card is None or not await grants.withdraw(user, grant):
            raise OAuthError(INVALID_REQUEST, "There is no such grant of yours.", status=404)
        note_decision(card.client.id, card.patient, withdrawn=" ".join(card.scopes))
        return Response(status_code=204, headers={"Cache-Control": "no-store"})

    return router


async def _user(services: Services, request: Request) -> str:
    """Return the account of who asks. Raises OAuthError."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        record = await services.access_tokens.record_of(token.strip())
        if record is None or record["user"] is None:
            raise OAuthError(INVALID_TOKEN, "The access token is not one of a user.", status=401, headers=_CHALLENGE)
        client = await services.clients.active(record["client_id"])
        if client is None or not client.trusted:
            raise OAuthError(ACCESS_DENIED, "Only an app of this network sees what a user has granted.", status=403)
        note_token(caller_of(record))
        return str(record["user"])
    if request.headers.get("origin") not in (None, services.network.origin(request)):
        raise OAuthError(ACCESS_DENIED, "Pages of another origin may not call this.", status=403)
    login = await services.logins.current(request)
    if login is None:
        raise OAuthError(INVALID_TOKEN, "Nobody has logged in.", status=401, headers=_CHALLENGE)
    person = login.person
    note_user(person.name, person.site, person.fhir_user, person.roles, person.organizations)
    return person.user_id


def _entry(card: GrantCard) -> GrantEntry:
    known: dict[str, Any] = {
        "id": card.id,
        "client_id": card.client.id,
        "client_name": card.client.name,
        "client_uri": card.client.uri,
        "logo_uri": card.client.logo_uri,
        "owner": card.client.owner,
        "scope": " ".join(card.scopes),
        "patient": card.patient,
        "since_seconds": card.since_s,
        "used_seconds": card.used_s,
    }
    return GrantEntry(**known)
