"""Apps that may see the record in one's name, and withdrawing that."""

from starlette.responses import Response

from fhirserver.smart.noted import note_decision
from fhirserver.smart.pages.patients import patient_cards
from fhirserver.smart.pages.questions import sentences
from fhirserver.smart.pages.view import PageProblem, Visit


async def show(visit: Visit) -> Response:
    """``GET /auth/account/apps``: list them."""
    return await _page(visit)


async def withdraw(visit: Visit) -> Response:
    """``POST /auth/account/apps/withdraw``: end what one of them has; it binds within a second."""
    session = visit.signed_in()
    form = await visit.form()
    known = {grant.id: grant for grant in await visit.services.grants.of_user(session.user_id)}
    grant = known.get(form("grant"))
    if grant is None or not await visit.services.grants.withdraw(session.user_id, grant.id):
        raise PageProblem("not_found", 404)
    note_decision(grant.client.id, grant.patient, withdrawn=" ".join(grant.scopes))
    visit.services.people.note("withdrawn", session.user_id, client=grant.client.id)
    return await _page(visit, visit.texts("apps.withdrawn", name=grant.client.name))


async def _page(visit: Visit, notice: str | None = None) -> Response:
    session = visit.signed_in()
    grants = await visit.services.grants.of_user(session.user_id)
    names = await patient_cards(visit, session, {grant.patient for grant in grants if grant.patient})
    rows = [
        (grant, sentences(grant.scopes, visit.texts), names.get(grant.patient or ""), "offline_access" in grant.scopes)
        for grant in grants
    ]
    return visit.page("apps.html", notice=notice, grants=rows)
