"""The shared station of a ward: suspend a session, and take it up again by PIN or passkey during the same shift."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from fhirserver.smart.pages import render
from fhirserver.smart.pages.login import new_challenge, proved_by_passkey
from fhirserver.smart.pages.view import PageProblem, Visit, with_query
from fhirserver.smart.people import cookies
from fhirserver.smart.people.assurance import methods
from fhirserver.smart.people.session import Proof
from fhirserver.smart.people.stations import Station

_LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class Waiting:
    """A suspended session, as the station shows it."""

    id: str
    name: str
    has_pin: bool


async def show(visit: Visit) -> Response:
    """``GET /auth/station``: the sessions that wait here, or the form that makes this browser a station."""
    return await _page(visit)


async def lock(visit: Visit) -> Response:
    """``POST /auth/station/lock``: suspend the session of this browser."""
    session = visit.signed_in()
    await visit.form()
    if visit.station is None or session.station != visit.station.id:
        raise PageProblem("forbidden", 403)
    await visit.services.people.sessions.suspend(session.id)
    visit.drop_cookie(cookies.SESSION)
    return visit.redirect("/auth/station")


async def unlock(visit: Visit) -> Response:
    """``POST /auth/station/unlock``: take up a session by its PIN; three wrong ones end it."""
    station, form = _station(visit), await visit.form()
    people = visit.services.people
    record = await people.sessions.try_to_resume(form("session"), station.id)
    account = await people.account(record["user"]) if record else None
    if record is None or account is None:
        return await _page(visit, {"": visit.texts("station.gone")}, 403)
    if not await people.passwords.verify(form("pin"), account.pin_hash):
        people.note("refused", account.id)
        return await _page(visit, {f"pin-{record['key']}": visit.texts("station.wrong")}, 403)
    cookie = await people.sessions.resume(record["key"])
    if cookie is None:
        return await _page(visit, {"": visit.texts("station.gone")}, 403)
    people.note("resumed", account.id)
    return await _taken_up(visit, cookie)


async def unlock_with_passkey(visit: Visit) -> Response:
    """``POST /auth/station/passkey``: take up the session of whoever the passkey proves it is."""
    station, form = _station(visit), await visit.form()
    people = visit.services.people
    proved = await proved_by_passkey(visit, form("challenge"), form("credential"))
    if proved is None:
        return await _page(visit, {"": visit.texts("error.wrong_passkey")}, 403)
    account, method = proved
    waiting = [one for one in await people.sessions.suspended_at(station.id) if one["user"] == account.id]
    cookie = await people.sessions.renew(waiting[0]["key"], Proof(methods(method))) if waiting else None
    if cookie is None:
        return await _page(visit, {"": visit.texts("station.gone")}, 403)
    people.note("resumed", account.id)
    return await _taken_up(visit, cookie)


async def register(visit: Visit) -> Response:
    """``POST /auth/station/register``: make this browser a station; who works here may."""
    session = visit.freshly_signed_in()
    account, form = await visit.account(session), await visit.form()
    name = " ".join(form("name").split())[:_LONGEST_NAME]
    if not account.is_staff:
        raise PageProblem("forbidden", 403)
    if not name:
        return await _page(visit, {"name": visit.texts("error.required")}, 400)
    _, cookie = await visit.services.people.stations.add(name, account)
    visit.set_cookie(cookies.STATION, cookie, cookies.YEAR_S)
    visit.services.people.note("station", account.id)
    return visit.redirect("/auth/station")


async def remove(visit: Visit) -> Response:
    """``POST /auth/station/remove``: let this browser be one no more."""
    station = _station(visit)
    account = await visit.account(visit.freshly_signed_in())
    await visit.form()
    if not account.is_staff or account.site != station.site:
        raise PageProblem("forbidden", 403)
    await visit.services.people.stations.remove(station.id)
    visit.drop_cookie(cookies.STATION)
    return visit.redirect("/auth/station")


def _station(visit: Visit) -> Station:
    if visit.station is None:
        raise PageProblem("forbidden", 403)
    return visit.station


async def _taken_up(visit: Visit, cookie: str) -> Response:
    session, station = visit.session, _station(visit)
    if session is not None and session.station == station.id:
        await visit.services.people.sessions.suspend(session.id)
    visit.set_cookie(cookies.SESSION, cookie)
    return visit.redirect(visit.next)


async def _page(visit: Visit, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    if visit.station is None:
        visit.signed_in()
    flow, challenge = new_challenge(visit)
    return visit.page(
        "station.html",
        query=with_query("", next=visit.query("next"), acr=visit.query("acr")),
        status=status,
        policy=(render.SCRIPT,),
        errors=errors or {},
        waiting=await _waiting(visit),
        challenge=flow,
        passkey_options=visit.passkeys.request(challenge),
    )


async def _waiting(visit: Visit) -> list[Waiting]:
    people = visit.services.people
    records = await people.sessions.suspended_at(visit.station.id) if visit.station else []
    accounts = [(record["key"], await people.account(record["user"])) for record in records]
    return [Waiting(key, account.name, account.pin_hash is not None) for key, account in accounts if account]
