"""What a check gives: nothing, or findings with paths relative to the value it looked at.

A check costs nothing but its tests while all is well: paths and messages are put together on failure only, each
level adding its own segment on the way out. In a text ``{path}`` stands for the finding's whole FHIRPath; values are
names, types, urls and codes of definitions, never what was sent.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from fhirserver.kernel.outcome import IssueType, Rule, Severity
from fhirserver.kernel.resource import Json
from fhirserver.kernel.texts import Text
from fhirserver.validation.walk import Walk

__all__ = ["MAX_FINDINGS", "Check", "Finding", "Findings", "Rule", "Severity", "Text", "both", "one", "under"]

MAX_FINDINGS: Final = 1000
"""What one resource is told at most; past it a client learns nothing and the server only loses memory."""


class Finding(NamedTuple):
    """One problem; ``path`` is empty or starts with ``.`` or ``[``."""

    path: str
    code: IssueType
    text: Text
    values: tuple[str, ...] = ()
    severity: Severity = Severity.ERROR
    rule: Rule | None = None


Findings: TypeAlias = Sequence[Finding]
Check: TypeAlias = Callable[[Json, Walk], Findings | None]


def one(code: IssueType, text: Text, *values: str) -> Findings:
    """Return a single finding about the value itself."""
    return (Finding("", code, text, values),)


def under(segment: str, findings: Findings) -> list[Finding]:
    """Put ``segment`` (``.name`` or ``[0]``) before the path of each finding."""
    return [finding._replace(path=segment + finding.path) for finding in findings]


def both(first: Check, second: Check) -> Check:
    """Return a check that gives the findings of two."""

    def check(value: Json, walk: Walk) -> Findings | None:
        problems = first(value, walk)
        more = second(value, walk)
        if problems is None or more is None:
            return more if problems is None else problems
        return [*problems, *more]

    return check
