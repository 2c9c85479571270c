"""grant_type=refresh_token: a client renews what it was granted, or less.

Spec: https://www.rfc-editor.org/rfc/rfc6749#section-6, SMART App Launch 2.2, "Refresh access token"
"""

from dataclasses import replace
from typing import Any

from fhirserver.smart.authorization import Authorization
from fhirserver.smart.errors import invalid_grant, invalid_scope
from fhirserver.smart.issuing import issue
from fhirserver.smart.refresh_tokens import RefreshReused
from fhirserver.smart.scopes import covers
from fhirserver.smart.services import Services
from fhirserver.smart.token_request import TokenRequest


async def refreshing(services: Services, request: TokenRequest) -> dict[str, Any]:
    """Answer a client that renews its token. Raises OAuthError."""
    client = request.proven.once()
    token = request.required("refresh_token")
    record = await services.refresh_tokens.find(token)
    asked = request.form.get("scope")
    if record is not None and record["client_id"] == client.client_id:  # all of it before the token is used up
        if asked is not None:
            _check_within(services, record["scopes"], asked)
        if record.get("certificate") not in (None, request.certificate):
            raise invalid_grant("The refresh token is bound to a certificate that this connection does not show.")
    try:
        authorization = await services.refresh_tokens.use(token, client)
    except RefreshReused as reused:
        await services.revocations.end_authorization(reused.authorization.id)
        raise invalid_grant("The refresh token was used before; all that came of it has ended.") from None
    renewed = replace(authorization, issuer=request.origin)
    if authorization.session_id is not None:
        await services.logins.touch(authorization.session_id)
    answer = await issue(services, _narrowed(services, renewed, asked), client)
    answer["refresh_token"] = await services.refresh_tokens.successor(token, renewed, client)
    if await services.revocations.is_ended(authorization.id):
        await services.revocations.end_authorization(authorization.id)
        raise invalid_grant("What was granted has ended.")
    return answer


def _check_within(services: Services, granted: list[str], asked: str) -> None:
    scopes = services.read_scopes(asked)
    if scopes.unknown or not scopes.texts or not covers(services.read_scopes(" ".join(granted)), scopes):
        raise invalid_scope("`scope` asks for more than was granted.")


def _narrowed(services: Services, authorization: Authorization, asked: str | None) -> Authorization:
    if asked is None:
        return authorization
    return replace(authorization, scopes=services.read_scopes(asked).texts)
