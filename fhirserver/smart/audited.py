"""The trail of the authorization server: logins, tokens, decisions, changes of accounts and clients, done or refused.

What its pages look up in the record (patients in a picker) is in the trail as the reads and searches that it is.

What is recorded is recorded before the answer goes out; what cannot be recorded is not answered.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fhirserver.audit.auditor import Auditor
from fhirserver.audit.record import Answer, Happening, Kind, outcome_of
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.outcome import Unavailable
from fhirserver.smart import network
from fhirserver.smart.noted import Noted, begin

_KINDS: Final[Mapping[str, Kind]] = {
    network.TOKEN: Kind.TOKEN,
    network.INTROSPECT: Kind.INTROSPECTION,
    network.REVOKE: Kind.REVOCATION,
    network.REGISTER: Kind.ACCOUNT,
    "/auth/login": Kind.LOGIN,
    "/auth/station": Kind.LOGIN,
    "/auth/logout": Kind.LOGOUT,
    "/auth/consent": Kind.CONSENT,
    "/auth/pick": Kind.DISCLOSURE,
    "/auth/account/apps": Kind.CONSENT,
    network.GRANTS: Kind.CONSENT,
    "/auth/account": Kind.ACCOUNT,
    "/auth/admin": Kind.ACCOUNT,
}
"""By the beginning of the path; the longest counts."""
_CALLBACK: Final = "/auth/upstream/"
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class AuditedEndpoints:
    """The authorization server, recorded."""

    def __init__(self, app: ASGIApp, auditor: Auditor, site: str) -> None:
        """Tell ``auditor``; what names no site is of ``site``."""
        self._app = app
        self._auditor = auditor
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        noted, refused = begin(), False

        async def recorded(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                refused = not self._record(scope, noted, message["status"])
            if not refused:
                await send(message)
            elif message["type"] == "http.response.start":
                await _send_unavailable(send)

        return await self._app(scope, receive, recorded)

    def _record(self, scope: Scope, noted: Noted, status: int) -> bool:
        """Tell the trail; False when that could not be done."""
        kind = kind_of(scope)
        has_looked = bool(noted.trail.steps)
        try:
            if has_looked:
                self._auditor.answered(_looks(scope, noted, status, self._site))
            if kind is not None and not (has_looked and kind is Kind.DISCLOSURE):
                self._auditor.happened(_happening(scope, kind, noted, status, self._site))
        except Unavailable:
            return False
        return True


def _looks(scope: Scope, noted: Noted, status: int, site: str) -> Answer:
    """Return what was seen of the record on the way, as the interactions that it was."""
    return Answer(
        site=noted.looker.site if noted.looker is not None else site,
        request_id=_header(scope, b"x-request-id"),
        method="GET",
        path=scope["path"],
        target=None,
        status=status,
        caller=noted.looker,
        trail=noted.trail,
        address=_address(scope),
    )


def _happening(scope: Scope, kind: Kind, noted: Noted, status: int, site: str) -> Happening:
    return Happening(
        kind=kind,
        site=noted.site or site,
        outcome=outcome_of(status),
        caller=_caller(noted),
        text=f"{scope['method']} {scope['path'][:200]} was answered {status}.",
        request_id=_header(scope, b"x-request-id"),
        address=_address(scope),
        patient=noted.patient,
        query=urlencode(noted.asked),
    )


def _address(scope: Scope) -> str | None:
    client: tuple[str | None, ...] = scope.get("client") or (None,)
    return client[0]


def kind_of(scope: Scope) -> Kind | None:
    """Return what a request is in the trail; None for what only shows a page."""
    path: str = scope["path"]
    if scope["method"] in _READING:
        return Kind.LOGIN if path.startswith(_CALLBACK) and path.endswith("/callback") else None
    found = [one for one in _KINDS if path == one or path.startswith(f"{one}/")]
    return _KINDS[max(found, key=len)] if found else None


def _caller(noted: Noted) -> Caller | None:
    if not (noted.client_id or noted.name or noted.fhir_user):
        return None
    return Caller(
        client_id=noted.client_id,
        scopes=(),
        fhir_user=noted.fhir_user,
        name=noted.name,
        roles=noted.roles,
        organizations=noted.organizations,
        purpose="",
        policy=noted.policy,
    )


def _header(scope: Scope, name: bytes) -> str:
    found = dict(scope["headers"]).get(name, b"").decode("latin-1")
    return found if found.isascii() and found.replace("-", "").replace(".", "").isalnum() and len(found) <= 64 else ""


async def _send_unavailable(send: Send) -> None:
    headers = [(b"content-type", b"text/plain"), (b"cache-control", b"no-store"), (b"retry-after", b"2")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b"The audit trail cannot be written; try again.\n"})
