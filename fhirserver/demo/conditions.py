"""Problems, allergies, alerts, family history.

Spec: http://hl7.org/fhir/R4/condition.html, http://hl7.org/fhir/R4/allergyintolerance.html
"""

from collections.abc import Iterator
from typing import Any, Final

from fhirserver.demo import systems
from fhirserver.demo.chart import Chart
from fhirserver.demo.moments import TODAY, age_at, day_of, render, shift
from fhirserver.demo.shapes import clinical, coding, concept, decimal, identifier, kind, quantity, refer_to
from fhirserver.demo.stays import Visit
from fhirserver.demo.story import Problem
from fhirserver.demo.terms import ALLERGENS, NO_KNOWN_ALLERGY, PROBLEMS, REACTIONS
from fhirserver.demo.words import Term, Words
from fhirserver.kernel.resource import Json, Resource

SEVERITIES: Final = {
    "mild": Term("255604002", Words("léger", "licht")),
    "moderate": Term("6736007", Words("modéré", "matig")),
    "severe": Term("24484000", Words("sévère", "ernstig")),
}
ALERTS: Final = {
    "falls": ("safety", Term("129839007", Words("Risque de chute", "Valrisico"))),
    "multiresistant": (
        "safety",
        Term("78648007", Words("Précautions contact : BLSE à l'entrée", "Contactisolatie: ESBL bij opname")),
    ),
    "directive": ("advance-directive", Term("304253006", Words("Ne pas réanimer (DNR 1)", "Niet reanimeren (DNR 1)"))),
    "suicide": ("behavioral", Term("225444004", Words("Risque suicidaire", "Suïciderisico"))),
    "veins": ("clinical", Term("", Words("Ne pas piquer le bras gauche", "Niet prikken in de linkerarm"))),
}
"""Flags of the stories."""

DRUG_ALLERGENS: Final = ("penicillin", "iodinated contrast", "anti-inflammatory", "sulphonamide")
OTHER_ALLERGENS: Final = ("latex", "peanut", "egg", "grass pollen", "house dust mite", "wasp venom")
GIVEN_AS: Final = {
    "penicillin": ("amoxicillin", "co-amoxiclav", "piperacillin", "cefazolin"),
    "anti-inflammatory": ("ibuprofen", "ketorolac", "aspirin"),
    "iodinated contrast": ("ticagrelor", "alteplase"),
}
"""Drugs that the allergic must not take; contrast goes with the angiography before the last two."""

INFANT_AGE: Final = 3
INFANT_ALLERGENS: Final = ("egg",)
REACTIONS_TO: Final = {
    "penicillin": ("urticaria", "rash", "anaphylaxis"),
    "iodinated contrast": ("urticaria", "angioedema"),
    "anti-inflammatory": ("bronchospasm", "angioedema"),
    "sulphonamide": ("rash",),
    "latex": ("urticaria",),
    "peanut": ("anaphylaxis", "vomiting"),
    "egg": ("urticaria", "vomiting"),
    "grass pollen": ("rhinitis",),
    "house dust mite": ("rhinitis", "bronchospasm"),
    "wasp venom": ("anaphylaxis", "angioedema"),
}


def begins_in(problem: Problem, chart: Chart, visit: Visit) -> bool:
    """Tell whether a problem is found during a visit."""
    return visit.start // 1440 <= chart.moment(problem.since) // 1440 <= visit.end // 1440


def problem(chart: Chart, known: Problem, visit: Visit | None = None) -> Resource | None:
    """Return the Condition of a problem, or None while it lies in the future; the chart remembers it."""
    since, until = chart.day(known.since), None if known.until is None else chart.day(known.until)
    if since > TODAY or (chart.person.death is not None and since > chart.person.death):
        return None
    since = max(since, chart.person.birth)
    over = until is not None and until <= TODAY
    recorder = chart.physician(visit.unit_at(visit.start)) if visit else chart.practitioner()
    fields: dict[str, Json] = {
        "clinicalStatus": kind(f"{systems.THO}/condition-clinical", "resolved" if over else "active"),
        "verificationStatus": kind(f"{systems.THO}/condition-ver-status", "confirmed"),
        "category": [
            kind(f"{systems.THO}/condition-category", "encounter-diagnosis" if visit else "problem-list-item")
        ],
        "severity": clinical(SEVERITIES[known.severity], chart.language) if known.severity else None,
        "code": clinical(PROBLEMS[known.term], chart.language),
        "subject": chart.subject(),
        "encounter": visit.reference() if visit else None,
        "onsetDateTime": since.isoformat(),
        "abatementDateTime": until.isoformat() if until and over else None,
        "recordedDate": render(visit.start) if visit else since.isoformat(),
        "recorder": recorder.role(),
    }
    made = chart.new("Condition", fields, secret=known.secret)
    made["identifier"] = [identifier(f"https://{chart.domain}/ns/problem", made["id"])]
    chart.conditions.setdefault(known.term, made)
    return made


def diagnoses(visit: Visit, found: list[Resource], chart: Chart) -> None:
    """Write in the Encounter which conditions it is about: those found in it first, then those that go on."""
    code = f"{systems.THO}/diagnosis-role"
    rest = [c for c in chart.conditions.values() if c not in found and _goes_on(c, visit)]
    chief = chart.conditions.get(visit.contact.reason)
    ordered = sorted([*found, *rest], key=lambda c: c is not chief)
    visit.encounter["diagnosis"] = [
        {
            "condition": refer_to("Condition", condition["id"], condition["code"]["text"]),
            "use": kind(code, "CC" if condition is chief else "CM" if condition in rest else "DD"),
            "rank": rank,
        }
        for rank, condition in enumerate(ordered[:6], 1)
    ] or None  # fmt: skip
    if visit.encounter["diagnosis"] is None:
        del visit.encounter["diagnosis"]


def allergies(chart: Chart) -> list[Resource]:
    """Return the allergies, or the statement that none is known; some records hold neither."""
    recorded = max(chart.person.birth, shift(chart.case.anchor, -chart.dice.between(1, 1500)))
    if chart.dice.chance(0.07):
        return []
    infant = age_at(chart.person.birth, TODAY) < INFANT_AGE
    if chart.dice.chance(0.85 if infant else 0.62):
        return [_allergy(chart, NO_KNOWN_ALLERGY, {"recordedDate": recorded.isoformat()})]
    names = list(INFANT_ALLERGENS) if infant else _allergens(chart)
    return [_to(chart, name, recorded.isoformat()) for name in dict.fromkeys(names)]


def flags(chart: Chart, since: int) -> list[Resource]:
    """Return the alerts of the story."""
    return [_flag(chart, name, since) for name in chart.story.flags if name in ALERTS]


def family_history(chart: Chart) -> list[Resource]:
    """Return the family history of a woman treated for breast cancer."""
    if "breast cancer" not in chart.conditions or chart.person.number % 2:
        return []
    fields = {
        "status": "completed",
        "patient": chart.subject(),
        "date": chart.case.anchor.isoformat(),
        "relationship": concept(systems.ROLE_CODE, "MTH", chart.say(Words("Mère", "Moeder"))),
        "sex": kind("http://hl7.org/fhir/administrative-gender", "female"),
        "condition": [{"code": clinical(PROBLEMS["breast cancer"], chart.language), "onsetAge": _years(52)}],
    }
    return [chart.new("FamilyMemberHistory", fields)]


def _allergens(chart: Chart) -> list[str]:
    """Draw one or two allergens, none of which the story has the patient take."""
    story = chart.story
    taken = {course.drug for course in story.drugs} | {order.drug for c in story.contacts for order in c.orders}
    groups = [DRUG_ALLERGENS if chart.dice.chance(0.65) else OTHER_ALLERGENS for _ in range(chart.dice.between(1, 2))]
    drawn = [chart.dice.pick(group) for group in groups]
    return [name for name in drawn if taken.isdisjoint(GIVEN_AS.get(name, ()))] or ["latex"]


def _years(age: int) -> dict[str, Any]:
    return quantity(decimal(age), "a")


def _goes_on(condition: Resource, visit: Visit) -> bool:
    ended = condition.get("abatementDateTime", "9999") < day_of(visit.start).isoformat()
    return not ended and condition["onsetDateTime"] <= day_of(visit.start).isoformat()


def _to(chart: Chart, name: str, recorded: str) -> Resource:
    term, category = ALLERGENS[name]
    manifestations = REACTIONS_TO[name]
    shown = manifestations[chart.dice.between(0, len(manifestations) - 1)]
    grave = shown in {"anaphylaxis", "angioedema"}
    reaction = {
        "manifestation": [clinical(REACTIONS[shown], chart.language)],
        "severity": "severe" if grave else chart.dice.pick(("mild", "moderate")),
    }
    fields = {
        "type": "allergy",
        "category": [category],
        "criticality": "high" if grave else "low",
        "recordedDate": recorded,
        "reaction": [reaction],
    }
    return _allergy(chart, term, fields)


def _allergy(chart: Chart, term: Term, fields: dict[str, Json]) -> Resource:
    head: dict[str, Json] = {
        "clinicalStatus": kind(f"{systems.THO}/allergyintolerance-clinical", "active"),
        "verificationStatus": kind(f"{systems.THO}/allergyintolerance-verification", "confirmed"),
        **{name: fields[name] for name in ("type", "category", "criticality") if name in fields},
        "code": clinical(term, chart.language),
        "patient": chart.subject(),
        "recordedDate": fields["recordedDate"],
        "recorder": chart.practitioner().role(),
        "reaction": fields.get("reaction"),
    }
    chart.allergies.append(chart.say(term.words))
    return chart.new("AllergyIntolerance", head)


def _flag(chart: Chart, name: str, since: int) -> Resource:
    category, term = ALERTS[name]
    old = age_at(chart.person.birth, TODAY)
    code = clinical(term, chart.language) if term.snomed else {"text": chart.say(term.words)}
    fields = {
        "status": "active"
        if chart.person.death is None and (old > 60 or chart.case.anchor > shift(TODAY, -180))
        else "inactive",
        "category": [{"coding": [coding(f"{systems.THO}/flag-category", category)]}],
        "code": code,
        "subject": chart.subject(),
        "period": {"start": render(since)},
        "author": chart.physician(chart.story.unit).role(),
    }
    return chart.new("Flag", fields, secret=name == "suicide")


def background(chart: Chart, visits: list[Visit]) -> Iterator[Resource]:
    """Return what is known outside the visits: problems that began before or between them, allergies, family."""
    for known in chart.story.problems:
        if not any(begins_in(known, chart, visit) for visit in visits):
            made = problem(chart, known)
            if made is not None:
                yield made
    yield from allergies(chart)
    yield from family_history(chart)
