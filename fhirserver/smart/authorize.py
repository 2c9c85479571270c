"""GET, POST /auth/authorize: an app asks through the browser; its user logs in, chooses, decides; a code goes back.

Every step that people take ends at ``/auth/authorize/resume``, which finds out what is still missing.
Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html, https://www.rfc-editor.org/rfc/rfc6749#section-4.1,
https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from fhirserver.smart import network
from fhirserver.smart.asked import Target
from fhirserver.smart.authorization import Authorization
from fhirserver.smart.authorize_request import NotRedirected, read_request, target_of
from fhirserver.smart.clients import Client
from fhirserver.smart.errors import ACCESS_DENIED, CONSENT_REQUIRED, INVALID_REQUEST, LOGIN_REQUIRED, OAuthError
from fhirserver.smart.forms import read_form, read_query
from fhirserver.smart.grants import GrantKey
from fhirserver.smart.logins import Login
from fhirserver.smart.pending import PendingAuthorization
from fhirserver.smart.people.assurance import ONE_FACTOR, higher, least, satisfies
from fhirserver.smart.scopes import OFFLINE
from fhirserver.smart.services import Services

ProblemPage: TypeAlias = Callable[[Request, str, int], Response]
"""Shows a user what an app must not hear: request, name of the problem, status."""

_HEADERS: Final = {"Cache-Control": "no-store", "Pragma": "no-cache", "Referrer-Policy": "no-referrer"}
_LOGIN: Final = "/auth/login"
_PATIENT: Final = "/auth/pick/patient"
_ENCOUNTER: Final = "/auth/pick/encounter"
_CONSENT: Final = "/auth/consent"
INTERACTION_REQUIRED: Final = "interaction_required"


@dataclass(frozen=True, slots=True)
class _Step:
    """One pending authorization with all that is known of it: its client, and who has logged in."""

    pending: PendingAuthorization
    client: Client
    login: Login


class AuthorizeEndpoint:
    """Answers the browser."""

    def __init__(self, services: Services, problem_page: ProblemPage) -> None:
        """Authorize with ``services``."""
        self._services = services
        self._problem_page = problem_page

    async def ask(self, request: Request) -> Response:
        """Answer an app's request."""
        try:
            form = read_query(request) if request.method == "GET" else await read_form(request)
            target = await target_of(self._services, form, self._services.network.origin(request))
        except NotRedirected as problem:
            return self._problem_page(request, problem.problem, 400)
        except OAuthError as problem:
            return self._problem_page(request, "request", problem.status)
        try:
            asked = read_request(self._services, form, target.client)
        except OAuthError as problem:
            return _redirect(target.with_error(problem))
        pending = self._services.pending.new(target, asked, self._services.clock())
        if request.method == "POST":  # by the way of a GET, with which browsers send the cookie of the session
            return _redirect(self._resume_url(pending))
        return await self._advance(request, pending, target.client)

    async def resume(self, request: Request) -> Response:
        """Go on after a step that the user took."""
        pending = await self._found(request)
        client = await self._services.clients.active(pending.client_id) if pending is not None else None
        if pending is None or client is None:
            return self._problem_page(request, "expired", 400)
        return await self._advance(request, pending, client)

    async def _found(self, request: Request) -> PendingAuthorization | None:
        sealed = request.query_params.get("asked")
        if sealed is not None:
            return self._services.pending.opened(sealed, self._services.clock())
        return await self._services.pending.get(request.query_params.get("request", ""))

    def _resume_url(self, pending: PendingAuthorization) -> str:
        parameters = {"request": pending.id} if pending.id else {"asked": self._services.pending.sealed(pending)}
        return f"{network.RESUME}?{urlencode(parameters)}"

    async def _advance(self, request: Request, pending: PendingAuthorization, client: Client) -> Response:
        target = _target(pending, client)
        try:
            login = await self._services.logins.current(request)
            level = self._services.level_of_scopes(pending.asked.split())
            missing = _login_missing(pending, login, level)
            if missing is not None or login is None:
                return self._to_login(pending, missing or {})
            bound = await self._bound(pending, login)
            if bound is None:
                return self._problem_page(request, "expired", 400)
            pending = bound
            return await self._choose(_Step(pending, client, login))
        except OAuthError as problem:
            if pending.id:
                await self._services.pending.take(pending)
            return _redirect(target.with_error(problem))

    async def _bound(self, pending: PendingAuthorization, login: Login) -> PendingAuthorization | None:
        """Return a pending authorization as that of this session; None when it is another's that still lasts."""
        known = pending.session_id
        if known is None:
            return await self._services.pending.enter(pending, login.session_id, login.person.user_id)
        if known == login.session_id:
            return pending
        if await self._services.logins.is_alive(known):
            return None
        return await self._services.pending.bind(pending, login.session_id, login.person.user_id)

    def _to_login(self, pending: PendingAuthorization, missing: dict[str, str]) -> Response:
        if "none" in pending.prompts:
            raise OAuthError(LOGIN_REQUIRED, "The user has not logged in, or not as is asked for.")
        hint = {"login_hint": pending.login_hint} if pending.login_hint else {}
        return _redirect(f"{_LOGIN}?{urlencode({'next': self._resume_url(pending), **missing, **hint})}")

    async def _choose(self, step: _Step) -> Response:
        """Send the user to the first choice that is missing; with all of them the app gets its code."""
        if step.login.person.site != step.pending.site:
            raise OAuthError(ACCESS_DENIED, "The account of the user belongs to another site.")
        step = await self._launched(step)
        pending = step.pending
        if pending.denied:
            raise OAuthError(ACCESS_DENIED, "The user has refused.")
        if pending.needs_patient and pending.context.patient is None:
            return _to_page(_PATIENT, pending, INTERACTION_REQUIRED)
        if pending.needs_encounter and pending.context.encounter is None:
            return _to_page(_ENCOUNTER, pending, INTERACTION_REQUIRED)
        return await self._decide(step)

    async def _launched(self, step: _Step) -> _Step:
        """Take the launch that the app showed, or the patient that the user is."""
        pending, person = step.pending, step.login.person
        context = pending.context
        if pending.launch is not None:
            taken = await self._services.launches.take(
                pending.launch,
                client_id=pending.client_id,
                site=pending.site,
                user=person.user_id,
                session_id=step.login.session_id,
            )
            if taken is None:
                raise OAuthError(
                    INVALID_REQUEST, "The launch is unknown, was used, has expired or is another session's."
                )
            context = taken
        elif pending.needs_patient and context.patient is None and (person.fhir_user or "").startswith("Patient/"):
            context = replace(context, patient=(person.fhir_user or "").partition("/")[2])
        if context == pending.context and pending.launch is None:
            return step
        changed = await self._services.pending.change(pending, context=context, launch=None)
        if changed is None:
            raise OAuthError(INVALID_REQUEST, "The authorization has expired.")
        return replace(step, pending=changed)

    async def _decide(self, step: _Step) -> Response:
        services, pending, user = self._services, step.pending, step.login.person
        asked = services.read_scopes(pending.asked)
        key = GrantKey(user=user.user_id, client_id=pending.client_id, site=pending.site, patient=_about(step))
        if step.client.trusted:
            return await self._finish(step, asked.texts, None)
        if pending.granted is not None:
            grant = await services.grants.remember(key, asked=asked, granted=pending.granted)
            return await self._finish(step, pending.granted, grant)
        known = None if "consent" in pending.prompts else await services.grants.known(key, asked=asked)
        if known is None:
            return _to_page(_CONSENT, pending, CONSENT_REQUIRED)
        return await self._finish(step, tuple(known["scopes"]), str(known["key"]))

    async def _finish(self, step: _Step, granted: tuple[str, ...], grant: str | None) -> Response:
        """Send the code; a second request for the same comes too late."""
        taken = await self._services.pending.take(step.pending)
        if taken is None:
            raise OAuthError(INVALID_REQUEST, "The authorization has ended.")
        login = step.login
        authorization = Authorization(
            id=secrets.token_urlsafe(18),
            client_id=taken.client_id,
            site=taken.site,
            scopes=granted,
            context=taken.context,
            user=login.person.user_id,
            session_id=None if OFFLINE in granted else login.session_id,
            grant=grant,
            auth_time_s=login.auth_time_s,
            acr=login.acr,
            amr=login.amr,
            nonce=taken.nonce,
            issuer=taken.issuer,
        )
        code = await self._services.codes.issue(
            authorization, redirect_uri=taken.redirect_uri, challenge=taken.challenge
        )
        return _redirect(_target(taken, step.client).with_code(code))


def _target(pending: PendingAuthorization, client: Client) -> Target:
    return Target(client=client, redirect_uri=pending.redirect_uri, state=pending.state, issuer=pending.issuer)


def _login_missing(pending: PendingAuthorization, login: Login | None, level: str) -> dict[str, str] | None:
    """Return what the login page must see to, or None when the login will do: ``level`` is what the scopes need."""
    wanted = higher(level, least((pending.acr_values or "").split()) or level)
    if login is None or not satisfies(login.acr or "", wanted):
        return {} if wanted == ONE_FACTOR else {"acr": wanted}
    ages = [0.0] if {"login", "select_account"}.intersection(pending.prompts) else []
    ages += [] if pending.max_age_s is None else [pending.max_age_s]
    is_recent = all(login.auth_time_s >= pending.created_s - age_s for age_s in ages)
    return None if is_recent else {"fresh": "1"}


def _about(step: _Step) -> str | None:
    """Return the patient in whose name is decided; a clinician decides for all patients at once."""
    is_care = (step.login.person.fhir_user or "").startswith(("Patient/", "RelatedPerson/"))
    return step.pending.context.patient if is_care else None


def _to_page(page: str, pending: PendingAuthorization, otherwise: str) -> Response:
    if "none" in pending.prompts:
        raise OAuthError(otherwise, "The user would have to be asked.")
    return _redirect(f"{page}?{urlencode({'request': pending.id})}")


def _redirect(url: str) -> Response:
    """Send the browser on; the address, which may hold a code, is told to nobody."""
    return Response(status_code=303, headers={**_HEADERS, "Location": url})
