"""Patients and encounters as pickers and pages show them, seen with the rights of the person who looks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhirserver.codec.fhir_json import parse_json
from fhirserver.kernel.caller import Caller
from fhirserver.kernel.version import Version
from fhirserver.repository.requests import Parameters
from fhirserver.smart.pages.view import Visit
from fhirserver.smart.people.session import Session
from fhirserver.smart.record_door import RecordDoor, door_for

_CLIENT: Final = "fhirserver-pages"
_SCOPES: Final = ("user/Patient.rs", "user/RelatedPerson.rs", "user/Encounter.rs")
MOST: Final = 20


@dataclass(frozen=True, slots=True)
class PatientCard:
    """One patient, as people tell them apart."""

    id: str
    name: str
    birth_date: str
    gender: str
    identifiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EncounterCard:
    """One encounter."""

    id: str
    start: str
    end: str
    what: str
    where: str
    status: str


async def door_of(visit: Visit, session: Session) -> RecordDoor:
    """Open the record with the rights of a person, and of no app."""
    caller = Caller(
        client_id=_CLIENT,
        scopes=_SCOPES,
        fhir_user=session.fhir_user,
        name=session.name,
        roles=session.roles,
        organizations=session.organizations,
        token_id=session.id,
        session_id=session.id,
        site=session.site,
        expires_at_s=visit.services.people.clock() + 60,
        is_admin=session.is_admin,
    )
    return await door_for(caller, visit.services.repository_for)


async def search_patients(visit: Visit, session: Session, criteria: Parameters) -> tuple[list[PatientCard], bool]:
    """Return the first patients that criteria select, and whether there are more."""
    door = await door_of(visit, session)
    parameters = (*criteria, ("_sort", "family"), ("_count", str(MOST + 1)), ("_total", "none"))
    found = [patient_card(_content(version)) for version in await door.search("Patient", parameters)]
    return found[:MOST], len(found) > MOST


async def patient_cards(visit: Visit, session: Session, ids: Collection[str]) -> Mapping[str, PatientCard]:
    """Return those of some patients that the person may see, by id."""
    if not ids:
        return {}
    door = await door_of(visit, session)
    found = {}
    for logical_id in ids:
        version = await door.read("Patient", logical_id)
        if version is not None:
            found[logical_id] = patient_card(_content(version))
    return found


async def own_patients(visit: Visit, session: Session) -> list[str] | None:
    """Return the patients that somebody who is no professional acts for: themselves, or whom they are related to."""
    resource_type, _, logical_id = (session.fhir_user or "").partition("/")
    if resource_type == "Patient":
        return [logical_id]
    if resource_type != "RelatedPerson":
        return None
    door = await door_of(visit, session)
    version = await door.read("RelatedPerson", logical_id)
    if version is None:
        return []
    related = _content(version)
    reference = str((related.get("patient") or {}).get("reference", ""))
    return [reference.removeprefix("Patient/")] if reference.startswith("Patient/") else []


async def encounters_of(visit: Visit, session: Session, patient: str) -> list[EncounterCard]:
    """Return the latest encounters of a patient."""
    door = await door_of(visit, session)
    parameters = (("subject", f"Patient/{patient}"), ("_sort", "-date"), ("_count", str(MOST)), ("_total", "none"))
    cards = [encounter_card(_content(version)) for version in await door.search("Encounter", parameters)]
    return sorted(cards, key=lambda card: card.start, reverse=True)


def patient_card(patient: Mapping[str, Any]) -> PatientCard:
    """Return a patient as a card."""
    identifiers = [one.get("value", "") for one in patient.get("identifier", ()) if one.get("use") != "old"]
    return PatientCard(
        id=patient["id"],
        name=name_of(patient),
        birth_date=patient.get("birthDate", ""),
        gender=patient.get("gender", ""),
        identifiers=tuple(value for value in identifiers[:2] if value),
    )


def encounter_card(encounter: Mapping[str, Any]) -> EncounterCard:
    """Return an encounter as a card."""
    period = encounter.get("period") or {}
    reasons = [concept.get("text") or _display(concept) for concept in encounter.get("reasonCode", ())]
    return EncounterCard(
        id=encounter["id"],
        start=period.get("start", ""),
        end=period.get("end", ""),
        what=next((reason for reason in reasons if reason), _display_of_class(encounter)),
        where=(encounter.get("serviceProvider") or {}).get("display", ""),
        status=encounter.get("status", ""),
    )


def name_of(person: Mapping[str, Any]) -> str:
    """Return how somebody is called: the official name before others."""
    names = sorted(person.get("name", ()), key=lambda name: name.get("use") != "official")
    if not names:
        return str(person.get("id", ""))
    first = names[0]
    parts = [*first.get("prefix", ()), *first.get("given", ()), first.get("family", "")]
    return str(first.get("text") or " ".join(part for part in parts if part))


def _content(version: Version) -> dict[str, Any]:
    content: dict[str, Any] = parse_json(version.content or b"{}")
    return content


def _display(concept: Mapping[str, Any]) -> str:
    return next((coding["display"] for coding in concept.get("coding", ()) if coding.get("display")), "")


def _display_of_class(encounter: Mapping[str, Any]) -> str:
    coding = encounter.get("class") or {}
    return str(coding.get("display") or coding.get("code") or encounter["id"])
