"""What a check gives: nothing, or findings with paths relative to the value it looked at.

A check costs nothing but its tests while all is well: paths and messages are put together on failure only, each
level adding its own segment on the way out. In a message ``{}`` stands for the finding's whole FHIRPath.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from fhirserver.kernel.outcome import IssueType
from fhirserver.kernel.resource import Json
from fhirserver.validation.walk import Walk

MAX_FINDINGS: Final = 1000
"""What one resource is told at most; past it a client learns nothing and the server only loses memory."""


class Finding(NamedTuple):
    """One problem; ``path`` is empty or starts with ``.`` or ``[``."""

    path: str
    code: IssueType
    message: str


Findings: TypeAlias = Sequence[Finding]
Check: TypeAlias = Callable[[Json, Walk], Findings | None]


def one(code: IssueType, message: str) -> Findings:
    """Return a single finding about the value itself."""
    return (Finding("", code, message),)


def under(segment: str, findings: Findings) -> list[Finding]:
    """Put ``segment`` (``.name`` or ``[0]``) before the path of each finding."""
    return [Finding(segment + path, code, message) for path, code, message in findings]


def both(first: Check, second: Check) -> Check:
    """Return a check that gives the findings of two."""

    def check(value: Json, walk: Walk) -> Findings | None:
        problems = first(value, walk)
        more = second(value, walk)
        if problems is None or more is None:
            return more if problems is None else problems
        return [*problems, *more]

    return check
