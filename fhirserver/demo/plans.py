"""Care teams, episodes of care, care plans with their goals, and the tasks that remain.

Spec: http://hl7.org/fhir/R4/careplan.html, http://hl7.org/fhir/R4/task.html
"""

from typing import Any, Final

from fhirserver.demo import systems
from fhirserver.demo.chart import Chart
from fhirserver.demo.measures import VITALS
from fhirserver.demo.moments import HOUR, NOW, TODAY, at, render, shift
from fhirserver.demo.physiology import MEASURES
from fhirserver.demo.shapes import coding, decimal, kind, loinc, period, quantity, refer, refer_to
from fhirserver.demo.stays import Visit
from fhirserver.demo.story import Goal, Plan
from fhirserver.demo.words import Words
from fhirserver.kernel.resource import Json, Resource

TASKS: Final = {
    "review": Words("Relire et signer le courrier de sortie", "Ontslagbrief nalezen en ondertekenen"),
    "pharmacist": Words("Validation pharmaceutique de la prescription", "Farmaceutische validatie van het voorschrift"),
    "call": Words("Appeler le patient 48 h après la sortie", "Patiënt opbellen 48 u na ontslag"),
}
EPISODE_DAYS: Final = {"pregnancy": (-262, 60), "breast cancer": (-5, None)}


def care_team(chart: Chart) -> list[Resource]:
    """Return the care team of a long disease: hospital physician, nurse, general practitioner, relatives."""
    if chart.story.plan is None:
        return []
    unit = chart.story.unit
    since = chart.day(chart.story.plan.since)
    members = [
        ("309343006", chart.physician(unit).role()),
        ("224535009", chart.nurse(unit).role()),
        ("59058001", chart.practitioner().role()),
        *(
            ("133932002", refer_to("RelatedPerson", f"{chart.person.key}-{one.relation}"))
            for one in chart.case.relatives
        ),
    ]
    fields = {
        "status": "active" if chart.person.death is None else "inactive",
        "category": [kind(systems.LOINC, "LA28865-6")],
        "name": f"{chart.say(chart.story.plan.words)} - {chart.person.name}",
        "subject": chart.subject(),
        "period": {"start": since.isoformat()},
        "participant": [{"role": [kind(systems.SNOMED, role)], "member": member} for role, member in members],
        "managingOrganization": [refer_to("Organization", chart.site_of(unit).key)],
    }
    return [chart.new("CareTeam", fields)] if since <= TODAY else []


def episode(chart: Chart) -> list[Resource]:
    """Return the EpisodeOfCare of a pregnancy or of a cancer."""
    if chart.story.episode is None:
        return []
    first, last = EPISODE_DAYS[chart.story.episode]
    ends = None if last is None else chart.day(last)
    over = ends is not None and ends <= TODAY
    found = chart.conditions.get(chart.story.episode)
    fields: dict[str, Json] = {
        "status": "finished" if over else "active",
        "diagnosis": [{"condition": refer(found), "role": kind(f"{systems.THO}/diagnosis-role", "CC")}]
        if found
        else None,
        "patient": chart.subject(),
        "managingOrganization": refer_to("Organization", chart.site_of(chart.story.unit).key),
        "period": {"start": chart.day(first).isoformat(), **({"end": ends.isoformat()} if ends and over else {})},
        "careManager": chart.physician(chart.story.unit).role(),
    }
    return [chart.new("EpisodeOfCare", fields)]


def care_plan(chart: Chart, team: list[Resource]) -> list[Resource]:
    """Return the goals and the care plan of the story, once it has begun."""
    plan = chart.story.plan
    if plan is None or chart.day(plan.since) > TODAY:
        return []
    goals = [_goal(chart, plan, goal) for goal in plan.goals]
    return [*goals, _plan(chart, plan, goals, team)]


def tasks(chart: Chart, visits: list[Visit]) -> list[Resource]:
    """Return what remains to do after the latest discharge, or for who is in a bed today."""
    last = visits[-1] if visits else None
    if last is None or chart.person.death is not None or last.contact.orders == ():
        return []
    if not last.is_over:
        pharmacist = chart.world.directory.of_site(chart.site_of(last.unit_at(NOW)), "pharmacy")
        return [_task(chart, last, "pharmacist", "requested", pharmacist.role())]
    if last.end < NOW - 40 * 24 * HOUR:
        return []
    recent = last.end > NOW - 3 * 24 * HOUR
    unit = last.movements[-1].unit
    status = "requested" if recent else "completed"
    return [
        _task(chart, last, "review", "in-progress" if recent else "completed", chart.physician(unit).role()),
        _task(chart, last, "call", status, chart.nurse(unit).role()),
    ]


def _goal(chart: Chart, plan: Plan, goal: Goal) -> Resource:
    measure = MEASURES[goal.measure]
    reached = chart.body.value(goal.measure, NOW)
    well = reached >= goal.target if goal.above else reached <= goal.target
    bound = quantity(decimal(goal.target, measure.places), measure.shown, measure.unit)
    fields = {
        "lifecycleStatus": "active" if chart.person.death is None else "cancelled",
        "achievementStatus": kind(f"{systems.THO}/goal-achievement", "achieved" if well else "in-progress"),
        "category": [kind(f"{systems.THO}/goal-category", "physiotherapy" if goal.measure in VITALS else "dietary")],
        "description": {"text": chart.say(goal.words)},
        "subject": chart.subject(),
        "startDate": chart.day(plan.since).isoformat(),
        "target": [
            {
                "measure": loinc(measure.loinc, chart.say(measure.words)),
                "detailRange": {"low" if goal.above else "high": bound},
                "dueDate": shift(TODAY, 180).isoformat(),
            }
        ],
        "statusDate": TODAY.isoformat() if chart.person.death is None else chart.person.death.isoformat(),
        "addresses": chart.reason(plan.reason),
    }
    return chart.new("Goal", fields)


def _plan(chart: Chart, plan: Plan, goals: list[Resource], team: list[Resource]) -> Resource:
    alive = chart.person.death is None
    fields = {
        "status": "active" if alive else "revoked",
        "intent": "plan",
        "category": [kind(systems.SNOMED, "734163000")],
        "title": chart.say(plan.words),
        "subject": chart.subject(),
        "period": {"start": chart.day(plan.since).isoformat()},
        "created": chart.day(plan.since).isoformat(),
        "author": chart.physician(chart.story.unit).role(),
        "careTeam": [refer(made) for made in team] or None,
        "addresses": chart.reason(plan.reason),
        "goal": [refer(goal) for goal in goals] or None,
        "activity": [{"detail": _activity(chart, code, words, alive=alive)} for code, words in plan.activities],
    }
    return chart.new("CarePlan", fields)


def _activity(chart: Chart, code: str, words: Words, *, alive: bool) -> dict[str, Any]:
    text = chart.say(words)
    coded = {"coding": [coding(systems.SNOMED, code)], "text": text} if code else {"text": text}
    return {"code": coded, "status": "in-progress" if alive else "stopped", "description": text}


def _task(chart: Chart, visit: Visit, name: str, status: str, owner: dict[str, Any]) -> Resource:
    written = min(max(visit.start + 2 * HOUR, visit.end), NOW)
    fields = {
        "status": status,
        "intent": "order",
        "priority": "urgent" if name == "pharmacist" else "routine",
        "code": {"text": chart.say(TASKS[name])},
        "description": chart.say(TASKS[name]),
        "focus": visit.reference(),
        "for": chart.subject(),
        "encounter": visit.reference(),
        "authoredOn": render(written),
        "lastModified": render(min(written + 30, NOW)),
        "requester": chart.physician(visit.unit_at(written)).role(),
        "owner": owner,
        "restriction": {"period": period(written, at(shift(TODAY, 3), 18))} if status != "completed" else None,
    }
    return chart.new("Task", fields)
