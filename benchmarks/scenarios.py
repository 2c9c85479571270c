"""What is measured: each scenario renders its requests for one server and knows what a right answer holds."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import dataset
import orjson
from dataset import EXTRA, IDENTIFIERS, LOINC, MARKER
from load import render

_REQUESTS: Final = 400
_BUNDLES: Final = 40
_TRANSACTION: Final = 50
_MARKED: Final = 10**9
"""Where the numbers of extra subjects begin, far above those of the data set."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a server was loaded with: the ids it gave, by the numbers of the subjects."""

    port: int
    base: str
    """The path of the FHIR service."""
    subjects: Sequence[int]
    patients: Sequence[str]
    observations: Sequence[str]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of request."""

    name: str
    family: str
    """The group of targets it belongs to."""
    requests: Callable[[Stored], list[bytes]]
    status: tuple[int, ...] = (200,)
    hits: int | None = None
    """How many matches each answer holds."""
    entries: int = 1
    """Resources a request writes."""
    marked: bool = False


def _get(stored: Stored, paths: list[str]) -> list[bytes]:
    random.Random(7).shuffle(paths)
    return [render("GET", stored.base + path, stored.port) for path in paths[:_REQUESTS]]


def _read_patient(stored: Stored) -> list[bytes]:
    return _get(stored, [f"/Patient/{one}" for one in stored.patients])


def _read_observation(stored: Stored) -> list[bytes]:
    return _get(stored, [f"/Observation/{one}" for one in stored.observations])


def _identifier(stored: Stored) -> list[bytes]:
    values = [dataset.identifier(number) for number in stored.subjects]
    return _get(stored, [f"/Patient?identifier={IDENTIFIERS}%7C{value}" for value in values])


def _patient_and_date(stored: Stored) -> list[bytes]:
    years = [(f"{year}-01-01", f"{year + 1}-01-01") for year in range(2020, 2024)]
    found = [
        f"/Observation?patient={one}&date=ge{first}&date=lt{last}" for one in stored.patients for first, last in years
    ]
    return _get(stored, found)


def _code(stored: Stored, suffix: str = "") -> list[bytes]:
    codes = [dataset.code_of(number) for number in range(dataset.CODES)]
    return _get(stored, [f"/Observation?code={LOINC}%7C{code}&_count=20{suffix}" for code in codes])


def _code_untotalled(stored: Stored) -> list[bytes]:
    return _code(stored, "&_total=none")


def _post(stored: Stored, resources: Sequence[dict[str, Any]]) -> list[bytes]:
    return [
        render("POST", f"{stored.base}/{one['resourceType']}", stored.port, _body(one)) for one in resources[:_REQUESTS]
    ]


def _body(resource: dict[str, Any]) -> bytes:
    return orjson.dumps({name: value for name, value in resource.items() if name != "id"})


def _create_patient(stored: Stored) -> list[bytes]:
    made = [one.patient for one in dataset.subjects(_REQUESTS, _MARKED, extra=True, observations=0)]
    for one in made:
        one["identifier"][0]["value"] = MARKER.decode()
    return _post(stored, made)


def _create_observation(stored: Stored) -> list[bytes]:
    chance = random.Random(11)
    made = [
        dataset.observation(chance, place, place % dataset.OBSERVATIONS, "Patient/of-the-benchmark", EXTRA)
        for place in range(_REQUESTS)
    ]
    return _post(stored, made)


def _update_patient(stored: Stored) -> list[bytes]:
    requests = []
    for number, logical_id in list(zip(stored.subjects, stored.patients, strict=True))[:_REQUESTS]:
        body = {**dataset.patient(random.Random(number), number), "id": logical_id}
        body["telecom"][0]["value"] = MARKER.decode()
        requests.append(render("PUT", f"{stored.base}/Patient/{logical_id}", stored.port, orjson.dumps(body)))
    return requests


def _transaction(stored: Stored) -> list[bytes]:
    made = dataset.subjects(_BUNDLES, _MARKED, extra=True, observations=_TRANSACTION - 1)
    return [render("POST", stored.base, stored.port, dataset.bundle(one.resources)) for one in made]


SCENARIOS: Final = (
    Scenario("read Patient", "read", _read_patient),
    Scenario("read Observation", "read", _read_observation),
    Scenario("identifier", "search", _identifier, hits=1),
    Scenario("patient+date", "search", _patient_and_date, hits=dataset.HITS_PER_YEAR),
    Scenario("code, 20 of many", "search", _code, hits=20),
    Scenario("code, _total=none", "search", _code_untotalled, hits=20),
    Scenario("create Patient", "create", _create_patient, (201,), marked=True),
    Scenario("create Observation", "create", _create_observation, (201,)),
    Scenario("update Patient", "update", _update_patient, marked=True),
    Scenario("transaction of 50", "transaction", _transaction, entries=_TRANSACTION),
)
SEARCHES: Final = tuple(scenario for scenario in SCENARIOS if scenario.family == "search")
