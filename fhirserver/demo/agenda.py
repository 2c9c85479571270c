"""Agendas: the schedule of each unit with free afternoon slots, and the appointments of patients.

Spec: http://hl7.org/fhir/R4/appointment.html
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from fhirserver.demo import systems
from fhirserver.demo.chart import SLOT_MINUTES, Chart
from fhirserver.demo.claims import claimed
from fhirserver.demo.moments import NOW, TODAY, at, day_of, render, shift, workday
from fhirserver.demo.network import unit_id
from fhirserver.demo.places import NETWORKS, UNITS, Site
from fhirserver.demo.shapes import clinical, coding, concept, kind, refer, refer_to, resource
from fhirserver.demo.staff import Directory
from fhirserver.demo.stays import starts
from fhirserver.demo.story import Contact, Kind
from fhirserver.demo.terms import PROBLEMS
from fhirserver.demo.words import Country, Words
from fhirserver.kernel.resource import Json, Resource

FREE_DAYS: Final = (4, 11)
FREE_SLOTS: Final = 3
AFTERNOON: Final = 14
HORIZON_DAYS: Final = 200
"""Appointments are made so many days ahead."""

KEPT_PAST_DAYS: Final = 130


def schedules(directory: Directory) -> Iterator[list[Resource]]:
    """Return, for each site, the schedules of its consultations and the free slots of the coming weeks."""
    for network in NETWORKS:
        for site in network.sites:
            units = [unit for unit in site.units if unit not in {"emergency", "icu"}]
            yield claimed([made for unit in units for made in _schedule(directory, site, unit)], site.country)


def book(chart: Chart, contact: Contact) -> list[Resource]:
    """Return the slot and the appointment of a contact to come; nothing for one too far away, or after a death."""
    start = starts(chart, contact)
    if start <= NOW or start > at(shift(TODAY, HORIZON_DAYS)) or chart.person.death is not None:
        return []
    ward = chart.ward(contact.unit)
    end = start + SLOT_MINUTES
    slot = chart.new("Slot", _slot(ward, contact.unit, (start, end), "busy", french=not chart.is_belgian))
    status = "pending" if chart.dice.chance(0.12) else "booked"
    return [slot, chart.new("Appointment", _appointment(chart, contact, (start, end), status, slot))]


def kept(chart: Chart, contact: Contact, start: int) -> list[Resource]:
    """Return the appointment of a consultation of the last months, which took place."""
    if contact.kind is not Kind.CONSULTATION or start < at(shift(TODAY, -KEPT_PAST_DAYS)):
        return []
    return [chart.new("Appointment", _appointment(chart, contact, (start, start + SLOT_MINUTES), "fulfilled", None))]


def missed(chart: Chart) -> list[Resource]:
    """Return an appointment that a few patients did not keep."""
    if chart.person.number % 14 != 3:
        return []
    contact = next((c for c in chart.story.contacts if c.kind is Kind.CONSULTATION), None)
    day = workday(shift(TODAY, -30 - chart.person.number % 60))
    if contact is None or day < chart.person.birth or (chart.person.death is not None and day > chart.person.death):
        return []
    start = chart.slot(contact.unit, day)
    status = chart.dice.pick(("noshow", "cancelled"))
    return [chart.new("Appointment", _appointment(chart, contact, (start, start + SLOT_MINUTES), status, None))]


def _schedule(directory: Directory, site: Site, unit: str) -> Iterator[Resource]:
    ward, words = unit_id(site, unit), UNITS[unit].words
    actors = [directory.physicians(ward)[0].role(), refer_to("HealthcareService", ward), refer_to("Location", ward)]
    fields = {
        "active": True,
        "serviceCategory": [kind("http://terminology.hl7.org/CodeSystem/service-category", "17")],
        "specialty": [_specialty(site.country, unit)],
        "actor": actors,
        "planningHorizon": {"start": render(at(TODAY)), "end": render(at(shift(TODAY, HORIZON_DAYS)))},
        "comment": f"Consultation de {words.fr.lower()} - {site.words.fr}",
    }
    yield resource("Schedule", ward, fields)
    for days in FREE_DAYS:
        day: date = workday(shift(TODAY, days + site.number % 3))
        for number in range(FREE_SLOTS):
            start = at(day, AFTERNOON, 0) + number * SLOT_MINUTES
            name = f"{ward}-{day.isoformat()}-{start % 1440 // 60:02d}{start % 60:02d}"
            french = site.country is Country.FRANCE
            yield resource("Slot", name, _slot(ward, unit, (start, start + SLOT_MINUTES), "free", french=french))


def _specialty(country: Country, unit: str) -> dict[str, Any]:
    known = UNITS[unit]
    found = concept(systems.SNOMED, known.setting, known.words.fr)
    if country is Country.FRANCE:
        found["coding"].append(coding(systems.FRENCH_SPECIALTY, known.specialty))
    return found


def _slot(schedule: str, unit: str, times: tuple[int, int], status: str, *, french: bool) -> dict[str, Json]:
    return {
        "specialty": [_specialty(Country.FRANCE if french else Country.BELGIUM, unit)],
        "schedule": refer_to("Schedule", schedule),
        "status": status,
        "start": render(times[0]),
        "end": render(times[1]),
    }


def _appointment(
    chart: Chart, contact: Contact, times: tuple[int, int], status: str, slot: Resource | None
) -> dict[str, Json]:
    start, end = times
    made = at(shift(day_of(start), -20 - chart.person.number % 40), 10)
    cancelled = status == "cancelled"
    needed = "needs-action" if status == "pending" else "accepted"
    participants = [
        (chart.subject(), "declined" if cancelled else needed),
        (chart.physician(contact.unit).role(), "accepted"),
        (refer_to("Location", chart.ward(contact.unit)), "accepted"),
    ]
    return {
        "status": status,
        "cancelationReason": kind(f"{systems.THO}/appointment-cancellation-reason", "pat") if cancelled else None,
        "specialty": [_specialty(chart.person.country, contact.unit)],
        "appointmentType": kind(
            f"{systems.THO}/v2-0276", "FOLLOWUP" if contact.kind is Kind.CONSULTATION else "ROUTINE"
        ),
        "reasonCode": [clinical(PROBLEMS[contact.reason], chart.language)],
        "description": chart.say(Words("Consultation", "Raadpleging")),
        "start": render(start),
        "end": render(end),
        "minutesDuration": end - start,
        "slot": [refer(slot)] if slot else None,
        "created": render(min(made, NOW)),
        "participant": [{"actor": actor, "required": "required", "status": answer} for actor, answer in participants],
    }
