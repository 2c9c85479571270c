"""A new SearchParameter over a large record: ``python -m tests.jobs.reindex_long --resources 1000000``.

It is reindexed while clients read and write; its server is killed and its job is paused on the way. In the end searches
by it must find exactly what is there. The exit code is 1 when anything is not as promised.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.jobs.reindex_long.clients import Ledger, Phase
from tests.jobs.reindex_long.trial import Options, Result, prepared

_STARTED = time.monotonic()


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.jobs.reindex_long", description=__doc__)
    parser.add_argument("--resources", type=int, default=20_000, metavar="N", help="Observations to load (20000)")
    parser.add_argument("--kills", type=int, default=2, metavar="N", help="how often the server is killed (2)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="of the server (1)")
    parser.add_argument("--before-s", type=float, default=10.0, metavar="S", help="clients alone, before the job (10)")
    parser.add_argument("--cache-gb", type=float, default=1.0, metavar="GB", help="cache of the mongod (1)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the database and the logs stay")
    asked = parser.parse_args()
    options = Options(asked.resources, asked.kills, asked.workers, asked.before_s, asked.cache_gb)
    with tempfile.TemporaryDirectory(prefix="fhirserver-reindex-") as temporary:
        folder = asked.folder or Path(temporary)
        with prepared(folder, options, say) as trial:
            trial.run()
        summarize(options, trial.result, trial.ledger)
    return 1 if trial.result.problems else 0


def summarize(options: Options, result: Result, ledger: Ledger) -> None:
    """Print what was found."""
    rate = result.done / result.worked_s if result.worked_s else 0.0
    say(f"{options.resources:,} Observations loaded in {result.loading_s:.0f} s; {options.workers} workers")
    say(f"served {result.lasted_s:.1f} s after the parameter was stored, {result.worked_s:.1f} s of work:")
    say(f"  {result.done:,} versions, {rate:,.0f} a second; {result.refusals:,} searches refused with the progress")
    for line in (result.pause, *result.kills):
        say(f"  {line}")
    for kind in ("read", "write"):
        for phase in (Phase.BEFORE, Phase.DURING):
            figures = ", ".join(f"p{p} {ledger.percentile_ms(phase, kind, p):.1f}" for p in (50, 99, 100))
            say(f"  {len(ledger.waits[phase, kind]):,} {kind}s {phase}: {figures} ms")
    touched = len(ledger.written.keys() | ledger.doubted.keys())
    say(f"  {touched:,} Observations touched, {len(ledger.doubted)} in doubt; requests: {dict(ledger.counts)}")
    for problem in result.problems[:50]:
        say(f"  {problem}")
    say(f"exact: {'no' if result.problems else 'yes'}")


def say(text: str) -> None:
    """Print a line at once, with the seconds since the beginning."""
    sys.stdout.write(f"{time.monotonic() - _STARTED:7.1f} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
