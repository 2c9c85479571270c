"""``fhirserver reindex``: counts per site while it goes on."""

from rich.console import Console

from fhirserver.app.database import DatabaseProblem, database
from fhirserver.app.reindexing import reindex_sites
from fhirserver.cli.problems import Failure, UsageProblem
from fhirserver.settings import Settings


def reindex(settings: Settings, *, site: str | None) -> int:
    """Reindex one site or all; return the exit code. Raises UsageProblem, Failure."""
    if site is not None and site not in settings.sites:
        raise UsageProblem(f"`{site}` is not a site; sites are {', '.join(settings.sites)}.")
    console = Console(stderr=True, soft_wrap=True)
    counts: dict[str, tuple[int, int]] = {}
    try:
        with database(settings) as when_ready, console.status("Reindexing …") as line:

            def show(name: str, done: int, changed: int) -> None:
                counts[name] = (done, changed)
                line.update(f"Reindexing {name}: {done:,} resources, {changed:,} changed")

            reindex_sites(settings, when_ready().uri, [site] if site else settings.sites, show)
    except (DatabaseProblem, LookupError) as problem:
        raise Failure(str(problem)) from None
    for name, (done, changed) in counts.items():
        console.print(f"{name}: {done:,} resources reindexed, {changed:,} of them changed.")
    return 0
