"""What there is to say of a code that is checked and of the definitions that it is checked against.

Spec: http://hl7.org/fhir/R4/valueset-operation-validate-code.html (message, issues)
"""

from typing import Final

from fhirserver.kernel.outcome import IssueType, Severity
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.asked import place
from fhirserver.terminology.concepts import CodeSystem, Concept, Head
from fhirserver.terminology.editions import edition_of
from fhirserver.terminology.expressions.concepts import Expressed, why_none
from fhirserver.terminology.issues import TermIssue, issue
from fhirserver.terminology.library import Definitions
from fhirserver.terminology.options import Options
from fhirserver.terminology.report import Inactive, Report
from fhirserver.terminology.resource_systems import STANDARDS_STATUS, extension_code
from fhirserver.terminology.value_sets import Part, ValueSet
from fhirserver.terminology.versions import listed

_DEPRECATED: Final = "http://hl7.org/fhir/StructureDefinition/valueset-deprecated"
_OUT_OF_USE: Final = frozenset({"withdrawn", "deprecated"})
_COMPLETE: Final = "complete"


def say_unknown(library: Definitions, report: Report, url: str, version: str | None, path: str) -> None:
    """Say that a code system, or this version of it, is not known."""
    where = place(path, "system")
    if not version:
        report.unknown[url] = None
        report.error("UNKNOWN_CODESYSTEM", where, system=url)
        return
    known = library.versions(url)
    report.unknown[f"{url}|{version}" if known else url] = None
    if known:
        report.error("UNKNOWN_CODESYSTEM_VERSION", where, system=url, version=version, versions=listed(known))
    else:
        report.error("UNKNOWN_CODESYSTEM_VERSION_NONE", where, system=url, version=version)


def say_unknown_code(report: Report, system: CodeSystem, code: str, where: str) -> None:
    """Say that a code system does not have a code; a part of one may leave it out."""
    head = system.head
    facts: dict[str, object] = {"code": code, "system": head.url, "version": head.version}
    if head.content != _COMPLETE:
        report.add(issue("UNKNOWN_CODE_IN_FRAGMENT", Severity.WARNING, where, **facts))
    elif head.version:
        edition = edition_of(head.version)
        report.error("Unknown_Code_in_Version", where, **facts, edition=f" ({edition})" if edition else "")
    else:
        report.error("Unknown_Code_in", where, **facts)
    reason = why_none(system, code) if head.why_not is None else head.why_not(code)
    if reason is not None:
        report.add(TermIssue(IssueType.CODE_INVALID, reason, Severity.INFORMATION, (where,), None, "invalid-code"))


def say_expression(report: Report, concept: Concept, where: str) -> None:
    """Say of an expression what was not looked at."""
    if isinstance(concept, Expressed):
        text = (
            "The expression is grammatically correct and the concepts are valid, but the expression has not been"
            " checked against the SNOMED CT concept model (MRCM)"
        )
        told = Severity.INFORMATION
        report.add(TermIssue(IssueType.INFORMATIONAL, text, told, (where,), None, "process-note"))


def say_undecided(report: Report, code: str, value_set: ValueSet, where: str) -> None:
    """Say that nobody here knows whether a value set has an expression."""
    text = (
        f"Whether the expression '{code}' is in the value set '{value_set.canonical}' is not decided: its focus"
        " concepts alone do not tell, and expressions are not classified here"
    )
    report.add(TermIssue(IssueType.NOT_SUPPORTED, text, Severity.ERROR, (where,), None, "process-note"))


def say_normal_form(report: Report, where: str, code: str, right: str, head: Head) -> None:
    """Say that a code is written in another way than its code system does."""
    report.normal_form = right
    message_id = "CODE_CASE_DIFFERENCE" if code.lower() == right.lower() else "CODE_NOT_IN_NORMAL_FORM"
    report.information(message_id, where, code=code, right=right, system=head.canonical)


def note_inactive(report: Report, path: str, code: str, status: str | None) -> None:
    """Keep the first concept that is no longer used."""
    if report.inactive is None:
        report.inactive = Inactive(path, code, status)


def say_status(report: Report, kind: str, canonical: str, what: Head | ValueSet, source: ValueSet) -> None:
    """Say that a definition that is referred to is not in full force."""
    status = status_of(what, source)
    if status is not None:
        report.information(f"MSG_{status.upper()}", kind=kind, canonical=canonical)


def status_of(what: Head | ValueSet, source: ValueSet) -> str | None:
    """Return in what way a definition is not in full force, seen from another one that is about as much in force."""
    if what.standards_status in _OUT_OF_USE:
        return what.standards_status
    if what.status == "retired":
        return "retired"
    is_experimental = what.experimental if isinstance(what, Head) else what.resource.get("experimental", False)
    if is_experimental and not source.resource.get("experimental", False):
        return "experimental"
    is_draft = "draft" in (what.status, what.standards_status)
    return "draft" if is_draft and "draft" not in (source.status, source.standards_status) else None


def say_deprecated(report: Report, where: str, listed_as: Resource, value_set: ValueSet, head: Head) -> None:
    """Say that a value set has a code that it would rather not have."""
    status = extension_code(listed_as, STANDARDS_STATUS)
    if status not in _OUT_OF_USE and any(one.get("url") == _DEPRECATED for one in listed_as.get("extension", ())):
        status = "deprecated"
    if status in _OUT_OF_USE:
        facts = {"system": head.url, "code": listed_as["code"], "value_set": value_set.canonical, "status": status}
        report.add(issue("CONCEPT_DEPRECATED_IN_VALUESET", Severity.WARNING, where, **facts))


def say_refused_version(report: Report, path: str, system: CodeSystem, options: Options) -> None:
    """Say so when a version is not one that the request accepts."""
    required = options.rules.required(system.head.url, system.head.version)
    if required is not None:
        facts = {"system": system.head.url, "version": system.head.version, "required": required}
        report.error("VALUESET_VERSION_CHECK", place(path, "version"), **facts)


def say_other_version(report: Report, where: str, part: Part, used: tuple[str | None, Head], given: str) -> None:
    """Say that an include is of another version than a coding; ``used``: as it was worked out, and what it is."""
    version, head = used
    facts = {"system": part.system, "given": given}
    if not version:
        severity = Severity.ERROR if head.version_needed else Severity.WARNING
        report.add(issue("VALUESET_VALUE_MISMATCH_DEFAULT", severity, where, version=head.version, **facts))
    elif version != part.version:
        stated = part.version or ""
        report.error("VALUESET_VALUE_MISMATCH_CHANGED", where, version=version, stated=stated, **facts)
    else:
        report.error("VALUESET_VALUE_MISMATCH", where, version=version, **facts)


def note_use(report: Report, path: str, concept: Concept, code: str) -> None:
    """Keep the first concept that is deprecated, and the first that is no longer used."""
    if concept.is_inactive:
        note_inactive(report, path, code, concept.status)
    elif concept.status == "deprecated" and report.deprecated is None:
        report.deprecated = Inactive(path, code, concept.status)
