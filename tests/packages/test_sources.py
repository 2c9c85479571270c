"""What packages give to a site: structures, terminology, search parameters; installed ones go before shipped ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from fhirserver import assets
from fhirserver.definitions.installed import ActivePackages, Installed, PackageShelf
from fhirserver.definitions.manifests import Manifest
from fhirserver.definitions.package_files import PackageFile, compile_archive, sha256_of
from fhirserver.definitions.shipped import Shipped
from fhirserver.definitions.structures import PackagedStructures, Structures
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.library import Changing, Library, MapSource
from fhirserver.terminology.packages import PackageTerms, Remembered
from fhirserver.terminology.selected import codes_of
from tests.packages import making


class Machine:
    """A shelf with packages."""

    def __init__(self, folder: Path) -> None:
        self.shelf = PackageShelf(folder / "packages")
        self.shelf.folder.mkdir()
        self.folder = folder

    def install(self, archive: Path, sites: tuple[str, ...] | None = None, needs: tuple[str, ...] = ()) -> Installed:
        part = self.shelf.part()
        manifest: Manifest = compile_archive(archive, part, 1 << 24)
        sha = sha256_of(part)
        part.replace(self.shelf.path(sha))
        one = Installed(manifest.name, manifest.version, sha, 1, 1, "", sites=sites, dependencies=needs)
        self.shelf.install([*self.shelf.installed(), one])
        return one

    def remove(self, *keys: str) -> None:
        self.shelf.install([one for one in self.shelf.installed() if one.key not in keys])

    def active(self, site: str = "main", shipped: Shipped | None = None) -> ActivePackages:
        return ActivePackages(self.shelf, site, shipped)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def version_of(found: Resource | None) -> str | None:
    return None if found is None else str(found["version"])


def test_what_is_installed_is_found_at_once_and_gone_when_it_is_removed(machine: Machine) -> None:
    active = machine.active()
    structures, terms = PackagedStructures(active), PackageTerms(active, Remembered())
    assert isinstance(terms, MapSource)
    assert isinstance(terms, Changing)
    assert structures.structure(making.PROFILE) is None
    before = active.mark
    one = machine.install(making.little(machine.folder))
    assert active.mark != before
    assert version_of(structures.structure(making.PROFILE)) == "1.0.0"
    assert structures.structure(making.VALUE_SET) is None
    assert [code for _, code in codes_of(Library((terms,)), making.VALUE_SET)] == ["red", "v1.0.0"]
    assert terms.versions() == [(making.CODE_SYSTEM, "1.0.0")]
    assert [supplement["id"] for supplement in terms.supplements(making.CODE_SYSTEM)] == ["colours-fr"]
    assert [found.url for found in terms.concept_maps(making.MAP)] == [making.MAP]
    assert [found.url for found in terms.maps_of("http://example.org/other")] == [making.MAP]
    assert [found.url for found in terms.maps_between(None, None)] == [making.MAP]
    machine.remove(one.key)
    assert active.mark == before
    assert structures.structure(making.PROFILE) is None
    assert terms.value_sets(making.VALUE_SET) == []
    assert not terms.maps_of(making.CODE_SYSTEM)


def test_of_several_versions_the_last_counts_unless_one_is_named(machine: Machine) -> None:
    for version in ("1.10.0", "1.9.0", "1.2.0-draft"):
        machine.install(making.little(machine.folder, version))
    structures = PackagedStructures(machine.active())
    assert version_of(structures.structure(making.PROFILE)) == "1.10.0"
    assert version_of(structures.structure(f"{making.PROFILE}|1.9.0")) == "1.9.0"
    assert structures.structure(f"{making.PROFILE}|1.1.0") is None
    assert structures.versions(making.PROFILE) == ["1.10.0", "1.9.0", "1.2.0-draft"]
    assert structures.versions(making.VALUE_SET) == []


def test_a_site_has_the_packages_that_are_given_to_it(machine: Machine) -> None:
    machine.install(making.little(machine.folder), sites=("here",))
    assert PackagedStructures(machine.active("here")).structure(making.PROFILE) is not None
    assert PackagedStructures(machine.active("there")).structure(making.PROFILE) is None
    assert machine.active("here").mark != machine.active("there").mark


def _asking(name: str, version: str) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition", "id": name, "url": f"{making.BASE}/StructureDefinition/{name}",
        "version": version, "kind": "resource", "type": "Patient", "derivation": "constraint",
        "baseDefinition": making.PROFILE,
        "differential": {"element": [
            {"path": "Patient.x", "binding": {"strength": "required", "valueSet": making.VALUE_SET}},
            {"path": "Patient.y", "type": [{"code": "Reference", "targetProfile": [making.PROFILE, "http://a.b"]}]},
        ]},
    }  # fmt: skip


def test_a_package_means_the_versions_that_it_needs(machine: Machine) -> None:
    for version in ("1.0.0", "2.0.0"):
        machine.install(making.little(machine.folder, version))
    resources = making.files_of([_asking("asking", "5.0.0")], name="org.example.asking", version="5.0.0")
    needs = ("org.example.little#1.0.0",)
    machine.install(making.pack(machine.folder / "asking.tgz", resources), needs=needs)
    found = PackagedStructures(machine.active()).structure(f"{making.BASE}/StructureDefinition/asking")
    assert found is not None
    assert found["baseDefinition"] == f"{making.PROFILE}|1.0.0"
    elements = found["differential"]["element"]
    assert elements[0]["binding"]["valueSet"] == f"{making.VALUE_SET}|1.0.0"
    assert elements[1]["type"][0]["targetProfile"] == [f"{making.PROFILE}|1.0.0", "http://a.b"]
    machine.remove("org.example.little#2.0.0")
    plain = PackagedStructures(machine.active()).structure(f"{making.BASE}/StructureDefinition/asking")
    assert plain is not None
    assert plain["baseDefinition"] == making.PROFILE


def test_what_ships_counts_until_an_official_package_is_installed(machine: Machine) -> None:
    folder = machine.folder / "profiles" / "own" / "package"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps(making.manifest(name="org.example.own", version="9.0.0")))
    for one in making.definitions("9.0.0"):
        (folder / f"{one['resourceType']}-{one['id']}.json").write_text(json.dumps(one))
    (folder / "examples").mkdir()
    (folder / "examples" / "Patient.json").write_text("{ no definition")
    active = machine.active(shipped=Shipped(machine.folder / "profiles", machine.folder / "compiled"))
    structures, terms = PackagedStructures(active), PackageTerms(active, Remembered())
    assert version_of(structures.structure(making.PROFILE)) == "9.0.0"
    assert active.packages() == []
    assert list(active.installed("SearchParameter")) == []
    machine.install(making.little(machine.folder))
    assert version_of(structures.structure(making.PROFILE)) == "1.0.0"
    assert [one.version for one in terms.value_sets(making.VALUE_SET)] == ["1.0.0"]
    assert version_of(structures.structure(f"{making.PROFILE}|9.0.0")) == "9.0.0"


def test_the_first_source_that_has_a_structure_gives_it(machine: Machine) -> None:
    machine.install(making.little(machine.folder))

    class Stored:
        mark = "1"

        def structure(self, canonical: str) -> Resource | None:
            return {"resourceType": "StructureDefinition", "version": "mine"} if canonical == making.PROFILE else None

        def versions(self, url: str) -> list[str]:
            return ["mine"] if url == making.PROFILE else []

    packaged = PackagedStructures(machine.active())
    both = Structures((Stored(), packaged))
    assert version_of(both.structure(making.PROFILE)) == "mine"
    assert version_of(both.structure(f"{making.PROFILE}|1.0.0")) == "1.0.0"
    assert both.versions(making.PROFILE) == ["mine", "1.0.0"]
    assert both.mark == f"1 {packaged.mark}"


def test_what_was_read_is_remembered_up_to_a_weight_and_forgotten_with_its_package(machine: Machine) -> None:
    one = machine.install(making.little(machine.folder))
    remembered = Remembered()
    terms = PackageTerms(machine.active(), remembered)
    first = terms.code_systems(making.CODE_SYSTEM)[0]
    assert terms.code_systems(making.CODE_SYSTEM)[0] is first
    remembered.forget({one.sha})
    assert terms.code_systems(making.CODE_SYSTEM)[0] is first
    remembered.forget(set())
    assert terms.code_systems(making.CODE_SYSTEM)[0] is not first


def test_a_file_that_cannot_be_read_is_passed_over_and_told(machine: Machine) -> None:
    machine.install(making.little(machine.folder))
    bad = machine.install(making.little(machine.folder, "2.0.0"))
    machine.shelf.path(bad.sha).write_bytes(b"of another version of the server" * 4)
    assert version_of(PackagedStructures(machine.active()).structure(making.PROFILE)) == "1.0.0"
    assert "`org.example.little#2.0.0` must be installed again" in machine.shelf.problems[bad.key]
    machine.install(making.little(machine.folder, "3.0.0"))
    assert version_of(PackagedStructures(machine.active()).structure(making.PROFILE)) == "3.0.0"


def test_the_shipped_packages_are_sound(tmp_path: Path) -> None:
    """What this checkout ships can be read, whole."""

    shipped = Shipped(assets.folder("profiles"), tmp_path)
    assert all(isinstance(file, PackageFile) and file.entries for file in shipped.files)
