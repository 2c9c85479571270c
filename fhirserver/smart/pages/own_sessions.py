"""One's own sessions: where one is logged in, and ending it."""

from starlette.responses import Response

from fhirserver.smart.pages.view import PageProblem, Visit
from fhirserver.smart.people import cookies


async def show(visit: Visit) -> Response:
    """``GET /auth/account/sessions``: list them."""
    return await _page(visit)


async def end(visit: Visit) -> Response:
    """``POST /auth/account/sessions/end``: end one of them."""
    session = visit.signed_in()
    form = await visit.form()
    if not await visit.services.people.end_session(session.user_id, form("session")):
        raise PageProblem("not_found", 404)
    if form("session") == session.id:
        visit.drop_cookie(cookies.SESSION)
        return visit.redirect("/auth/signed-out")
    return await _page(visit, visit.texts("sessions.ended"))


async def end_others(visit: Visit) -> Response:
    """``POST /auth/account/sessions/end-others``: end all but this one."""
    session = visit.signed_in()
    await visit.form()
    ended = await visit.services.people.end_sessions(session.user_id, but=session.id)
    return await _page(visit, visit.texts("sessions.ended_others", count=ended))


async def _page(visit: Visit, notice: str | None = None) -> Response:
    session = visit.signed_in()
    records = await visit.services.people.sessions.of_user(session.user_id)
    return visit.page("sessions.html", notice=notice, sessions=records)
