"""fhir-kit-client, from npm, against a running server: ``node/fhir-kit-client.test.mjs`` under node's test runner."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.programs import node_with

FOLDER = Path(__file__).parent / "node"
PATIENCE_S = 120


@pytest.fixture(scope="module")
def node() -> str:
    """Node, with the locked packages beside the test."""
    return node_with(FOLDER)


def test_the_client_finds_what_it_needs(base: str, node: str) -> None:
    environment = {**os.environ, "FHIR_BASE": base}
    command = [node, "--test", "--test-reporter=spec", "fhir-kit-client.test.mjs"]
    result = subprocess.run(
        command, cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "fail 0" in result.stdout
    assert "pass 8" in result.stdout
