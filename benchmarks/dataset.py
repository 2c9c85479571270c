"""The data set: Patients of 1.3 kB with 20 Observations of 1.2 kB each, and Synthea's Bundles.

Everything is computed from a seed. Each patient has five observations a year for four years, in 50 codes in turn; the
codes of ``extra`` ones differ, so that what a benchmark writes never changes what its searches find.
"""

import gzip
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

OBSERVATIONS: Final = 20
HITS_PER_YEAR: Final = 5
CODES: Final = 50
IDENTIFIERS: Final = "http://hospital.example.org/mrn"
LOINC: Final = "http://loinc.org"
EXTRA: Final = "http://hospital.example.org/codes"
MARKER: Final = b"@@@@@@@@@@"
"""Stands where a number goes that makes a request unlike all others."""

_FIRST_DAY: Final = date(2020, 1, 10)
_STEP: Final = timedelta(days=73)
_HL7: Final = "http://terminology.hl7.org/CodeSystem/"
_FAMILIES: Final = ("Janssens", "Peeters", "Maes", "Dubois", "Lambert", "Claes", "Martin", "Leroy", "Simon", "Wouters")
_GIVEN: Final = ("Emma", "Louis", "Olivia", "Arthur", "Louise", "Noah", "Mila", "Liam", "Alice", "Lucas")

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """One patient and what was observed, not yet stored anywhere."""

    number: int
    patient: Resource
    observations: tuple[Resource, ...]

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The patient first."""
        return (self.patient, *self.observations)


def subjects(count: int, first: int = 0, *, extra: bool = False, observations: int = OBSERVATIONS) -> Iterator[Subject]:
    """Yield subjects; the observations' ``subject`` is the patient's ``urn:uuid`` (see ``bundle``)."""
    for number in range(first, first + count):
        chance = random.Random(f"{number} {extra}")
        reference = _uuid(chance)
        system = EXTRA if extra else LOINC
        made = tuple(observation(chance, number, place, reference, system) for place in range(observations))
        yield Subject(number, {**patient(chance, number, extra=extra), "id": reference.removeprefix("urn:uuid:")}, made)


def patient(chance: random.Random, number: int, *, extra: bool = False) -> Resource:
    """Return a Patient as a hospital's system sends it."""
    family, given = chance.choice(_FAMILIES), chance.choice(_GIVEN)
    kind = {"coding": [{"system": f"{_HL7}v2-0203", "code": "MR", "display": "Medical record number"}]}
    return {
        "resourceType": "Patient",
        "identifier": [
            {"use": "usual", "type": kind, "system": IDENTIFIERS, "value": identifier(number, extra=extra)},
            {"use": "official", "system": "urn:oid:2.16.840.1.113883.4.1", "value": f"{chance.getrandbits(40)}"},
        ],
        "active": True,
        "name": [
            {"use": "official", "family": family, "given": [given, chance.choice(_GIVEN)], "prefix": ["Mx."]},
            {"use": "nickname", "given": [given[:3]]},
        ],
        "telecom": [
            {"system": "phone", "value": f"+32 2 555 {number % 10_000:04d}", "use": "home"},
            {"system": "email", "value": f"{given}.{family}.{number}@example.org".lower(), "use": "work"},
        ],
        "gender": chance.choice(("female", "male")),
        "birthDate": str(date(1930, 1, 1) + timedelta(days=chance.randrange(32_000))),
        "address": [
            {
                "use": "home",
                "line": [f"{chance.randrange(1, 300)} Rue de la Station", "Apt. 4"],
                "city": chance.choice(("Bruxelles", "Gent", "Liège", "Namur")),
                "postalCode": f"{chance.randrange(1000, 9999)}",
                "country": "BE",
            }
        ],
        "maritalStatus": {"coding": [{"system": f"{_HL7}v3-MaritalStatus", "code": "M", "display": "Married"}]},
        "contact": [
            {
                "relationship": [{"coding": [{"system": f"{_HL7}v2-0131", "code": "N"}], "text": "Next of kin"}],
                "name": {"family": family, "given": [chance.choice(_GIVEN)]},
                "telecom": [{"system": "phone", "value": f"+32 2 556 {number % 10_000:04d}"}],
            }
        ],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "fr-BE"}]}}],
    }


def observation(chance: random.Random, number: int, place: int, reference: str, system: str) -> Resource:
    """Return a laboratory Observation of a patient; ``place`` gives its day and, with ``number``, its code."""
    day = _FIRST_DAY + place * _STEP
    code = code_of(number + place)
    low, high = 3.5, 5.5
    return {
        "resourceType": "Observation",
        "identifier": [{"system": "http://laboratory.example.org/results", "value": f"R{chance.getrandbits(40)}"}],
        "status": "final",
        "category": [
            {"coding": [{"system": f"{_HL7}observation-category", "code": "laboratory", "display": "Laboratory"}]}
        ],
        "code": {
            "coding": [{"system": system, "code": code, "display": f"Analyte {code} in serum"}],
            "text": f"Analyte {code}",
        },
        "subject": {"reference": reference, "display": "The patient"},
        "effectiveDateTime": f"{day}T{8 + place % 9:02d}:{chance.randrange(60):02d}:00+01:00",
        "issued": f"{day}T18:{chance.randrange(60):02d}:00.000+01:00",
        "performer": [{"display": "Clinical laboratory of the hospital"}],
        "valueQuantity": {
            "value": round(chance.uniform(3, 7), 2),
            "unit": "mmol/L",
            "system": "http://unitsofmeasure.org",
            "code": "mmol/L",
        },
        "interpretation": [
            {"coding": [{"system": f"{_HL7}v3-ObservationInterpretation", "code": "N", "display": "Normal"}]}
        ],
        "note": [{"text": "Measured by ion selective electrode."}],
        "referenceRange": [
            {
                "low": {"value": low, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
                "high": {"value": high, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
            }
        ],
    }


def identifier(number: int, *, extra: bool = False) -> str:
    """Return the value of a patient's identifier."""
    return f"{'X' if extra else 'P'}{number:08d}"


def code_of(number: int) -> str:
    """Return one of the codes."""
    return f"{2000 + number % CODES}-{number % 10}"


def bundle(resources: Sequence[Resource], urns: Sequence[str] | None = None) -> bytes:
    """Write a transaction that creates resources; the first one is called by its ``urn:uuid`` in the others."""
    entries = []
    for number, resource in enumerate(resources):
        body = {name: value for name, value in resource.items() if name != "id"}
        full_url = f"urn:uuid:{resource['id']}" if "id" in resource else _uuid(random.Random(number))
        entries.append(
            {"fullUrl": full_url, "resource": body, "request": {"method": "POST", "url": resource["resourceType"]}}
        )
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def synthea(corpora: Path) -> list[bytes]:
    """Return Synthea's transaction Bundles."""
    with gzip.open(corpora / "05-synthea" / "synthea-dev.ndjson.gz") as lines:
        return [orjson.dumps(orjson.loads(line)["bundle"]) for line in lines]


def _uuid(chance: random.Random) -> str:
    return f"urn:uuid:{uuid.UUID(int=chance.getrandbits(128), version=4)}"
