"""Preparing the database with a progress bar for the demo record."""

from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fhirserver.app.knowledge import Knowledge
from fhirserver.app.preparing import Demo, prepare
from fhirserver.settings import Settings


async def prepare_database(settings: Settings, uri: str, knowledge: Knowledge) -> None:
    """Make the database ready to serve; raises DatabaseProblem."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    task = bar.add_task("Loading the demo record", start=False, visible=False)

    def show(done: int, total: int) -> None:
        if done == 0:
            bar.start_task(task)
        bar.update(task, completed=done, total=total, visible=True)

    with bar:
        await prepare(settings, uri, knowledge, Demo(_bundles, show) if settings.demo else None)


def _bundles() -> Iterator[bytes]:
    from fhirserver.demo import bundles, render  # noqa: PLC0415 - the first start alone needs its tables

    return map(render, bundles())
