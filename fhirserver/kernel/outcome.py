"""The one error hierarchy; every refusal ends as an OperationOutcome.

Spec: http://hl7.org/fhir/R4/operationoutcome.html and http://hl7.org/fhir/R4/http.html#Status-Codes ::

    FhirError                                status  issue.code
    ├── ClientError
    │   ├── BadRequest                       400     invalid
    │   │   ├── BadStructure                 400     structure        the body is not FHIR JSON or XML
    │   │   ├── BadSearchValue               400     value
    │   │   ├── UnknownParameter             400     not-supported
    │   │   └── NotServedYet                 400     not-supported    a search parameter whose index is not complete
    │   ├── LoginRequired                    401     login
    │   ├── Forbidden                        403     forbidden
    │   │   └── InsufficientScope            403     forbidden        sets WWW-Authenticate
    │   ├── NotFound                         404     not-found        also: outside the caller's access
    │   ├── NotAllowed                       405     not-supported
    │   ├── NotAcceptable                    406     not-supported
    │   ├── RequestTimeout                   408     timeout
    │   ├── Conflict                         409     conflict
    │   ├── Deleted                          410     deleted
    │   ├── PreconditionFailed               412     conflict         If-Match, If-None-Match
    │   │   └── MultipleMatches              412     multiple-matches
    │   ├── TooLong                          413     too-long
    │   ├── UnsupportedMedia                 415     not-supported
    │   ├── Unprocessable                    422     processing       carries every issue found
    │   ├── TooCostly                        422     too-costly
    │   └── Throttled                        429     throttled
    └── ServerError
        ├── Fault                            500     exception        the client gets an id, never the text
        ├── NotSupportedYet                  501     not-supported
        └── Unavailable                      503     transient        sets Retry-After
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from typing import ClassVar, Final

from fhirserver.kernel.resource import Resource
from fhirserver.kernel.texts import ENGLISH, Text, Told

_EXTENSIONS: Final = "http://hl7.org/fhir/StructureDefinition/operationoutcome-"
MESSAGE_ID: Final = _EXTENSIONS + "message-id"


class Severity(StrEnum):
    """http://hl7.org/fhir/R4/valueset-issue-severity.html"""

    FATAL = "fatal"
    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


_GRAVEST: Final = tuple(Severity)


class IssueType(StrEnum):
    """http://hl7.org/fhir/R4/valueset-issue-type.html, the codes this server uses."""

    INVALID = "invalid"
    STRUCTURE = "structure"
    REQUIRED = "required"
    VALUE = "value"
    INVARIANT = "invariant"
    LOGIN = "login"
    FORBIDDEN = "forbidden"
    PROCESSING = "processing"
    NOT_SUPPORTED = "not-supported"
    DUPLICATE = "duplicate"
    MULTIPLE_MATCHES = "multiple-matches"
    NOT_FOUND = "not-found"
    DELETED = "deleted"
    TOO_LONG = "too-long"
    CODE_INVALID = "code-invalid"
    EXTENSION = "extension"
    TOO_COSTLY = "too-costly"
    BUSINESS_RULE = "business-rule"
    CONFLICT = "conflict"
    TRANSIENT = "transient"
    TIMEOUT = "timeout"
    THROTTLED = "throttled"
    EXCEPTION = "exception"
    INFORMATIONAL = "informational"


@dataclass(frozen=True, slots=True)
class Rule:
    """Which rule an issue is about: an element of a StructureDefinition, and the key of an invariant."""

    profile: str
    """The canonical url."""
    element: str = ""
    """Its ``ElementDefinition.id``."""
    key: str = ""

    def __str__(self) -> str:
        """Write it as ``http://a.b/StructureDefinition/c#Patient.name pat-1``."""
        place = f"{self.profile}#{self.element}" if self.element else self.profile
        return f"{place} {self.key}" if self.key else place


@dataclass(frozen=True, slots=True)
class Position:
    """Where something begins in the text that was sent; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Issue:
    """One ``OperationOutcome.issue``; ``expression`` holds FHIRPaths or ``http.`` names, the precise place first."""

    code: IssueType
    diagnostics: str
    severity: Severity = Severity.ERROR
    expression: tuple[str, ...] = ()
    told: Told | None = field(default=None, kw_only=True)
    """``diagnostics`` in every language."""
    rule: Rule | None = field(default=None, kw_only=True)
    position: Position | None = field(default=None, kw_only=True)

    @classmethod
    def of(
        cls, code: IssueType, told: Told, severity: Severity = Severity.ERROR, expression: tuple[str, ...] = ()
    ) -> "Issue":
        """Return the issue of a text."""
        return cls(code, told.in_language(ENGLISH), severity, expression, told=told)

    def to_json(self, language: str = ENGLISH) -> Resource:
        """Render the issue as it stands in an OperationOutcome."""
        issue: Resource = {}
        if extensions := self._extensions():
            issue["extension"] = extensions
        issue["severity"] = self.severity.value
        issue["code"] = self.code.value
        issue["diagnostics"] = self.diagnostics if self.told is None else self.told.in_language(language)
        if self.expression:
            issue["expression"] = list(self.expression)
        return issue

    def _extensions(self) -> list[Resource]:
        found: list[Resource] = []
        if self.told is not None:
            found.append({"url": MESSAGE_ID, "valueString": self.told.text.id})
        if self.rule is not None:
            found.append({"url": _EXTENSIONS + "issue-source", "valueString": str(self.rule)})
        if self.position is not None:
            found.append({"url": _EXTENSIONS + "issue-line", "valueInteger": self.position.line})
            found.append({"url": _EXTENSIONS + "issue-col", "valueInteger": self.position.column})
        return found


LONGEST_OUTCOME: Final = 100_000
"""In characters: past it nobody learns more, and answers only grow with what was sent."""
_ALL_OK: Final = Text("all-ok", en="All OK.", fr="Tout est en ordre.", nl="Alles is in orde.")
_MORE: Final = Text(
    "more-problems",
    en="The resource has more problems than the {0} listed.",
    fr="La ressource a plus de problèmes que les {0} énumérés.",
    nl="De resource heeft meer problemen dan de {0} die zijn opgesomd.",
)


def more_than(count: int) -> Issue:
    """Return the issue that says that there are more than those listed."""
    return Issue.of(IssueType.TOO_COSTLY, _MORE.told(str(count)), Severity.INFORMATION)


def outcome_of(issues: Iterable[Issue], language: str = ENGLISH) -> Resource:
    """Render issues, of very many the gravest; none at all reads "all ok", as R4 requires one issue at least."""
    told = list(issues)
    rendered = [issue.to_json(language) for issue in told]
    if len(rendered) > 1 and sum(map(_length, rendered)) > LONGEST_OUTCOME:
        rendered = _cut(told, language)
    if not rendered:
        rendered = [Issue.of(IssueType.INFORMATIONAL, _ALL_OK.told(), Severity.INFORMATION).to_json(language)]
    return {"resourceType": "OperationOutcome", "issue": rendered}


def _cut(issues: list[Issue], language: str) -> list[Resource]:
    """Render the gravest issues as far as there is room, one at least, and say that there are more."""
    grave = sorted(issues, key=lambda issue: _GRAVEST.index(issue.severity))
    rendered = [issue.to_json(language) for issue in grave]
    kept = sum(length <= LONGEST_OUTCOME for length in accumulate(map(_length, rendered))) or 1
    return [*rendered[:kept], more_than(kept).to_json(language)]


def _length(rendered: Resource) -> int:
    return len(str(rendered))


class FhirError(Exception):
    """Ends an interaction; the HTTP boundary and a batch entry turn it into an OperationOutcome."""

    status: ClassVar[int] = 500
    code: ClassVar[IssueType] = IssueType.EXCEPTION

    def __init__(
        self,
        diagnostics: str,
        *,
        expression: Iterable[str] = (),
        issues: Iterable[Issue] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep one sentence for the caller, or the ``issues`` that say more than it."""
        super().__init__(diagnostics)
        self.diagnostics = diagnostics
        self.issues = tuple(issues) or (Issue(self.code, diagnostics, expression=tuple(expression)),)
        self.headers = dict(headers or {})
        self.write_index: int | None = None
        """Of a transaction: which of its writes it is about, once known."""

    def outcome(self, language: str = ENGLISH) -> Resource:
        """Render the OperationOutcome that the caller receives."""
        return outcome_of(self.issues, language)

    @property
    def is_translated(self) -> bool:
        """Whether ``outcome`` is another one in another language."""
        return any(issue.told is not None for issue in self.issues)


class ClientError(FhirError):
    """The request cannot be served as it is."""

    status = 400
    code = IssueType.INVALID


class BadRequest(ClientError):
    """The request breaks a rule of the REST API."""


class BadStructure(BadRequest):
    """The body is not well-formed FHIR JSON or XML."""

    code = IssueType.STRUCTURE


class BadSearchValue(BadRequest):
    """A parameter's value cannot be read."""

    code = IssueType.VALUE


class UnknownParameter(BadRequest):
    """A parameter or modifier the server does not know, under strict handling."""

    code = IssueType.NOT_SUPPORTED


class NotServedYet(BadRequest):
    """A search parameter is known, but not all resources are indexed by it: never ignored, for it will be served."""

    code = IssueType.NOT_SUPPORTED


class LoginRequired(ClientError):
    """No valid token came with the request."""

    status = 401
    code = IssueType.LOGIN


class Forbidden(ClientError):
    """The caller may not do this kind of thing at all."""

    status = 403
    code = IssueType.FORBIDDEN


class InsufficientScope(Forbidden):
    """The access token does not give the right that the request needs, whatever it is about (RFC 6750 §3.1)."""

    def __init__(self, diagnostics: str) -> None:
        """Say so to OAuth clients too."""
        super().__init__(diagnostics, headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'})


class NotFound(ClientError):
    """Nothing there, or nothing there for this caller."""

    status = 404
    code = IssueType.NOT_FOUND


class NotAllowed(ClientError):
    """The URL exists, the method does not."""

    status = 405
    code = IssueType.NOT_SUPPORTED


class NotAcceptable(ClientError):
    """No representation the caller accepts."""

    status = 406
    code = IssueType.NOT_SUPPORTED


class RequestTimeout(ClientError):
    """The request needed more time than a request may take."""

    status = 408
    code = IssueType.TIMEOUT


class Conflict(ClientError):
    """Another writer was first, or the change contradicts what is stored."""

    status = 409
    code = IssueType.CONFLICT


class Deleted(ClientError):
    """The instance was deleted; its history is still readable."""

    status = 410
    code = IssueType.DELETED


class PreconditionFailed(ClientError):
    """``If-Match``, ``If-None-Match`` or a conditional criterion does not hold."""

    status = 412
    code = IssueType.CONFLICT


class MultipleMatches(PreconditionFailed):
    """Conditional criteria select more than one resource."""

    code = IssueType.MULTIPLE_MATCHES


class TooLong(ClientError):
    """A body, a Bundle or a value exceeds its limit."""

    status = 413
    code = IssueType.TOO_LONG


class UnsupportedMedia(ClientError):
    """The body's media type or encoding is not read here."""

    status = 415
    code = IssueType.NOT_SUPPORTED


class Unprocessable(ClientError):
    """The resource breaks the definitions; carries all the issues found."""

    status = 422
    code = IssueType.PROCESSING


class TooCostly(ClientError):
    """The plan was refused before it ran."""

    status = 422
    code = IssueType.TOO_COSTLY


class Throttled(ClientError):
    """Too many requests; sets ``Retry-After``."""

    status = 429
    code = IssueType.THROTTLED


class ServerError(FhirError):
    """The server could not do its part."""


class Fault(ServerError):
    """A defect: logged with its stack, answered with the request's id."""


class NotSupportedYet(ServerError):
    """The specification has it, this server does not yet."""

    status = 501
    code = IssueType.NOT_SUPPORTED


class Unavailable(ServerError):
    """The database cannot be reached just now; a retry may succeed."""

    status = 503
    code = IssueType.TRANSIENT

    def __init__(self, diagnostics: str, *, retry_after_s: int = 2) -> None:
        """Say when to come back."""
        super().__init__(diagnostics, headers={"Retry-After": str(retry_after_s)})
