"""The long form: ``python -m tests.audit --rounds 20`` kills workers, the drain, the server, the database in turn.

The exit code is 1 when an event of an answered request is missing, or the chain does not verify.
"""

import argparse
import sys
import tempfile
from itertools import cycle
from pathlib import Path
from typing import Final

from tests.audit.rounds import SHORT, Target, Timing, stage

_TARGETS: Final = (Target.WORKER, Target.DRAIN, Target.SERVER, Target.WORKER, Target.MONGOD, Target.DRAIN)


def main() -> int:
    """Play the rounds that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.audit", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="how many (20)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the moments and the clients (1)")
    parser.add_argument("--only", type=Target, choices=list(Target), help="kill nothing else")
    parser.add_argument("--short", action="store_true", help="less time for each round")
    options = parser.parse_args()
    targets = cycle([options.only] if options.only else _TARGETS)
    problems = 0
    with tempfile.TemporaryDirectory(prefix="fhirserver-audit-") as folder, stage(Path(folder), options.seed) as set_up:
        for number in range(1, options.rounds + 1):
            result = set_up.play(number, next(targets), SHORT if options.short else Timing())
            say(str(result))
            for problem in result.problems:
                say(f"  {problem}")
            problems += len(result.problems)
        answered, unanswered = len(set_up.answered.statuses), set_up.answered.unanswered
    say(f"{options.rounds} rounds, {answered} requests answered, {unanswered} not, {problems} problems")
    return 1 if problems else 0


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
