"""The pickers: which patient, which encounter an app is to work with, among those that its user may see.

What is searched for is posted, so that it stands in no address, no history and no log.
"""

import re
from typing import Final

from starlette.responses import Response

from fhirserver.kernel.ids import is_id
from fhirserver.repository.requests import Parameters
from fhirserver.smart.pages.contracts import Pending
from fhirserver.smart.pages.patients import (
    PatientCard,
    encounters_of,
    own_patients,
    patient_cards,
    search_patients,
)
from fhirserver.smart.pages.view import PageProblem, Visit, with_query
from fhirserver.smart.people.session import Session

_DATE: Final = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?", re.ASCII)
_LONGEST: Final = 100
RESUME: Final = "/auth/authorize/resume"


async def show_patients(visit: Visit) -> Response:
    """``GET /auth/pick/patient?request=…``: the form, or at once the patient that there is no choice about."""
    session, pending = await _pending(visit)
    own = await own_patients(visit, session)
    if own is None:
        return _patients_page(visit, pending)
    if not own:
        raise PageProblem("no_patient", 403)
    await visit.services.authorizations.choose_patient(pending.id, session, own[0])
    return _resume(visit, pending)


async def find_patients(visit: Visit) -> Response:
    """``POST /auth/pick/patient?request=…``: search, or choose one of those that were found."""
    session, pending = await _pending(visit)
    form = await visit.form()
    if form("patient"):
        return await _choose_patient(visit, session, pending, form("patient"))
    typed = {name: form(name).strip()[:_LONGEST] for name in ("name", "identifier", "birth_date")}
    errors = errors_of(typed, visit)
    if errors:
        return _patients_page(visit, pending, typed=typed, errors=errors, status=400)
    found, more = await search_patients(visit, session, criteria_of(typed))
    return _patients_page(visit, pending, typed=typed, found=found, more=more)


async def show_encounters(visit: Visit) -> Response:
    """``GET /auth/pick/encounter?request=…``: the encounters of the patient that was chosen."""
    session, pending = await _pending(visit)
    if pending.patient is None:
        return visit.redirect(with_query("/auth/pick/patient", request=pending.id))
    cards = await patient_cards(visit, session, {pending.patient})
    found = await encounters_of(visit, session, pending.patient)
    patient = cards.get(pending.patient)
    return visit.page("pick_encounter.html", policy=(), pending=pending, patient=patient, found=found)


async def choose_encounter(visit: Visit) -> Response:
    """``POST /auth/pick/encounter?request=…``: choose one, or none."""
    session, pending = await _pending(visit)
    form = await visit.form()
    encounter = form("encounter")
    if encounter:
        known = {one.id for one in await encounters_of(visit, session, pending.patient or "")}
        if encounter not in known:
            raise PageProblem("not_found", 404)
    await visit.services.authorizations.choose_encounter(pending.id, session, encounter or None)
    return _resume(visit, pending)


def errors_of(typed: dict[str, str], visit: Visit) -> dict[str, str]:
    """Return what keeps a search from being made, by field."""
    if not any(typed.values()):
        return {"": visit.texts("pick.ask")}
    if typed["birth_date"] and not _DATE.fullmatch(typed["birth_date"]):
        return {"birth_date": visit.texts("error.bad_date")}
    return {}


def criteria_of(typed: dict[str, str]) -> Parameters:
    """Return search parameters for what was typed; each word of a name must be found."""
    words = [("name", _escaped(word)) for word in typed["name"].split()]
    identifier = [("identifier", _escaped(typed["identifier"]))] if typed["identifier"] else []
    birth_date = [("birthdate", typed["birth_date"])] if typed["birth_date"] else []
    return (*words, *identifier, *birth_date)


def _escaped(text: str) -> str:
    """Write a text as the value of a search parameter (R4 search.html#escaping)."""
    return re.sub(r"([\\,$|])", r"\\\1", text)


async def _choose_patient(visit: Visit, session: Session, pending: Pending, patient: str) -> Response:
    if not is_id(patient) or patient not in await patient_cards(visit, session, {patient}):
        raise PageProblem("not_found", 404)
    await visit.services.authorizations.choose_patient(pending.id, session, patient)
    return _resume(visit, pending)


async def _pending(visit: Visit) -> tuple[Session, Pending]:
    session = visit.signed_in()
    pending = await visit.services.authorizations.pending(visit.query("request"), session)
    if pending is None:
        raise PageProblem("expired")
    return session, pending


def _resume(visit: Visit, pending: Pending) -> Response:
    return visit.redirect(with_query(RESUME, request=pending.id))


def _patients_page(
    visit: Visit,
    pending: Pending,
    *,
    typed: dict[str, str] | None = None,
    found: list[PatientCard] | None = None,
    more: bool = False,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    known = typed or {"name": "", "identifier": "", "birth_date": ""}
    return visit.page(
        "pick_patient.html",
        status=status,
        policy=(),
        pending=pending,
        typed=known,
        found=found,
        more=more,
        errors=errors or {},
    )
