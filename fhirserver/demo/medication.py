"""Prescriptions, administrations during stays, and what the pharmacy handed over.

Spec: http://hl7.org/fhir/R4/medicationrequest.html, http://hl7.org/fhir/R4/medicationadministration.html
"""

from collections.abc import Iterator
from typing import Any, Final

from fhirserver.demo import systems
from fhirserver.demo.chart import Chart
from fhirserver.demo.drugs import DRUGS, ROUTES, UNIT_CODES, Drug
from fhirserver.demo.moments import DAY, HOUR, NOW, TODAY, at, day_of, render, shift
from fhirserver.demo.shapes import coding, concept, decimal, kind, period, quantity, refer
from fhirserver.demo.stays import Visit
from fhirserver.demo.story import Course, Order
from fhirserver.demo.words import Words
from fhirserver.kernel.resource import Json, Resource

ROUNDS: Final = {1: (8,), 2: (8, 20), 3: (8, 14, 20), 4: (6, 12, 18, 23)}
"""The hours of the drug round."""

RHYTHMS: Final = {1: Words("1 fois par jour", "1 maal per dag"), 7: Words("1 fois par semaine", "1 maal per week"),
                  14: Words("1 fois toutes les 2 semaines", "1 maal om de 2 weken"),
                  30: Words("1 fois par mois", "1 maal per maand")}  # fmt: skip
REQUEST_CATEGORY: Final = f"{systems.THO}/medicationrequest-category"
THERAPY: Final = f"{systems.THO}/medicationrequest-course-of-therapy"
GIVEN_CATEGORY: Final = f"{systems.THO}/medication-admin-category"
REFUSABLE: Final = frozenset({"oral", "inhaled"})
BOX_DAYS: Final = 30


def at_home(chart: Chart) -> Iterator[Resource]:
    """Return the prescriptions for home, and the last boxes of some of them."""
    for course in chart.story.drugs:
        since = chart.day(course.since)
        if since > TODAY or (chart.person.death is not None and since > chart.person.death):
            continue
        request = _home_request(chart, course)
        yield request
        if course.until is None and chart.dice.chance(0.2):
            yield _dispensed(chart, course, request)


def in_hospital(chart: Chart, visit: Visit, order: Order) -> Iterator[Resource]:
    """Return an order of a visit with its administrations until the present."""
    start = visit.start + round(order.start * HOUR)
    if start > visit.horizon:
        return
    stop = visit.end if order.stop is None else min(visit.end, visit.start + round(order.stop * HOUR))
    request = _hospital_request(chart, visit, order, start, stop)
    yield request
    if order.continuous:
        yield _infusion(chart, visit, order, request, (start, stop))
        return
    for moment in _times(order, start, min(stop, NOW)):
        if order.as_needed and not chart.dice.chance(0.45):
            continue
        yield _given(chart, visit, order, request, moment)


def amount(drug: Drug, value: float) -> dict[str, Any]:
    """Return a dose as a Quantity."""
    places = 0 if value == int(value) else 2 if value < 1 and value * 10 != int(value * 10) else 1
    return quantity(decimal(value, places), drug.unit, UNIT_CODES.get(drug.unit))


def instruction(chart: Chart, drug: Drug, dose: float, times: int | None) -> str:
    """Return the dosage as people read it; ``times`` a day, 0 for once, None for a continuous infusion."""
    shown = f"{dose:g}".replace(".", ",")
    route = chart.say(ROUTES[drug.route][1])
    if drug.every_days > 1:
        rhythm = chart.say(RHYTHMS[drug.every_days])
    elif times is None:
        rhythm = chart.say(Words("en continu", "continu"))
    elif times:
        rhythm = chart.say(Words(f"{times} fois par jour", f"{times} maal per dag"))
    else:
        rhythm = chart.say(Words("une fois", "eenmalig"))
    return f"{shown} {_unit_word(chart, drug)} {rhythm}, {route}"


def label(chart: Chart, drug: Drug) -> str:
    """Return the name and the strength."""
    return f"{chart.say(drug.name)} {drug.strength}"


def _unit_word(chart: Chart, drug: Drug) -> str:
    return chart.say(Words("bouffées", "puffs")) if drug.unit == "bouffée" else drug.unit


def _medication(chart: Chart, drug: Drug) -> dict[str, Any]:
    text = label(chart, drug)
    return {"coding": [coding(systems.ATC, drug.atc)], "text": text}


def _route(chart: Chart, drug: Drug) -> dict[str, Any]:
    code, words = ROUTES[drug.route]
    return concept(systems.SNOMED, code, chart.say(words))


def _dosage(chart: Chart, drug: Drug, order: Order) -> dict[str, Any]:
    dose = drug.dose if order.dose is None else order.dose
    repeat: dict[str, Json] = {"frequency": max(order.times, 1), "period": decimal(drug.every_days), "periodUnit": "d"}
    if order.times == 0:
        repeat = {"count": 1}
    return {
        "text": instruction(chart, drug, dose, None if order.continuous else order.times),
        "timing": {"repeat": repeat},
        **({"asNeededBoolean": True} if order.as_needed else {}),
        "route": _route(chart, drug),
        "doseAndRate": [{"doseQuantity": amount(drug, dose)}],
    }


def _home_request(chart: Chart, course: Course) -> Resource:
    drug, since = DRUGS[course.drug], chart.day(course.since)
    ends = None if course.until is None else chart.day(course.until)
    over = (ends is not None and ends <= TODAY) or chart.person.death is not None
    written = max(since, shift(TODAY, -80 - chart.person.number % 90)) if ends is None else since
    if chart.person.death is not None:
        written = min(written, chart.person.death)
    hospital = course.since >= -800 and course.reason in {problem.term for problem in chart.case.story.problems}
    prescriber = chart.physician(chart.story.unit) if hospital else chart.practitioner()
    long = ends is None
    fields: dict[str, Json] = {
        "status": "completed" if over else "active",
        "intent": "order",
        "category": [kind(REQUEST_CATEGORY, "community")],
        "medicationCodeableConcept": _medication(chart, drug),
        "subject": chart.subject(),
        "authoredOn": render(at(written, 10, 20)) if written == TODAY else written.isoformat(),
        "requester": prescriber.role(),
        "reasonReference": chart.reason(course.reason) if course.reason else None,
        "courseOfTherapyType": kind(THERAPY, "continuous" if long else "acute"),
        "dosageInstruction": [_dosage(chart, drug, Order(course.drug, drug.times))],
        "dispenseRequest": _dispense_request(written.isoformat(), long=long),
    }  # fmt: skip
    return chart.new("MedicationRequest", fields)


def _dispense_request(start: str, *, long: bool) -> dict[str, Any]:
    return {
        "validityPeriod": {"start": start},
        "numberOfRepeatsAllowed": 5 if long else 0,
        "expectedSupplyDuration": quantity(decimal(BOX_DAYS if long else 10), "d"),
    }


def _dispensed(chart: Chart, course: Course, request: Resource) -> Resource:
    drug = DRUGS[course.drug]
    written = chart.day(course.since)
    handed = max(written, shift(TODAY, -chart.dice.between(2, 28)))
    if chart.person.death is not None:
        handed = min(handed, chart.person.death)
    fields = {
        "status": "completed",
        "medicationCodeableConcept": request["medicationCodeableConcept"],
        "subject": chart.subject(),
        "authorizingPrescription": [refer(request)],
        "quantity": {"value": decimal(28 * drug.times)},
        "daysSupply": quantity(decimal(28), "d"),
        "whenHandedOver": render(at(handed, 9, 30)),
        "dosageInstruction": [{"text": request["dosageInstruction"][0]["text"]}],
    }
    return chart.new("MedicationDispense", fields)


def _hospital_request(chart: Chart, visit: Visit, order: Order, start: int, stop: int) -> Resource:
    drug = DRUGS[order.drug]
    prescriber = chart.physician(visit.unit_at(start))
    once = order.times == 0 and not order.continuous
    fields: dict[str, Json] = {
        "status": "completed" if stop <= NOW or once else "active",
        "intent": "order",
        "category": [kind(REQUEST_CATEGORY, "inpatient")],
        "priority": "urgent" if order.times == 0 else "routine",
        "medicationCodeableConcept": _medication(chart, drug),
        "subject": chart.subject(),
        "encounter": visit.reference(),
        "authoredOn": render(max(visit.start, start - 20)),
        "requester": prescriber.role(),
        "reasonReference": chart.reason(visit.contact.reason),
        "dosageInstruction": [_dosage(chart, drug, order)],
    }
    fields["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = period(start, start if once else stop)
    return chart.new("MedicationRequest", fields)


def _times(order: Order, start: int, stop: int) -> Iterator[int]:
    if order.times != 1:
        yield start
    if order.times == 0:
        return
    gap = 0 if order.times == 1 else 14 * HOUR // order.times
    for day in range(day_of(start).toordinal(), day_of(stop).toordinal() + 1):
        for hour in ROUNDS[order.times]:
            moment = day * DAY + hour * HOUR
            if start + gap <= moment <= stop:
                yield moment


def _given(chart: Chart, visit: Visit, order: Order, request: Resource, moment: int) -> Resource:
    drug = DRUGS[order.drug]
    refused = drug.route in REFUSABLE and order.times > 0 and chart.dice.chance(0.05)
    moment = min(moment + chart.dice.between(0, 25), visit.horizon)
    fields: dict[str, Json] = {
        "status": "not-done" if refused else "completed",
        "statusReason": [_not_given(chart)] if refused else None,
        **_about(chart, visit, request),
        "effectiveDateTime": render(moment),
        "performer": [{"actor": chart.nurse(visit.unit_at(moment)).role()}],
        "request": refer(request),
        "dosage": {"route": _route(chart, drug), "dose": amount(drug, drug.dose if order.dose is None else order.dose)},
    }
    return chart.new("MedicationAdministration", fields)


def _about(chart: Chart, visit: Visit, request: Resource) -> dict[str, Json]:
    return {
        "category": kind(GIVEN_CATEGORY, "inpatient"),
        "medicationCodeableConcept": request["medicationCodeableConcept"],
        "subject": chart.subject(),
        "context": visit.reference(),
    }


def _not_given(chart: Chart) -> dict[str, Any]:
    text = chart.say(Words("Refus du patient", "Weigering door de patiënt"))
    return {"coding": [coding(f"{systems.THO}/reason-medication-not-given", "a")], "text": text}


def _infusion(chart: Chart, visit: Visit, order: Order, request: Resource, span: tuple[int, int]) -> Resource:
    drug, (start, stop) = DRUGS[order.drug], span
    dose = drug.dose if order.dose is None else order.dose
    hours = max(1.0, (stop - start) / HOUR)
    rate = amount(drug, dose) if drug.unit == "L/min" else quantity(decimal(dose / hours, 2), f"{drug.unit}/h")
    over = stop <= NOW
    fields: dict[str, Json] = {
        "status": "completed" if over else "in-progress",
        **_about(chart, visit, request),
        "effectivePeriod": period(start, stop if over else None),
        "performer": [{"actor": chart.nurse(visit.unit_at(start)).role()}],
        "request": refer(request),
        "dosage": {"route": _route(chart, drug), "rateQuantity": rate},
    }
    return chart.new("MedicationAdministration", fields)
