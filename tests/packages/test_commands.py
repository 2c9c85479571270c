"""``fhirserver package``: what is installed, from files and a registry; what is refused, and leaves nothing."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pymongo
import pytest

from tests.packages import making
from tests.packages.operator import Operator, until
from tests.packages.registry import Registry, serving_registry
from tests.server_process import ServerProcess

NAME = "org.example.little"


@pytest.fixture
def operator(mongodb_uri: str, tmp_path: Path) -> Iterator[Operator]:
    server = ServerProcess(tmp_path / "server", mongodb_uri)
    server.folder.mkdir()
    try:
        yield Operator(server)
    finally:
        with pymongo.MongoClient[dict[str, object]](mongodb_uri) as client:
            client.drop_database(f"{server.database_prefix}_network")


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving_registry() as found:
        yield found


def shelf(operator: Operator) -> list[str]:
    folder = operator.server.folder / "data" / "packages"
    return sorted(path.name for path in folder.iterdir() if path.suffix in {".package", ".part"})


def test_a_file_is_installed_listed_and_removed(operator: Operator, tmp_path: Path) -> None:
    told = operator.run("install", making.little(tmp_path))
    assert f"{NAME}#1.0.0: 7 definitions" in told
    listing = operator.run("list")
    assert "CC0-1.0" in listing
    assert len(shelf(operator)) == 1
    assert operator.listed() == [(NAME, "1.0.0")]
    assert "removed" in operator.run("remove", NAME)
    assert operator.listed() == []
    assert shelf(operator) == []
    assert "not installed" in operator.run("remove", NAME, expected=2)


def test_versions_stand_side_by_side(operator: Operator, tmp_path: Path) -> None:
    operator.run("install", making.little(tmp_path, "1.0.0"), making.little(tmp_path, "2.0.0"))
    assert operator.listed() == [(NAME, "1.0.0"), (NAME, "2.0.0")]
    assert "several versions: 1.0.0, 2.0.0" in operator.run("remove", NAME, expected=2)
    operator.run("remove", f"{NAME}@1.0.0")
    assert operator.listed() == [(NAME, "2.0.0")]


def test_sites_are_given_packages(operator: Operator, tmp_path: Path) -> None:
    operator.environment = {"FHIRSERVER_SITES": "main,other"}
    operator.run("install", "--site", "other", making.little(tmp_path))
    assert " other " in operator.run("list")
    operator.run("use", NAME, "--site", "main", "--site", "other")
    assert "main, other" in operator.run("list")
    operator.run("use", NAME)
    assert " all " in operator.run("list")
    assert "not a site" in operator.run("use", NAME, "--site", "nowhere", expected=2)


def test_what_is_needed_must_be_given(operator: Operator, tmp_path: Path) -> None:
    needs = {"hl7.fhir.r4.core": "4.0.1", "org.example.b": "1.0.x", "org.example.c": "2.0.0"}
    first = making.little(tmp_path, name="org.example.a", dependencies=needs)
    told = operator.run("install", first, expected=1)
    assert "`org.example.b` 1.0.x (needed by `org.example.a#1.0.0`), `org.example.c` 2.0.0" in told
    assert "FHIRSERVER_PACKAGE_REGISTRY" in told
    assert operator.listed() == []
    second, third = making.little(tmp_path, "1.0.7", "org.example.b"), making.little(tmp_path, "2.0.0", "org.example.c")
    operator.run("install", first, second, third)
    assert len(operator.listed()) == 3
    assert "needed by `org.example.a#1.0.0`" in operator.run("remove", "org.example.b", expected=1)
    operator.run("remove", "org.example.a")
    operator.run("install", first)
    assert "no-dependencies" in operator.run(
        "install", making.little(tmp_path, "3", "d", dependencies={"x": "1"}), expected=1
    )
    operator.run("install", "--no-dependencies", making.little(tmp_path, "3", "d", dependencies={"x": "1"}))


def test_a_package_by_name_comes_from_the_registry_with_what_it_needs(
    operator: Operator, registry: Registry, tmp_path: Path
) -> None:
    operator.environment = {"FHIRSERVER_PACKAGE_REGISTRY": registry.base}
    needs = {"hl7.fhir.r4.core": "4.0.1", "org.example.b": "1.0.x"}
    registry.add(making.little(tmp_path, "1.2.0", "org.example.a", dependencies=needs), "org.example.a", "1.2.0")
    for version in ("1.0.2", "1.0.10", "1.1.0"):
        own = making.little(tmp_path, version, "org.example.b", dependencies={"org.example.a": "1.2.0"})
        registry.add(own, "org.example.b", version)
    operator.run("install", "org.example.a@latest")
    assert operator.listed() == [("org.example.a", "1.2.0"), ("org.example.b", "1.0.10")]
    assert registry.asked.count("/org.example.a") == 1
    assert not [path for path in registry.asked if "core" in path]
    operator.run("remove", "org.example.a@1.2.0")
    assert operator.listed() == []


def test_what_a_killed_installation_had_fetched_is_removed(operator: Operator, tmp_path: Path) -> None:
    data = operator.server.folder / "data"
    for name in ("fetched-old", "fetched-new"):
        (data / name).mkdir(parents=True)
    day_ago = time.time() - 24 * 3600
    os.utime(data / "fetched-old", (day_ago, day_ago))
    operator.run("install", making.little(tmp_path))
    assert [path.name for path in data.glob("fetched-*")] == ["fetched-new"]


def test_what_the_registry_lacks_is_said(operator: Operator, registry: Registry, tmp_path: Path) -> None:
    assert "FHIRSERVER_PACKAGE_REGISTRY" in operator.run("install", "org.example.a@1.0.0", expected=1)
    operator.environment = {"FHIRSERVER_PACKAGE_REGISTRY": registry.base}
    assert "no package `org.example.a`" in operator.run("install", "org.example.a@1.0.0", expected=1)
    registry.add(making.little(tmp_path, name="org.example.a"), "org.example.a", "1.0.0", shasum="0" * 40)
    assert "has 1.0.0" in operator.run("install", "org.example.a@2.0.0", expected=1)
    assert "no version `current`" in operator.run("install", "org.example.a@current", expected=1)
    assert "SHA-1" in operator.run("install", "org.example.a@1.0.0", expected=1)
    registry.add(making.little(tmp_path), "org.example.a", "1.0.0")
    assert f"gives `{NAME}#1.0.0`" in operator.run("install", "org.example.a@1.0.0", expected=1)
    assert "a registry" in operator.run("install", "--registry", "ftp://a.b", "org.example.a", expected=2)
    assert operator.listed() == []


def test_an_address_must_be_public_or_allowed(operator: Operator, registry: Registry, tmp_path: Path) -> None:
    registry.add(making.little(tmp_path), NAME, "1.0.0")
    address = f"{registry.base}/{NAME}/1.0.0"
    assert "not public" in operator.run("install", address, expected=1)
    registry.answers["/moved"] = 302, {"Location": "http://localhost:1/x"}, b""
    operator.environment = {"FHIRSERVER_PACKAGE_REGISTRY": registry.base}
    assert "not public" in operator.run("install", f"{registry.base}/moved", expected=1)
    operator.run("install", address)
    assert operator.listed() == [(NAME, "1.0.0")]


def test_when_one_is_wrong_none_is_installed(operator: Operator, tmp_path: Path) -> None:
    files = {**making.files_of([], name="org.example.bad"), "package/ValueSet-x.json": b"{"}
    bad = making.pack(tmp_path / "bad.tgz", files)
    told = operator.run("install", making.little(tmp_path), bad, expected=1)
    assert "`bad.tgz` cannot be installed. The file `package/ValueSet-x.json` is not JSON" in told
    assert "cannot be read" in operator.run("install", tmp_path / "none.tgz", expected=1)
    assert "for FHIR 5.0.0" in operator.run("install", making.little(tmp_path, "9", fhirVersions=["5.0.0"]), expected=1)
    assert "not a site" in operator.run("install", "--site", "nowhere", making.little(tmp_path), expected=2)
    operator.environment = {"FHIRSERVER_MAX_PACKAGE_BYTES": "1024"}
    assert "more than 1024 bytes" in operator.run("install", making.little(tmp_path), expected=1)
    operator.environment = {}
    assert operator.listed() == []
    assert shelf(operator) == []


def large(path: Path, name: str) -> Path:
    resources = []
    for number in range(100):
        names = {"id": f"v{number}", "url": f"{making.VALUE_SET}-{number}"}
        resources.append({**making.definitions()[3], **names, "description": os.urandom(100_000).hex()})
    return making.pack(path, making.files_of(resources, name=name))


def test_an_installation_that_is_killed_leaves_nothing(operator: Operator, tmp_path: Path) -> None:
    archives = [large(tmp_path / f"{number}.tgz", f"org.example.n{number}") for number in range(4)]
    folder = operator.server.folder / "data" / "packages"
    folder.mkdir(parents=True)
    for pause_s in (0.1, 0.8):
        running = operator.begin("install", *archives)
        until(lambda: any(folder.glob("*.part")))
        time.sleep(pause_s)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        assert len(operator.listed()) in {0, 4}
    operator.run("install", *archives)
    assert len(operator.listed()) == 4
    assert len(shelf(operator)) == 4
