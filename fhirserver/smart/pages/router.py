"""What is where: the pages of people, by path."""

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fhirserver.smart.pages import (
    account,
    apps,
    consent,
    factors,
    login,
    own_sessions,
    pickers,
    station,
    upstream,
)
from fhirserver.smart.pages.admin import admin_router
from fhirserver.smart.pages.render import STATIC_PATH, static_file
from fhirserver.smart.pages.services import PageServices
from fhirserver.smart.pages.view import Page, PageProblem, Visit, endpoint

_GET: Final = ("GET",)
_POST: Final = ("POST",)
PAGES: Final[Sequence[tuple[str, tuple[str, ...], Page]]] = (
    ("/auth/login", _GET, login.show),
    ("/auth/login", _POST, login.by_password),
    ("/auth/login/passkey", _POST, login.by_passkey),
    ("/auth/login/second", _GET, factors.show_second),
    ("/auth/login/second", _POST, factors.by_code),
    ("/auth/login/second/passkey", _POST, factors.by_passkey),
    ("/auth/login/enrol", _GET, factors.show_enrol),
    ("/auth/login/enrol/app", _POST, factors.enrol_app),
    ("/auth/login/enrol/passkey", _POST, factors.enrol_with_passkey),
    ("/auth/login/continue", _POST, factors.go_on),
    ("/auth/login/password", _GET, factors.show_password),
    ("/auth/login/password", _POST, factors.change_password),
    ("/auth/logout", _POST, login.sign_out),
    ("/auth/signed-out", _GET, login.signed_out),
    ("/auth/language", _GET, login.choose_language),
    ("/auth/upstream/{issuer}", _GET, upstream.leave),
    ("/auth/upstream/{issuer}/callback", _GET, upstream.come_back),
    ("/auth/account", _GET, account.show),
    ("/auth/account/password", _GET, account.show_password),
    ("/auth/account/password", _POST, account.changing(account.change_password)),
    ("/auth/account/app", _GET, account.show_app),
    ("/auth/account/app", _POST, account.changing(account.set_app)),
    ("/auth/account/app/remove", _POST, account.changing(account.remove_app)),
    ("/auth/account/recovery", _POST, account.changing(account.new_recovery_codes)),
    ("/auth/account/passkey", _GET, account.show_passkey),
    ("/auth/account/passkey", _POST, account.changing(account.add_passkey)),
    ("/auth/account/passkey/remove", _POST, account.changing(account.remove_passkey)),
    ("/auth/account/pin", _GET, account.show_pin),
    ("/auth/account/pin", _POST, account.changing(account.set_pin)),
    ("/auth/account/pin/remove", _POST, account.changing(account.remove_pin)),
    ("/auth/account/sessions", _GET, own_sessions.show),
    ("/auth/account/sessions/end", _POST, own_sessions.end),
    ("/auth/account/sessions/end-others", _POST, own_sessions.end_others),
    ("/auth/account/apps", _GET, apps.show),
    ("/auth/account/apps/withdraw", _POST, apps.withdraw),
    ("/auth/pick/patient", _GET, pickers.show_patients),
    ("/auth/pick/patient", _POST, pickers.find_patients),
    ("/auth/pick/encounter", _GET, pickers.show_encounters),
    ("/auth/pick/encounter", _POST, pickers.choose_encounter),
    ("/auth/consent", _GET, consent.show),
    ("/auth/consent", _POST, consent.decide),
    ("/auth/station", _GET, station.show),
    ("/auth/station/lock", _POST, station.lock),
    ("/auth/station/unlock", _POST, station.unlock),
    ("/auth/station/passkey", _POST, station.unlock_with_passkey),
    ("/auth/station/register", _POST, station.register),
    ("/auth/station/remove", _POST, station.remove),
)


def people_routes(services: PageServices) -> list[BaseRoute]:
    """Return the routes of all pages, and of the administrators' API."""
    pages = [Route(path, endpoint(services, page), methods=list(methods)) for path, methods, page in PAGES]
    files = Route(STATIC_PATH + "/{name}", _static, methods=["GET"])
    unknown = Route("/auth/account/{rest:path}", endpoint(services, _unknown), methods=["GET"])
    return [*pages, files, unknown, *admin_router(services).routes]


async def _static(request: Request) -> Response:
    return static_file(request.path_params["name"]) or Response(status_code=404)


async def _unknown(visit: Visit) -> Response:
    raise PageProblem("not_found", 404)
