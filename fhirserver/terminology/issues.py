"""What a terminology operation has to say about a code or a definition, with the message ids that all servers share.

The ids are those of HL7's terminology ecosystem; ``details.coding`` says what kind of issue it is.
Spec: http://hl7.org/fhir/R4/operationoutcome.html, https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig/
"""

from dataclasses import dataclass
from typing import Final

from fhirserver.kernel.outcome import MESSAGE_ID, ClientError, Issue, IssueType, Severity
from fhirserver.kernel.resource import Resource
from fhirserver.kernel.texts import ENGLISH

_KINDS: Final = "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type"
_TEXTS: Final = {
    "ABSTRACT_CODE_NOT_ALLOWED": "Code '{system}#{code}' is abstract, and not allowed in this context",
    "CODESYSTEM_CS_NO_SUPPLEMENT": "CodeSystem {system} is a supplement, so can't be used as a value in Coding.system",
    "CODE_CASE_DIFFERENCE": (
        "The code '{code}' differs from the correct code '{right}' by case. Although the code system '{system}' is case"
        " insensitive, implementers are strongly encouraged to use the correct case anyway"
    ),
    "CODE_NOT_IN_NORMAL_FORM": "The code '{code}' is valid; the code system '{system}' writes it '{right}'",
    "CONCEPT_DEPRECATED_IN_VALUESET": (
        "The presence of the concept '{code}' in the system '{system}' in the value set {value_set} is marked with a"
        " status of {status} and its use should be reviewed"
    ),
    "Coding_has_no_system__cannot_validate": (
        "Coding has no system. A code with no system has no defined meaning, and it cannot be validated. A system"
        " should be provided"
    ),
    "DEPRECATED_CONCEPT_FOUND": "The concept '{code}' is {status} and its use should be reviewed",
    "Display_Name_WS_for__should_be_one_of__instead_of": (
        "Wrong whitespace in Display Name '{display}' for {system}#{code}. Valid display is {valid} (for the"
        " language(s) '{languages}')"
    ),
    "Display_Name_for__should_be_one_of__instead_of": (
        "Wrong Display Name '{display}' for {system}#{code}. Valid display is {valid} (for the language(s)"
        " '{languages}')"
    ),
    "FILTER_NOT_UNDERSTOOD": (
        'The filter "{property} {op} {value}" from the value set {value_set} was not understood in the context of'
        " {system}"
    ),
    "INACTIVE_CONCEPT_FOUND": "The concept '{code}' has a status of {status} and its use should be reviewed",
    "INACTIVE_DISPLAY_FOUND": (
        "'{display}' is no longer considered a correct display for code '{code}'. The correct display is {valid}"
    ),
    "MSG_DEPRECATED": "Reference to deprecated {kind} {canonical}",
    "MSG_DRAFT": "Reference to draft {kind} {canonical}",
    "MSG_EXPERIMENTAL": "Reference to experimental {kind} {canonical}",
    "MSG_RETIRED": "Reference to retired {kind} {canonical}",
    "MSG_WITHDRAWN": "Reference to withdrawn {kind} {canonical}",
    "NO_VALID_DISPLAY_AT_ALL": "'{display}' is the wrong display for {system}#{code}, which has no display",
    "NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_ERR": (
        "Wrong Display Name '{display}' for {system}#{code}. There are no valid display names found for language(s)"
        " '{languages}'. Default display is '{default}'"
    ),
    "NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_OK": (
        "There are no valid display names found for the code {system}#{code} for language(s) '{languages}'. The display"
        " is '{display}' which is a valid display for the default language"
    ),
    "None_of_the_provided_codes_are_in_the_value_set_one": (
        "The provided code {coded} was not found in the value set '{value_set}'"
    ),
    "STATUS_CODE_WARNING_CODE": "The concept '{code}' is valid but is not active",
    "TX_GENERAL_CC_ERROR_MESSAGE": "No valid coding was found for the value set '{value_set}'",
    "Terminology_TX_System_Relative": "Coding.system must be an absolute reference, not a local reference",
    "Terminology_TX_System_ValueSet2": "The Coding references a value set, not a code system ('{system}')",
    "UNABLE_TO_HANDLE_SYSTEM_FILTER_WITH_NO_VALUE": (
        "The system {system} filter with property = {property}, op = {op} has no value"
    ),
    "UNABLE_TO_INFER_CODESYSTEM": (
        "The System URI could not be determined for the code '{code}' in the ValueSet '{value_set}'"
    ),
    "UNKNOWN_CODESYSTEM": (
        "A definition for CodeSystem '{system}' could not be found, so the code cannot be validated"
    ),
    "UNKNOWN_CODESYSTEM_VERSION": (
        "A definition for CodeSystem '{system}' version '{version}' could not be found, so the code cannot be"
        " validated. Valid versions: {versions}"
    ),
    "UNKNOWN_CODESYSTEM_VERSION_NONE": (
        "A definition for CodeSystem '{system}' version '{version}' could not be found, so the code cannot be"
        " validated. No versions of this code system are known"
    ),
    "UNKNOWN_CODESYSTEM_EXP": (
        "A definition for CodeSystem '{system}' could not be found, so the value set cannot be expanded"
    ),
    "UNKNOWN_CODESYSTEM_VERSION_EXP": (
        "A definition for CodeSystem '{system}' version '{version}' could not be found, so the value set cannot be"
        " expanded. Valid versions: {versions}"
    ),
    "UNKNOWN_CODESYSTEM_VERSION_EXP_NONE": (
        "A definition for CodeSystem '{system}' version '{version}' could not be found, so the value set cannot be"
        " expanded. No versions of this code system are known"
    ),
    "UNKNOWN_CODE_IN_FRAGMENT": (
        "Unknown Code '{code}' in the CodeSystem '{system}' version '{version}' - note that the code system is labeled"
        " as a fragment, so the code may be valid in some other fragment"
    ),
    "Unable_to_resolve_system__value_set_has_multiple_matches": (
        "The System URI could not be determined for the code '{code}' in the ValueSet '{value_set}': value set"
        " expansion has multiple matches: [{systems}]"
    ),
    "Unable_to_resolve_value_Set_": "A definition for the value Set '{value_set}' could not be found",
    "Unknown_Code_in_Version": "Unknown code '{code}' in the CodeSystem '{system}' version '{version}'{edition}",
    "Unknown_Code_in": "Unknown code '{code}' in the CodeSystem '{system}'",
    "VALUESET_CIRCULAR_REFERENCE": (
        "Found a circularity pointing to {value_set} processing ValueSet with pathway [{path}]"
    ),
    "VALUESET_SUPPLEMENT_MISSING": "Required supplement not found: {supplement}",
    "VALUESET_TOO_COSTLY": "The value set '{value_set}' expansion has too many codes to produce (>{limit})",
    "VALUESET_VALUE_MISMATCH": (
        "The code system '{system}' version '{version}' in the ValueSet include is different to the one in the value"
        " ('{given}')"
    ),
    "VALUESET_VALUE_MISMATCH_CHANGED": (
        "The code system '{system}' version '{version}' resulting from the version '{stated}' in the ValueSet include"
        " is different to the one in the value ('{given}')"
    ),
    "VALUESET_VALUE_MISMATCH_DEFAULT": (
        "The code system '{system}' version '{version}' for the versionless include in the ValueSet include is"
        " different to the one in the value ('{given}')"
    ),
    "VALUESET_VERSION_CHECK": (
        "The version '{version}' is not allowed for system '{system}': required to be '{required}' by a version-check"
        " parameter"
    ),
}
"""English texts by message id, as HL7's own server words them, for clients that compare."""


@dataclass(frozen=True, slots=True)
class TermIssue(Issue):
    """An issue with the id of its message and its kind; ``diagnostics`` is the text."""

    message_id: str | None = None
    kind: str | None = None

    def to_json(self, language: str = ENGLISH) -> Resource:
        """Render the issue as it stands in an OperationOutcome: in English, as other servers word it."""
        issue: Resource = {}
        if self.message_id is not None:
            issue["extension"] = [{"url": MESSAGE_ID, "valueString": self.message_id}]
        issue |= {"severity": self.severity.value, "code": self.code.value, "details": {}}
        if self.kind is not None:
            issue["details"]["coding"] = [{"system": _KINDS, "code": self.kind}]
        issue["details"]["text"] = self.diagnostics
        if self.expression:
            issue |= {"location": list(self.expression), "expression": list(self.expression)}
        return issue


_NOT_FOUND: Final = IssueType.NOT_FOUND
_RULE: Final = IssueType.BUSINESS_RULE
_BAD: Final = IssueType.INVALID
_WHAT: Final[dict[str, tuple[IssueType, str | None]]] = {
    "ABSTRACT_CODE_NOT_ALLOWED": (_RULE, "code-rule"),
    "CODESYSTEM_CS_NO_SUPPLEMENT": (_BAD, "invalid-data"),
    "CODE_CASE_DIFFERENCE": (_RULE, "code-rule"),
    "CODE_NOT_IN_NORMAL_FORM": (_RULE, "code-rule"),
    "CONCEPT_DEPRECATED_IN_VALUESET": (_RULE, "code-comment"),
    "Coding_has_no_system__cannot_validate": (_BAD, "invalid-data"),
    "DEPRECATED_CONCEPT_FOUND": (_RULE, "code-comment"),
    "FILTER_NOT_UNDERSTOOD": (IssueType.NOT_SUPPORTED, "vs-invalid"),
    "INACTIVE_CONCEPT_FOUND": (_RULE, "code-comment"),
    "INACTIVE_DISPLAY_FOUND": (_BAD, "display-comment"),
    "None_of_the_provided_codes_are_in_the_value_set_one": (IssueType.CODE_INVALID, "not-in-vs"),
    "STATUS_CODE_WARNING_CODE": (_RULE, "code-rule"),
    "TX_GENERAL_CC_ERROR_MESSAGE": (IssueType.CODE_INVALID, "not-in-vs"),
    "Terminology_TX_System_Relative": (_BAD, "invalid-data"),
    "Terminology_TX_System_ValueSet2": (_BAD, "invalid-data"),
    "UNABLE_TO_HANDLE_SYSTEM_FILTER_WITH_NO_VALUE": (_BAD, "vs-invalid"),
    "UNABLE_TO_INFER_CODESYSTEM": (_NOT_FOUND, "cannot-infer"),
    "UNKNOWN_CODE_IN_FRAGMENT": (IssueType.CODE_INVALID, "invalid-code"),
    "Unable_to_resolve_system__value_set_has_multiple_matches": (_NOT_FOUND, "cannot-infer"),
    "Unknown_Code_in": (IssueType.CODE_INVALID, "invalid-code"),
    "Unknown_Code_in_Version": (IssueType.CODE_INVALID, "invalid-code"),
    "VALUESET_CIRCULAR_REFERENCE": (IssueType.PROCESSING, "vs-invalid"),
    "VALUESET_TOO_COSTLY": (IssueType.TOO_COSTLY, None),
    "VALUESET_VERSION_CHECK": (IssueType.EXCEPTION, "version-error"),
}


def issue(message_id: str, severity: Severity, place: str = "", **facts: object) -> TermIssue:
    """Return an issue by the id of its message; ``place`` is a FHIRPath or the name of a parameter."""
    code, kind = _WHAT.get(message_id) or _by_family(message_id)
    expression = (place,) if place else ()
    return TermIssue(code, _TEXTS[message_id].format_map(facts), severity, expression, message_id, kind)


def _by_family(message_id: str) -> tuple[IssueType, str]:
    if message_id.startswith("MSG_"):
        return _RULE, "status-check"
    if message_id.startswith("VALUESET_VALUE_MISMATCH"):
        return _BAD, "vs-invalid"
    return (_BAD, "invalid-display") if "isplay" in message_id or "DISPLAY" in message_id else (_NOT_FOUND, "not-found")


class TermError(ClientError):
    """A terminology operation that cannot be answered."""

    status = 422
    code = IssueType.NOT_FOUND

    def __init__(self, found: TermIssue, unknown_system: str | None = None) -> None:
        """Keep the issue, and the code system that is not known where that is why."""
        super().__init__(found.diagnostics, issues=[found])
        self.issue = found
        self.unknown_system = unknown_system


class BadDefinition(TermError):
    """A value set, or what a request says of versions, cannot be worked out by anyone."""

    status = 400


def refusal(message_id: str, place: str = "", *, unknown: str | None = None, **facts: object) -> TermError:
    """Return the error of an issue; ``unknown`` is the code system that nobody has."""
    return TermError(issue(message_id, Severity.ERROR, place, **facts), unknown)


def unknown_map(canonical: str) -> TermError:
    """Return the error of a concept map that nobody has."""
    text = f"A definition for the concept map '{canonical}' could not be found"
    return TermError(TermIssue(_NOT_FOUND, text, Severity.ERROR, ("url",), None, "not-found"))
