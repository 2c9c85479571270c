"""R4 datatypes as JSON. Spec: http://hl7.org/fhir/R4/datatypes.html"""

from decimal import Decimal
from typing import Any

from fhirserver.demo import systems
from fhirserver.demo.moments import render
from fhirserver.demo.words import Language, Term
from fhirserver.kernel.resource import Json, Resource


def without_none(**fields: Json) -> dict[str, Any]:
    """Return the fields that are there."""
    return {name: value for name, value in fields.items() if value is not None}


def resource(resource_type: str, logical_id: str, fields: dict[str, Json], *profiles: str) -> Resource:
    """Return a resource, marked as test data, with the fields that are there."""
    meta: dict[str, Json] = {"profile": list(profiles)} if profiles else {}
    meta["tag"] = [coding(systems.ACT_REASON, "HTEST")]
    kept = {name: value for name, value in fields.items() if value is not None}
    return {"resourceType": resource_type, "id": logical_id, "meta": meta, **kept}


def coding(system: str, code: str, display: str | None = None) -> dict[str, Any]:
    """Return a Coding."""
    found = {"system": system, "code": code}
    if display is not None:
        found["display"] = display
    return found


def concept(system: str, code: str, text: str | None = None) -> dict[str, Any]:
    """Return a CodeableConcept of one coding; only SNOMED CT has local texts as displays."""
    return without_none(coding=[coding(system, code, text if system == systems.SNOMED else None)], text=text)


def loinc(code: str, text: str) -> dict[str, Any]:
    """Return a LOINC concept; the local text is no designation of LOINC and so not its display."""
    return {"coding": [coding(systems.LOINC, code)], "text": text}


def clinical(term: Term, language: Language) -> dict[str, Any]:
    """Return a term as SNOMED CT and, where it has it, ICD-10, with text in the patient's language."""
    text = term.words.of(language)
    codings = [coding(systems.SNOMED, term.snomed, text)]
    if term.icd10 is not None:
        codings.append(coding(systems.ICD10, term.icd10, text))
    return {"coding": codings, "text": text}


def identifier(system: str, value: str, *, use: str | None = None, kind: Json = None) -> dict[str, Any]:
    """Return an Identifier; ``kind`` is its type."""
    return without_none(use=use, type=kind, system=system, value=value)


def kind(system: str, code: str) -> dict[str, Any]:
    """Return a bare CodeableConcept."""
    return {"coding": [coding(system, code)]}


def refer(resource: Resource, display: str | None = None) -> dict[str, Any]:
    """Return a literal reference to a resource of the record."""
    return refer_to(resource["resourceType"], resource["id"], display)


def refer_to(resource_type: str, logical_id: str, display: str | None = None) -> dict[str, Any]:
    """Return a literal reference."""
    found = {"reference": f"{resource_type}/{logical_id}"}
    if display is not None:
        found["display"] = display
    return found


def period(start: int, end: int | None = None) -> dict[str, Any]:
    """Return a Period of two moments."""
    return without_none(start=render(start), end=None if end is None else render(end))


def quantity(value: Decimal, unit: str, code: str | None = None) -> dict[str, Any]:
    """Return a UCUM Quantity; ``code`` defaults to the unit as shown."""
    return {"value": value, "unit": unit, "system": systems.UCUM, "code": code or unit}


def decimal(value: float, places: int = 0) -> Decimal:
    """Return a value with so many decimal places."""
    return Decimal(f"{value:.{places}f}")


def extension(url: str, **value: Json) -> dict[str, Any]:
    """Return an Extension of one ``value[x]``."""
    return {"url": url, **value}


def telecom(system: str, value: str, use: str) -> dict[str, Any]:
    """Return a ContactPoint."""
    return {"system": system, "value": value, "use": use}
