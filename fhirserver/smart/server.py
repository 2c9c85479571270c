"""The ASGI application of the authorization server: what stands below ``/auth`` and ``/.well-known``.

Programs call it from web pages too: their endpoints say so to the browser, the pages of people never do.
"""

from collections.abc import Collection, Sequence
from functools import cache, partial
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from fhirserver.kernel.outcome import FhirError
from fhirserver.smart import network
from fhirserver.smart.authorize import AuthorizeEndpoint, ProblemPage
from fhirserver.smart.brands import Brands
from fhirserver.smart.client_admin import client_admin_router
from fhirserver.smart.described import describe
from fhirserver.smart.discovery import Discovery
from fhirserver.smart.errors import OAuthError
from fhirserver.smart.grant_api import grant_router
from fhirserver.smart.introspection import Introspection
from fhirserver.smart.key_admin import key_admin_router
from fhirserver.smart.launch_endpoint import launch_router
from fhirserver.smart.logos import PATH as LOGOS
from fhirserver.smart.logos import Logos
from fhirserver.smart.refusals import explain, fail, of_http, refuse
from fhirserver.smart.registration import RegistrationEndpoint
from fhirserver.smart.revocation import Revocation
from fhirserver.smart.services import Services
from fhirserver.smart.token_endpoint import TokenEndpoint
from fhirserver.smart.userinfo import UserInfo

_FOR_PROGRAMS: Final = frozenset(
    {network.TOKEN, network.INTROSPECT, network.REVOKE, network.REGISTER, network.KEYS, network.BRANDS}
    | {network.STYLE, network.USERINFO}
)
_WELL_KNOWN: Final = "/.well-known/"
_STYLE: Final = {
    "color_background": "#ffffff",
    "color_error": "#9e2d2d",
    "color_highlight": "#1d5fa8",
    "color_modal_backdrop": "",
    "color_success": "#2f6b3a",
    "color_text": "#1b1f24",
    "dim_border_radius": "6px",
    "dim_font_size": "16px",
    "dim_spacing_size": "16px",
    "font_family_body": "system-ui, sans-serif",
    "font_family_heading": "system-ui, sans-serif",
}
_APPS: Final = "/auth/account/apps"
_HOUR_S: Final = 3600


def authorization_server(
    services: Services, origins: Collection[str], pages: Sequence[BaseRoute], problem_page: ProblemPage
) -> ASGIApp:
    """Build the application; ``origins`` are the web pages that may call, ``pages`` those of people."""
    server = FastAPI(
        title="fhirserver authorization",
        docs_url=None,
        redoc_url=None,
        openapi_url="/auth/openapi.json",
        exception_handlers={
            OAuthError: refuse,
            FhirError: fail,
            RequestValidationError: explain,
            HTTPException: of_http,
        },
    )
    server.include_router(launch_router(services))
    server.include_router(client_admin_router(services))
    server.include_router(key_admin_router(services))
    server.include_router(grant_router(services))
    server.router.routes.extend([*_routes(services, AuthorizeEndpoint(services, problem_page)), *pages])
    described = cache(partial(describe, server))
    server.openapi = described  # type: ignore[method-assign]  # how FastAPI has it extended
    return _CorsForPrograms(server, origins)


def _routes(services: Services, authorize: AuthorizeEndpoint) -> list[Route]:
    discovery, registration = Discovery(services), RegistrationEndpoint(services)
    bases = [mount for mounts in services.network.mounts.values() for mount in mounts]
    return [
        *(Route(f"{base}{_WELL_KNOWN}smart-configuration", discovery.smart_configuration) for base in bases),
        *(Route(f"{base}{_WELL_KNOWN}udap", discovery.udap) for base in bases),
        Route(f"{_WELL_KNOWN}openid-configuration", discovery.openid_configuration),
        Route(f"{_WELL_KNOWN}oauth-authorization-server", discovery.openid_configuration),
        Route(network.KEYS, discovery.jwks),
        Route(network.REGISTER, registration.register, methods=["POST"]),
        Route(f"{network.REGISTER}/{{client_id}}", registration.manage, methods=["GET", "PUT", "DELETE"]),
        Route(network.AUTHORIZE, authorize.ask, methods=["GET", "POST"]),
        Route(network.RESUME, authorize.resume),
        Route(network.USERINFO, UserInfo(services).answer, methods=["GET", "POST"]),
        Route(network.STYLE, _style),
        Route(network.BRANDS, Brands(services).answer),
        Route(network.MANAGE, _manage),
        Route(f"{LOGOS}/{{client_id}}", Logos(services).answer),
        Route(network.TOKEN, TokenEndpoint(services).answer, methods=["POST"]),
        Route(network.INTROSPECT, Introspection(services).answer, methods=["POST"]),
        Route(network.REVOKE, Revocation(services).answer, methods=["POST"]),
    ]


class _CorsForPrograms:
    """Lets web pages call the endpoints of programs, without cookies."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app,
            allow_origins=sorted(origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Accept"],
            expose_headers=["WWW-Authenticate"],
            max_age=_HOUR_S,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        is_open = _WELL_KNOWN in path or path in _FOR_PROGRAMS or path.startswith(f"{network.REGISTER}/")
        await (self._open if is_open else self._app)(scope, receive, send)


async def _style(request: Request) -> Response:
    """Answer how an app may look like this record: SMART App Launch 2.2, "smart_style_url"."""
    return JSONResponse(_STYLE, headers={"Cache-Control": "public, max-age=86400"})


async def _manage(request: Request) -> Response:
    """Send a user to where the apps are that may see their record (``management_endpoint``)."""
    return Response(status_code=303, headers={"Location": _APPS})
