"""The end of a login, or its next step: whoever proved enough gets a session, with a new secret every time."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from fhirserver.kernel.outcome import Conflict
from fhirserver.smart.noted import note_user
from fhirserver.smart.pages.view import PageProblem, Visit, with_query
from fhirserver.smart.people import cookies
from fhirserver.smart.people.account import Account
from fhirserver.smart.people.assurance import ONE_FACTOR, higher, least
from fhirserver.smart.people.rules import Step, next_step
from fhirserver.smart.people.session import Proof

FLOW: Final = "login"
PAGES: Final = {
    Step.SECOND_FACTOR: "/auth/login/second",
    Step.PASSKEY: "/auth/login/second",
    Step.ENROL: "/auth/login/enrol",
    Step.ENROL_PASSKEY: "/auth/login/enrol",
    Step.CHANGE_PASSWORD: "/auth/login/password",
}
ENROLS: Final = (Step.ENROL, Step.ENROL_PASSKEY)


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a login leads, and the level that is asked for there."""

    next: str
    level: str = ONE_FACTOR


@dataclass(frozen=True, slots=True)
class Login:
    """A login under way: who it is by what was proved so far."""

    account: Account
    proof: Proof
    goal: Goal
    flow: str | None = None


def goal_of(visit: Visit) -> Goal:
    """Return the goal that the URL of a login page names."""
    return Goal(visit.next, least(visit.query("acr").split()) or ONE_FACTOR)


async def login_of(visit: Visit) -> Login:
    """Return the login that the URL names; raises PageProblem when it is over or not of this browser."""
    people = visit.services.people
    flow = visit.query("flow")
    known = await people.flows.get(flow, FLOW, visit.browser_digest)
    account = await people.account(known["account"]) if known else None
    if known is None or account is None:
        raise PageProblem("expired")
    note_user(account.name, account.site, account.fhir_user, account.roles, account.organizations)
    proof = Proof(tuple(known["amr"]), known["floor"])
    return Login(account, proof, Goal(known["next"], known["level"]), flow)


def step_of(visit: Visit, login: Login) -> Step:
    """Return what a login needs next."""
    rules = visit.services.people.options.login
    return next_step(login.account, login.proof, higher(login.goal.level, rules.level_for(login.account)))


async def advance(visit: Visit, login: Login) -> Response:
    """Answer with the next step of a login, or end it."""
    account = login.account
    note_user(account.name, account.site, account.fhir_user, account.roles, account.organizations)
    step = step_of(visit, login)
    if step is Step.DONE:
        return await _finish(visit, login)
    flow = await remember(visit, login)
    return visit.redirect(with_query(PAGES[step], flow=flow))


async def remember(visit: Visit, login: Login) -> str:
    """Keep a login until its next page; return what names it."""
    flows = visit.services.people.flows
    fields: dict[str, Any] = {
        "account": login.account.id,
        "amr": list(login.proof.amr),
        "floor": login.proof.floor,
        "next": login.goal.next,
        "level": login.goal.level,
    }
    if login.flow is None:
        return await flows.begin(FLOW, visit.browser_digest, fields)
    await flows.change(login.flow, fields)
    return login.flow


async def _finish(visit: Visit, login: Login) -> Response:
    people = visit.services.people
    if login.flow is not None and await people.flows.take(login.flow, FLOW, visit.browser_digest) is None:
        raise PageProblem("expired")
    cookie = await _renewed(visit, login) or await _begun(visit, login)
    visit.set_cookie(cookies.SESSION, cookie)
    with suppress(Conflict):  # another login of the same moment has said so
        await people.accounts.change(login.account, logged_in_s=people.clock())
    people.note("login", login.account.id, acr=login.proof.acr)
    return visit.redirect(login.goal.next)


async def _renewed(visit: Visit, login: Login) -> str | None:
    """Give the session of the same person a new secret, or end that of another."""
    people, session = visit.services.people, visit.session
    if session is None:
        return None
    if session.user_id == login.account.id:
        return await people.sessions.renew(session.id, login.proof)
    if visit.station is not None and session.station == visit.station.id:
        await people.sessions.suspend(session.id)
    else:
        await people.end_session(session.user_id, session.id)
    return None


async def _begun(visit: Visit, login: Login) -> str:
    account, station = login.account, visit.station
    place = visit.place
    if station is not None and station.site != account.site:
        place = type(place)(place.agent, place.source)
    _, cookie = await visit.services.people.sessions.begin(account, login.proof, place)
    return cookie
