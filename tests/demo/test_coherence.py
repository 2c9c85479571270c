"""What a clinician would notice: times in order, one patient a bed, doses inside the stay, the dead stay dead."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime
from itertools import pairwise

import pytest

from fhirserver.kernel.resource import Json, Resource

NOW = "2026-11-20T11:30:00+01:00"
OfType = Callable[[str], list[Resource]]
FUTURE = {"Slot", "Appointment", "Schedule", "Task", "Goal", "MedicationRequest", "Encounter"}
"""Types that may speak of times to come."""


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


def span(resource: Resource) -> tuple[datetime, datetime]:
    period = resource["period"]
    return when(period["start"]), when(period.get("end", NOW))


def patient_of(resource: Resource) -> str | None:
    for name in ("subject", "patient", "for", "beneficiary"):
        if name in resource:
            return str(resource[name]["reference"])
    return None


def dates_in(value: Json, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for field, inner in value.items():
            yield from dates_in(inner, field)
    elif isinstance(value, list):
        for inner in value:
            yield from dates_in(inner, name)
    elif isinstance(value, str) and name.lower().endswith(("datetime", "date", "issued", "recorded", "start", "end")):
        yield value[:10]


def test_a_period_ends_after_it_starts(resources: list[Resource]) -> None:
    def periods(value: Json) -> Iterator[tuple[str, str]]:
        if isinstance(value, dict):
            if {"start", "end"} <= value.keys():
                yield value["start"], value["end"]
            for inner in value.values():
                yield from periods(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from periods(inner)

    for resource in resources:
        for start, end in periods(resource):
            assert when(start) <= when(end), resource["id"]


def test_nothing_happens_before_birth(resources: list[Resource], by_key: dict[str, Resource]) -> None:
    before = {"Device", "Coverage", "RelatedPerson", "Organization"}
    for resource in resources:
        patient = patient_of(resource)
        if patient is not None and resource["resourceType"] not in before:
            birth = by_key[patient]["birthDate"]
            assert all(day >= birth for day in dates_in(resource)), resource["id"]


def test_nothing_but_plans_lies_in_the_future(resources: list[Resource]) -> None:
    for resource in resources:
        if resource["resourceType"] not in FUTURE:
            assert all(day <= NOW[:10] for day in dates_in(resource)), resource["id"]


def test_results_and_doses_are_not_of_the_future(of_type: OfType) -> None:
    for resource_type in ("Observation", "MedicationAdministration"):
        for resource in of_type(resource_type):
            if "effectiveDateTime" in resource:
                assert when(resource["effectiveDateTime"]) <= when(NOW)


def test_a_stay_lies_inside_a_life(of_type: OfType, by_key: dict[str, Resource]) -> None:
    for encounter in of_type("Encounter"):
        patient = by_key[encounter["subject"]["reference"]]
        start, end = span(encounter)
        assert date.fromisoformat(patient["birthDate"]) <= start.date()
        if "deceasedDateTime" in patient and encounter["status"] != "planned":
            assert end <= when(patient["deceasedDateTime"])


def test_the_dead_have_no_appointment(of_type: OfType, by_key: dict[str, Resource]) -> None:
    dead = [patient for patient in of_type("Patient") if "deceasedDateTime" in patient]
    assert 2 <= len(dead) <= 20
    for appointment in of_type("Appointment"):
        patient = by_key[appointment["participant"][0]["actor"]["reference"]]
        if "deceasedDateTime" in patient:
            assert when(appointment["start"]) < when(patient["deceasedDateTime"])


def test_status_follows_the_time(of_type: OfType) -> None:
    for encounter in of_type("Encounter"):
        started, ended = encounter["period"]["start"] <= NOW, encounter["period"].get("end", "9") <= NOW
        expected = "finished" if ended else "in-progress" if started else "planned"
        assert encounter["status"] == expected, encounter["id"]


def test_movements_follow_each_other_inside_their_stay(of_type: OfType, by_key: dict[str, Resource]) -> None:
    movements = defaultdict(list)
    for encounter in of_type("Encounter"):
        if "partOf" in encounter:
            movements[encounter["partOf"]["reference"]].append(span(encounter))
    assert len(movements) > 60
    for stay, moves in movements.items():
        start, end = span(by_key[stay])
        assert (moves[0][0], moves[-1][1]) == (start, end)
        assert all(left[1] == right[0] for left, right in pairwise(moves))


def test_two_patients_never_lie_in_one_bed(of_type: OfType, by_key: dict[str, Resource]) -> None:
    taken = defaultdict(list)
    for encounter in of_type("Encounter"):
        for place in [] if "partOf" in encounter else encounter["location"]:
            bed = by_key[place["location"]["reference"]]
            if bed["physicalType"]["coding"][0]["code"] == "bd":
                taken[bed["id"]].append((when(place["period"]["start"]), when(place["period"].get("end", NOW))))
    assert len(taken) > 50
    for stays in taken.values():
        ordered = sorted(stays)
        assert all(left[1] <= right[0] for left, right in pairwise(ordered))


def test_some_patients_are_in_a_bed_today(of_type: OfType) -> None:
    assert 10 <= sum(e["status"] == "in-progress" and "partOf" not in e for e in of_type("Encounter")) <= 40


@pytest.mark.parametrize(
    ("resource_type", "link", "moment"),
    [
        ("Observation", "encounter", "effectiveDateTime"),
        ("MedicationAdministration", "context", "effectiveDateTime"),
        ("ImagingStudy", "encounter", "started"),
    ],
)
def test_what_is_done_in_a_visit_is_done_during_it(
    of_type: OfType, by_key: dict[str, Resource], resource_type: str, link: str, moment: str
) -> None:
    for resource in of_type(resource_type):
        if moment in resource and link in resource:
            start, end = span(by_key[resource[link]["reference"]])
            assert start <= when(resource[moment]) <= end, resource["id"]


def test_a_visit_and_what_belongs_to_it_are_of_one_patient(
    resources: list[Resource], by_key: dict[str, Resource]
) -> None:
    for resource in resources:
        for name in ("encounter", "context", "partOf", "request", "specimen"):
            link = resource.get(name)
            if isinstance(link, dict) and "reference" in link:
                other = patient_of(by_key[link["reference"]])
                assert other in {None, patient_of(resource)}, resource["id"]


def test_a_slot_is_booked_once(of_type: OfType) -> None:
    slots = [(slot["schedule"]["reference"], slot["start"]) for slot in of_type("Slot")]
    assert len(set(slots)) == len(slots)
    booked = [a["slot"][0]["reference"] for a in of_type("Appointment") if "slot" in a]
    assert len(set(booked)) == len(booked) > 50


def test_appointments_are_on_workdays_in_opening_hours(of_type: OfType) -> None:
    for appointment in of_type("Appointment"):
        start = when(appointment["start"])
        assert start.weekday() < 5
        assert 8 <= start.hour < 18


def test_the_offset_is_that_of_brussels_and_paris(of_type: OfType) -> None:
    moments = [observation["effectiveDateTime"] for observation in of_type("Observation")]
    assert all(text.endswith("+02:00") for text in moments if text[5:7] in {"04", "05", "06", "07", "08", "09"})
    assert all(text.endswith("+01:00") for text in moments if text[5:7] in {"01", "02", "11", "12"})


def test_a_child_is_born_during_the_stay_of_its_mother(of_type: OfType, by_key: dict[str, Resource]) -> None:
    mothers = [r for r in of_type("RelatedPerson") if r["id"].endswith("-mother") and "birthDate" in r]
    linked = {
        link["other"]["reference"]: patient
        for patient in of_type("Patient")
        for link in patient.get("link", [])
        if link["other"]["reference"].endswith("-mother")
    }
    assert len(linked) >= 10
    for related in mothers:
        mother = linked.get(f"RelatedPerson/{related['id']}")
        if mother is not None:
            child = by_key[related["patient"]["reference"]]
            stays = [e for e in of_type("Encounter") if e["subject"]["reference"] == f"Patient/{mother['id']}"]
            births = [e for e in stays if span(e)[0].date() == date.fromisoformat(child["birthDate"])]
            assert births, child["id"]
            assert mother["gender"] == "female"


def test_nobody_takes_what_they_are_allergic_to(of_type: OfType) -> None:
    penicillins = {"J01CA04", "J01CR02", "J01CR05"}
    allergic = {
        allergy["patient"]["reference"]
        for allergy in of_type("AllergyIntolerance")
        if allergy["code"]["coding"][0]["code"] == "764146007"
    }
    assert allergic
    for request in of_type("MedicationRequest"):
        if request["medicationCodeableConcept"]["coding"][0]["code"] in penicillins:
            assert request["subject"]["reference"] not in allergic
