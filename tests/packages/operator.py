"""Who runs ``fhirserver package`` beside a server or without one, with its settings."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.server_process import ServerProcess


@dataclass
class Operator:
    """Runs commands with a server's settings."""

    server: ServerProcess
    environment: Mapping[str, str] = field(default_factory=dict)

    def begin(self, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "fhirserver", "package", *map(str, arguments)]
        environment = {**self.server._environment(), **self.environment}
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments: object, expected: int = 0) -> str:
        running = self.begin(*arguments)
        told, problems = running.communicate(timeout=120)
        assert running.returncode == expected, told + problems
        return told + problems

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
