"""What clients are told about this server before they have any token.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html, RFC 8414, OpenID Connect Discovery 1.0, IUA ITI-103
"""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fhirserver.settings import Registration
from fhirserver.smart import network
from fhirserver.smart.assertions import ALGORITHMS
from fhirserver.smart.clients import GRANT_TYPES, AuthMethod
from fhirserver.smart.errors import OAuthError
from fhirserver.smart.keys import ES256, PUBLISHED_S, RS256
from fhirserver.smart.scopes import SUPPORTED
from fhirserver.smart.services import Services

CAPABILITIES: Final = (
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-style",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "context-standalone-encounter",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
)
_KEPT: Final = {"Cache-Control": f"public, max-age={PUBLISHED_S}"}
_AUTH_METHODS: Final = [method.value for method in AuthMethod]
_CONFIDENTIAL: Final = [method.value for method in AuthMethod if method is not AuthMethod.NONE]


class Discovery:
    """Answers what depends on where the server is, and on nothing else."""

    def __init__(self, services: Services) -> None:
        """Describe ``services``."""
        self._services = services

    async def smart_configuration(self, request: Request) -> Response:
        """Answer ``[base]/.well-known/smart-configuration``, whatever is accepted. Raises OAuthError."""
        self.site_of(request)
        origin = self._services.network.origin(request)
        return JSONResponse({**self._server(origin), **_smart(origin)}, headers=_KEPT)

    async def udap(self, request: Request) -> Response:
        """Answer ``[base]/.well-known/udap``, where the network belongs to a trust community. Raises OAuthError."""
        site = self.site_of(request)
        if self._services.udap is None:
            raise OAuthError("invalid_request", "This network belongs to no trust community.", status=404)
        origin = self._services.network.origin(request)
        found = self._services.udap.metadata(origin, self._services.network.base_of(origin, site))
        return JSONResponse(found, headers=_KEPT)

    async def openid_configuration(self, request: Request) -> Response:
        """Answer ``/.well-known/openid-configuration``, ``/.well-known/oauth-authorization-server``. Raises OAuthError.

        One document: what OpenID Connect names may stand among what OAuth names (RFC 8414 §2).
        """
        origin = self._services.network.origin(request)
        return JSONResponse({**self._server(origin), **_openid(origin)}, headers=_KEPT)

    async def jwks(self, request: Request) -> Response:
        """Answer with the public halves of the signing keys. Raises Unavailable."""
        keys = [key.public() for key in await self._services.keys.all()]
        return JSONResponse({"keys": keys}, headers=_KEPT)

    def site_of(self, request: Request) -> str:
        """Return the site below whose base a document of ``/.well-known`` is asked for. Raises OAuthError."""
        path = request.scope["path"].partition("/.well-known/")[0]
        site = self._services.network.site_at(path)
        if site is None:
            raise OAuthError("invalid_request", "There is no FHIR service at this URL.", status=404)
        return site

    def _server(self, origin: str) -> dict[str, Any]:
        registration = self._services.policy.registration is not Registration.OFF
        return {
            "issuer": origin,
            "authorization_endpoint": origin + network.AUTHORIZE,
            "token_endpoint": origin + network.TOKEN,
            "jwks_uri": origin + network.KEYS,
            "introspection_endpoint": origin + network.INTROSPECT,
            "revocation_endpoint": origin + network.REVOKE,
            **({"registration_endpoint": origin + network.REGISTER} if registration else {}),
            "grant_types_supported": list(GRANT_TYPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "scopes_supported": list(SUPPORTED),
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": _AUTH_METHODS,
            "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "introspection_endpoint_auth_methods_supported": _CONFIDENTIAL,
            "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "revocation_endpoint_auth_methods_supported": _AUTH_METHODS,
            "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "authorization_response_iss_parameter_supported": True,
            "tls_client_certificate_bound_access_tokens": self._services.policy.binds_certificates,
            "access_token_format": "ihe-jwt",
        }


def _smart(origin: str) -> dict[str, Any]:
    return {
        "capabilities": list(CAPABILITIES),
        "management_endpoint": origin + network.MANAGE,
        "user_access_brand_bundle": origin + network.BRANDS,
    }


def _openid(origin: str) -> dict[str, Any]:
    return {
        "userinfo_endpoint": origin + network.USERINFO,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [RS256],
        "claims_supported": ["sub", "fhirUser", "name", "profile", "auth_time", "acr", "amr", "nonce", "sid"],
        "access_token_signing_alg_values_supported": [ES256],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
        "prompt_values_supported": ["none", "login", "consent"],
    }
