"""Procedures with the devices they leave in the body, and images with their report.

Spec: http://hl7.org/fhir/R4/procedure.html, http://hl7.org/fhir/R4/imagingstudy.html
"""

from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from fhirserver.demo import systems
from fhirserver.demo.chart import Chart
from fhirserver.demo.moments import DAY, HOUR, NOW, day_of, render
from fhirserver.demo.shapes import clinical, coding, identifier, kind, period, refer, refer_to
from fhirserver.demo.stays import Visit
from fhirserver.demo.story import Act, Kind, Scan
from fhirserver.demo.terms import ACTS, IMAGES, PROBLEMS
from fhirserver.demo.words import Term, Words
from fhirserver.kernel.resource import Json, Resource

DEVICES: Final = {
    "hip prosthesis": Term("304120007", Words("Prothèse de hanche", "Heupprothese")),
    "knee prosthesis": Term("304121006", Words("Prothèse totale de genou", "Knieprothese")),
    "stent": Term("65818007", Words("Stent coronarien actif", "Medicijnafgevende stent")),
    "pump": Term("69805005", Words("Pompe à insuline", "Insulinepomp")),
}
MAKERS: Final = ("Orthéa SA", "Meuse Medical", "Nervia Devices")
SOP_CLASSES: Final = {
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
    "MG": "1.2.840.10008.5.1.4.1.1.1.2",
}
IMAGES_IN_SERIES: Final = {"DX": 2, "CT": 3, "US": 2, "MG": 4}
REPORT_MINUTES: Final = 50


def procedure(chart: Chart, visit: Visit, act: Act) -> list[Resource]:
    """Return a Procedure, after the Device it implants."""
    start = visit.start + round(act.hour * HOUR)
    if start > visit.horizon:
        return []
    over = start + act.minutes <= visit.horizon or visit.contact.kind is Kind.CONSULTATION
    end = start + (min(act.minutes, 15) if visit.contact.kind is Kind.CONSULTATION else act.minutes)
    unit = visit.unit_at(start)
    doer = chart.physician(unit)
    device = [_device(chart, act.device, start)] if act.device else []
    fields: dict[str, Json] = {
        "identifier": [
            identifier(
                f"https://{chart.domain}/ns/procedure", f"{visit.encounter['id']}-{act.term.replace(' ', '-')}-{start}"
            )
        ],
        "status": "completed" if over else "in-progress",
        "code": clinical(ACTS[act.term], chart.language),
        "subject": chart.subject(),
        "encounter": visit.reference(),
        "performedPeriod": period(start, end if over else None),
        "recorder": doer.role(),
        "performer": [{"actor": doer.role(), "onBehalfOf": refer_to("Organization", chart.site_of(unit).key)}],
        "location": refer_to("Location", chart.ward(unit)),
        "reasonReference": chart.reason(visit.contact.reason),
        "focalDevice": [_implanted(made) for made in device] or None,
    }
    return [*device, chart.new("Procedure", fields)]


def pump(chart: Chart) -> list[Resource]:
    """Return the insulin pump of a story that has one."""
    return [_device(chart, "pump", chart.moment(-330))] if "pump" in chart.story.flags else []


def imaging(chart: Chart, visit: Visit, scan: Scan) -> list[Resource]:
    """Return the request, the study without pixels, and the report of an image."""
    taken = visit.start + round(scan.hour * HOUR)
    if taken > visit.horizon:
        return []
    request = _request(chart, visit, scan, taken)
    study = _study(chart, visit, scan, request, taken)
    return [request, study, _report(chart, visit, scan, (request, study), taken)]


def _implanted(device: Resource) -> dict[str, Any]:
    return {"action": kind("http://hl7.org/fhir/device-action", "implanted"), "manipulated": refer(device)}


def _device(chart: Chart, name: str, implanted: int) -> Resource:
    serial = f"{chart.person.number * 7919 % 1_000_000:06d}"
    fields = {
        "identifier": [identifier(f"https://{chart.domain}/ns/device", f"{name.upper().replace(' ', '-')}-{serial}")],
        "status": "active",
        "manufacturer": chart.dice.pick(MAKERS),
        "manufactureDate": day_of(implanted - 200 * DAY).isoformat(),
        "lotNumber": f"L{serial[:4]}",
        "serialNumber": serial,
        "type": clinical(DEVICES[name], chart.language),
        "patient": chart.subject(),
    }
    return chart.new("Device", fields)


def _request(chart: Chart, visit: Visit, scan: Scan, taken: int) -> Resource:
    fields = {
        "status": "completed",
        "intent": "order",
        "category": [kind(systems.SNOMED, "363679005")],
        "priority": "stat" if visit.unit_at(taken) == "emergency" else "routine",
        "code": clinical(IMAGES[scan.image][0], chart.language),
        "subject": chart.subject(),
        "encounter": visit.reference(),
        "authoredOn": render(max(visit.start, taken - 40)),
        "requester": chart.physician(visit.unit_at(taken)).role(),
        "reasonCode": [clinical(PROBLEMS[visit.contact.reason], chart.language)],
    }
    return chart.new("ServiceRequest", fields)


def _uid(*names: str) -> str:
    """Return a DICOM unique identifier derived from a UUID (PS3.5 B.2)."""
    return f"2.25.{uuid5(NAMESPACE_URL, '/'.join(names)).int}"


def _series(chart: Chart, scan: Scan, study: str, taken: int) -> dict[str, Any]:
    term, modality = IMAGES[scan.image]
    instances = [
        {
            "uid": _uid(study, str(number)),
            "sopClass": coding("urn:ietf:rfc:3986", f"urn:oid:{SOP_CLASSES[modality]}"),
            "number": number,
        }
        for number in range(1, IMAGES_IN_SERIES[modality] + 1)
    ]
    return {
        "uid": _uid(study, "series"),
        "number": 1,
        "modality": coding(systems.DICOM, modality),
        "description": chart.say(term.words),
        "numberOfInstances": len(instances),
        "started": render(taken),
        "instance": instances,
    }


def _study(chart: Chart, visit: Visit, scan: Scan, request: Resource, taken: int) -> Resource:
    term, modality = IMAGES[scan.image]
    study = _uid(chart.domain, request["id"])
    fields = {
        "identifier": [
            identifier("urn:dicom:uid", f"urn:oid:{study}"),
            identifier(
                f"https://{chart.domain}/ns/accession", request["id"], kind=kind(systems.IDENTIFIER_TYPE, "ACSN")
            ),
        ],
        "status": "available",
        "modality": [coding(systems.DICOM, modality)],
        "subject": chart.subject(),
        "encounter": visit.reference(),
        "started": render(taken),
        "basedOn": [refer(request)],
        "interpreter": [_radiologist(chart, visit, taken)],
        "numberOfSeries": 1,
        "numberOfInstances": IMAGES_IN_SERIES[modality],
        "procedureCode": [clinical(term, chart.language)],
        "description": chart.say(term.words),
        "series": [_series(chart, scan, study, taken)],
    }
    return chart.new("ImagingStudy", fields)


def _radiologist(chart: Chart, visit: Visit, moment: int) -> dict[str, Any]:
    return chart.world.directory.of_site(chart.site_of(visit.unit_at(moment)), "imaging").role()


def _report(chart: Chart, visit: Visit, scan: Scan, source: tuple[Resource, Resource], taken: int) -> Resource:
    request, study = source
    term, _ = IMAGES[scan.image]
    code = clinical(term, chart.language)
    code["coding"].insert(0, coding(systems.LOINC, "18748-4"))
    issued = taken + REPORT_MINUTES
    read = issued <= NOW
    fields = {
        "identifier": [identifier(f"https://{chart.domain}/ns/report", f"{request['id']}-report")],
        "basedOn": [refer(request)],
        "status": "final" if read else "registered",
        "category": [kind(f"{systems.THO}/v2-0074", "RAD")],
        "code": code,
        "subject": chart.subject(),
        "encounter": visit.reference(),
        "effectiveDateTime": render(taken),
        "issued": render(issued) if read else None,
        "performer": [refer_to("Organization", chart.site_of(visit.unit_at(taken)).key)],
        "resultsInterpreter": [_radiologist(chart, visit, taken)],
        "imagingStudy": [refer(study)],
        "conclusion": chart.say(scan.finding) if read else None,
    }
    return chart.new("DiagnosticReport", fields)
