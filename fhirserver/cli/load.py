"""``fhirserver load``: a progress bar, counts and every refusal with its place."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fhirserver.app.database import DatabaseProblem, database
from fhirserver.app.loading import LoadOptions, load_files
from fhirserver.cli.problems import Failure, UsageProblem
from fhirserver.jobs.load import Refusal
from fhirserver.jobs.load_files import Unreadable, find_files
from fhirserver.settings import Settings


def load(settings: Settings, paths: Sequence[Path], options: LoadOptions) -> int:
    """Load files; return 1 when something was refused, else 0. Raises UsageProblem, Failure."""
    if options.site not in settings.sites:
        raise UsageProblem(f"`{options.site}` is not a site; sites are {', '.join(settings.sites)}.")
    try:
        files = find_files(paths)
    except Unreadable as problem:
        raise UsageProblem(str(problem)) from None
    if not files:
        raise UsageProblem("there is nothing to load: no file ends with .json, .ndjson or .jsonl (or these and .gz).")
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    report = _Report(bar, len(files))
    try:
        with database(settings) as when_ready, bar:
            load_files(settings, when_ready().uri, files, options, report)
    except (DatabaseProblem, LookupError) as problem:
        raise Failure(str(problem)) from None
    finally:
        console.print(report.summary(), soft_wrap=True, highlight=False)
    return 1 if report.refused_entries else 0


class _Report:
    """Shows how a load goes on."""

    def __init__(self, bar: Progress, files: int) -> None:
        self._bar = bar
        self._task = bar.add_task("files", total=files)
        self._started = time.monotonic()
        self._skipped_files = 0
        self._loaded_entries = 0
        self.refused_entries = 0

    def skipped(self, file: Path) -> None:
        self._skipped_files += 1
        self._bar.advance(self._task)

    def loaded(self, file: Path, entries: int) -> None:
        self._loaded_entries += entries
        self._bar.update(self._task, description=f"{self._loaded_entries:,} entries, {self._rate():,.0f}/s, files")

    def refused(self, refusal: Refusal) -> None:
        self.refused_entries += refusal.entries
        place = f", {refusal.place}" if refusal.place else ""
        all_ = f" (and with it all {refusal.entries} entries)" if refusal.entries > 1 else ""
        self._bar.console.print(f"refused {refusal.file}{place}{all_}: {refusal.problem}", markup=False, soft_wrap=True)

    def read(self, file: Path) -> None:
        self._bar.advance(self._task)

    def summary(self) -> str:
        seconds = time.monotonic() - self._started
        skipped = f", skipped as loaded before: {self._skipped_files} of the files" if self._skipped_files else ""
        return (
            f"{self._loaded_entries:,} entries loaded in {seconds:.1f} s ({self._rate():,.0f}/s), "
            f"{self.refused_entries:,} refused{skipped}."
        )

    def _rate(self) -> float:
        return self._loaded_entries / max(time.monotonic() - self._started, 0.001)
