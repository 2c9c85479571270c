"""Programs of others that tests run: Node with locked packages, and Debian's Chromium.

Test workers run side by side: one of them installs, the others wait for it.
"""

import fcntl
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

CHROMIUM_ARGUMENTS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
_CACHE: Final = Path(__file__).resolve().parents[1] / ".cache"
_PATIENCE_S: Final = 300


def node_with(folder: Path) -> str:
    """Return the path of Node, once the packages that a folder has locked are in it; a skip where there is no Node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not on this machine")
    installed, wanted = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    with _alone("npm"):
        if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_PATIENCE_S)
    return node


def chromium() -> str:
    """Return the path of the browser, installed from Debian's packages where it is missing; a skip where it cannot."""
    with _alone("apt"):
        found = shutil.which("chromium")
        if found is not None:
            return found
        apt = shutil.which("apt-get")
        if apt is None:
            pytest.skip("there is no chromium on this machine, and no apt-get to install it")
        _install(apt, (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]))
    return shutil.which("chromium") or pytest.skip("chromium is not on PATH after its installation")


def _install(apt: str, commands: Sequence[Sequence[str]]) -> None:
    for arguments in commands:
        run = subprocess.run([apt, *arguments], capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
        if run.returncode != 0:
            pytest.skip(f"chromium cannot be installed here: {run.stderr.strip().splitlines()[-1:]}")


@contextmanager
def _alone(what: str) -> Iterator[None]:
    """Hold a lock of this checkout."""
    _CACHE.mkdir(exist_ok=True)
    with (_CACHE / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
