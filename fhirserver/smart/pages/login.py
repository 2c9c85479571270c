"""The login page: name and password, a passkey, or another OpenID provider."""

import base64
import secrets
from typing import Final

from starlette.responses import Response

from fhirserver.smart.noted import note_name
from fhirserver.smart.pages import render
from fhirserver.smart.pages.finish import ENROLS, Goal, Login, advance, goal_of, step_of
from fhirserver.smart.pages.language import LANGUAGES
from fhirserver.smart.pages.view import PageProblem, Visit, with_query
from fhirserver.smart.people import cookies
from fhirserver.smart.people.account import Account
from fhirserver.smart.people.assurance import PASSWORD, higher, methods, satisfies
from fhirserver.smart.people.attempts import TooManyAttempts
from fhirserver.smart.people.flows import LASTS_S
from fhirserver.smart.people.session import Proof, Session, is_fresh
from fhirserver.smart.secret import WrongSecret

_CHALLENGE: Final = "challenge"
_CHALLENGE_BYTES: Final = 32
_TIME_BYTES: Final = 8


async def show(visit: Visit) -> Response:
    """``GET /auth/login?next=…[&acr=…][&fresh=1][&login_hint=…]``: ask who it is, unless that is known well enough."""
    session, goal = visit.session, goal_of(visit)
    if session is None or visit.query("fresh"):
        return await _login_page(visit)
    account = await visit.account(session)
    wanted = higher(goal.level, visit.services.people.options.login.level_for(account))
    if satisfies(session.acr, wanted):
        return visit.redirect(goal.next)
    login = Login(account, Proof(session.amr, session.acr), goal)
    people = visit.services.people
    is_recent = is_fresh(session.auth_time_s, people.clock(), people.options.sessions.fresh_s)
    if step_of(visit, login) in ENROLS and not is_recent:  # who finds a browser open sets up no factor of their own
        return await _login_page(visit)
    return await advance(visit, login)


async def by_password(visit: Visit) -> Response:
    """``POST /auth/login``: prove it by name and password."""
    form = await visit.form()
    username, password = form("username"), form("password")
    missing = [name for name, value in (("username", username), ("password", password)) if not value]
    errors = {name: visit.texts("error.required") for name in missing}
    if errors:
        return await _login_page(visit, status=400, errors=errors, username=username)
    note_name(username[:128])
    sign_in = visit.services.people.sign_in
    try:
        account = await sign_in.by_password(username, password, visit.address)
    except TooManyAttempts as problem:
        text = visit.texts("error.wait", seconds=problem.wait_s)
        response = await _login_page(visit, status=429, errors={"": text}, username=username)
        response.headers["Retry-After"] = str(problem.wait_s)
        return response
    if account is None:
        visit.services.people.note("refused")
        return await _login_page(visit, status=403, errors={"": visit.texts("error.wrong")}, username=username)
    return await advance(visit, Login(account, Proof(methods(PASSWORD)), goal_of(visit)))


async def by_passkey(visit: Visit) -> Response:
    """``POST /auth/login/passkey``: prove it by a passkey, which says who it is too."""
    form = await visit.form()
    proved = await proved_by_passkey(visit, form("challenge"), form("credential"))
    if proved is None:
        return await _login_page(visit, status=403, errors={"": visit.texts("error.wrong_passkey")})
    account, method = proved
    return await advance(visit, Login(account, Proof(methods(method)), goal_of(visit)))


def new_challenge(visit: Visit) -> tuple[str, bytes]:
    """Return a challenge for an authenticator, and what the form brings back of it.

    It is sealed for this browser and not stored: whoever only looks at a page writes nothing.
    """
    people, challenge = visit.services.people, secrets.token_bytes(_CHALLENGE_BYTES)
    ends = int(people.clock() + LASTS_S).to_bytes(_TIME_BYTES, "big")
    sealed = people.secret.seal(_CHALLENGE, visit.browser_digest, ends + challenge)
    return base64.urlsafe_b64encode(sealed).decode(), challenge


async def taken_challenge(visit: Visit, sealed: str) -> bytes:
    """Return a challenge, which is then used; raises PageProblem when it is over, used, or of another browser."""
    people = visit.services.people
    try:
        opened = people.secret.open(_CHALLENGE, visit.browser_digest, base64.urlsafe_b64decode(sealed))
    except (WrongSecret, ValueError):
        raise PageProblem("expired") from None
    ends, challenge = int.from_bytes(opened[:_TIME_BYTES], "big"), opened[_TIME_BYTES:]
    if people.clock() > ends or not await people.flows.use(challenge):
        raise PageProblem("expired")
    return challenge


async def proved_by_passkey(visit: Visit, flow: str, answer: str) -> tuple[Account, str] | None:
    """Return the account that an authenticator's answer to one of our challenges proves, and the method."""
    challenge = await taken_challenge(visit, flow)
    proved = await visit.services.people.sign_in.by_passkey(answer, challenge, visit.passkeys)
    if proved is None:
        visit.services.people.note("refused")
    return proved


async def sign_out(visit: Visit) -> Response:
    """``POST /auth/logout``: end the session."""
    session = visit.signed_in()
    await visit.form()
    await visit.services.people.end_session(session.user_id, session.id)
    visit.drop_cookie(cookies.SESSION)
    visit.session = None
    return visit.redirect("/auth/signed-out")


async def signed_out(visit: Visit) -> Response:
    """``GET /auth/signed-out``: say so."""
    return visit.page("signed_out.html")


async def choose_language(visit: Visit) -> Response:
    """``GET /auth/language?to=…&next=…``: speak another language from now on."""
    if visit.query("to") in LANGUAGES:
        visit.set_cookie(cookies.LANGUAGE, visit.query("to"), cookies.YEAR_S)
    return visit.redirect(visit.next)


async def _login_page(
    visit: Visit, *, status: int = 200, errors: dict[str, str] | None = None, username: str = ""
) -> Response:
    goal = goal_of(visit)
    asked = await _asked_again(visit, visit.session)
    flow, challenge = new_challenge(visit)
    return visit.page(
        "login.html",
        status=status,
        policy=(render.SCRIPT,),
        errors=errors or {},
        asked=asked,
        username=asked.username if asked else username or visit.query("login_hint")[:128],
        challenge=flow,
        passkey_options=visit.passkeys.request(challenge, asked if asked and asked.passkeys else None),
        upstreams=_upstreams(visit, goal),
        here=with_query("/auth/login", **_own_query(visit)),
        query=with_query("", **_own_query(visit)),
    )


async def _asked_again(visit: Visit, session: Session | None) -> Account | None:
    """Return who is asked to confirm it is they; None where anybody may log in."""
    if session is None or visit.query("switch"):
        return None
    return await visit.account(session)


def _own_query(visit: Visit) -> dict[str, str | None]:
    names = ("next", "acr", "fresh", "switch", "login_hint", "ui_locales")
    return {name: visit.query(name) for name in names}


def _upstreams(visit: Visit, goal: Goal) -> list[tuple[str, str]]:
    """Return the name of each other provider and the way there."""
    fresh = visit.query("fresh") or None
    return [
        (issuer.name, with_query(f"/auth/upstream/{issuer.id}", next=goal.next, acr=goal.level, fresh=fresh))
        for issuer in visit.services.federation.issuers.values()
    ]
