"""What the record holds: how much of what, in which languages, and the course of some diseases."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest

from fhirserver.kernel.resource import Resource

OfType = Callable[[str], list[Resource]]
FEWEST = {
    "Patient": 220,
    "Organization": 80,
    "Location": 400,
    "HealthcareService": 50,
    "Practitioner": 200,
    "PractitionerRole": 200,
    "RelatedPerson": 150,
    "Coverage": 220,
    "Consent": 220,
    "Encounter": 700,
    "EpisodeOfCare": 12,
    "Condition": 600,
    "AllergyIntolerance": 200,
    "Procedure": 300,
    "Immunization": 300,
    "MedicationRequest": 1000,
    "MedicationAdministration": 1000,
    "MedicationDispense": 60,
    "Observation": 5000,
    "DiagnosticReport": 600,
    "Specimen": 500,
    "ServiceRequest": 600,
    "ImagingStudy": 120,
    "DocumentReference": 150,
    "Binary": 150,
    "CarePlan": 60,
    "Goal": 60,
    "CareTeam": 60,
    "Flag": 40,
    "Task": 40,
    "Schedule": 40,
    "Slot": 300,
    "Appointment": 200,
    "Device": 12,
    "FamilyMemberHistory": 1,
}


@pytest.mark.parametrize(("resource_type", "fewest"), FEWEST.items())
def test_there_is_enough_of_each_type(of_type: OfType, resource_type: str, fewest: int) -> None:
    assert len(of_type(resource_type)) >= fewest


def test_the_record_is_of_a_size_that_loads_soon(resources: list[Resource]) -> None:
    assert 12_000 <= len(resources) <= 19_000


def test_both_countries_and_both_languages_are_there(of_type: OfType) -> None:
    homes = Counter(patient["managingOrganization"]["reference"] for patient in of_type("Patient"))
    assert len(homes) == 6
    assert min(homes.values()) >= 25
    spoken = Counter(p["communication"][0]["language"]["coding"][0]["code"] for p in of_type("Patient"))
    assert spoken["nl-BE"] >= 25
    assert spoken["fr-BE"] >= 40
    assert spoken["fr-FR"] >= 80


def test_names_are_as_people_bear_them(of_type: OfType) -> None:
    names = " ".join(f"{' '.join(name['given'])} {name['family']}" for p in of_type("Patient") for name in p["name"])
    for letter in "éèëïçÉÖğŁń'- ":
        assert letter in names, letter


def test_problems_speak_the_language_of_the_patient(of_type: OfType, by_key: dict[str, Resource]) -> None:
    shown = {"fr": "Diabète de type 2", "nl": "Diabetes mellitus type 2"}
    found = [c for c in of_type("Condition") if c["code"]["coding"][0]["code"] == "44054006"]
    assert len(found) > 15
    for condition in found:
        patient = by_key[condition["subject"]["reference"]]
        language = patient["communication"][0]["language"]["coding"][0]["code"][:2]
        assert condition["code"]["text"] == shown[language]
        assert [coding["system"] for coding in condition["code"]["coding"]][1] == "http://hl7.org/fhir/sid/icd-10"


def test_positions_lie_in_hainaut_and_in_the_north(of_type: OfType) -> None:
    positions = [place["position"] for place in of_type("Location") if "position" in place]
    assert len(positions) > 60
    assert all(Decimal(50) < place["latitude"] < Decimal(51) for place in positions)
    assert all(Decimal("2.9") < place["longitude"] < Decimal("4.1") for place in positions)


def series(of_type: OfType, loinc: str) -> dict[str, list[Decimal]]:
    """Return the values of a measure by patient, oldest first."""
    found: dict[str, list[tuple[str, Decimal]]] = {}
    for observation in of_type("Observation"):
        if observation["code"]["coding"][0]["code"] == loinc and "valueQuantity" in observation:
            moment = (observation["effectiveDateTime"], observation["valueQuantity"]["value"])
            found.setdefault(observation["subject"]["reference"], []).append(moment)
    return {patient: [value for _, value in sorted(values)] for patient, values in found.items()}


def patients_with(of_type: OfType, snomed: str) -> set[str]:
    return {c["subject"]["reference"] for c in of_type("Condition") if c["code"]["coding"][0]["code"] == snomed}


TRENDS = [
    pytest.param("44054006", "4548-4", -1, 3, id="HbA1c falls under treatment in type 2 diabetes"),
    pytest.param("84114007", "33762-6", -1, 3, id="NT-proBNP falls after a decompensation"),
    pytest.param("431857002", "2160-0", 1, 4, id="creatinine rises in kidney disease (Belgium, mg/dL)"),
    pytest.param("431857002", "14682-9", 1, 4, id="creatinine rises in kidney disease (France, µmol/L)"),
    pytest.param("91302008", "1988-5", -1, 3, id="CRP falls in sepsis"),
    pytest.param("370143000", "44261-6", -1, 3, id="the PHQ-9 score falls in depression"),
    pytest.param("442311008", "29463-7", 1, 5, id="children gain weight"),
]


@pytest.mark.parametrize(("problem", "loinc", "direction", "fewest"), TRENDS)
def test_trends_follow_the_disease(of_type: OfType, problem: str, loinc: str, direction: int, fewest: int) -> None:
    ill = patients_with(of_type, problem)
    followed = [
        values for patient, values in series(of_type, loinc).items() if patient in ill and len(values) >= fewest
    ]
    assert len(followed) >= 3
    assert sum((values[-1] - max(values[:2])) * direction > 0 for values in followed) >= 0.8 * len(followed)


def test_interpretation_agrees_with_the_reference_range(of_type: OfType) -> None:
    for observation in of_type("Observation"):
        if "referenceRange" in observation and "valueQuantity" in observation:
            value, bounds = observation["valueQuantity"]["value"], observation["referenceRange"][0]
            code = observation["interpretation"][0]["coding"][0]["code"]
            low = "low" in bounds and value < bounds["low"]["value"]
            high = "high" in bounds and value > bounds["high"]["value"]
            assert code in (("L", "LL") if low else ("H", "HH") if high else ("N",)), observation["id"]


def test_blood_pressure_is_a_panel_of_two(of_type: OfType) -> None:
    panels = [o for o in of_type("Observation") if o["code"]["coding"][0]["code"] == "85354-9"]
    assert len(panels) > 500
    for panel in panels:
        codes = [part["code"]["coding"][0]["code"] for part in panel["component"]]
        systolic, diastolic = (part["valueQuantity"]["value"] for part in panel["component"])
        assert codes == ["8480-6", "8462-4"]
        assert systolic > diastolic


def test_secret_parts_are_labelled(of_type: OfType) -> None:
    restricted = [
        resource
        for resource_type in ("Condition", "DocumentReference", "Binary", "Flag")
        for resource in of_type(resource_type)
        if any(label["code"] == "R" for label in resource["meta"].get("security", []))
    ]
    assert len(restricted) >= 10


def test_a_report_holds_what_its_request_asked(of_type: OfType, by_key: dict[str, Resource]) -> None:
    for report in of_type("DiagnosticReport"):
        for result in report.get("result", []):
            assert by_key[result["reference"]]["basedOn"] == report["basedOn"]
