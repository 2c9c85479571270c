"""``fhirserver access``: why somebody may or may not, and whether a policy file is sound."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from fhirserver.access.explained import Question
from fhirserver.access.policy import Policy
from fhirserver.access.policy_file import DEFAULT
from fhirserver.access.policy_reader import PolicyProblem
from fhirserver.access.policy_tests import matrix
from fhirserver.app.access_simulator import BadQuestion
from fhirserver.app.access_simulator import check as check_policy
from fhirserver.app.access_simulator import explain as explain_question
from fhirserver.app.database import DatabaseProblem, database
from fhirserver.cli.problems import Failure, UsageProblem
from fhirserver.settings import Settings

COLUMNS = (
    ("Patient", ("Patient",)),
    ("Encounter", ("Encounter",)),
    ("Observation", ("Observation",)),
    ("DiagnosticReport", ("DiagnosticReport",)),
    ("Condition", ("Condition",)),
    ("MedicationRequest", ("MedicationRequest",)),
    ("DocumentReference", ("DocumentReference",)),
    ("Appointment", ("Appointment",)),
    ("Consent", ("Consent",)),
    ("AuditEvent", ("AuditEvent",)),
)
"""What the matrix shows of a policy."""
_WIDTH = 160
"""Of the matrix, however narrow the terminal is."""


def explain(settings: Settings, site: str | None, question: Question) -> int:
    """Print a decision; return 0 when it permits, 1 when it refuses. Raises UsageProblem, Failure."""
    name = site or settings.sites[0]
    if name not in settings.sites:
        raise UsageProblem(f"`{name}` is not a site; sites are {', '.join(settings.sites)}.")
    try:
        with database(settings) as when_ready:
            found = explain_question(settings, when_ready().uri, name, question)
    except BadQuestion as problem:
        raise UsageProblem(str(problem)) from None
    except (DatabaseProblem, LookupError, PolicyProblem) as problem:
        raise Failure(str(problem)) from None
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(found.sentence())
    for key, value in found.details():
        console.print(f"  {key:<9} {value}")
    return 0 if found.decision.permit else 1


def check(settings: Settings, path: Path | None) -> int:
    """Print what a policy gives, and which of its tests fail; return 1 when one does. Raises Failure."""
    try:
        policy, failed = check_policy(settings, path or DEFAULT)
    except (PolicyProblem, LookupError) as problem:
        raise Failure(str(problem)) from None
    console = Console(soft_wrap=True, highlight=False, markup=False)
    _print_matrix(console, policy)
    for one in failed:
        console.print(f"line {one.line}: {one.sentence}")
    console.print(f"{policy.title}, version {policy.version}: {len(policy.tests)} tests, {len(failed)} failures.")
    return 1 if failed else 0


def _print_matrix(console: Console, policy: Policy) -> None:
    head, *rows = matrix(policy, COLUMNS)
    table = Table(box=None, pad_edge=False)
    for name in head:
        table.add_column(name, no_wrap=True, min_width=len(name))
    for row in rows:
        table.add_row(*row)
    Console(width=_WIDTH, highlight=False).print(table)
    console.print("small letters need a relation of care, capitals do not")
