"""fhir-kit-client, from npm, against a running server: ``node/fhir-kit-client.test.mjs`` under node's test runner."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "node"
PATIENCE_S = 120


@pytest.fixture(scope="module")
def node() -> str:
    """Node, with the locked packages beside the test."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not on this machine")
    installed, wanted = FOLDER / "node_modules" / ".package-lock.json", FOLDER / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=FOLDER, check=True, capture_output=True, timeout=PATIENCE_S)
    return node


def test_the_client_finds_what_it_needs(base: str, node: str) -> None:
    environment = {**os.environ, "FHIR_BASE": base}
    command = [node, "--test", "--test-reporter=spec", "fhir-kit-client.test.mjs"]
    result = subprocess.run(
        command, cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "fail 0" in result.stdout
    assert "pass 8" in result.stdout
