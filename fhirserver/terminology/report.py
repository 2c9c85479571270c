"""What comes out of checking codes: issues, each once, and what they say in a sentence.

Spec: http://hl7.org/fhir/R4/valueset-operation-validate-code.html
"""

from dataclasses import dataclass, field

from fhirserver.kernel.outcome import IssueType, Severity
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.issues import TermIssue, issue


@dataclass(slots=True)
class Inactive:
    """The first concept found that is no longer used, and where it was given."""

    path: str
    code: str
    status: str | None


@dataclass(slots=True)
class Report:
    """Issues so far; ``unknown`` are code systems that nobody has."""

    issues: list[TermIssue] = field(default_factory=list)
    unknown: dict[str, None] = field(default_factory=dict)
    inactive: Inactive | None = None
    deprecated: Inactive | None = None
    normal_form: str | None = None
    _texts: dict[str, None] = field(default_factory=dict)

    def error(self, message_id: str, place: str = "", **facts: object) -> None:
        """Add an error."""
        self.add(issue(message_id, Severity.ERROR, place, **facts))

    def warning(self, message_id: str, place: str = "", *, is_told: bool = False, **facts: object) -> None:
        """Add a warning, which the sentence has only if it is to be told there."""
        self.add(issue(message_id, Severity.WARNING, place, **facts), is_told=is_told)

    def information(self, message_id: str, place: str = "", *, is_told: bool = False, **facts: object) -> None:
        """Add a remark."""
        self.add(issue(message_id, Severity.INFORMATION, place, **facts), is_told=is_told)

    def add(self, found: TermIssue, *, is_told: bool = False) -> None:
        """Add an issue that is not there yet."""
        if found not in self.issues:
            self.issues.append(found)
        if is_told or found.severity is Severity.ERROR:
            self._texts[found.diagnostics] = None

    @property
    def undecided(self) -> list[TermIssue]:
        """What says that nobody here knows whether a code is in a value set."""
        return [one for one in self.issues if one.code is IssueType.NOT_SUPPORTED]

    @property
    def has_errors(self) -> bool:
        """Whether something is wrong."""
        return any(one.severity is Severity.ERROR for one in self.issues)

    @property
    def message(self) -> str:
        """All there is to tell as one text."""
        return "; ".join(sorted(self._texts))

    def outcome(self) -> Resource:
        """Return the issues as an OperationOutcome."""
        return {"resourceType": "OperationOutcome", "issue": [one.to_json() for one in self.issues]}
