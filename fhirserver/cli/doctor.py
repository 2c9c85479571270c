"""``fhirserver doctor``: what the server needs on this machine, checked one by one."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from fhirserver.app.checks import Finding, Verdict, check_all
from fhirserver.settings import Settings

_SIGNS = {Verdict.GOOD: "[green]ok[/]", Verdict.NOTABLE: "[yellow]note[/]", Verdict.BAD: "[red]lacks[/]"}


def doctor(settings: Settings) -> int:
    """Print a table of findings; return 1 when something lacks, else 0."""
    console = Console(soft_wrap=False)
    with console.status("Checking …"):
        findings = list(check_all(settings))
    console.print(_table(findings))
    return 1 if any(finding.verdict is Verdict.BAD for finding in findings) else 0


def _table(findings: Iterable[Finding]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        table.add_row(_SIGNS[finding.verdict], finding.subject, finding.detail)
    return table
