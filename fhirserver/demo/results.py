"""Observations: vital signs, scores, and laboratory reports with their request and specimens.

Spec: http://hl7.org/fhir/R4/observation-vitalsigns.html, http://hl7.org/fhir/R4/diagnosticreport.html
"""

from collections.abc import Iterator
from typing import Any, Final

from fhirserver.demo import systems
from fhirserver.demo.chart import Chart
from fhirserver.demo.measures import (
    BLOOD_GROUP,
    BLOOD_GROUPS,
    CULTURES,
    MOLAR,
    ORGANISM,
    PANELS,
    SPECIMEN_WORDS,
    SPECIMENS,
    VITALS,
    Bounds,
    Measure,
)
from fhirserver.demo.moments import DAY, HOUR, NOW, TODAY, age_at, day_of, render
from fhirserver.demo.physiology import MEASURES
from fhirserver.demo.shapes import (
    clinical,
    coding,
    concept,
    decimal,
    identifier,
    kind,
    loinc,
    quantity,
    refer,
    refer_to,
    without_none,
)
from fhirserver.demo.stays import Visit
from fhirserver.demo.story import Kind
from fhirserver.demo.terms import PROBLEMS
from fhirserver.demo.words import Words
from fhirserver.kernel.resource import Json, Resource

CHECKUPS: Final = {
    "cardiology": ("bp", "hr", "weight", "spo2"),
    "pneumology": ("hr", "spo2", "resp", "fev1", "fev1 predicted"),
    "psychiatry": ("bp", "weight", "phq9"),
    "geriatrics": ("bp", "hr", "weight", "mmse"),
    "orthopaedics": ("pain",),
    "neurology": ("bp", "hr", "nihss"),
    "surgery": ("bp", "hr", "temp"),
    "emergency": (),
}
"""What a consultation measures; elsewhere blood pressure and weight."""

CHILD_CHECKUP: Final = ("weight", "height", "hr")
OBSERVATION_CATEGORY: Final = f"{systems.THO}/observation-category"
INTERPRETATION: Final = f"{systems.THO}/v3-ObservationInterpretation"
CRITICAL: Final = {
    "potassium": (2.8, 6.0),
    "sodium": (122.0, 155.0),
    "hb": (7.0, 20.0),
    "glucose": (50.0, 400.0),
    "ph": (7.2, 7.6),
    "lactate": (0.0, 4.0),
}
"""Beyond these a laboratory calls the ward."""

MICROBIOLOGY_DAYS: Final = 2
ADULT: Final = 18
"""The filtration rate is estimated for adults only."""

SMALL_KG: Final = 12
"""Who weighs less is weighed to ten grams."""

DAILY_UNTIL_DAY: Final = 2
LATER_EVERY_DAYS: Final = 5
SHORT_ROUND: Final = 3
"""Once the close watch ends, a round measures the first three only."""


def vital_signs(chart: Chart, visit: Visit) -> Iterator[Resource]:
    """Return what was measured at the bedside or at the consultation."""
    measured = visit.contact.watch
    if measured is None:
        yield from _checkup(chart, visit)
        return
    close = visit.start + measured.first_hours * HOUR
    for moment in _rounds(visit, measured.every, close):
        for name in measured.measures[: None if moment <= close else SHORT_ROUND]:
            yield _bedside(chart, visit, name, moment)
    if visit.contact.reason == "newborn":
        yield from _at_birth(chart, visit)


def laboratory(chart: Chart, visit: Visit, panel: str, hour: float) -> list[Resource]:
    """Return the request, the specimens, the results and the report of one blood draw."""
    drawn = visit.start + round(hour * HOUR)
    if drawn > visit.horizon:
        return []
    grown = age_at(chart.person.birth, day_of(drawn)) >= ADULT
    names = [name for name in PANELS[panel] if grown or name != "egfr"]
    request = _request(chart, visit, panel, drawn)
    containers = list(dict.fromkeys(_container(name) for name in names))
    specimens = {container: _specimen(chart, request, container, drawn) for container in containers}
    issued = drawn + 95
    results = [_result(chart, visit, name, (request, specimens[_container(name)]), (drawn, issued)) for name in names]
    if panel == "pregnancy" and visit.start == drawn and visit.contact.day < -150:
        results.append(_blood_group(chart, visit, (request, specimens["blood"]), (drawn, issued)))
    report = _report(chart, visit, (request, list(specimens.values()), results), (drawn, issued))
    return [request, *specimens.values(), *results, report]


def cultures(chart: Chart, visit: Visit) -> Iterator[list[Resource]]:
    """Return the microbiology of a sepsis: Escherichia coli in blood and urine, known after two days."""
    if visit.contact.kind is not Kind.STAY or "procalcitonin" not in chart.story.curves:
        return
    drawn = visit.start + 35
    issued = drawn + MICROBIOLOGY_DAYS * DAY
    for name, (code, words, container) in CULTURES.items():
        request = _request(chart, visit, name, drawn)
        specimen = _specimen(chart, request, container, drawn)
        known = issued <= NOW
        fields = _observation(chart, visit, loinc(code, chart.say(words)), "laboratory", drawn)
        fields |= {
            "status": "final" if known else "registered",
            "basedOn": [refer(request)],
            "issued": render(issued) if known else None,
            "specimen": refer(specimen),
            "performer": [chart.world.directory.of_site(chart.site_of("emergency"), "laboratory").role()],
            "valueCodeableConcept": concept(systems.SNOMED, *ORGANISM) if known else None,
            "interpretation": [kind(INTERPRETATION, "POS")] if known else None,
        }
        result = chart.new("Observation", without_none(**fields))
        report = _report(chart, visit, (request, [specimen], [result]), (drawn, issued))
        yield [request, specimen, result, report]


def _rounds(visit: Visit, every: int, close: int) -> Iterator[int]:
    moment = visit.start + 12
    while moment <= min(visit.horizon, close):
        yield moment
        moment += every * HOUR
    day = moment // DAY + 1
    first = day
    while (moment := day * DAY + 8 * HOUR + (day * 7) % 25) <= visit.horizon:
        yield moment
        day += 1 if day - first < DAILY_UNTIL_DAY else LATER_EVERY_DAYS


def _checkup(chart: Chart, visit: Visit) -> Iterator[Resource]:
    names: tuple[str, ...]
    if age_at(chart.person.birth, TODAY) < 15 or chart.story.key == "type 1 diabetes":
        names = (*CHILD_CHECKUP, *(("head",) if chart.story.ages == (0, 0) else ("bp",)))
        names = (*names, "peak flow", "spo2") if "peak flow" in chart.story.curves else names
    else:
        names = CHECKUPS.get(visit.contact.unit, ("bp", "weight"))
        names = (*names, "bmi") if "obesity" in chart.conditions and "weight" in names else names
    for name in names:
        yield _bedside(chart, visit, name, visit.start + 4)


def _at_birth(chart: Chart, visit: Visit) -> Iterator[Resource]:
    for name, minutes in (("apgar1", 1), ("apgar5", 5), ("height", 30), ("head", 32), ("skin bilirubin", 2910)):
        if visit.start + minutes <= visit.horizon:
            yield _bedside(chart, visit, name, visit.start + minutes)


def _bedside(chart: Chart, visit: Visit, name: str, moment: int) -> Resource:
    if name == "bp":
        return _blood_pressure(chart, visit, moment)
    measure = MEASURES[name]
    category = "vital-signs" if name in VITALS else "survey"
    code = loinc(measure.loinc, chart.say(measure.words))
    if name == "spo2":
        code["coding"].append(coding(systems.LOINC, "59408-5"))
    fields = _observation(chart, visit, code, category, moment)
    fields["performer"] = [chart.nurse(visit.unit_at(moment)).role()]
    fields |= _valued(chart, name, measure, moment)
    return chart.new("Observation", fields)


def _blood_pressure(chart: Chart, visit: Visit, moment: int) -> Resource:
    code = loinc("85354-9", chart.say(Words("Pression artérielle", "Bloeddruk")))
    fields = _observation(chart, visit, code, "vital-signs", moment)
    fields["performer"] = [chart.nurse(visit.unit_at(moment)).role()]
    fields["bodySite"] = concept(systems.SNOMED, "368209003", chart.say(Words("Bras droit", "Rechterarm")))
    fields["component"] = [
        {
            "code": loinc(VITALS[part].loinc, chart.say(VITALS[part].words)),
            **_valued(chart, part, VITALS[part], moment),
        }
        for part in ("sys", "dia")
    ]
    return chart.new("Observation", fields)


def _observation(chart: Chart, visit: Visit, code: dict[str, Any], category: str, moment: int) -> dict[str, Json]:
    return {
        "status": "final",
        "category": [kind(OBSERVATION_CATEGORY, category)],
        "code": code,
        "subject": chart.subject(),
        "encounter": visit.reference(),
        "effectiveDateTime": render(moment),
    }


def _valued(chart: Chart, name: str, measure: Measure, moment: int) -> dict[str, Json]:
    """Return value, interpretation and reference range, in the unit that the country reports."""
    exact = chart.body.value(name, moment)
    bounds = _bounds(chart, name, measure)
    molar = None if chart.is_belgian else MOLAR.get(name)
    factor, places = (molar.factor, molar.places) if molar else (1.0, measure.places)
    if name == "weight" and exact < SMALL_KG:
        places = 2
    unit, code = (molar.unit.replace("umol", "µmol"), molar.unit) if molar else (measure.shown, measure.unit)
    value = decimal(exact * factor, places)
    found: dict[str, Json] = {"valueQuantity": quantity(value, unit, code)}
    if bounds is not None:
        shown = tuple(None if bound is None else decimal(bound * factor, places) for bound in bounds)
        found["interpretation"] = [kind(INTERPRETATION, _judge(name, float(value) / factor, (float(value), shown)))]
        sides = {
            side: quantity(bound, unit, code)
            for side, bound in zip(("low", "high"), shown, strict=True)
            if bound is not None
        }
        found["referenceRange"] = [sides]
    return found


def _bounds(chart: Chart, name: str, measure: Measure) -> Bounds | None:
    grown = age_at(chart.person.birth, TODAY) >= 15
    if not grown and name in {"hr", "resp", "sys", "dia", "bmi", "hb", "hct", "creatinine", "egfr"}:
        return None
    return measure.normal_women if chart.person.woman and measure.normal_women else measure.normal


def _judge(name: str, native: float, shown: tuple[float, tuple[Any, ...]]) -> str:
    value, (low, high) = shown
    critical = CRITICAL.get(name)
    if low is not None and value < low:
        return "LL" if critical and native <= critical[0] else "L"
    if high is not None and value > high:
        return "HH" if critical and native >= critical[1] else "H"
    return "N"


def _container(name: str) -> str:
    specimen = MEASURES[name].specimen
    return specimen if specimen in {"urine", "arterial"} else "blood"


def _request(chart: Chart, visit: Visit, panel: str, drawn: int) -> Resource:
    fields = {
        "identifier": [
            identifier(f"https://{chart.domain}/ns/request", f"{chart.person.key}-{panel.replace(' ', '-')}-{drawn}")
        ],
        "status": "completed",
        "intent": "order",
        "category": [kind(systems.SNOMED, "108252007")],
        "priority": "stat" if visit.unit_at(drawn) in {"emergency", "icu"} else "routine",
        "code": {"text": chart.say(Words("Analyses de laboratoire", "Laboratoriumonderzoek"))},
        "subject": chart.subject(),
        "encounter": visit.reference(),
        "authoredOn": render(drawn - 10),
        "requester": chart.physician(visit.unit_at(drawn)).role(),
        "reasonCode": [clinical(PROBLEMS[visit.contact.reason], chart.language)],
    }
    return chart.new("ServiceRequest", fields)


def _specimen(chart: Chart, request: Resource, container: str, drawn: int) -> Resource:
    fields = {
        "identifier": [identifier(f"https://{chart.domain}/ns/specimen", f"{request['id']}-{container}")],
        "status": "available",
        "type": concept(systems.SNOMED, SPECIMENS[container], chart.say(SPECIMEN_WORDS[container])),
        "subject": chart.subject(),
        "receivedTime": render(drawn + 25),
        "request": [refer(request)],
        "collection": {"collectedDateTime": render(drawn)},
    }
    return chart.new("Specimen", fields)


def _result(
    chart: Chart, visit: Visit, name: str, source: tuple[Resource, Resource], times: tuple[int, int]
) -> Resource:
    measure, (request, specimen), (drawn, issued) = MEASURES[name], source, times
    molar = None if chart.is_belgian else MOLAR.get(name)
    code = loinc(molar.loinc if molar else measure.loinc, chart.say(measure.words))
    fields = _observation(chart, visit, code, "laboratory", drawn)
    fields |= {
        "basedOn": [refer(request)],
        "issued": render(issued),
        "performer": [chart.world.directory.of_site(chart.site_of(visit.unit_at(drawn)), "laboratory").role()],
        **_valued(chart, name, measure, drawn),
        "specimen": refer(specimen),
    }
    if issued > NOW:
        fields["status"] = "preliminary"
        del fields["issued"]
    return chart.new("Observation", fields)


def _blood_group(chart: Chart, visit: Visit, source: tuple[Resource, Resource], times: tuple[int, int]) -> Resource:
    (request, specimen), (drawn, issued) = source, times
    code, text = chart.dice.weighted([((code, text), weight) for code, text, weight in BLOOD_GROUPS])
    fields = _observation(chart, visit, loinc(BLOOD_GROUP[0], chart.say(BLOOD_GROUP[1])), "laboratory", drawn)
    fields |= {
        "basedOn": [refer(request)],
        "issued": render(issued),
        "performer": [chart.world.directory.of_site(chart.site_of("maternity"), "laboratory").role()],
        "valueCodeableConcept": concept(systems.SNOMED, code, text),
        "specimen": refer(specimen),
    }
    return chart.new("Observation", fields)


def _report(
    chart: Chart,
    visit: Visit,
    draw: tuple[Resource, list[Resource], list[Resource]],
    times: tuple[int, int],
) -> Resource:
    (request, specimens, results), (drawn, issued) = draw, times
    known = issued <= NOW
    laboratory = chart.world.directory.of_site(chart.site_of(visit.unit_at(drawn)), "laboratory")
    fields: dict[str, Json] = {
        "identifier": [identifier("https://www.ehealth.fgov.be/lab-report/diagnostic-report-id" if chart.is_belgian
                                  else f"https://{chart.domain}/ns/report", f"{request['id']}-report")],
        "basedOn": [refer(request)],
        "status": "final" if known else "preliminary",
        "category": [kind(f"{systems.THO}/v2-0074", "LAB")],
        "code": loinc("11502-2", chart.say(Words("Compte rendu de biologie médicale", "Laboratoriumverslag"))),
        "subject": chart.subject(),
        "encounter": visit.reference(),
        "effectiveDateTime": render(drawn),
        "issued": render(issued) if known else None,
        "performer": [refer_to("Organization", chart.site_of(visit.unit_at(drawn)).key)],
        "resultsInterpreter": [laboratory.role()],
        "specimen": [refer(specimen) for specimen in specimens],
        "result": [refer(result) for result in results],
    }  # fmt: skip
    return chart.new("DiagnosticReport", fields)
