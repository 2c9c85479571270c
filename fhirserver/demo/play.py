"""Plays the story of a patient: groups of resources whose references point back, or inside the group."""

from collections.abc import Iterator

from fhirserver.demo.acts import imaging, procedure, pump
from fhirserver.demo.agenda import book, kept, missed
from fhirserver.demo.chart import Chart
from fhirserver.demo.conditions import background, begins_in, diagnoses, flags, problem
from fhirserver.demo.documents import letter
from fhirserver.demo.medication import at_home, in_hospital
from fhirserver.demo.moments import DAY, NOW, at, day_of
from fhirserver.demo.plans import care_plan, care_team, episode, tasks
from fhirserver.demo.prevention import immunizations
from fhirserver.demo.results import cultures, laboratory, vital_signs
from fhirserver.demo.shapes import refer
from fhirserver.demo.stays import Visit, receive, starts
from fhirserver.demo.story import Contact, Kind
from fhirserver.kernel.resource import Resource

Group = list[Resource]
PLANNED_AHEAD: int = 60 * DAY
"""A planned stay has its Encounter so long before."""


def play(chart: Chart) -> Iterator[Group]:
    """Return the groups of the clinical record of a patient."""
    received = _receive(chart)
    visits = [visit for visit, _ in received]
    yield from ([made] for made in background(chart, visits))
    yield from ([made] for made in immunizations(chart))
    yield pump(chart)
    episodes = episode(chart)
    yield episodes
    team = care_team(chart)
    yield team
    for visit, encounters in received:
        yield from _visit(chart, visit, encounters, episodes)
    yield from ([made] for made in at_home(chart))
    yield flags(chart, chart.moment(0)) if chart.moment(0) <= NOW else []
    yield care_plan(chart, team)
    yield tasks(chart, [visit for visit in visits if visit.start <= NOW])
    yield missed(chart)
    for contact in chart.story.contacts:
        if contact.kind in {Kind.CONSULTATION, Kind.DAY_CARE} and chart.moment(contact.day) > NOW:
            yield book(chart, contact)


def _receive(chart: Chart) -> list[tuple[Visit, Group]]:
    """Return the visits that took place, go on, or are planned, in time."""
    opened = sorted(_openings(chart), key=lambda opening: opening[1])
    return [receive(chart, contact, number, start) for number, (contact, start) in enumerate(opened, 1)]


def _openings(chart: Chart) -> Iterator[tuple[Contact, int]]:
    last = NOW if chart.person.death is None else at(chart.person.death)
    for contact in chart.story.contacts:
        moment = chart.moment(contact.day)
        planned = contact.kind is Kind.STAY and contact.planned and moment <= NOW + PLANNED_AHEAD
        if moment > last and not planned:
            continue
        start = starts(chart, contact)
        if contact.day == 0:
            chart.body.turn(start)
        if start <= last or (planned and start > NOW):
            yield contact, start


def _visit(chart: Chart, visit: Visit, encounters: Group, episodes: Group) -> Iterator[Group]:
    found = _found(chart, visit)
    appointments = kept(chart, visit.contact, visit.start)
    if appointments:
        visit.encounter["appointment"] = [refer(appointments[0])]
    if episodes and _is_of(episodes[0], visit):
        visit.encounter["episodeOfCare"] = [refer(episodes[0])]
    diagnoses(visit, found, chart)
    yield [*appointments, *found, *encounters]
    if visit.start > NOW:
        return
    details = list(_details(chart, visit))
    yield from details
    yield letter(chart, visit, [made for group in details for made in group])


def _found(chart: Chart, visit: Visit) -> Group:
    """Return the conditions that were found in a visit, once each."""
    if visit.start > NOW:
        return []
    fresh = [p for p in chart.story.problems if p.term not in chart.conditions and begins_in(p, chart, visit)]
    made = [problem(chart, one, visit) for one in fresh]
    return [one for one in made if one is not None]


def _is_of(episode_of_care: Resource, visit: Visit) -> bool:
    span = episode_of_care["period"]
    day = day_of(visit.start).isoformat()
    return bool(span["start"] <= day <= span.get("end", "9999"))


def _details(chart: Chart, visit: Visit) -> Iterator[Group]:
    yield from ([made] for made in vital_signs(chart, visit))
    for panel, hour in visit.contact.labs:
        yield laboratory(chart, visit, panel, hour)
    yield from cultures(chart, visit)
    for scan in visit.contact.scans:
        yield imaging(chart, visit, scan)
    for act in visit.contact.acts:
        yield procedure(chart, visit, act)
    for order in visit.contact.orders:
        yield from ([made] for made in in_hospital(chart, visit, order))
