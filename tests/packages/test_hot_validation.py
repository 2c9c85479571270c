"""Profiles that come and go while a server serves: the next ``$validate`` goes by what there is."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fhirserver.settings import Settings
from tests.packages import making
from tests.packages.operator import Operator, until
from tests.packages.test_hot import GROWTH_MB, Asking, memory_mb
from tests.server_process import ServerProcess, serving
from tests.wire import Wire

SWITCH_S = 4.0
NAMELESS = {"resourceType": "Patient", "gender": "female"}
WHOLE = {
    "resourceType": "Patient", "gender": "female", "birthDate": "1970-01-01",
    "identifier": [{"system": "http://example.org/patients", "value": "1"}],
    "name": [{"text": "Ann Doe", "family": "Doe", "given": ["Ann"]}],
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Ann Doe</div>'},
}  # fmt: skip
"""What satisfies the profiles. While nobody knows a profile that is asked for, nothing satisfies it."""
PUBLISHED = (
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient",
    "http://hl7.org/fhir/uv/ips/StructureDefinition/Patient-uv-ips",
)


@pytest.fixture(scope="module")
def served(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with two workers."""
    with serving(ServerProcess(tmp_path_factory.mktemp("validation"), mongodb_uri, workers=2)) as server:
        yield server


@pytest.fixture(scope="module")
def operator(served: ServerProcess) -> Operator:
    return Operator(served)


def satisfies(wire: Wire, profile: str, resource: dict[str, Any] = WHOLE) -> bool:
    """Ask whether a patient is valid by a profile."""
    answer = wire.call("POST", f"Patient/$validate?profile={quote(profile)}", json.dumps(resource).encode())
    assert answer.status == 200, answer.body
    return not {"error", "fatal"} & {issue["severity"] for issue in answer.json["issue"]}


def on_every_worker(served: ServerProcess, profile: str) -> set[bool]:
    """Ask over several connections, which several workers accept."""
    found = set()
    for _ in range(8):
        with Wire(served.port) as wire:
            found.add(satisfies(wire, profile))
    return found


def test_a_profile_that_is_written_counts_at_once_here_and_soon_elsewhere(served: ServerProcess) -> None:
    definition = making.definitions()[0]
    with Wire(served.port) as wire:
        assert not satisfies(wire, making.PROFILE)
        written = wire.call("PUT", "StructureDefinition/little-patient", json.dumps(definition).encode())
        assert written.status == 201
        assert satisfies(wire, making.PROFILE)
        assert not satisfies(wire, making.PROFILE, NAMELESS)
        assert until(lambda: on_every_worker(served, making.PROFILE) == {True}) < SWITCH_S
        assert wire.call("DELETE", "StructureDefinition/little-patient").status in {200, 204}
        assert not satisfies(wire, making.PROFILE)
    assert until(lambda: on_every_worker(served, making.PROFILE) == {False}) < SWITCH_S


def test_profiles_of_a_package_count_from_the_next_question_on(
    served: ServerProcess, operator: Operator, tmp_path: Path
) -> None:
    with Asking(served) as asking:
        operator.run("install", making.little(tmp_path))
        assert until(lambda: on_every_worker(served, making.PROFILE) == {True}) < SWITCH_S
        operator.run("remove", "org.example.little")
        assert until(lambda: on_every_worker(served, making.PROFILE) == {False}) < SWITCH_S
    assert set(asking.answers) <= {200, 201}


def test_us_core_and_ips_judge_while_they_are_installed(
    served: ServerProcess, operator: Operator, tmp_path: Path
) -> None:
    corpora = Settings().corpora
    if corpora is None:
        pytest.skip("FHIRSERVER_CORPORA names no folder of corpora")
    archives = [
        making.of_corpus(corpora, f"11-profiles-us-ips/{file}.ndjson.gz", tmp_path / f"{name}.tgz", name=name)
        for file, name in (("us-core-6.1.0", "hl7.fhir.us.core"), ("ips-1.1.0", "hl7.fhir.uv.ips"))
    ]
    with Asking(served) as asking:
        before = memory_mb(served)
        operator.run("install", *archives)
        until(lambda: all(on_every_worker(served, profile) == {True} for profile in PUBLISHED))
        growth = {pid: round(now - before[pid], 1) for pid, now in memory_mb(served).items() if pid in before}
        operator.run("remove", "hl7.fhir.us.core", "hl7.fhir.uv.ips")
        until(lambda: all(on_every_worker(served, profile) == {False} for profile in PUBLISHED))
    sys.stderr.write(f"growth of the workers in MB: {growth}\n")
    assert set(asking.answers) <= {200, 201}
    assert max(growth.values()) <= GROWTH_MB, growth
