"""What commands that install something share: bars of their works, and the names of sites."""

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from fhirserver.cli.problems import UsageProblem
from fhirserver.settings import Settings


def progress_bar(console: Console) -> Progress:
    """Return what draws bars."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), console=console
    )


def check_sites(settings: Settings, sites: Sequence[str] | None) -> None:
    """Refuse the name of a site that there is none of; raises UsageProblem."""
    unknown = [one for one in sites or () if one not in settings.sites]
    if unknown:
        raise UsageProblem(f"`{unknown[0]}` is not a site; sites are {', '.join(settings.sites)}.")


class Works:
    """Shows one work after the other."""

    def __init__(self, bar: Progress) -> None:
        """Draw on ``bar``."""
        self._bar = bar
        self._task: TaskID | None = None

    def begin(self, work: str, total: int) -> None:
        """Begin the next; the one before is done."""
        if self._task is not None:
            self._bar.update(self._task, completed=self._bar.tasks[self._task].total)
        self._task = self._bar.add_task(work, total=total)

    def advance(self, done: int) -> None:
        """Say that so much more of it is done."""
        if self._task is not None:
            self._bar.advance(self._task, done)
