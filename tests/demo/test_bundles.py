"""The form of the Bundles: stable, ordered, loadable twice. http://hl7.org/fhir/R4/http.html#transaction"""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from fhirserver.demo import bundles, render
from fhirserver.kernel.ids import is_id
from fhirserver.kernel.resource import Json, Resource

Bundles = list[dict[str, Any]]
PROGRAM = """
import hashlib
from fhirserver.demo import bundles, render
print(hashlib.sha256(b"".join(map(render, bundles(12)))).hexdigest())
"""


def digest(made: Iterator[dict[str, Any]] | Bundles) -> str:
    return hashlib.sha256(b"".join(map(render, made))).hexdigest()


def test_a_second_run_gives_the_same_bytes(record: Bundles) -> None:
    assert digest(bundles()) == digest(record)


@pytest.mark.parametrize("seed", ["0", "4242"])
def test_another_process_gives_the_same_bytes(seed: str) -> None:
    command = [sys.executable, "-c", PROGRAM]
    environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout.strip() == digest(bundles(12))


def test_fewer_patients_are_the_first_of_more(record: Bundles) -> None:
    few = list(bundles(7))
    assert few == record[: len(few)]


@pytest.mark.parametrize("patients", [0, 1, 2, 3, 30])
def test_so_many_patients_as_asked(patients: int) -> None:
    made = [entry["resource"] for bundle in bundles(patients) for entry in bundle["entry"]]
    assert sum(resource["resourceType"] == "Patient" for resource in made) == patients


def test_it_takes_less_than_four_seconds() -> None:
    before = time.process_time()
    for _ in bundles():
        pass
    assert time.process_time() - before < 40


def test_every_entry_puts_a_resource_under_its_own_id(record: Bundles) -> None:
    for bundle in record:
        assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "transaction")
        assert 0 < len(bundle["entry"]) <= 150
        for entry in bundle["entry"]:
            key = f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
            assert entry["request"] == {"method": "PUT", "url": key}
            assert entry["fullUrl"].endswith(f"/{key}")


def test_ids_are_ids_and_unique_by_type(resources: list[Resource]) -> None:
    keys = [(resource["resourceType"], resource["id"]) for resource in resources]
    assert all(is_id(logical_id) for _, logical_id in keys)
    assert len(set(keys)) == len(keys)


def test_references_point_into_the_same_or_an_earlier_bundle(
    record: Bundles, references_in: Callable[[Json], Iterator[str]]
) -> None:
    known: set[str] = set()
    for bundle in record:
        known |= {entry["request"]["url"] for entry in bundle["entry"]}
        pointed = {reference for entry in bundle["entry"] for reference in references_in(entry["resource"])}
        assert pointed <= known


def test_every_resource_is_marked_as_test_data(resources: list[Resource]) -> None:
    assert all(resource["meta"]["tag"][0]["code"] == "HTEST" for resource in resources)


def test_no_field_is_empty(resources: list[Resource]) -> None:
    def empty(value: Json) -> bool:
        if isinstance(value, dict):
            return not value or any(map(empty, value.values()))
        return any(map(empty, value)) if isinstance(value, list) and value else value in ([], None, "")

    assert [resource["id"] for resource in resources if empty(resource)] == []


def test_decimals_keep_their_digits() -> None:
    bundle = {"a": Decimal("37.50"), "b": [Decimal("0.000001"), Decimal(150)], "c": 'Noël "1.0" \\', "d": 5, "e": True}
    assert render(bundle) == '{"a":37.50,"b":[0.000001,150],"c":"Noël \\"1.0\\" \\\\","d":5,"e":true}'.encode()


def test_a_float_is_no_decimal() -> None:
    with pytest.raises(TypeError, match="`set` has no JSON form"):
        render({"a": {1}})


def test_numbers_survive_a_reader(record: Bundles) -> None:
    for bundle in record[::25]:
        assert json.loads(render(bundle), parse_float=Decimal, parse_int=Decimal) == bundle


def test_there_are_no_floats(resources: list[Resource]) -> None:
    def floats(value: Json) -> bool:
        if isinstance(value, dict):
            return any(map(floats, value.values()))
        return any(map(floats, value)) if isinstance(value, list) else isinstance(value, float)

    assert not any(map(floats, resources))
