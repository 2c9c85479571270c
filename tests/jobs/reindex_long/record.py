"""What is stored before the parameter exists: Observations whose interpretation follows from their number.

R4 has no search parameter for ``Observation.interpretation``, so that what one will find is known from the numbers
alone. They go in through the repository, in this process.
"""

import asyncio
import json
import random
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from fhirserver.app.knowledge import load_knowledge
from fhirserver.app.sites import sites_of
from fhirserver.codec.fhir_json import parse_resource
from fhirserver.repository.repository import Repository
from fhirserver.repository.requests import Update
from fhirserver.settings import Auth, Settings
from tests.server_process import ServerProcess

CODE: Final = "interpretation"
PARAMETER: Final = {
    "resourceType": "SearchParameter",
    "id": CODE,
    "url": "http://example.org/observation-interpretation",
    "name": "ObservationInterpretation",
    "status": "active",
    "description": "How the result was judged",
    "code": CODE,
    "base": ["Observation"],
    "type": "token",
    "expression": "Observation.interpretation",
}
NORMAL: Final = "N"
NONE: Final = ""
"""Stands for an Observation without interpretation."""
CODES: Final = (NORMAL, "H", "L", "HH", NONE)

_HL7: Final = "http://terminology.hl7.org/CodeSystem/"
_OF_A_PATIENT: Final = 20
_IN_A_WRITE: Final = 25
"""Patients, with all that was observed of them."""
_IN_FLIGHT: Final = 3

Resource = dict[str, Any]


def code_of(number: int) -> str:
    """Return the interpretation of an Observation that was loaded: one in a thousand, one in twenty …"""
    if number % 1000 == 0:
        return "HH"
    rest = number % 100
    return {1: "H", 21: "H", 41: "H", 61: "H", 81: "H", 2: "L", 52: "L"}.get(rest, NONE if rest % 10 == 3 else NORMAL)


def loaded_id(number: int) -> str:
    """Return the id of an Observation that was loaded."""
    return f"o{number}"


def patient_of(number: int) -> str:
    """Return the id of the Patient of an Observation."""
    return f"p{number // _OF_A_PATIENT}"


def observation(logical_id: str, number: int, code: str) -> Resource:
    """Return an Observation of 1.2 kB as a laboratory sends it."""
    chance = random.Random(number)
    day = f"20{20 + number % 6}-{1 + number % 12:02}-{1 + number % 28:02}"
    analyte = f"{2000 + number % 50}-{number % 10}"
    limit = {"unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"}
    judged = [{"coding": [{"system": f"{_HL7}v3-ObservationInterpretation", "code": code}]}]
    return {
        "resourceType": "Observation",
        "id": logical_id,
        "identifier": [{"system": "http://laboratory.example.org/results", "value": f"R{chance.getrandbits(40)}"}],
        "status": "final",
        "category": [{"coding": [{"system": f"{_HL7}observation-category", "code": "laboratory"}]}],
        "code": {
            "coding": [{"system": "http://loinc.org", "code": analyte, "display": f"Analyte {analyte} in serum"}],
            "text": f"Analyte {analyte}",
        },
        "subject": {"reference": f"Patient/{patient_of(number)}", "display": "The patient"},
        "effectiveDateTime": f"{day}T{8 + number % 9:02}:{number % 60:02}:00+01:00",
        "issued": f"{day}T18:{number % 60:02}:00.000+01:00",
        "performer": [{"display": "Clinical laboratory of the hospital"}],
        "valueQuantity": {"value": round(chance.uniform(3, 7), 2), **limit},
        **({"interpretation": judged} if code else {}),
        "note": [{"text": "Measured by ion selective electrode."}],
        "referenceRange": [{"low": {"value": 3.5, **limit}, "high": {"value": 5.5, **limit}}],
    }


def load(server: ServerProcess, uri: str, folder: Path, count: int, tell: Callable[[int], None]) -> None:
    """Store ``count`` Observations, and their Patients, in the database that a server will serve."""
    own = {"auth": Auth.OFF, "mongodb_uri": uri, "data_dir": folder, "port": server.port}
    settings = Settings.model_validate({**own, "database_prefix": server.database_prefix})
    asyncio.run(_load(settings, uri, count, tell))


async def _load(settings: Settings, uri: str, count: int, tell: Callable[[int], None]) -> None:
    async with sites_of(settings, uri, load_knowledge(settings)) as builder:
        await builder.prepare(settings.sites[0])
        repository = (await builder.open(settings.sites[0])).repository
        waiting = _writes(count)
        async with asyncio.TaskGroup() as group:
            for _ in range(_IN_FLIGHT):
                group.create_task(_store(repository, waiting, tell))


async def _store(repository: Repository, waiting: Iterator[list[Update]], tell: Callable[[int], None]) -> None:
    while some := list(islice(waiting, _IN_A_WRITE)):
        written = await repository.transact([write for writes in some for write in writes])
        tell(len(written) - len(some))


def _writes(count: int) -> Iterator[list[Update]]:
    """Yield what is written of each Patient."""
    for first in range(0, count, _OF_A_PATIENT):
        numbers = range(first, min(count, first + _OF_A_PATIENT))
        resources = [{"resourceType": "Patient", "id": patient_of(first)}]
        resources += [observation(loaded_id(number), number, code_of(number)) for number in numbers]
        yield [_update(resource) for resource in resources]


def _update(resource: Resource) -> Update:
    body = parse_resource(json.dumps(resource).encode())
    return Update(resource_type=resource["resourceType"], body=body, logical_id=resource["id"])
