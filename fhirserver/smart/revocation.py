"""POST /auth/revoke: a client gives a token back.

Spec: https://www.rfc-editor.org/rfc/rfc7009
"""

from starlette.requests import Request
from starlette.responses import Response

from fhirserver.smart import network
from fhirserver.smart.access_tokens import caller_of
from fhirserver.smart.authorization import authorization_of
from fhirserver.smart.clients import Client
from fhirserver.smart.errors import NOT_STORED, invalid_grant, invalid_request
from fhirserver.smart.forms import read_form
from fhirserver.smart.noted import note_authorization, note_client, note_token
from fhirserver.smart.services import Services


class Revocation:
    """Ends tokens; a refresh token takes with it all that came of its authorization."""

    def __init__(self, services: Services) -> None:
        """End them with ``services``."""
        self._services = services

    async def answer(self, request: Request) -> Response:
        """Answer one request; tokens that are not known are as good as revoked. Raises OAuthError."""
        form = await read_form(request)
        own = (network.REVOKE, network.TOKEN)
        proven = await self._services.authentication.prove(
            request, form, lambda url: any(self._services.network.is_endpoint(url, path) for path in own)
        )
        client, token = proven.once(), form.get("token")
        note_client(client.client_id)
        if token is None:
            raise invalid_request("`token` is missing.")
        if not await self._end_refresh(token, client):
            await self._end_access(token, client)
        return Response(status_code=200, headers=dict(NOT_STORED))

    async def _end_refresh(self, token: str, client: Client) -> bool:
        record = await self._services.refresh_tokens.find(token)
        if record is None:
            return False
        _check_owner(record["client_id"], client)
        known = authorization_of(record)
        note_authorization(known.site, known.context.patient)
        await self._services.revocations.end_authorization(known.id)
        return True

    async def _end_access(self, token: str, client: Client) -> None:
        record = await self._services.access_tokens.record_of(token)
        if record is not None:
            _check_owner(record["client_id"], client)
            note_token(caller_of(record))
            await self._services.access_tokens.revoke(record["key"])


def _check_owner(owner: str, client: Client) -> None:
    if owner != client.client_id:
        raise invalid_grant("The token was issued to another client.")
