"""Encounters: the stay, its movements between units and beds, consultations and emergency visits.

A stay is one Encounter, each movement a child of it (fr-core: VN and MN identifiers; the same shape serves Belgium).
Spec: http://hl7.org/fhir/R4/encounter.html
"""

from dataclasses import dataclass
from typing import Any, Final

from fhirserver.demo import systems
from fhirserver.demo.chart import Chart
from fhirserver.demo.moments import DAY, HOUR, NOW, at, day_of
from fhirserver.demo.places import UNITS, Site
from fhirserver.demo.shapes import clinical, coding, decimal, identifier, kind, period, quantity, refer, refer_to
from fhirserver.demo.story import Contact, Kind
from fhirserver.demo.terms import PROBLEMS
from fhirserver.kernel.resource import Json, Resource

CLASSES: Final = {Kind.CONSULTATION: "AMB", Kind.EMERGENCY: "EMER", Kind.STAY: "IMP", Kind.DAY_CARE: "SS"}
ENCOUNTER_TYPES: Final = {
    Kind.CONSULTATION: "11429006",
    Kind.EMERGENCY: "50849002",
    Kind.STAY: "32485007",
    Kind.DAY_CARE: "32485007",
}
MINUTES_A_CONSULTATION: Final = 20
HOME_HOUR: Final = 14
"""Patients leave in the early afternoon."""


@dataclass(frozen=True, slots=True)
class Movement:
    """A time in one unit."""

    unit: str
    site: Site
    start: int
    end: int
    bed: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A contact that takes place: its times, its movements and its Encounter."""

    contact: Contact
    start: int
    end: int
    movements: tuple[Movement, ...]
    encounter: Resource

    @property
    def is_over(self) -> bool:
        """Whether the patient has left."""
        return self.end <= NOW

    @property
    def horizon(self) -> int:
        """The end of what is known: the discharge, or the present."""
        return min(self.end, NOW)

    def unit_at(self, moment: int) -> str:
        """Return the unit that cares for the patient at a moment."""
        return next((move.unit for move in reversed(self.movements) if move.start <= moment), self.contact.unit)

    def reference(self) -> dict[str, Any]:
        """Return a reference to the Encounter."""
        return refer(self.encounter)


def receive(chart: Chart, contact: Contact, number: int, start: int) -> tuple[Visit, list[Resource]]:
    """Return a visit that begins at a moment, and its encounters: the whole first, then each movement."""
    end = _end(contact, start)
    movements = _movements(chart, contact, start, end)
    name = f"{'stay' if contact.kind in {Kind.STAY, Kind.DAY_CARE} else 'visit'}-{number}"
    encounter = chart.new("Encounter", _encounter(chart, contact, movements, start, end), name=name)
    visit = Visit(contact, start, end, movements, encounter)
    children = [
        chart.new("Encounter", _movement(chart, visit, move, n), name=f"{name}-{n}")
        for n, move in enumerate(movements, 1)
        if contact.kind is Kind.STAY and move.start <= NOW
    ]
    return visit, [encounter, *children]


def starts(chart: Chart, contact: Contact) -> int:
    """Return when a contact begins: an urgent one at any hour, a planned one in working time."""
    moment = chart.moment(contact.day)
    if contact.kind is Kind.CONSULTATION:
        return chart.slot(contact.unit, day_of(moment))
    if contact.planned or contact.kind is Kind.DAY_CARE:
        return at(day_of(moment), 8, chart.dice.pick((0, 15, 30)))
    if contact.day % 1:
        return moment
    latest = 10 if day_of(moment) == day_of(NOW) else 23
    return moment + chart.dice.between(0, latest * HOUR)


def _end(contact: Contact, start: int) -> int:
    if contact.kind is Kind.CONSULTATION:
        return start + MINUTES_A_CONSULTATION
    end = start + round(contact.hours * HOUR)
    if contact.kind is not Kind.STAY:
        return end
    home = at(day_of(end), HOME_HOUR)
    return home if home - start > DAY else home + DAY


def _movements(chart: Chart, contact: Contact, start: int, end: int) -> tuple[Movement, ...]:
    stops = [(contact.unit, start), *((unit, start + round(hour * HOUR)) for unit, hour in contact.moves)]
    ends = [begin for _, begin in stops[1:]] + [end]
    return tuple(
        _settle(chart, contact, unit, (begin, until)) for (unit, begin), until in zip(stops, ends, strict=True)
    )


def _settle(chart: Chart, contact: Contact, unit: str, span: tuple[int, int]) -> Movement:
    site = chart.site_of(unit)
    lies = contact.kind is not Kind.CONSULTATION and UNITS[unit].beds
    bed = chart.world.beds.take(site, unit, *span) if lies else chart.ward(unit)
    return Movement(unit, site, *span, bed)


def _status(start: int, end: int) -> str:
    if start > NOW:
        return "planned"
    return "finished" if end <= NOW else "in-progress"


def _encounter(
    chart: Chart, contact: Contact, movements: tuple[Movement, ...], start: int, end: int
) -> dict[str, Json]:
    over, last = (
        end <= NOW,
        movements[-1] if end <= NOW else next(m for m in reversed(movements) if m.start <= max(NOW, start)),
    )
    physician = chart.physician(last.unit)
    return {
        "identifier": [_number(chart, movements[0].site, "VN", chart.stay_number(movements[0].site, start))],
        "status": _status(start, end),
        "class": coding(systems.ACT_CODE, CLASSES[contact.kind]),
        "type": [kind(systems.SNOMED, ENCOUNTER_TYPES[contact.kind])],
        "priority": kind(
            f"{systems.THO}/v3-ActPriority", "EL" if contact.planned or contact.kind is Kind.CONSULTATION else "EM"
        ),
        "subject": chart.subject(),
        "participant": [{"type": [kind(systems.PARTICIPATION, "ATND")], "individual": physician.role()}],
        "period": period(start, end if over or start > NOW else None),
        "length": quantity(decimal((end - start) / DAY, 1), "d") if over and contact.kind is Kind.STAY else None,
        "reasonCode": [clinical(PROBLEMS[contact.reason], chart.language)],
        "hospitalization": _hospitalization(contact, over=over) if contact.kind is not Kind.CONSULTATION else None,
        "location": [_place(move) for move in movements if move.start <= max(NOW, start)],
        "serviceProvider": refer_to("Organization", f"{last.site.key}-{last.unit}", UNITS[last.unit].words.fr),
    }


def _hospitalization(contact: Contact, *, over: bool) -> dict[str, Any]:
    born = contact.reason == "newborn"
    source = (
        "born"
        if born
        else "gp"
        if contact.planned or contact.kind is Kind.DAY_CARE
        else "emd"
        if contact.moves
        else "other"
    )
    found: dict[str, Any] = {"admitSource": kind(f"{systems.THO}/admit-source", source)}
    if over:
        found["dischargeDisposition"] = kind(f"{systems.THO}/discharge-disposition", contact.leaves_for)
    return found


def _place(move: Movement) -> dict[str, Any]:
    status = "completed" if move.end <= NOW else "active" if move.start <= NOW else "planned"
    until = move.end if move.end <= NOW else None
    return {"location": refer_to("Location", move.bed), "status": status, "period": period(move.start, until)}


def _number(chart: Chart, site: Site, code: str, value: str) -> dict[str, Any]:
    namespace = "stay" if code == "VN" else "movement"
    belgian = systems.IDENTIFIER_TYPE if code == "VN" else systems.OUR_IDENTIFIER_TYPE
    types = kind(belgian if chart.is_belgian else systems.STAY_IDENTIFIER_TYPE, code)
    return identifier(f"https://{chart.domain}/ns/{namespace}/{site.key}", value, use="official", kind=types)


def _movement(chart: Chart, visit: Visit, move: Movement, number: int) -> dict[str, Json]:
    stay = visit.encounter["identifier"][0]["value"]
    emergency = move.unit == "emergency"
    return {
        "identifier": [_number(chart, move.site, "MN", f"{stay}-{number:02d}")],
        "status": _status(move.start, move.end),
        "class": coding(
            systems.ACT_CODE, "EMER" if emergency else "ACUTE" if move.unit != "rehabilitation" else "NONAC"
        ),
        "subject": chart.subject(),
        "participant": [
            {"type": [kind(systems.PARTICIPATION, "ATND")], "individual": chart.physician(move.unit).role()}
        ],
        "period": period(move.start, move.end if move.end <= NOW else None),
        "location": [_place(move)],
        "serviceProvider": refer_to("Organization", f"{move.site.key}-{move.unit}", UNITS[move.unit].words.fr),
        "partOf": visit.reference(),
    }
