"""Letters: the text from what the record holds, as a DocumentReference and a Binary with a PDF.

Spec: http://hl7.org/fhir/R4/documentreference.html
"""

from base64 import b64encode
from hashlib import sha1
from typing import Final

from fhirserver.demo import systems
from fhirserver.demo.chart import Chart
from fhirserver.demo.drugs import DRUGS
from fhirserver.demo.medication import instruction, label
from fhirserver.demo.moments import HOUR, NOW, age_at, at, day_of, render
from fhirserver.demo.pdf import write_pdf
from fhirserver.demo.people import local_number
from fhirserver.demo.places import TOWNS, UNITS
from fhirserver.demo.shapes import coding, identifier, kind, loinc, period, refer, refer_to
from fhirserver.demo.stays import Visit
from fhirserver.demo.story import Kind
from fhirserver.demo.terms import ACTS, PROBLEMS
from fhirserver.demo.words import Words
from fhirserver.kernel.resource import Json, Resource

KINDS: Final = {
    Kind.STAY: ("18842-5", Words("Lettre de liaison à la sortie", "Ontslagbrief")),
    Kind.DAY_CARE: ("34133-9", Words("Compte rendu d'hospitalisation de jour", "Verslag dagopname")),
    Kind.EMERGENCY: ("34111-5", Words("Compte rendu de passage aux urgences", "Spoedverslag")),
    Kind.CONSULTATION: ("11488-4", Words("Compte rendu de consultation", "Raadplegingsverslag")),
}
HEADINGS: Final = {
    "patient": Words("Patient", "Patiënt"),
    "born": Words("né(e) le", "geboren op"),
    "dear": Words("Cher confrère, chère consœur,", "Geachte collega,"),
    "stay": Words("a séjourné dans notre établissement du {} au {}.", "verbleef in ons ziekenhuis van {} tot {}."),
    "visit": Words("a été vu(e) le {}.", "werd gezien op {}."),
    "reason": Words("Motif", "Reden"),
    "history": Words("Antécédents", "Voorgeschiedenis"),
    "allergies": Words("Allergies", "Allergieën"),
    "course": Words("Évolution", "Verloop"),
    "acts": Words("Actes et examens", "Ingrepen en onderzoeken"),
    "results": Words("Biologie à la fin du séjour", "Laboratorium bij ontslag"),
    "treatment": Words("Traitement de sortie", "Medicatie bij ontslag"),
    "regards": Words("Confraternellement,", "Met collegiale groeten,"),
}
RESULTS_SHOWN: Final = 8


def letter(chart: Chart, visit: Visit, found: list[Resource]) -> list[Resource]:
    """Return the letter of a visit that is over: Binary and DocumentReference; nothing while it goes on."""
    if not visit.is_over or (visit.contact.course is None and visit.contact.kind is Kind.CONSULTATION):
        return []
    code, words = KINDS[visit.contact.kind]
    title = chart.say(words)
    written = min(visit.end + HOUR, NOW)
    body = write_pdf(title, _text(chart, visit, found, title), _pdf_date(written))
    secret = chart.story.key == "depression"
    binary = chart.new("Binary", {"contentType": "application/pdf"}, secret=secret)
    document = chart.new(
        "DocumentReference", _reference(chart, visit, (code, title), (binary, body), written), secret=secret
    )
    binary["securityContext"] = refer(document)
    binary["data"] = b64encode(body).decode()
    return [binary, document]


def _reference(
    chart: Chart, visit: Visit, named: tuple[str, str], file: tuple[Resource, bytes], written: int
) -> dict[str, Json]:
    (code, title), (binary, body) = named, file
    unit = visit.movements[-1].unit
    site = chart.site_of(unit)
    restricted = chart.story.key == "depression"
    attachment = {
        "contentType": "application/pdf",
        "language": f"{chart.language.value}-{chart.person.country.value}",
        "url": f"Binary/{binary['id']}",
        "size": len(body),
        "hash": b64encode(sha1(body, usedforsecurity=False).digest()).decode(),
        "title": title,
        "creation": render(written),
    }
    return {
        "masterIdentifier": identifier(f"https://{chart.domain}/ns/document", binary["id"]),
        "status": "current",
        "docStatus": "final",
        "type": loinc(code, title),
        "category": [kind(systems.LOINC, "11503-0")],
        "subject": chart.subject(),
        "date": render(written),
        "author": [chart.physician(unit).role()],
        "authenticator": chart.physician(unit).role(),
        "custodian": refer_to("Organization", site.key, site.words.fr),
        "securityLabel": [kind(systems.CONFIDENTIALITY, "R" if restricted else "N")],
        "content": [
            {
                "attachment": attachment,
                "format": coding("urn:oid:1.3.6.1.4.1.19376.1.2.3", "urn:ihe:iti:xds:2017:mimeTypeSufficient"),
            }
        ],
        "context": {
            "encounter": [visit.reference()],
            "period": period(visit.start, visit.end),
            "practiceSetting": kind(systems.SNOMED, UNITS[unit].setting),
        },
    }


def _pdf_date(moment: int) -> str:
    text = render(moment)
    digits = "".join(letter for letter in text[:19] if letter.isdigit())
    return f"{digits}{text[19:22]}'00'"


def _text(chart: Chart, visit: Visit, found: list[Resource], title: str) -> list[str]:
    person, unit = chart.person, visit.movements[-1].unit
    site, doctor = chart.site_of(unit), chart.physician(unit)
    practitioner = chart.practitioner()
    heads = {key: chart.say(words) for key, words in HEADINGS.items()}
    dates = [_shown(visit.start), _shown(visit.end)]
    sentence = heads["stay" if visit.contact.kind is Kind.STAY else "visit"].format(*dates)
    return [
        f"#{chart.say(site.words)} - {chart.say(UNITS[unit].words)}",
        f"{site.street}, {TOWNS[site.town].postcode} {chart.say(TOWNS[site.town].name)}",
        "",
        practitioner.name,
        f"{TOWNS[person.town].postcode} {chart.say(TOWNS[person.town].name)}",
        "",
        f"#{title}",
        f"{heads['patient']}: {person.name}, {heads['born']} {_shown(at(person.birth))}",
        f"IPP {local_number(person, site)}",
        "",
        heads["dear"],
        "",
        f"{person.name} ({age_at(person.birth, day_of(visit.start))}) {sentence}",
        *_sections(chart, visit, found, heads),
        "",
        heads["regards"],
        "",
        doctor.name,
        f"{chart.say(doctor.profession.words)}, {chart.say(UNITS[unit].words)}",
    ]


def _sections(chart: Chart, visit: Visit, found: list[Resource], heads: dict[str, str]) -> list[str]:
    lines: list[str] = []
    course = visit.contact.course
    reason = chart.say(PROBLEMS[visit.contact.reason].words)
    history = [
        c["code"]["text"] for c in chart.conditions.values() if c["onsetDateTime"] < day_of(visit.start).isoformat()
    ]
    acts = [
        f"{chart.say(ACTS[act.term].words)} ({_shown(visit.start + round(act.hour * HOUR))})"
        for act in visit.contact.acts
    ]
    images = [
        f"{r['code']['text']}: {r['conclusion']}"
        for r in found
        if r["resourceType"] == "DiagnosticReport" and "conclusion" in r
    ]
    for head, texts in (
        ("reason", [reason]),
        ("history", [", ".join(history)] if history else []),
        ("allergies", [", ".join(chart.allergies)] if chart.allergies else []),
        ("course", [chart.say(course)] if course else []),
        ("acts", [f"- {text}" for text in (*acts, *images)]),
        ("results", [f"- {line}" for line in _last_results(found)]),
        ("treatment", [f"- {line}" for line in _treatment(chart, visit)]),
    ):
        if texts:
            lines += ["", f"#{heads[head]}", *texts]
    return lines


def _treatment(chart: Chart, visit: Visit) -> list[str]:
    leaving = day_of(visit.end)
    current = [
        DRUGS[course.drug]
        for course in chart.story.drugs
        if chart.day(course.since) <= leaving and (course.until is None or chart.day(course.until) > leaving)
    ]
    return [f"{label(chart, drug)}: {instruction(chart, drug, drug.dose, drug.times)}" for drug in current]


def _last_results(found: list[Resource]) -> list[str]:
    last: dict[str, str] = {}
    for result in found:
        if result["resourceType"] == "Observation" and "specimen" in result and "valueQuantity" in result:
            value = result["valueQuantity"]
            mark = result.get("interpretation", [{"coding": [{"code": "N"}]}])[0]["coding"][0]["code"]
            last[result["code"]["text"]] = f"{value['value']} {value['unit']}{'' if mark == 'N' else f' ({mark})'}"
    return [f"{name}: {shown}".replace(".", ",") for name, shown in list(last.items())[:RESULTS_SHOWN]]


def _shown(moment: int) -> str:
    return day_of(moment).strftime("%d/%m/%Y")
