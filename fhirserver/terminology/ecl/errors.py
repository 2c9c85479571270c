"""What is wrong with an expression constraint, as an answer of 4xx says it."""

from fhirserver.kernel.outcome import IssueType, Severity
from fhirserver.terminology.issues import BadDefinition, TermIssue


class BadConstraint(BadDefinition):
    """An expression constraint that cannot be read, or that asks for what cannot be."""

    def __init__(self, text: str) -> None:
        """Say what is wrong."""
        super().__init__(TermIssue(IssueType.INVALID, text, Severity.ERROR, (), None, "vs-invalid"))


class CostlyConstraint(BadDefinition):
    """An expression constraint that would take too long."""

    status = 422

    def __init__(self, text: str) -> None:
        """Say which bound it goes over."""
        super().__init__(TermIssue(IssueType.TOO_COSTLY, text, Severity.ERROR, (), None, "vs-invalid"))
