"""GET, POST /auth/userinfo: what the bearer of a token may know of its user.

Spec: https://openid.net/specs/openid-connect-core-1_0.html#UserInfo
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fhirserver.smart.errors import INVALID_TOKEN, NOT_STORED, OAuthError
from fhirserver.smart.issuing import user_claims
from fhirserver.smart.scopes import OPENID
from fhirserver.smart.services import Services

_CHALLENGE: Final = 'Bearer realm="fhirserver"'


class UserInfo:
    """Answers apps that were granted ``openid``."""

    def __init__(self, services: Services) -> None:
        """Look tokens up with ``services``."""
        self._services = services

    async def answer(self, request: Request) -> Response:
        """Answer one request. Raises OAuthError."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        record = await self._services.access_tokens.record_of(token.strip()) if scheme.lower() == "bearer" else None
        person = await self._services.logins.person(record["user"]) if record and record["user"] else None
        if record is None or person is None:
            headers = {"WWW-Authenticate": f'{_CHALLENGE}, error="{INVALID_TOKEN}"'}
            raise OAuthError(INVALID_TOKEN, "The access token is not one of a user.", status=401, headers=headers)
        scopes = tuple(record["scopes"])
        if OPENID not in scopes:
            headers = {"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{OPENID}"'}
            raise OAuthError("insufficient_scope", "`openid` was not granted.", status=403, headers=headers)
        claims = user_claims(self._services, record["issuer"], record["site"], scopes, person)
        return JSONResponse({"sub": person.user_id, **claims}, headers=dict(NOT_STORED))
