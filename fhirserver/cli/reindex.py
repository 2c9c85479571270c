"""``fhirserver reindex``: counts per site while it goes on."""

from rich.console import Console

from fhirserver.app.database import DatabaseProblem, database
from fhirserver.app.reindexing import BadReindex, ReindexOptions, reindex_sites
from fhirserver.cli.problems import Failure, UsageProblem
from fhirserver.jobs.reindex_control import ReindexStatus
from fhirserver.settings import Settings


def reindex(settings: Settings, options: ReindexOptions, *, site: str | None) -> int:
    """Reindex one site or all; return 1 when one of them failed, else 0. Raises UsageProblem, Failure."""
    if site is not None and site not in settings.sites:
        raise UsageProblem(f"`{site}` is not a site; sites are {', '.join(settings.sites)}.")
    console = Console(stderr=True, soft_wrap=True)
    ends: dict[tuple[str, str], ReindexStatus] = {}
    try:
        with database(settings) as when_ready, console.status("Reindexing …") as line:

            def show(name: str, status: ReindexStatus) -> None:
                ends[name, status.id] = status
                line.update(f"Reindexing {name}: {status.percent} %, {_counts(status)}")

            reindex_sites(settings, when_ready().uri, [site] if site else settings.sites, options, show)
    except BadReindex as problem:
        raise UsageProblem(str(problem)) from None
    except (DatabaseProblem, LookupError) as problem:
        raise Failure(str(problem)) from None
    if not ends:
        console.print("There is no such reindex.")
    for (name, job), status in ends.items():
        why = f" {status.problem}" if status.problem else ""
        console.print(f"{name}: {status.state}, {_counts(status)} (job {job}).{why}", highlight=False, markup=False)
    return 1 if any(status.state == "failed" for status in ends.values()) else 0


def _counts(status: ReindexStatus) -> str:
    changed = "would change" if status.dry_run else "changed"
    return f"{status.done:,} versions looked at, {status.changed:,} {changed}"
