"""Login at another OpenID provider: authorization code with PKCE, state and nonce, by Authlib's Starlette client.

What it needs to remember between the two redirects is a flow of the browser; nothing of it stands in a cookie.
Spec: https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth, RFC 7636, RFC 9207
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from authlib.integrations.starlette_client import OAuth, OAuthError, StarletteOAuth2App
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from httpx2 import AsyncBaseTransport, HTTPError
from joserfc.errors import JoseError
from starlette.requests import Request

from fhirserver.outbound.bounded import Bounded
from fhirserver.outbound.guard import Refused as OutboundRefused
from fhirserver.smart.people.assurance import LEVELS, satisfies
from fhirserver.smart.people.claims import Identity, Refused, identity_of
from fhirserver.smart.people.issuers import Issuer

_TIMEOUT_S: Final = 10.0
_MAX_BYTES: Final = 512 * 1024
_LEEWAY_S: Final = 60
_METADATA_S: Final = 3600.0
_REMEMBERED: Final = ("redirect_uri", "nonce", "code_verifier")
_METADATA: Final = (
    *("issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "jwks", "_loaded_at"),
    *("id_token_signing_alg_values_supported", "authorization_response_iss_parameter_supported"),
)
_ALGORITHMS: Final = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
)
"""Of ID tokens: those whose keys are public. Never ``none``, whatever an issuer says of itself."""
_PROBLEMS: Final = (HTTPError, JoseError, OutboundRefused, TimeoutError, RuntimeError, ValueError, KeyError, TypeError)
_CODES_OF_REFUSAL: Final = frozenset({"access_denied", "login_required", "interaction_required", "consent_required"})


@dataclass(frozen=True, slots=True)
class Wish:
    """What the login must be like."""

    level: str
    fresh: bool = False
    login_hint: str | None = None
    locale: str | None = None


class Federation:
    """The upstream providers of a server."""

    def __init__(
        self,
        issuers: tuple[Issuer, ...],
        transport: AsyncBaseTransport,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Speak to all through ``transport``, which judges where a request goes."""
        self.issuers: Mapping[str, Issuer] = {issuer.id: issuer for issuer in issuers}
        self._oauth = OAuth()
        self._clock = clock
        self._read_s: dict[str, float] = {}
        for issuer in issuers:
            self._register(issuer, Bounded(transport, _MAX_BYTES))

    async def redirect_url(self, issuer: Issuer, callback: str, wish: Wish) -> tuple[str, dict[str, Any]]:
        """Return where to send the browser, and what to remember until it comes back. Raises Refused."""
        client = await self._client(issuer)
        try:
            made = await client.create_authorization_url(callback, **_parameters(issuer, wish))
        except _PROBLEMS as problem:
            raise _unreachable(issuer, problem) from None
        url = str(made.pop("url"))
        return url, {**made, "redirect_uri": callback, "asked_s": self._clock(), "fresh": wish.fresh}

    async def identity(self, issuer: Issuer, request: Request, remembered: Mapping[str, Any]) -> Identity:
        """Return who came back; raises Refused."""
        client = await self._client(issuer)
        _check_answer(issuer, request, client.server_metadata)
        state = str(remembered["state"])
        # Authlib reads what it remembered out of the session, which here is the flow alone.
        known = {
            name: remembered[name] for name in ("redirect_uri", "nonce", "code_verifier", "url") if name in remembered
        }
        request.scope["session"] = {f"_state_{issuer.id}_{state}": {"data": known, "exp": self._clock() + 60}}
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                token = await client.authorize_access_token(request, leeway=_LEEWAY_S)
                claims = await self._claims(client, issuer, token)
        except OAuthError as problem:
            raise Refused("denied" if problem.error in _CODES_OF_REFUSAL else "upstream-refused") from None
        except _PROBLEMS as problem:
            raise _unreachable(issuer, problem) from None
        self._check_time(claims, remembered)
        identity = identity_of(issuer.issuer, claims, issuer.mapping)
        if not satisfies(identity.level, issuer.minimum):
            raise Refused("too-weak")
        return identity

    async def _claims(self, client: StarletteOAuth2App, issuer: Issuer, token: Mapping[str, Any]) -> dict[str, Any]:
        of_id_token = dict(token.get("userinfo") or {})
        if not of_id_token.get("sub"):
            raise Refused("no-id-token")
        if not issuer.userinfo:
            return of_id_token
        more = dict(await client.userinfo(token=token))
        if more.get("sub") != of_id_token["sub"]:  # OpenID Connect Core §5.3.2: else it may be another person's
            raise Refused("other-subject")
        return {**more, **of_id_token}

    def _check_time(self, claims: Mapping[str, Any], remembered: Mapping[str, Any]) -> None:
        """Refuse a login that is older than the one that was asked for (OpenID Connect Core §3.1.2.1)."""
        if not remembered.get("fresh"):
            return
        told = claims.get("auth_time")
        if not isinstance(told, int | float) or told < float(remembered["asked_s"]) - _LEEWAY_S:
            raise Refused("not-fresh")

    async def _client(self, issuer: Issuer) -> StarletteOAuth2App:
        """Return the client, with metadata that is not older than an hour."""
        client: StarletteOAuth2App = self._oauth.create_client(issuer.id)
        now = self._clock()
        if now - self._read_s.get(issuer.id, 0.0) > _METADATA_S:
            client.server_metadata = {}
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                metadata = await client.load_server_metadata()
        except _PROBLEMS as problem:
            raise _unreachable(issuer, problem) from None
        client.server_metadata = _used(metadata)
        self._read_s[issuer.id] = float(metadata["_loaded_at"])
        if metadata.get("issuer") != issuer.issuer:  # OpenID Connect Discovery §4.3
            client.server_metadata = {}
            raise Refused("other-issuer")
        return client

    def _register(self, issuer: Issuer, transport: AsyncBaseTransport) -> None:
        arguments: dict[str, Any] = {
            "scope": " ".join(issuer.scopes),
            "code_challenge_method": "S256",
            "timeout": _TIMEOUT_S,
            "follow_redirects": False,
            "trust_env": False,
            "transport": transport,
            "token_endpoint_auth_method": issuer.client_auth,
        }
        if issuer.client_auth == "private_key_jwt":
            arguments["token_endpoint_auth_method"] = PrivateKeyJWT()
        self._oauth.register(
            issuer.id,
            client_id=issuer.client_id,
            client_secret=issuer.client_secret,
            server_metadata_url=issuer.metadata_url,
            client_kwargs=arguments,
        )


def _used(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata that are used: Authlib would take others for options of its HTTP client."""
    used = {name: metadata[name] for name in _METADATA if name in metadata}
    told = used.get("id_token_signing_alg_values_supported") or ["RS256"]
    return {**used, "id_token_signing_alg_values_supported": [alg for alg in told if alg in _ALGORITHMS]}


def _parameters(issuer: Issuer, wish: Wish) -> dict[str, str]:
    """Return what the upstream is asked for beside the usual."""
    known = {
        "acr_values": _acr_value(issuer, wish.level),
        "prompt": "login" if wish.fresh else None,
        "max_age": "0" if wish.fresh else None,
        "login_hint": wish.login_hint,
        "ui_locales": wish.locale,
    }
    return {name: value for name, value in known.items() if value}


def _acr_value(issuer: Issuer, level: str) -> str | None:
    """Return the issuer's word for a level, or for the highest below it that it has one for."""
    for candidate in reversed(LEVELS[: LEVELS.index(level) + 1] if level in LEVELS else ()):
        if candidate in issuer.acr_values:
            return issuer.acr_values[candidate]
    return None


def _check_answer(issuer: Issuer, request: Request, metadata: Mapping[str, Any]) -> None:
    """Refuse an answer of another authorization server (RFC 9207 §2.4)."""
    told = request.query_params.get("iss")
    if told is not None and told != issuer.issuer:
        raise Refused("other-issuer")
    if told is None and metadata.get("authorization_response_iss_parameter_supported") is True:
        raise Refused("other-issuer")


def _unreachable(issuer: Issuer, problem: Exception) -> Refused:
    structlog.get_logger().warning("upstream login failed", issuer=issuer.id, problem=type(problem).__name__)
    return Refused("unreachable")
