"""Preparing the database with a progress bar for the demo record."""

from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fhirserver.app.knowledge import Knowledge
from fhirserver.app.preparing import Demo, DemoAccess, prepare
from fhirserver.settings import Settings


async def prepare_database(settings: Settings, uri: str, knowledge: Knowledge) -> DemoAccess | None:
    """Make the database ready to serve; return how to come to the demo record. Raises DatabaseProblem."""
    with _DemoBar() as bar:
        return await prepare(settings, uri, knowledge, Demo(_bundles, bar.show) if settings.demo else None)


def _bundles() -> Iterator[bytes]:
    from fhirserver.demo import bundles, render  # noqa: PLC0415 - the first start alone needs its tables

    return map(render, bundles())


class _DemoBar:
    """A progress bar that appears with the first Bundle: most starts load none."""

    def __init__(self) -> None:
        columns = (TextColumn("Loading the demo record"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=Console(stderr=True))

    def __enter__(self) -> "_DemoBar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar.tasks:
            self._bar.stop()

    def show(self, done: int, total: int) -> None:
        if not self._bar.tasks:
            self._bar.add_task("demo", total=total)
            self._bar.start()
        self._bar.update(self._bar.tasks[0].id, completed=done)
