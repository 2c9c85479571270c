"""Packages that are installed while a server serves: on every worker, at once, and gone when they are removed."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fhirserver.settings import Settings
from tests.packages import making
from tests.packages.operator import Operator, until
from tests.server_process import ServerProcess, descendants, serving
from tests.wire import Wire

SWITCH_S = 4.0
"""Two seconds, and what a machine needs that has much other work."""
GROWTH_MB = 60
FR = "hl7.fhir.fr.core"
FR_GUIDE = "https://hl7.fr/ig/fhir/core/ImplementationGuide/hl7.fhir.fr.core"
ADDED = (
    "https://mos.esante.gouv.fr/NOS/JDV_J81-TypeDiplome-RASS/FHIR/JDV-J81-TypeDiplome-RASS",
    "http://hl7.org/fhir/us/core/ValueSet/us-core-screening-assessment-condition-category",
    "http://hl7.org/fhir/uv/ips/ValueSet/absent-or-unknown-allergies-uv-ips",
)


@pytest.fixture(scope="module")
def served(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with two workers."""
    with serving(ServerProcess(tmp_path_factory.mktemp("hot"), mongodb_uri, workers=2)) as server:
        yield server


@pytest.fixture(scope="module")
def operator(served: ServerProcess) -> Operator:
    return Operator(served)


def statuses(served: ServerProcess, path: str) -> set[int]:
    """Ask over several connections, which several workers accept."""
    found = set()
    for _ in range(8):
        with Wire(served.port) as wire:
            found.add(wire.call("GET", path).status)
    return found


def expand(url: str) -> str:
    return f"ValueSet/$expand?url={quote(url)}"


def memory_mb(served: ServerProcess) -> dict[int, float]:
    """Return the resident memory of each worker."""
    pages = {pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in descendants(served.pid)}
    return {pid: found * 4096 / 1e6 for pid, found in pages.items()}


class Asking:
    """Asks without a pause while something is done, and keeps what was answered."""

    def __init__(self, served: ServerProcess) -> None:
        self._served = served
        self._stopping = threading.Event()
        self.answers: list[int] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(2)]

    def _ask(self) -> None:
        patient = {"resourceType": "Patient", "name": [{"family": "Doe"}]}
        with Wire(self._served.port) as wire:
            while not self._stopping.is_set():
                self.answers.append(wire.call("POST", "Patient", json.dumps(patient).encode()).status)
                self.answers.append(wire.call("GET", "Patient?family=doe&_count=1").status)
                self.answers.append(
                    wire.call("GET", expand("http://hl7.org/fhir/ValueSet/administrative-gender")).status
                )

    def __enter__(self) -> "Asking":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()


def test_a_package_takes_effect_while_requests_run_and_leaves(
    served: ServerProcess, operator: Operator, tmp_path: Path
) -> None:
    assert statuses(served, expand(making.VALUE_SET)) == {422}
    with Asking(served) as asking:
        operator.run("install", making.little(tmp_path))
        assert until(lambda: statuses(served, expand(making.VALUE_SET)) == {200}) < SWITCH_S
        operator.run("remove", "org.example.little")
        assert until(lambda: statuses(served, expand(making.VALUE_SET)) == {422}) < SWITCH_S
    assert set(asking.answers) <= {200, 201}
    assert len(asking.answers) > 20


def statements(served: ServerProcess) -> list[dict[str, Any]]:
    found = []
    for _ in range(6):
        with Wire(served.port) as wire:
            found.append(wire.call("GET", "metadata").json)
    return found


def guide_of(served: ServerProcess, url: str) -> dict[str, Any] | None:
    """Search for an ImplementationGuide."""
    with Wire(served.port) as wire:
        entries = wire.call("GET", f"ImplementationGuide?url={url}").json.get("entry", ())
    assert len(entries) <= 1
    return dict(entries[0]["resource"]) if entries else None


def supported(statement: dict[str, Any]) -> list[str]:
    resources = statement["rest"][0]["resource"]
    return next(list(one.get("supportedProfile", ())) for one in resources if one["type"] == "Patient")


def test_the_statement_and_a_search_tell_what_is_installed(
    served: ServerProcess, operator: Operator, tmp_path: Path
) -> None:
    guide = f"{making.BASE}/ImplementationGuide/org.example.little"
    operator.run("install", making.little(tmp_path, canonical=making.BASE, title="Little things"))
    until(lambda: all(f"{guide}|1.0.0" in one.get("implementationGuide", ()) for one in statements(served)))
    assert all(making.PROFILE in supported(one) for one in statements(served))

    until(lambda: guide_of(served, guide) is not None)
    resource = guide_of(served, guide) or {}
    assert (resource["id"], resource["version"], resource["title"]) == (
        "org.example.little-1.0.0",
        "1.0.0",
        "Little things",
    )
    assert resource["packageId"] == "org.example.little"
    operator.run("remove", "org.example.little")
    until(lambda: guide_of(served, guide) is None)
    assert all(guide not in str(one.get("implementationGuide")) for one in statements(served))
    assert all(making.PROFILE not in supported(one) for one in statements(served))


def test_the_terminology_of_a_package_answers_every_question(
    served: ServerProcess, operator: Operator, tmp_path: Path
) -> None:
    operator.run("install", making.little(tmp_path))
    until(lambda: statuses(served, expand(making.VALUE_SET)) == {200})
    with Wire(served.port) as wire:
        system, value_set = quote(making.CODE_SYSTEM), quote(making.VALUE_SET)
        valid = wire.call("GET", f"ValueSet/$validate-code?url={value_set}&system={system}&code=red").json
        assert {"name": "result", "valueBoolean": True} in valid["parameter"]
        found = wire.call("GET", f"CodeSystem/$lookup?system={system}&code=red")
        assert found.status == 200
        mapped = wire.call("GET", f"ConceptMap/$translate?url={quote(making.MAP)}&system={system}&code=red")
        assert mapped.status == 200, mapped.body
        assert {"name": "result", "valueBoolean": True} in mapped.json["parameter"]
        observation = {
            "resourceType": "Observation", "status": "final",
            "code": {"coding": [{"system": making.CODE_SYSTEM, "code": "red"}]},
        }  # fmt: skip
        assert wire.call("POST", "Observation", json.dumps(observation).encode()).status == 201
        assert wire.call("GET", f"Observation?code:in={value_set}&_total=accurate").json["total"] == 1
    operator.run("remove", "org.example.little")


def test_a_search_parameter_of_a_package_is_indexed_and_served(
    served: ServerProcess, operator: Operator, tmp_path: Path
) -> None:
    patient = {"resourceType": "Patient", "extension": [{"url": f"{making.BASE}/shoe", "valueString": "Boot"}]}
    with Wire(served.port) as wire:
        assert wire.call("POST", "Patient", json.dumps(patient).encode()).status == 201
        until(lambda: wire.call("GET", "Patient?shoe=boot", headers={"Prefer": "handling=strict"}).status == 400)
        operator.run("install", making.little(tmp_path))

        def found() -> bool:
            answer = wire.call("GET", "Patient?shoe=boot&_total=accurate", headers={"Prefer": "handling=strict"})
            return answer.status == 200 and answer.json["total"] == 1

        until(found)
        operator.run("remove", "org.example.little")
        until(lambda: wire.call("GET", "Patient?shoe=boot", headers={"Prefer": "handling=strict"}).status == 400)
    until(lambda: statuses(served, expand(making.VALUE_SET)) == {422})


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """FR Core with what it needs, US Core and IPS, as packages."""
    corpora = Settings().corpora
    if corpora is None:
        pytest.skip("FHIRSERVER_CORPORA names no folder of corpora")
    folder = tmp_path_factory.mktemp("published")
    needs = {"hl7.fhir.r4.core": "4.0.1", "org.example.needed": "1.0.0"}
    return [
        making.of_corpus(corpora, file, folder / f"{name}.tgz", name=name, version=version, dependencies=dependencies)
        for file, name, version, dependencies in (
            ("07-be-fr-profiles/fr-core-2.2.0-dependencies.ndjson.gz", "org.example.needed", "1.0.0", {}),
            ("07-be-fr-profiles/fr-core-2.2.0.ndjson.gz", FR, "2.2.0", needs),
            ("11-profiles-us-ips/us-core-6.1.0.ndjson.gz", "hl7.fhir.us.core", "6.1.0", {"hl7.fhir.r4.core": "4.0.1"}),
            ("11-profiles-us-ips/ips-1.1.0.ndjson.gz", "hl7.fhir.uv.ips", "1.1.0", {}),
        )
    ]


def test_fr_core_us_core_and_ips_are_installed_while_requests_run(
    served: ServerProcess,
    operator: Operator,
    published: list[Path],
) -> None:
    with Asking(served) as asking:
        time.sleep(3)
        before = memory_mb(served)
        operator.run("install", *published)
        took = until(lambda: all(statuses(served, expand(url)) == {200} for url in ADDED))
        until(lambda: guide_of(served, FR_GUIDE) is not None)
        time.sleep(10)  # what is worked out beside requests
        after = memory_mb(served)
        operator.run("remove", FR, "org.example.needed", "hl7.fhir.us.core", "hl7.fhir.uv.ips")
        until(lambda: all(statuses(served, expand(url)) == {422} for url in ADDED))
    growth = {pid: round(after[pid] - before[pid], 1) for pid in before}
    sys.stderr.write(f"visible after {took:.2f} s; growth of the workers in MB: {growth}\n")
    assert set(asking.answers) <= {200, 201}
    assert max(growth.values()) <= GROWTH_MB
    assert before.keys() == after.keys()


def test_another_machine_has_them_too_and_a_server_that_starts_again(
    served: ServerProcess, operator: Operator, tmp_path: Path
) -> None:
    operator.run("install", making.little(tmp_path))
    other = ServerProcess(tmp_path / "other", served.mongodb_uri, database_prefix=served.database_prefix)
    try:
        other.start()
        until(lambda: statuses(other, expand(making.VALUE_SET)) == {200})
        other.end()
        other.start()
        assert statuses(other, expand(making.VALUE_SET)) == {200}
        operator.run("remove", "org.example.little")
        assert until(lambda: statuses(other, expand(making.VALUE_SET)) == {422}) < SWITCH_S
    finally:
        other.end()
