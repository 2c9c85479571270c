"""Code systems that are loaded while a server serves: from the moment they are whole, on every worker and machine."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from benchmarks.snomed_sized import Maker
from fhirserver.terminology.index.installed import FOLDER
from tests.server_process import ServerProcess, descendants, serving
from tests.terminology import small_edition as small
from tests.terminology.small_edition import code
from tests.wire import Answer, Wire

SNOMED = "http://snomed.info/sct"
SWITCH_S = 3.0
"""A second, and what a machine needs that has much other work."""


@dataclass
class Operator:
    """Who runs commands beside a server, with its settings."""

    server: ServerProcess

    def begin(self, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "fhirserver", "terminology", *map(str, arguments)]
        return subprocess.Popen(
            command, env=self.server._environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: object, expected: int = 0) -> str:
        running = self.begin(*arguments)
        told, problems = running.communicate(timeout=120)
        assert running.returncode == expected, problems
        return told + problems


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rf2")
    small.write_international(folder / "international")
    small.write_extension(folder / "extension")
    return folder


@pytest.fixture(scope="module")
def served(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with two workers."""
    with serving(ServerProcess(tmp_path_factory.mktemp("installed"), mongodb_uri, workers=2)) as server:
        yield server


@pytest.fixture(scope="module")
def operator(served: ServerProcess, release: Path) -> Operator:
    found = Operator(served)
    assert "64 concepts loaded" in found.run("load", release)
    return found


@pytest.fixture
def wire(served: ServerProcess, operator: Operator) -> Iterator[Wire]:
    with Wire(served.port) as wire:
        until(lambda: lookup(wire, "heart") == 200)
        yield wire


def get(wire: Wire, path: str, **parameters: str) -> Answer:
    query = "&".join(f"{name.replace('_', '-')}={quote(value)}" for name, value in parameters.items())
    return wire.call("GET", f"{path}?{query}")


def lookup(wire: Wire, key: str, **parameters: str) -> int:
    return int(get(wire, "CodeSystem/$lookup", system=SNOMED, code=code(key), **parameters).status)


def until(holds: Callable[[], bool], within_s: float = 30) -> float:
    """Wait for something; return how long it took."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < within_s, "it never was so"
        time.sleep(0.02)
    return time.monotonic() - started


def values(answer: dict[str, Any], name: str) -> list[Any]:
    found = [one for one in answer["parameter"] if one["name"] == name]
    return [value for one in found for key, value in one.items() if key.startswith("value")]


@pytest.mark.parametrize(
    ("language", "display"),
    [("en", "Edema of foot"), ("en-GB", "Oedema of foot"), ("fr", "Œdème du pied"), ("fr-BE", "Œdème du pied"),
     ("nl", "Oedeem van voet"), ("en-x-sctlang-90000000-00005080-04", "Oedema of foot"), ("de,nl", "Oedeem van voet")],
)  # fmt: skip
def test_lookup_says_a_concept_in_the_language_that_is_asked(wire: Wire, language: str, display: str) -> None:
    found = get(wire, "CodeSystem/$lookup", system=SNOMED, code=code("foot-oedema"), displayLanguage=language)
    assert found.status == 200
    assert values(found.json, "display") == [display]
    assert values(found.json, "version") == [small.VERSION]


def test_lookup_tells_properties_and_relatives(wire: Wire) -> None:
    found = get(wire, "CodeSystem/$lookup", system=SNOMED, code=code("tablet-2.5")).json
    parts = [one["part"] for one in found["parameter"] if one["name"] == "property"]
    properties = {one[0]["valueCode"]: one[1] for one in parts}
    assert properties["parent"]["valueCode"] == code("tablet")
    assert properties[code("ingredient")]["valueCode"] == code("drug")
    assert properties[code("strength")]["valueDecimal"] == 2.5
    assert properties["moduleId"]["valueCode"] == str(small.CORE)


def test_validate_code_and_subsumes(wire: Wire) -> None:
    valid = get(wire, "CodeSystem/$validate-code", url=SNOMED, code=code("heart"), display="Structure du cœur")
    assert values(valid.json, "result") == [True]
    unknown = get(wire, "CodeSystem/$validate-code", url=SNOMED, code="123")
    assert values(unknown.json, "result") == [False]
    asked = {"system": SNOMED, "codeA": code("limb-finding"), "codeB": code("hand-fracture")}
    assert values(get(wire, "CodeSystem/$subsumes", **asked).json, "outcome") == ["subsumes"]


def expanded(wire: Wire, *filters: dict[str, str], **parameters: str) -> list[str]:
    include = {"system": SNOMED, "filter": list(filters)}
    value_set = {"resourceType": "ValueSet", "status": "active", "compose": {"include": [include]}}
    given = [{"name": name, "valueString": value} for name, value in parameters.items() if name != "count"]
    given += [{"name": "count", "valueInteger": int(parameters["count"])}] if "count" in parameters else []
    body = {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": value_set}, *given]}
    answer = wire.call("POST", "ValueSet/$expand", json.dumps(body).encode())
    assert answer.status == 200, answer.body
    return [one["display"] for one in answer.json["expansion"].get("contains", ())]


def test_expand_finds_what_is_typed_ranked_folded_and_by_language(wire: Wire) -> None:
    findings = {"property": "concept", "op": "is-a", "value": code("finding")}
    french = expanded(wire, findings, filter="coeur", displayLanguage="fr", count="10")
    assert french == ["Maladie du cœur"]
    assert expanded(wire, findings, filter="OEDEME", displayLanguage="fr-BE", count="10") == ["Œdème du pied"]
    dutch = expanded(wire, findings, filter="voet", displayLanguage="nl", count="10")
    assert dutch == ["Oedeem van voet", "Fractuur van voet", "Verstuiking van voet"]
    english = expanded(wire, findings, filter="fract", displayLanguage="en", count="3")
    assert english[:2] == ["Fracture", "Fracture of arm"]


def test_expand_by_attribute_and_reference_set(wire: Wire) -> None:
    of_heart = {"property": code("site"), "op": "=", "value": code("heart")}
    assert sorted(expanded(wire, of_heart, count="9")) == ["Heart attack", "Heart disease"]
    limbs = {"property": "concept", "op": "in", "value": code("limbs-refset")}
    assert sorted(expanded(wire, limbs, count="9")) == ["Fracture of arm", "Fracture of leg"]


def test_it_is_listed(operator: Operator) -> None:
    told = operator.run("list")
    assert small.VERSION in told
    assert "all" in told


def test_another_version_is_served_within_a_second_and_the_one_before_goes_on(
    operator: Operator, wire: Wire, served: ServerProcess, release: Path, tmp_path: Path
) -> None:
    version = f"{SNOMED}/{small.MODULE}/version/20270315"
    assert lookup(wire, "heart", version=version) == 422
    answers: list[int] = []
    stopping = threading.Event()

    def ask() -> None:
        with Wire(served.port) as own:
            while not stopping.is_set():
                answers.append(lookup(own, "heart"))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        operator.run("load", release, "--version", version)
        took = until(lambda: _on_every_worker(served, version))
    finally:
        stopping.set()
        asking.join()
    assert took < SWITCH_S
    assert set(answers) == {200}
    assert lookup(wire, "heart", version=small.VERSION) == 200
    newest = get(wire, "CodeSystem/$lookup", system=SNOMED, code=code("heart")).json
    assert values(newest, "version") == [version]
    operator.run("remove", SNOMED, "--version", version)
    assert until(lambda: not _on_any_worker(served, version)) < SWITCH_S
    assert lookup(wire, "heart") == 200


def _statuses(served: ServerProcess, version: str) -> list[int]:
    """Ask over several connections, which several workers accept."""
    found = []
    for _ in range(6):
        with Wire(served.port) as own:
            found.append(lookup(own, "heart", version=version))
    return found


def _on_every_worker(served: ServerProcess, version: str) -> bool:
    return set(_statuses(served, version)) == {200}


def _on_any_worker(served: ServerProcess, version: str) -> bool:
    return 200 in _statuses(served, version)


def test_a_corrupt_load_leaves_nothing(operator: Operator, wire: Wire, release: Path, tmp_path: Path) -> None:
    small.write_international(tmp_path / "release")
    damaged = next((tmp_path / "release").rglob("sct2_Relationship_*"))
    damaged.write_bytes(damaged.read_bytes()[:-100])
    told = operator.run("load", tmp_path / "release", expected=1)
    assert damaged.name in told
    assert ", line " in told
    assert small.INTERNATIONAL_VERSION not in operator.run("list")
    assert _left(operator) == []
    assert lookup(wire, "heart", version=small.INTERNATIONAL_VERSION) == 422


def _left(operator: Operator) -> list[str]:
    """Return what lies in the folder beside whole versions."""
    folder = operator.server.folder / "data" / FOLDER
    return sorted(one.name for one in folder.iterdir() if one.suffix == ".part")


@pytest.mark.parametrize("after_s", [0.0, 0.1])
def test_a_load_that_is_killed_leaves_nothing_and_can_be_run_again(
    operator: Operator, wire: Wire, tmp_path: Path, after_s: float
) -> None:
    Maker(tmp_path / "release", 20_000, seed=1).make()
    version = small.INTERNATIONAL_VERSION
    running = operator.begin("load", tmp_path / "release")
    until(lambda: _left(operator) != [])
    time.sleep(after_s)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate(timeout=30)
    assert lookup(wire, "heart") == 200
    assert version not in operator.run("list")
    operator.run("load", tmp_path / "release")
    assert until(lambda: lookup(wire, "root", version=version) == 200) < SWITCH_S
    assert _left(operator) == []
    operator.run("remove", SNOMED, "--version", version)


def test_sites_use_what_they_are_given(operator: Operator, wire: Wire) -> None:
    assert "`elsewhere` is not a site" in operator.run("use", SNOMED, "--site", "elsewhere", expected=2)
    other = Operator(replace(operator.server, environment={"SITES": "main,other"}))
    other.run("use", SNOMED, "--site", "other")
    assert until(lambda: lookup(wire, "heart") == 422) < SWITCH_S
    assert "other" in other.run("list")
    operator.run("use", SNOMED)
    assert until(lambda: lookup(wire, "heart") == 200) < SWITCH_S


def test_a_file_that_somebody_deleted_is_fetched_again(operator: Operator, wire: Wire) -> None:
    (file,) = (operator.server.folder / "data" / FOLDER).glob("*.index")
    file.unlink()
    until(file.exists)
    assert lookup(wire, "heart") == 200


def test_all_of_it_is_a_value_set_too(wire: Wire) -> None:
    assert len(expanded(wire, count="1000")) == len(small.IDS)


def test_another_machine_fetches_what_it_lacks(operator: Operator, mongodb_uri: str, tmp_path: Path) -> None:
    machine = ServerProcess(tmp_path / "other", mongodb_uri, database_prefix=operator.server.database_prefix)
    try:
        machine.start()
        with Wire(machine.port) as wire:
            until(lambda: lookup(wire, "heart") == 200)
        assert len(list((tmp_path / "other" / "data" / FOLDER).glob("*.index"))) == 1
    finally:
        machine.end()


def test_what_is_not_loaded_cannot_be_removed(operator: Operator) -> None:
    assert "`http://a.b` is not loaded." in operator.run("remove", "http://a.b", expected=2)


def test_two_loads_at_a_time_wait_for_each_other(operator: Operator, wire: Wire, release: Path) -> None:
    versions = [f"{SNOMED}/{small.MODULE}/version/2028031{day}" for day in (1, 2)]
    for running in [operator.begin("load", release, "--version", version) for version in versions]:
        _, problems = running.communicate(timeout=120)
        assert running.returncode == 0, problems
    until(lambda: all(lookup(wire, "heart", version=version) == 200 for version in versions))
    for version in versions:
        operator.run("remove", SNOMED, "--version", version)


def test_no_worker_has_the_file_of_a_version_that_was_removed(operator: Operator, wire: Wire, release: Path) -> None:
    version = f"{SNOMED}/{small.MODULE}/version/20290315"
    before = _mapped(operator.server)
    operator.run("load", release, "--version", version)
    until(lambda: _on_every_worker(operator.server, version))
    for _ in range(4):
        with Wire(operator.server.port) as own:
            _use(own)
    used = _mapped(operator.server) - before
    assert used != set()
    operator.run("remove", SNOMED, "--version", version)
    until(lambda: _mapped(operator.server) & used == set(), within_s=SWITCH_S)  # nobody asks meanwhile


def _use(wire: Wire) -> None:
    """Ask in all ways that need the codes of the last version."""
    findings = {"property": "constraint", "op": "=", "value": f"<< {code('finding')} : {code('site')} = *"}
    assert "Fracture of arm" in expanded(wire, findings, count="99", filter="fract")
    url = f"{SNOMED}?fhir_vs=ecl/< {code('finding')}"
    valid = get(wire, "ValueSet/$validate-code", url=url, system=SNOMED, code=code("fracture"))
    assert values(valid.json, "result") == [True]
    below = f"{SNOMED}|{code('finding')}"
    assert get(wire, "Observation", **{"code:below": below}).status == 200
    assert get(wire, "Observation", **{"code:in": f"{SNOMED}?fhir_vs=isa/{code('finding')}"}).status == 200
    assert get(wire, "ValueSet/$expand", url="http://a.b/none").status == 422


def _mapped(server: ServerProcess) -> set[str]:
    """Return the indexes that workers have mapped, whether they are still there or not."""
    maps = [Path(f"/proc/{pid}/maps").read_text() for pid in descendants(server.pid)]
    lines = (line.split(maxsplit=5)[-1] for text in maps for line in text.splitlines() if ".index" in line)
    return {line.removesuffix(" (deleted)") for line in lines}
