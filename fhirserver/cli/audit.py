"""``fhirserver audit verify``: a progress bar per site, every flaw in one line, the head to note elsewhere."""

from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fhirserver.app.database import DatabaseProblem, database
from fhirserver.app.verifying import verify_sites
from fhirserver.audit.verify import Report, Span, read_link, written_link
from fhirserver.cli.problems import Failure, UsageProblem
from fhirserver.kernel.instant import to_us
from fhirserver.settings import Settings


def span_of(since: datetime | None, until: datetime | None, expect: str | None) -> Span:
    """Read what to walk; times without a zone are of this machine. Raises UsageProblem."""
    try:
        expected = None if expect is None else read_link(expect)
    except ValueError:
        raise UsageProblem("--expect takes NUMBER:CODE as an earlier verification printed it.") from None
    return Span(_us(since), _us(until), expected)


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else to_us(moment.astimezone())


def verify(settings: Settings, span: Span, *, site: str | None) -> int:
    """Verify one site or all; return 1 when something is wrong, else 0. Raises UsageProblem, Failure."""
    if site is not None and site not in settings.sites:
        raise UsageProblem(f"`{site}` is not a site; sites are {', '.join(settings.sites)}.")
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )
    tasks = {}
    try:
        with database(settings) as when_ready, bar:

            def show(name: str, seen: int, total: int) -> None:
                if name not in tasks:
                    tasks[name] = bar.add_task(name, total=total)
                bar.update(tasks[name], completed=seen, total=total)

            sites = [site] if site is not None else settings.sites
            reports = verify_sites(settings, when_ready().uri, sites, span, show)
    except (DatabaseProblem, LookupError) as problem:
        raise Failure(str(problem)) from None
    for name, report in reports.items():
        _print(console, name, report)
    return 1 if any(report.flaws for report in reports.values()) else 0


def _print(console: Console, name: str, report: Report) -> None:
    for finding in report.findings:
        console.print(f"{name}: {finding.flaw}: {finding.text}", markup=False)
    if report.flaws > len(report.findings):
        console.print(f"{name}: and {report.flaws - len(report.findings):,} more.", markup=False)
    verdict = "the chain is whole" if not report.flaws else f"{report.flaws:,} flaws"
    received = f", {report.received:,} of other systems" if report.received else ""
    console.print(f"{name}: {report.checked:,} events{received}: {verdict}.", markup=False)
    if report.head is not None:
        console.print(f"{name}: the chain ends with {written_link(report.head.link)}", markup=False)
