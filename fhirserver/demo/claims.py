"""Which profile a resource of the record claims: the one of its country, where it satisfies it.

The profiles are those of the packages in `profiles/`; what is in no table claims none.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from fhirserver.demo import systems
from fhirserver.demo.words import Country
from fhirserver.kernel.resource import Resource

_EHEALTH: Final = "https://www.ehealth.fgov.be/standards/fhir"
_BELGIAN: Final = f"{_EHEALTH}/core/StructureDefinition"
_OURS: Final = f"{systems.OUR_BELGIUM}/StructureDefinition"
_LABORATORY: Final = f"{_EHEALTH}/lab/StructureDefinition"
_FRENCH: Final = f"{systems.FRENCH_CORE}/StructureDefinition"

_BY_TYPE: Final[Mapping[Country, Mapping[str, str]]] = {
    Country.BELGIUM: {
        "Appointment": f"{_OURS}/be-appointment",
        "Condition": f"{_EHEALTH}/core-clinical/StructureDefinition/be-problem",
        "Consent": f"{_OURS}/be-informed-consent",
        "Device": f"{_EHEALTH}/core-clinical/StructureDefinition/be-device",
        "DocumentReference": f"{_BELGIAN}/be-documentreference",
        "Encounter": f"{_OURS}/be-hospital-stay",
        "Location": f"{_BELGIAN}/be-location",
        "Organization": f"{_BELGIAN}/be-organization",
        "Practitioner": f"{_BELGIAN}/be-practitioner",
        "PractitionerRole": f"{_BELGIAN}/be-practitionerrole",
        "Schedule": f"{_OURS}/be-schedule",
        "Slot": f"{_OURS}/be-slot",
        "Specimen": f"{_LABORATORY}/be-specimen-laboratory",
        "Task": f"{_OURS}/be-task",
    },
    Country.FRANCE: {
        "Appointment": f"{_FRENCH}/fr-core-appointment",
        "Encounter": f"{_FRENCH}/fr-core-encounter",
        "HealthcareService": f"{_FRENCH}/fr-core-healthcare-service",
        "Location": f"{_FRENCH}/fr-core-location",
        "Organization": f"{_FRENCH}/fr-core-organization",
        "Practitioner": f"{_FRENCH}/fr-core-practitioner",
        "PractitionerRole": f"{_FRENCH}/fr-core-practitioner-role",
        "RelatedPerson": f"{_FRENCH}/fr-core-related-person",
        "Schedule": f"{_FRENCH}/fr-core-schedule",
        "Slot": f"{_FRENCH}/fr-core-slot",
    },
}
_FRENCH_VITAL_SIGNS: Final[Mapping[str, str]] = {
    "39156-5": "bmi",
    "8302-2": "body-height",
    "8310-5": "body-temperature",
    "29463-7": "body-weight",
    "85354-9": "bp",
    "9843-4": "head-circum",
    "8867-4": "heartrate",
    "9279-1": "resp-rate",
    "2708-6": "saturation-oxygen",
}
"""LOINC codes to the ends of the profiles."""


def claimed(resources: Iterable[Resource], country: Country) -> list[Resource]:
    """Let each resource that claims no profile yet claim the one of a country; returns the resources themselves."""
    found = list(resources)
    for resource in found:
        profile = _by_content(resource, country) or _BY_TYPE[country].get(resource["resourceType"])
        if profile is not None and "profile" not in resource["meta"]:
            resource["meta"] = {"profile": [profile], **resource["meta"]}
    return found


def _by_content(resource: Resource, country: Country) -> str | None:
    """Return the profile of what is an observation or a movement; None for all else."""
    if resource["resourceType"] == "Observation":
        return _observed(resource, country)
    return f"{_OURS}/be-hospital-movement" if country is Country.BELGIUM and _is_movement(resource) else None


def _observed(resource: Resource, country: Country) -> str | None:
    if country is Country.BELGIUM:
        categories = {coding["code"] for category in resource["category"] for coding in category["coding"]}
        return f"{_LABORATORY}/be-observation-laboratory" if "laboratory" in categories else None
    sign = next((_FRENCH_VITAL_SIGNS.get(coding["code"]) for coding in resource["code"]["coding"]), None)
    return sign and f"{_FRENCH}/fr-core-observation-{sign}"


def _is_movement(resource: Resource) -> bool:
    return resource["resourceType"] == "Encounter" and "partOf" in resource
