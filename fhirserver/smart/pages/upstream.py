"""Login at another OpenID provider: the way there, and the way back."""

from typing import Final

from starlette.responses import Response

from fhirserver.smart.pages.finish import Goal, Login, advance, goal_of
from fhirserver.smart.pages.view import PageProblem, Visit
from fhirserver.smart.people.assurance import FEDERATED, higher
from fhirserver.smart.people.claims import Identity, Refused
from fhirserver.smart.people.federation import Wish
from fhirserver.smart.people.issuers import Issuer
from fhirserver.smart.people.session import Proof

FLOW: Final = "upstream"


async def leave(visit: Visit) -> Response:
    """``GET /auth/upstream/{issuer}?next=…[&acr=…][&fresh=1][&link=1]``: go there."""
    issuer, goal = _issuer(visit), goal_of(visit)
    linking = visit.freshly_signed_in().user_id if visit.query("link") else None
    wish = Wish(
        level=higher(goal.level, issuer.minimum),
        fresh=bool(visit.query("fresh")),
        login_hint=visit.query("login_hint")[:128] or None,
        locale=visit.texts.language,
    )
    try:
        url, remembered = await visit.services.federation.redirect_url(issuer, _callback(visit, issuer), wish)
    except Refused as refused:
        raise PageProblem(refused.reason, 502) from None
    fields = {"issuer": issuer.id, "remembered": remembered, "next": goal.next, "level": goal.level, "link": linking}
    await visit.services.people.flows.put(_name(str(remembered["state"])), FLOW, visit.browser_digest, fields)
    return visit.redirect(url)


async def come_back(visit: Visit) -> Response:
    """``GET /auth/upstream/{issuer}/callback``: take the answer."""
    issuer = _issuer(visit)
    name = _name(visit.query("state"))
    known = await visit.services.people.flows.take(name, FLOW, visit.browser_digest)
    if known is None or known["issuer"] != issuer.id:
        raise PageProblem("expired")
    goal = Goal(known["next"], known["level"])
    try:
        identity = await visit.services.federation.identity(issuer, visit.request, known["remembered"])
        if known["link"]:
            return await _link(visit, identity, known["link"])
        account = await visit.services.linking.account_of(issuer, identity)
    except Refused as refused:
        visit.services.people.note("refused", issuer=issuer.id, reason=refused.reason)
        raise PageProblem(refused.reason, 403) from None
    # Its methods are its own business: only the level that the mapping gives them counts here.
    return await advance(visit, Login(account, Proof((FEDERATED,), identity.level), goal))


async def _link(visit: Visit, identity: Identity, user_id: str) -> Response:
    session = visit.signed_in()
    if session.user_id != user_id:
        raise PageProblem("expired")
    await visit.services.linking.link(await visit.account(session), identity)
    return visit.redirect("/auth/account?done=upstream_saved")


def _issuer(visit: Visit) -> Issuer:
    issuer = visit.services.federation.issuers.get(visit.request.path_params["issuer"])
    if issuer is None:
        raise PageProblem("not_found", 404)
    return issuer


def _callback(visit: Visit, issuer: Issuer) -> str:
    return f"{visit.services.origin_of(visit.request)}/auth/upstream/{issuer.id}/callback"


def _name(state: str) -> str:
    return f"upstream:{state[:256]}"
