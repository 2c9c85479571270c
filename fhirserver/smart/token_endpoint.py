"""POST /auth/token: a code, a refresh token or a client's own proof becomes an access token.

Spec: https://www.rfc-editor.org/rfc/rfc6749#section-3.2, https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fhirserver.smart import network
from fhirserver.smart.certificates import thumbprint_of
from fhirserver.smart.client_auth import has_credentials
from fhirserver.smart.client_credentials import client_credentials
from fhirserver.smart.clients import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, REFRESH_TOKEN
from fhirserver.smart.code_exchange import code_exchange
from fhirserver.smart.errors import (
    NOT_STORED,
    UNAUTHORIZED_CLIENT,
    UNSUPPORTED_GRANT_TYPE,
    OAuthError,
    invalid_grant,
    invalid_request,
)
from fhirserver.smart.forms import Form, read_form
from fhirserver.smart.noted import note_client
from fhirserver.smart.refreshing import refreshing
from fhirserver.smart.services import Services
from fhirserver.smart.token_request import TokenRequest

Exchange: TypeAlias = Callable[[Services, TokenRequest], Awaitable[dict[str, Any]]]

_EXCHANGES: Final[Mapping[str, Exchange]] = {
    AUTHORIZATION_CODE: code_exchange,
    REFRESH_TOKEN: refreshing,
    CLIENT_CREDENTIALS: client_credentials,
}


_TOKEN_TYPES: Final = ("urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:access_token")
"""What IUA may ask for (ITI-71): tokens are JWTs here."""
_SHOWN: Final = ("grant_type", "scope", "resource")
"""Parameters that the audit trail keeps: none of them is a secret."""


class TokenEndpoint:
    """Answers the requests of clients."""

    def __init__(self, services: Services) -> None:
        """Issue tokens with ``services``."""
        self._services = services

    async def answer(self, request: Request) -> Response:
        """Answer one request. Raises OAuthError."""
        form = await read_form(request)
        grant_type = form.get("grant_type")
        if grant_type is None:
            raise invalid_request("`grant_type` is missing.")
        exchange = _EXCHANGES.get(grant_type)
        if exchange is None:
            raise OAuthError(UNSUPPORTED_GRANT_TYPE, f"`grant_type` is one of {', '.join(_EXCHANGES)}.")
        asked_type = form.get("requested_token_type", _TOKEN_TYPES[0])
        if asked_type not in _TOKEN_TYPES:
            raise invalid_request(f"`requested_token_type` is one of {', '.join(_TOKEN_TYPES)}.")
        where = self._services.network
        form = await self._named(request, form)
        proven = await self._services.authentication.prove(
            request, form, lambda url: where.is_endpoint(url, network.TOKEN)
        )
        note_client(proven.client.client_id, {name: form[name] for name in _SHOWN if form.get(name)})
        if grant_type not in proven.client.grant_types:
            raise OAuthError(UNAUTHORIZED_CLIENT, f"The client is not registered for `{grant_type}`.")
        answer = await exchange(
            self._services, TokenRequest(form, proven, where.origin(request), thumbprint_of(request.scope))
        )
        return JSONResponse(answer, headers=dict(NOT_STORED))

    async def _named(self, request: Request, form: Form) -> Form:
        """Return a form that names its client: a public app may show its refresh token alone. Raises OAuthError.

        SMART App Launch 2.2 has no `client_id` among the parameters of a refresh. A token of a client that keeps
        secrets still needs the proof.
        """
        token = form.get("refresh_token")
        if form["grant_type"] != REFRESH_TOKEN or token is None or has_credentials(request, form):
            return form
        client_id = await self._services.refresh_tokens.client_of(token)
        if client_id is None:
            raise invalid_grant("The refresh token is not valid, has expired or was revoked.")
        return {**form, "client_id": client_id}
