"""The searches beyond one parameter: what is stored for them, what is asked, and how many answers are right.

The record of ``scale`` with more to it: each patient has a narrative with a word of its own and belongs to a ward of
20 patients, part of a clinic of 200; after the load one Observation of each patient is amended and its patient moves,
so that the record as it stood has other values than today's.
"""

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import dataset
from dataset import IDENTIFIERS, LOINC, Subject
from load import render
from scale import update_of
from scenarios import Scenario, Stored

from fhirserver.repository.requests import Update

_REQUESTS: Final = 400
_WARD: Final = 20
_CLINIC: Final = 200
_PAGE: Final = 20
RESULTS: Final = "http://laboratory.example.org/results"


@dataclass(frozen=True, slots=True)
class Record(Stored):
    """What a site holds, and instants before its amendments."""

    stages: tuple[tuple[int, str], ...]
    """Of each load, in their order: the number after its last subject, and the instant before it was amended."""

    def before(self, number: int) -> str:
        """Return an instant at which a subject was there and not amended yet."""
        return next(at for last, at in self.stages if number < last)


def as_loaded(subjects: Iterator[Subject]) -> Iterator[list[Update]]:
    """Yield the first versions, each subject's with the ward and the clinic that begin with it."""
    for subject in subjects:
        number, patient = subject.number, f"p{subject.number}"
        writes = [update_of(_ward(number, part_of), name) for name, part_of in _begun(number)]
        writes.append(update_of(_patient(subject), patient))
        writes += [update_of(*one) for one in _observations(subject)]
        yield writes


def as_amended(subjects: Iterator[Subject]) -> Iterator[list[Update]]:
    """Yield the second versions of the patient and of its first Observation."""
    for subject in subjects:
        patient = _patient(subject)
        patient["address"][0]["city"] = "Oostende"
        observation, name = next(_observations(subject))
        observation = copy.deepcopy(observation)
        observation["status"] = "amended"
        observation["code"]["coding"][0]["code"] = "amended"
        yield [update_of(patient, f"p{subject.number}"), update_of(observation, name)]


def _patient(subject: Subject) -> dataset.Resource:
    words = f"Patient admitted to the hospital, record {word(subject.number)}."
    narrative = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{words}</div>'}
    ward = {"reference": f"Organization/ward{subject.number // _WARD}"}
    return {**copy.deepcopy(subject.patient), "text": narrative, "managingOrganization": ward}


def _observations(subject: Subject) -> Iterator[tuple[dataset.Resource, str]]:
    reference = {"reference": f"Patient/p{subject.number}"}
    for place, observation in enumerate(subject.observations):
        yield {**observation, "subject": reference}, f"o{subject.number}-{place}"


def _begun(number: int) -> Iterator[tuple[str, str | None]]:
    if number % _CLINIC == 0:
        yield f"clinic{number // _CLINIC}", None
    if number % _WARD == 0:
        yield f"ward{number // _WARD}", f"clinic{number // _CLINIC}"


def _ward(number: int, part_of: str | None) -> dataset.Resource:
    above = {} if part_of is None else {"partOf": {"reference": f"Organization/{part_of}"}}
    return {"resourceType": "Organization", "name": f"Unit {number}", **above}


def word(number: int) -> str:
    """Return the word that only one patient's narrative has: of letters, with an end that no language takes off."""
    return "rec" + "".join(chr(ord("a") + int(digit)) for digit in f"{number:07d}") + "q"


PathsOf = Callable[[Record, int], str]
"""One request: of a subject, by its number."""


def _scenario(name: str, path_of: PathsOf, hits: int | None = None) -> Scenario:
    def requests(stored: Stored) -> list[bytes]:
        if not isinstance(stored, Record):
            raise TypeError("these searches know the instant before the amendments")
        numbers = list(stored.subjects)
        random.Random(7).shuffle(numbers)
        paths = (path_of(stored, number) for number in numbers[:_REQUESTS])
        return [render("GET", f"{stored.base}{path}", stored.port) for path in paths]

    return Scenario(name, "search", requests, hits=hits)


def _mrn(number: int) -> str:
    return quote(f"{IDENTIFIERS}|{dataset.identifier(number)}")


def _code(number: int, place: int = 1) -> str:
    return quote(f"{LOINC}|{dataset.code_of(number + place)}")


def _result(number: int) -> str:
    (subject,) = dataset.subjects(1, number)
    return quote(f"{RESULTS}|{subject.observations[0]['identifier'][0]['value']}")


def _filter(text: str) -> str:
    return f"_filter={quote(text)}"


_YEAR: Final = "date=ge2021-01-01&date=lt2022-01-01"

SELECTIVE: Final = (
    _scenario("chained", lambda _, n: f"/Observation?patient.identifier={_mrn(n)}&code={_code(n)}", 1),
    _scenario(
        "chained twice", lambda _, n: f"/Observation?patient.organization.name=Unit%20{n // 20 * 20}&_count=20", 20
    ),
    _scenario("_has", lambda _, n: f"/Patient?_has:Observation:patient:identifier={_result(n)}", 1),
    _scenario("_include", lambda _, n: f"/Observation?patient=p{n}&{_YEAR}&_include=Observation:patient", 6),
    _scenario("_revinclude", lambda _, n: f"/Patient?identifier={_mrn(n)}&_revinclude=Observation:patient", 21),
    _scenario("_sort", lambda _, n: f"/Observation?patient=p{n}&_sort=-date&_count=5", 5),
    _scenario(
        "_filter",
        lambda _, n: (
            "/Observation?" + _filter(f"patient eq Patient/p{n} and (date ge 2021-01-01 and date lt 2022-01-01)")
        ),
        5,
    ),
    _scenario(
        ":below", lambda _, n: f"/Patient?organization:below=Organization/clinic{n // _CLINIC}&_count={_PAGE}", 20
    ),
    _scenario("_text", lambda _, n: f"/Patient?_text={word(n)}", 1),
    _scenario("as of: read", lambda r, n: f"/Patient/p{n}?_at={r.before(n)}"),
    _scenario("as of: identifier", lambda r, n: f"/Patient?identifier={_mrn(n)}&_at={r.before(n)}", 1),
    _scenario("as of: patient+code", lambda r, n: f"/Observation?patient=p{n}&code={_code(n, 0)}&_at={r.before(n)}", 1),
    _scenario("as of: patient+date", lambda r, n: f"/Observation?patient=p{n}&{_YEAR}&_at={r.before(n)}", 5),
    _scenario(
        "as of: chained, _include",
        lambda r, n: (
            f"/Observation?patient.identifier={_mrn(n)}&{_YEAR}&_include=Observation:patient&_at={r.before(n)}"
        ),
        6,
    ),
    _scenario(
        "as of: _has", lambda r, n: f"/Patient?_has:Observation:patient:identifier={_result(n)}&_at={r.before(n)}", 1
    ),
)
"""Their answers have the same size however much is stored."""

UNSELECTIVE: Final = (
    _scenario("code", lambda _, n: f"/Observation?code={_code(n)}&_count={_PAGE}"),
    _scenario("a whole type", lambda _, n: f"/Observation?_count={_PAGE}"),
    _scenario("a whole type, sorted", lambda _, n: f"/Observation?_sort=-date&_count={_PAGE}"),
    _scenario(":contains", lambda _, n: f"/Patient?family:contains=erm&_count={_PAGE}"),
    _scenario(":not", lambda _, n: f"/Observation?status:not=final&_count={_PAGE}"),
    _scenario("chained from many", lambda _, n: f"/Observation?patient.gender=female&_count={_PAGE}"),
    _scenario("_has of many", lambda _, n: f"/Patient?_has:Observation:patient:status=final&_count={_PAGE}"),
    _scenario("_filter of many", lambda _, n: f"/Observation?{_filter('status ne amended')}&_count={_PAGE}"),
    _scenario("_text of all", lambda _, n: f"/Patient?_text=hospital&_count={_PAGE}"),
    _scenario("_content of all", lambda _, n: f"/Patient?_content=hospital&_count={_PAGE}"),
    _scenario("as of: code", lambda r, n: f"/Observation?code={_code(n)}&_count={_PAGE}&_at={r.before(n)}"),
    _scenario("as of: a whole type", lambda r, n: f"/Observation?_count={_PAGE}&_at={r.before(n)}"),
    _scenario("as of: a whole type, sorted", lambda r, n: f"/Observation?_sort=-date&_count={_PAGE}&_at={r.before(n)}"),
    _scenario(
        "as of: chained from many", lambda r, n: f"/Observation?patient.gender=female&_count={_PAGE}&_at={r.before(n)}"
    ),
    _scenario("everything, as NDJSON", lambda _, n: "/Observation?_format=ndjson"),
)
"""Their answers begin within a second, or are refused within one."""
