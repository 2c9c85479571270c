"""How the findings of profiles are made: a text about a place, by a rule."""

from fhirserver.kernel.outcome import IssueType, Rule, Severity
from fhirserver.kernel.texts import Text
from fhirserver.validation.findings import Finding

__all__ = ["Text", "say"]


def say(
    code: IssueType, text: Text, *values: str, path: str = "", severity: Severity = Severity.ERROR, rule: Rule | None
) -> Finding:
    """Return the finding of a text about ``path``, which is relative to the value."""
    return Finding(path, code, text, values, severity, rule)
