"""Who runs ``fhirserver package`` beside a server or without one, with its settings."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from unittest.mock import patch

from fhirserver.cli.main import run
from tests.server_process import ServerProcess


@dataclass
class Operator:
    """Runs commands with a server's settings."""

    server: ServerProcess
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def _environment(self) -> dict[str, str]:
        return {**self.server._environment(), **self.environment}

    def begin(self, *arguments: object) -> subprocess.Popen[str]:
        """Run a command in a process of its own."""
        command = [sys.executable, "-m", "fhirserver", "package", *map(str, arguments)]
        return subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: object, expected: int = 0) -> str:
        """Run a command in this process; return what it wrote."""
        told = io.StringIO()
        with patch.dict(os.environ, self._environment, clear=True), redirect_stdout(told), redirect_stderr(told):
            code = run(["package", *map(str, arguments)])
        assert code == expected, told.getvalue()
        return told.getvalue()

    def listed(self) -> list[tuple[str, str]]:
        """Return name and version of what is installed."""
        rows = [line.split() for line in self.run("list").splitlines()[1:]]
        return [(row[0], row[1]) for row in rows if row]


def until(holds: Callable[[], bool], within_s: float = 30) -> float:
    """Wait for something; return how long it took."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < within_s, "it never was so"
        time.sleep(0.02)
    return time.monotonic() - started
