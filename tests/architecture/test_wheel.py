"""The wheel brings everything the server reads: content folders, definitions, type information, the command."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fhirserver import assets

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout, built as the image builds it: without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    command = [sys.executable, "-m", "pip", "wheel", *options, str(CHECKOUT)]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


@pytest.mark.parametrize("folder", ["profiles", "terminology", "smart_apps"])
def test_content_folders_are_inside(wheel: zipfile.ZipFile, folder: str) -> None:
    committed = {str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / folder).rglob("*") if path.is_file()}
    inside = {name.removeprefix("fhirserver/_assets/") for name in wheel.namelist()}
    assert committed
    assert committed <= inside


@pytest.mark.parametrize("name", ["hl7.fhir.r4.core-4.0.1.tgz", "ucum-essence.xml"])
def test_definitions_are_inside_as_published(wheel: zipfile.ZipFile, name: str) -> None:
    packed = wheel.read(f"fhirserver/_assets/definitions/{name}")
    assert hashlib.sha256(packed).digest() == hashlib.sha256(assets.definition_file(name).read_bytes()).digest()


def test_pages_are_inside_with_their_words_and_files(wheel: zipfile.ZipFile) -> None:
    pages = CHECKOUT / "fhirserver" / "smart" / "pages"
    parts = [path for folder in ("templates", "static", "words") for path in (pages / folder).iterdir()]
    assert len(parts) > 20
    assert {str(path.relative_to(CHECKOUT)) for path in parts} <= set(wheel.namelist())


def test_every_module_is_inside_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    modules = {str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "fhirserver").rglob("*.py")}
    packed = {name for name in wheel.namelist() if "/_assets/" not in name and ".dist-info/" not in name}
    assert modules <= packed
    assert {Path(name).parts[0] for name in packed} == {"fhirserver"}


def test_the_command_is_declared(wheel: zipfile.ZipFile) -> None:
    entry_points = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "fhirserver = fhirserver.cli:main" in wheel.read(entry_points).decode()


def test_an_unpacked_wheel_finds_its_definitions_from_anywhere(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from fhirserver import assets; "
        "print(assets.definition_file('ucum-essence.xml'))"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], cwd="/", capture_output=True, text=True, timeout=20, check=True
    )
    assert run.stdout.strip() == str(tmp_path / "fhirserver/_assets/definitions/ucum-essence.xml")
