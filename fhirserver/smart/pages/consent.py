"""The consent screen: scope by scope, in plain words; every one of them can be refused."""

from starlette.responses import Response

from fhirserver.kernel.scopes import Context
from fhirserver.smart.noted import note_decision
from fhirserver.smart.pages.contracts import Pending
from fhirserver.smart.pages.forms import Form
from fhirserver.smart.pages.patients import patient_cards
from fhirserver.smart.pages.pickers import RESUME
from fhirserver.smart.pages.questions import Question, contexts_of, criterion, granted_by, grants_nothing, questions_of
from fhirserver.smart.pages.view import PageProblem, Visit, with_query
from fhirserver.smart.people.session import Session


async def show(visit: Visit) -> Response:
    """``GET /auth/consent?request=…``: ask."""
    session, pending = await _pending(visit)
    return await _page(visit, session, pending)


async def decide(visit: Visit) -> Response:
    """``POST /auth/consent?request=…``: take the answer."""
    session, pending = await _pending(visit)
    form = await visit.form()
    granted = None if form("decision") != "allow" else _granted(pending, form)
    if granted is not None and grants_nothing(pending.scopes, granted):
        return await _page(visit, session, pending, {"": visit.texts("consent.nothing")})
    note_decision(pending.client.id, pending.patient, granted=" ".join(granted or ()))
    await visit.services.authorizations.decide(pending.id, session, granted)
    return visit.redirect(with_query(RESUME, request=pending.id))


def _granted(pending: Pending, form: Form) -> tuple[str, ...]:
    narrowed: dict[str, list[str]] = {}
    for choice in form.all("choice"):
        key, _, value = choice.partition(":")
        narrowed.setdefault(key, []).append(value)
    return granted_by(pending.scopes, form.all("grant"), narrowed)


async def _pending(visit: Visit) -> tuple[Session, Pending]:
    session = visit.signed_in()
    pending = await visit.services.authorizations.pending(visit.query("request"), session)
    if pending is None:
        raise PageProblem("expired")
    return session, pending


async def _page(visit: Visit, session: Session, pending: Pending, errors: dict[str, str] | None = None) -> Response:
    resources, beside = questions_of(pending.scopes)
    return visit.page(
        "consent.html",
        status=400 if errors else 200,
        policy=(),
        errors=errors or {},
        pending=pending,
        resources=resources,
        beside=beside,
        criterion=criterion,
        about=await _about(visit, session, pending),
        choice_name=lambda question, choice: _choice_name(visit, question, choice),
    )


async def _about(visit: Visit, session: Session, pending: Pending) -> str:
    """Say whose data it is about."""
    if Context.PATIENT not in contexts_of(pending.scopes) or pending.patient is None:
        return visit.texts("consent.user")
    if session.fhir_user == f"Patient/{pending.patient}":
        return visit.texts("consent.own")
    cards = await patient_cards(visit, session, {pending.patient})
    name = cards[pending.patient].name if pending.patient in cards else pending.patient
    return visit.texts("consent.patient", name=name)


def _choice_name(visit: Visit, question: Question, choice: str) -> str:
    return visit.texts.type_name(choice) if question.is_of_all else visit.texts(f"categories.{choice}")
