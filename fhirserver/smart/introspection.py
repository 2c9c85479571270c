"""POST /auth/introspect: what a token is, for who may know.

Spec: https://www.rfc-editor.org/rfc/rfc7662, IHE IUA ITI-102,
https://hl7.org/fhir/smart-app-launch/STU2.2/token-introspection.html
"""

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fhirserver.smart import network
from fhirserver.smart.access_tokens import caller_of
from fhirserver.smart.certificates import confirmation
from fhirserver.smart.errors import INVALID_TOKEN, NOT_STORED, OAuthError, invalid_request
from fhirserver.smart.forms import Form, read_form
from fhirserver.smart.noted import note_client, note_token
from fhirserver.smart.services import Services

_INACTIVE: Final = {"active": False}
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="fhirserver"'}


class Introspection:
    """Answers clients about their own tokens, and resource servers about all."""

    def __init__(self, services: Services) -> None:
        """Look tokens up with ``services``."""
        self._services = services

    async def answer(self, request: Request) -> Response:
        """Answer one request. Raises OAuthError."""
        form = await read_form(request)
        asking = await self._asking(request, form)
        note_client(asking)
        token = form.get("token")
        if token is None:
            raise invalid_request("`token` is missing.")
        client = await self._services.clients.active(asking)
        found = await self._access_token(token) or await self._refresh_token(token)
        may_know = client is not None and found is not None and (client.introspects or found["client_id"] == asking)
        return JSONResponse(found if found is not None and may_know else _INACTIVE, headers=dict(NOT_STORED))

    async def _asking(self, request: Request, form: Form) -> str:
        """Return which client asks: by an access token of its own, or as at the token endpoint."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            record = await self._services.access_tokens.record_of(token.strip())
            if record is None:
                headers = {"WWW-Authenticate": f'{_CHALLENGE["WWW-Authenticate"]}, error="{INVALID_TOKEN}"'}
                raise OAuthError(INVALID_TOKEN, "The access token is not valid.", status=401, headers=headers)
            return str(record["client_id"])
        own = (network.INTROSPECT, network.TOKEN)
        proven = await self._services.authentication.prove(
            request, form, lambda url: any(self._services.network.is_endpoint(url, path) for path in own)
        )
        client = proven.once()
        if client.is_public:
            raise OAuthError(
                "invalid_client", "Say who asks: a client that proves itself.", status=401, headers=_CHALLENGE
            )
        return client.client_id

    async def _access_token(self, token: str) -> dict[str, Any] | None:
        record = await self._services.access_tokens.record_of(token)
        if record is None:
            return None
        note_token(caller_of(record))
        audience = self._services.network.base_of(record["issuer"], record["site"])
        return _shown(
            record,
            token_type="Bearer",  # noqa: S106 - the name of the type
            aud=audience,
            exp=int(record["expires_at_s"]),
            iat=int(record["issued_s"]),
            jti=record["key"],
            fhirUser=f"{audience}/{record['fhir_user']}" if record["fhir_user"] else None,
            patient=record["patient"],
            encounter=record["encounter"],
            **confirmation(record["certificate"]),
        )

    async def _refresh_token(self, token: str) -> dict[str, Any] | None:
        record = await self._services.refresh_tokens.find(token)
        if record is None:
            return None
        ends = record.get("expires")
        return _shown(record, token_type="refresh_token", exp=int(ends.timestamp()) if ends else None)  # noqa: S106


def _shown(record: Mapping[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any value of a claim
    known = {
        "active": True,
        "client_id": record["client_id"],
        "scope": " ".join(record["scopes"]),
        "iss": record["issuer"],
        "sub": record["user"] or record["client_id"],
        **more,
    }
    return {name: value for name, value in known.items() if value is not None}
