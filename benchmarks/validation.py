"""What validation costs, as a ratio to decoding the same bytes in the same run, and beside other validators.

Command: ``python benchmarks/validation.py``; with FHIRSERVER_CORPORA, profiled examples and Synthea too. Data: a
Patient of 2.6 kB and an Observation of 1 kB as clinical systems send them, with and without a narrative, and a Bundle
of 200 such entries; the published definitions. Bars, warm: Patient 60 µs, Observation 30 µs, with a profile 1 ms;
Synthea 2,000 resources a second. The first rows are what the first resource of a type pays for the compilation of its
checks and the working out of its required codes. CPU time; medians and minima of 9 rounds in turn.
"""

import gzip
import json
import os
import statistics
import time
import timeit
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
from structure_schema import structure_schema

from fhirserver import assets
from fhirserver.definitions import compiled
from fhirserver.definitions.registry import Definitions
from fhirserver.terminology.builtin import Builtin
from fhirserver.terminology.library import Given
from fhirserver.terminology.required import RequiredCodes
from fhirserver.ucum import Ucum, compile_essence
from fhirserver.validation.profiles.sources import GivenStructures, PackagedStructures
from fhirserver.validation.structure import StructureValidator
from fhirserver.validation.validator import Validator

ROUNDS = 9
CACHE = Path(__file__).resolve().parents[1] / ".cache" / "compiled"
DECODER = msgspec.json.Decoder(float_hook=Decimal)
BARS_US = {"Patient": 60, "Observation": 30}

EXTENSION = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
GEOLOCATION = [
    {"url": "latitude", "valueDecimal": Decimal("50.85")},
    {"url": "longitude", "valueDecimal": Decimal("4.35")},
]
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "b8eb8d31-1031-fb5b-e207-b9815f80744c",
    "meta": {"profile": [EXTENSION + "patient"], "lastUpdated": "2026-01-15T10:15:30.123Z", "versionId": "3"},
    "extension": [
        {
            "url": EXTENSION + "race",
            "extension": [
                {
                    "url": "ombCategory",
                    "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3", "display": "White"},
                },
                {"url": "text", "valueString": "White"},
            ],
        },
        {"url": EXTENSION + "birthsex", "valueCode": "F"},
        {"url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName", "valueString": "Marta Renner"},
    ],
    "identifier": [
        {
            "use": "usual",
            "type": {"coding": [{"system": V2, "code": code, "display": label}], "text": label},
            "system": f"http://hospital.example.org/{code.lower()}",
            "value": value,
            "period": {"start": "2001-05-06"},
        }
        for code, label, value in (("MR", "Medical Record Number", "12345"), ("SS", "Social Number", "999-12-3456"))
    ],
    "active": True,
    "name": [
        {"use": "official", "family": "Oberbrunner", "given": ["Lea", "Marie"], "prefix": ["Dr."]},
        {"use": "maiden", "family": "Renner", "given": ["Lea"], "period": {"end": "2002-03-04"}},
    ],
    "telecom": [
        {"system": "phone", "value": "+32 2 555 01 23", "use": "home", "rank": 1},
        {"system": "email", "value": "lea@example.org", "use": "work"},
    ],
    "gender": "female",
    "birthDate": "1974-12-25",
    "deceasedBoolean": False,
    "address": [
        {
            "use": "home",
            "type": "both",
            "line": ["534 Erewhon St", "Apt 4"],
            "city": "Brussels",
            "postalCode": "1000",
            "country": "BE",
            "period": {"start": "1999-01-01"},
            "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/geolocation", "extension": GEOLOCATION}],
        }
    ],
    "maritalStatus": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M"}],
        "text": "Married",
    },
    "multipleBirthBoolean": False,
    "contact": [
        {
            "relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0131", "code": "N"}]}],
            "name": {"family": "du Marché", "given": ["Bénédicte"]},
            "telecom": [{"system": "phone", "value": "+33 (237) 998327"}],
            "gender": "female",
        }
    ],
    "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "fr-BE"}]}, "preferred": True}],
    "generalPractitioner": [{"reference": "Practitioner/23", "display": "Dr. Adam Careful"}],
    "managingOrganization": {"reference": "Organization/1"},
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "blood-pressure-1",
    "meta": {"lastUpdated": "2026-01-15T10:15:30.123Z", "versionId": "1"},
    "status": "final",
    "category": [
        {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                    "code": "vital-signs",
                    "display": "Vital Signs",
                }
            ]
        }
    ],
    "code": {
        "coding": [{"system": "http://loinc.org", "code": "8302-2", "display": "Body Height"}],
        "text": "Body Height",
    },
    "subject": {"reference": "Patient/b8eb8d31-1031-fb5b-e207-b9815f80744c"},
    "encounter": {"reference": "Encounter/f6d0ae9d-5d3c-4b0e-9a0c-6c1b3e4f8a11"},
    "effectiveDateTime": "2026-01-15T10:00:00+01:00",
    "issued": "2026-01-15T10:00:05.000+01:00",
    "performer": [{"reference": "Practitioner/23"}],
    "valueQuantity": {
        "value": Decimal("171.50"),
        "unit": "cm",
        "system": "http://unitsofmeasure.org",
        "code": "cm",
    },
    "interpretation": [
        {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
                    "code": "N",
                    "display": "Normal",
                }
            ]
        }
    ],
    "referenceRange": [{"low": {"value": 150, "unit": "cm"}, "high": {"value": 190, "unit": "cm"}, "text": "adults"}],
}
NARRATIVE = {
    "status": "generated",
    "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p><b>Generated narrative</b></p><table class="grid"><tbody>'
    + "".join(f"<tr><td>Row {n}</td><td>a value</td></tr>" for n in range(6))
    + "</tbody></table></div>",
}


def _cpu_us(call: Callable[[], object], number: int) -> float:
    return timeit.timeit(call, timer=time.process_time, number=number) / number * 1e6


def _rows(name: str, resource: dict[str, Any], validator: StructureValidator) -> None:
    raw = msgspec.json.Encoder(decimal_format="number").encode(resource)
    value = DECODER.decode(raw)
    problems = validator.validate(value, value["resourceType"])
    if problems:
        raise SystemExit(f"{name}: {problems[0].diagnostics}")
    number = max(1, 30_000_000 // len(raw) // 20)
    rounds = [
        (
            _cpu_us(lambda: DECODER.decode(raw), number),
            _cpu_us(lambda: validator.validate(value, value["resourceType"]), number),
        )
        for _ in range(ROUNDS)
    ]
    decode = [first for first, _ in rounds]
    validate = [second for _, second in rounds]
    ratio = statistics.median(second / first for first, second in rounds)
    bar = f"bar {BARS_US[name]} µs" if name in BARS_US else ""
    print(
        f"{name:26} {len(raw):8} B  decode {statistics.median(decode):8.1f} µs (min {min(decode):.1f})"
        f"  validate {statistics.median(validate):8.1f} µs (min {min(validate):.1f}) {ratio:5.1f}x {bar}"
    )


def _first(resource: dict[str, Any], definitions: Definitions) -> None:
    value = DECODER.decode(msgspec.json.Encoder(decimal_format="number").encode(resource))
    started = time.perf_counter()
    StructureValidator(definitions, RequiredCodes(definitions)).validate(value, value["resourceType"])
    print(f"first {value['resourceType']:20} {(time.perf_counter() - started) * 1e3:8.1f} ms")


def _others(name: str, resource: dict[str, Any], definitions: Definitions) -> None:
    """Measure what fhir.resources (R4B) and jsonschema-rs take for the same structure, from decoded values."""
    value = json.loads(msgspec.json.Encoder(decimal_format="number").encode(resource))
    model = getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name)
    schema = jsonschema_rs.validator_for(structure_schema(definitions, name))
    if not schema.is_valid(value):
        raise SystemExit(f"{name}: {next(schema.iter_errors(value))}")
    for label, call, number in (
        ("fhir.resources R4B", lambda: model.model_validate(value), 300),
        ("jsonschema-rs, own schema", lambda: schema.is_valid(value), 3000),
    ):
        times = [_cpu_us(call, number) for _ in range(ROUNDS)]
        print(f"{name:12} {label:28} {statistics.median(times):8.1f} µs (min {min(times):.1f})")


PROFILED = (
    ("07-be-fr-profiles", ("fr-core-2.2.0", "fr-core-2.2.0-dependencies"), "Patient", "fr-core-patient-ins"),
    ("11-profiles-us-ips", ("us-core-6.1.0",), "Patient", "us-core-patient"),
    ("11-profiles-us-ips", ("us-core-6.1.0",), "Observation", "us-core-blood-pressure"),
)


def _profiled(corpora: Path, definitions: Definitions) -> None:
    """Measure published examples against the profiles that they claim, structure and terminology included."""
    for folder, names, resource_type, profile in PROFILED:
        lines = [one for name in names for one in _lines(corpora / folder / f"{name}.ndjson.gz")]
        given = [one["resource"] for one in lines if one["role"] == "definition"]
        validator = _validator(definitions, given)
        for one in lines:
            resource = one["resource"]
            claimed = resource.get("meta", {}).get("profile", ())
            if one["role"] != "example" or resource["resourceType"] != resource_type:
                continue
            if not any(url.partition("|")[0].endswith(profile) for url in claimed):
                continue
            value = DECODER.decode(msgspec.json.encode(resource))
            found = validator.validate(value, resource_type).findings
            call = partial(validator.validate, value, resource_type)
            times = [_cpu_us(call, 200) for _ in range(ROUNDS)]
            name = one["file"].rpartition("/")[2].removesuffix(".json")
            print(f"{name:40} {profile:24} {statistics.median(times):8.1f} µs  {len(found)} findings  bar 1000 µs")


def _synthea(corpora: Path, validator: StructureValidator, whole: Validator) -> None:
    resources = []
    for line in _lines(corpora / "05-synthea/synthea-dev.ndjson.gz"):
        bundle = DECODER.decode(msgspec.json.encode(line["bundle"]))
        resources += [entry["resource"] for entry in bundle["entry"]]
    calls: tuple[tuple[str, Callable[[dict[str, Any]], object]], ...] = (
        ("types and invariants", lambda one: validator.validate(one, one["resourceType"])),
        ("everything that R4 says", lambda one: whole.validate(one, one["resourceType"])),
    )
    for label, call in calls:
        rates = []
        for _ in range(ROUNDS):
            started = time.process_time()
            for one in resources:
                call(one)
            rates.append(len(resources) / (time.process_time() - started))
        print(f"Synthea, {len(resources)} resources: {label:24} {statistics.median(rates):8.0f} /s  bar 2000")


def _lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path) as lines:
        return [json.loads(line) for line in lines]


def _validator(definitions: Definitions, given: list[dict[str, Any]]) -> Validator:
    ucum = Ucum(compile_essence(assets.definition_file("ucum-essence.xml").read_bytes()))
    builtin = Builtin(ucum)
    terms = Given([one for one in given if one["resourceType"] in ("CodeSystem", "ValueSet")])
    structures = GivenStructures(given, PackagedStructures(definitions))
    required = RequiredCodes(definitions, (builtin,))
    return Validator(definitions, required, structures, RequiredCodes(definitions, (terms, builtin)), ucum=ucum)


def main() -> None:
    """Print the table."""
    package = compiled.load(assets.definition_file("hl7.fhir.r4.core-4.0.1.tgz"), CACHE)
    for resource in (PATIENT, OBSERVATION):
        _first(resource, Definitions([package]))
    definitions = Definitions([package])
    validator = StructureValidator(definitions, RequiredCodes(definitions))
    entries = [{"resource": PATIENT if n % 8 == 0 else OBSERVATION} for n in range(200)]
    _rows("Patient", PATIENT, validator)
    _rows("Patient with narrative", {**PATIENT, "text": NARRATIVE}, validator)
    _rows("Observation", OBSERVATION, validator)
    _rows("Observation with narrative", {**OBSERVATION, "text": NARRATIVE}, validator)
    _rows("Bundle of 200", {"resourceType": "Bundle", "type": "collection", "entry": entries}, validator)
    for resource in (PATIENT, OBSERVATION):
        _others(resource["resourceType"], resource, definitions)
    if "FHIRSERVER_CORPORA" in os.environ:
        corpora = Path(os.environ["FHIRSERVER_CORPORA"])
        _profiled(corpora, definitions)
        _synthea(corpora, validator, _validator(definitions, []))


if __name__ == "__main__":
    main()
