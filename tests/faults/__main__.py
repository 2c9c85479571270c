"""The long form: ``python -m tests.faults --rounds 20`` kills a database, a server, a worker in turn, and sums up.

The exit code is 1 when anything that was promised is not there.
"""

import argparse
import sys
import tempfile
from itertools import cycle
from pathlib import Path

from tests.faults.checks import check_all
from tests.faults.rounds import SHORT, Target, Timing, stage


def main() -> int:
    """Play the rounds that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="how many (20)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the moments and the writers (1)")
    parser.add_argument("--only", type=Target, choices=list(Target), help="kill nothing else")
    parser.add_argument("--short", action="store_true", help="less time for each round")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the database and the logs stay")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fhirserver-faults-") as temporary:
        return play(options, options.folder or Path(temporary))


def play(options: argparse.Namespace, folder: Path) -> int:
    """Play the rounds; return the exit code."""
    targets = cycle([options.only] if options.only else Target)
    timing = SHORT if options.short else Timing()
    problems: list[str] = []
    with stage(folder, options.seed) as set_up:
        for number in range(1, options.rounds + 1):
            result = set_up.play(number, next(targets), timing)
            say(str(result))
            problems += [problem for problem in result.problems if problem not in problems]
        set_up.ledger.unsettle()
        problems += [problem for problem in check_all(set_up.server.port, set_up.ledger) if problem not in problems]
        counts = set_up.ledger.counts
    for problem in problems[:50]:
        say(f"  {problem}")
    say(
        f"{options.rounds} rounds, {counts['acknowledged']} writes acknowledged, {counts['in doubt']} in doubt, "
        f"{len(problems)} problems"
    )
    return 1 if problems else 0


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
