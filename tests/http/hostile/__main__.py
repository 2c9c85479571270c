"""The long form: ``python -m tests.http.hostile --cases 10000`` sends hostile requests to a server, and sums up.

The exit code is 1 when an answer, the time of one or the server's memory is not as it must be.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.http.hostile.makers import KINDS, cases
from tests.http.hostile.run import Report, Tally, play
from tests.server_process import ServerProcess, serving

GROWTH_MB = 64.0
"""More than this between the second and the last fifth of a run is a leak, the first fifth warms up. Less is what an
allocator leaves between what lives long: of Python's objects 2,500 cases leave 0.1 MiB. 10 KiB of each would be 60."""
_SLOW_S = 1.0
"""A case is shown that takes longer alone."""
_ENOUGH = 10
"""Measurements of the memory from which on there are such fifths."""


def main() -> int:
    """Send what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.http.hostile", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, metavar="N", help="how many (10000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the requests (1)")
    parser.add_argument("--only", choices=KINDS, action="append", help="send no other kinds")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the database and the log stay")
    options = parser.parse_args()
    chosen = (case for case in cases(options.seed, options.cases) if not options.only or case.kind in options.only)
    with tempfile.TemporaryDirectory(prefix="fhirserver-hostile-") as temporary:
        server = ServerProcess(options.folder or Path(temporary))
        with serving(server):
            report = play(server, chosen)
    if len(report.memory_mb) > _ENOUGH and report.growth_mb > GROWTH_MB:
        report.problems.append(f"the server's memory has grown by {report.growth_mb:.0f} MiB")
    for line in summary(report):
        sys.stdout.write(f"{line}\n")
    return 1 if report.problems else 0


def summary(report: Report) -> Iterator[str]:
    """Yield the lines of a summary."""
    for kind, tally in sorted(report.tallies.items(), key=lambda item: KINDS.index(item[0])):
        yield line_of(kind, tally)
        if tally.slowest is not None and tally.alone_s > _SLOW_S:
            yield f"  {str(tally.slowest.case)[:600]}"
    for problem in report.problems[:50]:
        yield f"  PROBLEM: {problem}"
    for waited in report.waited[:20]:
        yield f"  in company {waited[:300]}"
    yield "memory, MiB: " + " ".join(f"{each:.0f}" for each in report.memory_mb)
    memory, reads = report.memory_mb, report.read_s
    total = sum(tally.count for tally in report.tallies.values())
    yield (
        f"{total} cases, {len(report.problems)} problems; memory {memory[0]:.0f} MiB at first, "
        f"{max(memory):.0f} at most, {memory[-1]:.0f} at last, {report.growth_mb:+.0f} after warming up; "
        f"a plain read meanwhile {median(reads) * 1000:.0f} ms, {max(reads):.2f} s at most"
    )


def line_of(kind: str, tally: Tally) -> str:
    """Write the line of a kind."""
    slowest_s = tally.slowest.seconds if tally.slowest is not None else 0.0
    statuses = " ".join(f"{status}:{count}" for status, count in sorted(tally.statuses.items()))
    return f"{kind:15} {tally.count:6} cases, slowest {slowest_s:5.2f} s (alone {tally.alone_s:5.2f} s)  {statuses}"


if __name__ == "__main__":
    raise SystemExit(main())
