"""Immunizations: the calendars of both countries, influenza each autumn, what the aged receive.

Spec: http://hl7.org/fhir/R4/immunization.html; vaccine codes as in the Belgian value set of vaccine codes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from fhirserver.demo import systems
from fhirserver.demo.chart import Chart
from fhirserver.demo.moments import TODAY, age_at, shift, workday
from fhirserver.demo.shapes import coding, decimal, kind, quantity
from fhirserver.demo.words import Country, Words
from fhirserver.kernel.resource import Json, Resource


@dataclass(frozen=True, slots=True)
class Vaccine:
    """A vaccine: SNOMED CT, ATC, text, route."""

    snomed: str
    atc: str
    words: Words
    route: str = "IM"


VACCINES: Final = {
    "hexavalent": Vaccine(
        "871895005", "J07CA09", Words("DTPa-IPV-Hib-VHB (hexavalent)", "DTPa-IPV-Hib-HBV (hexavalent)")
    ),
    "pneumococcal": Vaccine(
        "1252708008", "J07AL02", Words("Pneumocoque conjugué 15-valent", "Pneumokokken conjugaat 15-valent")
    ),
    "rotavirus": Vaccine("871761004", "J07BH01", Words("Rotavirus", "Rotavirus"), "PO"),
    "meningococcal b": Vaccine("1981000221108", "J07AH09", Words("Méningocoque B", "Meningokok B")),
    "measles": Vaccine("871831003", "J07BD52", Words("Rougeole-oreillons-rubéole", "Mazelen-bof-rubella"), "SC"),
    "meningococcal": Vaccine("871873006", "J07AH08", Words("Méningocoque ACWY", "Meningokok ACWY")),
    "booster": Vaccine("871878002", "J07CA02", Words("dTpa-IPV (rappel)", "dTpa-IPV (herhaling)")),
    "papilloma": Vaccine("1209197008", "J07BM03", Words("Papillomavirus 9-valent", "Papillomavirus 9-valent")),
    "tetanus": Vaccine("871875004", "J07AJ52", Words("dTpa (rappel adulte)", "dTpa (herhaling volwassene)")),
    "influenza": Vaccine("1181000221105", "J07BB02", Words("Grippe saisonnière", "Seizoensgriep")),
    "covid": Vaccine("28531000087107", "J07BN01", Words("COVID-19 (ARNm)", "COVID-19 (mRNA)")),
    "aged pneumococcal": Vaccine(
        "1252709000", "J07AL02", Words("Pneumocoque conjugué 20-valent", "Pneumokokken conjugaat 20-valent")
    ),
}

CALENDARS: Final = {
    Country.BELGIUM: (
        (57, "hexavalent"), (57, "pneumococcal"), (57, "rotavirus"), (86, "hexavalent"), (86, "rotavirus"),
        (113, "hexavalent"), (113, "pneumococcal"), (366, "measles"), (366, "pneumococcal"), (460, "hexavalent"),
        (460, "meningococcal"), (2100, "booster"), (4500, "papilloma"), (4690, "papilloma"),
    ),
    Country.FRANCE: (
        (61, "hexavalent"), (61, "pneumococcal"), (61, "rotavirus"), (92, "meningococcal b"), (122, "hexavalent"),
        (122, "pneumococcal"), (153, "meningococcal b"), (335, "hexavalent"), (335, "pneumococcal"), (366, "measles"),
        (366, "meningococcal b"), (500, "measles"), (2200, "booster"), (4300, "papilloma"), (4490, "papilloma"),
    ),
}  # fmt: skip
"""Days of age and vaccine, as recommended for children born in the 2020s."""

ROUTE_SYSTEM: Final = f"{systems.THO}/v3-RouteOfAdministration"
CHILD_AGE: Final = 15
AGED: Final = 65
KEPT_DOSES: Final = 8
"""The record of a child holds so many doses at most: the latest."""


def immunizations(chart: Chart) -> Iterator[Resource]:
    """Return what was given, oldest first."""
    for day, name, dose in sorted(_given(chart)):
        if chart.person.death is None or day < chart.person.death:
            yield _immunization(chart, day, name, dose)


def _given(chart: Chart) -> list[tuple[date, str, int]]:
    age = age_at(chart.person.birth, TODAY)
    return _childhood(chart) if age < CHILD_AGE else _adult(chart, age)


def _childhood(chart: Chart) -> list[tuple[date, str, int]]:
    doses: dict[str, int] = {}
    found = []
    for days, name in CALENDARS[chart.person.country]:
        doses[name] = doses.get(name, 0) + 1
        day = workday(shift(chart.person.birth, days + chart.person.number % 9))
        if day < TODAY:
            found.append((day, name, doses[name]))
    return found[-KEPT_DOSES:]


def _adult(chart: Chart, age: int) -> list[tuple[date, str, int]]:
    found = []
    chronic = age >= AGED or chart.story.plan is not None
    for year, chance in ((2025, 0.5), (2026, 0.55)):
        if chronic and chart.dice.chance(chance):
            found.append((workday(date(year, 10, chart.dice.between(1, 28))), "influenza", 1))
    if age >= AGED and chart.dice.chance(0.5):
        found.append((workday(date(2025, 10, chart.dice.between(1, 28))), "covid", 1))
    if age >= AGED and chart.dice.chance(0.4):
        found.append((workday(date(2023, chart.dice.between(1, 12), 9)), "aged pneumococcal", 1))
    if chart.dice.chance(0.35):
        found.append((workday(date(chart.dice.between(2016, 2025), 4, 11)), "tetanus", 1))
    return found


def _immunization(chart: Chart, day: date, name: str, dose: int) -> Resource:
    vaccine = VACCINES[name]
    text = chart.say(vaccine.words)
    infant = age_at(chart.person.birth, day) < 2
    oral = vaccine.route == "PO"
    thigh = ("61396006", Words("Cuisse gauche", "Linkerdij"))
    arm = ("368208006", Words("Bras gauche", "Linkerarm"))
    code, site = thigh if infant else arm
    fields: dict[str, Json] = {
        "status": "completed",
        "vaccineCode": {
            "coding": [coding(systems.SNOMED, vaccine.snomed, text), coding(systems.ATC, vaccine.atc)],
            "text": text,
        },
        "patient": chart.subject(),
        "occurrenceDateTime": day.isoformat(),
        "recorded": day.isoformat(),
        "primarySource": True,
        "lotNumber": f"{vaccine.atc[-3:]}{day.year % 100}{day.month:02d}{chart.person.number % 7}",
        "site": None if oral else {"coding": [coding(systems.SNOMED, code)], "text": chart.say(site)},
        "route": kind(ROUTE_SYSTEM, "PO" if oral else "SQ" if vaccine.route == "SC" else "IM"),
        "doseQuantity": quantity(decimal(1.5 if oral else 0.5, 1), "mL"),
        "performer": [{"actor": chart.practitioner().role()}],
        "protocolApplied": [{"doseNumberPositiveInt": dose}],
    }
    return chart.new("Immunization", fields)
