"""Child processes that never outlive their owner, and processes named so that a later one is not taken for them.

Linux: prctl(2) ``PR_SET_PDEATHSIG``, proc(5).
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Final, Self

_POLL_S: Final = 0.01
_KILLED_S: Final = 10.0

# Runs between fork and the program: asks the kernel for SIGTERM when the thread that forked ends (prctl 1 is
# PR_SET_PDEATHSIG, kept over exec), then sees whether the owner ended before it could ask. A program of its own and
# not a `preexec_fn`, because Python code between fork and exec can deadlock in a process with threads. The limit on
# open files goes up to what is allowed: the usual 1,024 is less than a database of many collections keeps open.
_LAUNCHER: Final = """
import ctypes, os, resource, signal, sys
if ctypes.CDLL(None).prctl(1, ctypes.c_ulong(signal.SIGTERM)) or os.getppid() != int(sys.argv[1]):
    sys.exit("the owner of this process has ended")
allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told from a later one with the same pid by its start in clock ticks since boot."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Name the process that has this pid now; one that has ended already is not `alive`."""
        return cls(pid, _start_of(pid) or 0)

    @property
    def alive(self) -> bool:
        """Whether the process runs; a zombie does not."""
        return _start_of(self.pid) == self.started

    def end(self, patience_s: float) -> None:
        """Send SIGTERM and wait; send SIGKILL when that was not enough for ``patience_s``."""
        for number, patience in ((signal.SIGTERM, patience_s), (signal.SIGKILL, _KILLED_S)):
            if self.alive:
                with suppress(ProcessLookupError):
                    os.kill(self.pid, number)
            if self._has_ended_within(patience):
                return

    def _has_ended_within(self, patience_s: float) -> bool:
        deadline = time.monotonic() + patience_s
        while self.alive:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True


class Child:
    """A child that gets SIGTERM when this process ends, ``kill -9`` included, and the thread that keeps it.

    The kernel's parent-death signal fires when the *thread* that forked ends, not the process. So a thread of its own
    forks the child and then does nothing but wait for it; as a daemon it ends with the process, however that ends.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], output: Path) -> None:
        """Start ``command``, an absolute path and its arguments; append what it says to ``output``."""
        born: Future[subprocess.Popen[bytes]] = Future()
        launched = (sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *command)
        self._keeper = Thread(
            target=_keep, args=(launched, environment, output, born), name="child-keeper", daemon=True
        )
        self._keeper.start()
        self._popen = born.result()
        self.process = Process.of(self._popen.pid)

    @property
    def running(self) -> bool:
        """Whether the child has not ended yet."""
        return self._keeper.is_alive()

    def end(self, patience_s: float) -> int:
        """End the child, if it still runs, as `Process.end` does; return its exit code."""
        self.process.end(patience_s)
        self._keeper.join()
        return self._popen.returncode


def _keep(
    command: Sequence[str], environment: Mapping[str, str], output: Path, born: Future[subprocess.Popen[bytes]]
) -> None:
    try:
        with output.open("ab") as log:
            child = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd="/",
                # Out of the terminal's group: Ctrl-C is for the owner, who finishes its work before it ends the child.
                start_new_session=True,
            )
    except OSError as problem:
        born.set_exception(problem)
        return
    born.set_result(child)
    child.wait()


def _start_of(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when it has ended."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in {"Z", "X"} else int(fields[18])
