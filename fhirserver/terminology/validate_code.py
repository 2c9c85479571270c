"""``$validate-code``: is a code, one of the codings of a concept, in a value set or a code system, and rightly said?

Spec: http://hl7.org/fhir/R4/valueset-operation-validate-code.html,
http://hl7.org/fhir/R4/codesystem-operation-validate-code.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fhirserver.kernel.outcome import Severity
from fhirserver.kernel.resource import Resource
from fhirserver.terminology.asked import Asked, Coding, Finding, Verdict, place
from fhirserver.terminology.checking import Checker
from fhirserver.terminology.displays import check_display
from fhirserver.terminology.expressions.concepts import found_in
from fhirserver.terminology.issues import TermError, TermIssue, issue
from fhirserver.terminology.languages import best
from fhirserver.terminology.library import Library
from fhirserver.terminology.options import Options
from fhirserver.terminology.remarks import note_inactive, say_refused_version, say_status, say_unknown, say_unknown_code
from fhirserver.terminology.report import Report

_ALSO_INACTIVE: Final = frozenset({"inactive", "DISCOURAGED", None})
_THIS: Final = "this-code-not-in-vs"


class Form(StrEnum):
    """In which form codes were given."""

    CODE = ""
    CODING = "Coding"
    CONCEPT = "CodeableConcept"


@dataclass(frozen=True, slots=True)
class Question:
    """The codes to check, and the CodeableConcept that they are of where they are of one."""

    form: Form
    codings: tuple[Coding, ...]
    concept: Resource | None = None

    def path(self, number: int) -> str:
        """Return where a coding is, as issues have it."""
        return f"{self.form}.coding[{number}]" if self.form is Form.CONCEPT else str(self.form)


@dataclass(slots=True)
class _Seen:
    """What was found of one coding."""

    asked: Asked
    verdict: Verdict

    @property
    def coding(self) -> Coding:
        return self.asked.coding

    @property
    def path(self) -> str:
        return self.asked.path

    @property
    def finding(self) -> Finding:
        return self.asked.finding

    @property
    def system(self) -> str | None:
        return self.coding.system or self.finding.implied_system

    @property
    def version(self) -> str | None:
        return None if self.finding.system is None else self.finding.system.head.version


def validate_code(checker: Checker, library: Library, question: Question) -> Resource:
    """Return the Parameters that answer a question."""
    report = Report()
    value_set = checker.value_set
    if not value_set.is_made_up:
        say_status(report, "ValueSet", value_set.canonical, value_set, value_set)
    seen = [
        _Validator(checker, library, question, report).check(number, coding)
        for number, coding in enumerate(question.codings)
    ]
    _sum_up(checker, question, seen, report)
    return _answer(question, seen, report, checker.options)


def unanswerable(problem: TermError, question: Question, options: Options) -> Resource:
    """Return the Parameters that say that definitions are missing to decide."""
    report = Report()
    report.add(problem.issue)
    if problem.unknown_system is not None:
        report.unknown[problem.unknown_system] = None
    first = question.codings[0] if question.codings else Coding("")
    seen = [_Seen(Asked(first, question.path(0), report, Finding()), None)]
    return _answer(question, seen, report, options)


@dataclass(frozen=True, slots=True)
class _Validator:
    """Checks the codings of one question, one after the other."""

    checker: Checker
    library: Library
    question: Question
    report: Report

    def check(self, number: int, coding: Coding) -> _Seen:
        asked = Asked(coding, self.question.path(number), self.report, Finding())
        verdict = self.checker.check(asked)
        seen = _Seen(asked, verdict)
        options = self.checker.options
        if verdict is False and self.question.form is Form.CONCEPT and not self.checker.value_set.is_made_up:
            self._say_not_in(seen)
        if verdict:
            check_display(asked, options)
        elif seen.system and not options.is_membership_only:
            self._look_in_system(seen)
        return seen

    def _say_not_in(self, seen: _Seen) -> None:
        message_id = "None_of_the_provided_codes_are_in_the_value_set_one"
        facts = {"coded": _shown([seen]), "value_set": self.checker.value_set.canonical}
        found = issue(message_id, Severity.INFORMATION, place(seen.path, "code"), **facts)
        self.report.add(TermIssue(found.code, found.diagnostics, found.severity, found.expression, message_id, _THIS))

    def _look_in_system(self, seen: _Seen) -> None:
        """Say what its code system has to say of a code that is not in the value set."""
        url, coding, report = str(seen.system), seen.coding, self.report
        if ":" not in url:
            report.error("Terminology_TX_System_Relative", place(seen.path, "system"))
        system = self.checker.find(url, self._version_of(seen))
        if system is None:
            self._say_no_system(url, seen)
            return
        say_refused_version(report, seen.path, system, self.checker.options)
        say_status(report, "CodeSystem", system.head.canonical, system.head, self.checker.value_set)
        concept = found_in(system, coding.code)
        if concept is None:
            seen.finding.system = system
            say_unknown_code(report, system, coding.code, place(seen.path, "code"))
            return
        seen.finding.see(system, concept)
        if concept.is_inactive:
            note_inactive(report, seen.path, coding.code, concept.status)
        check_display(seen.asked, self.checker.options)

    def _version_of(self, seen: _Seen) -> str | None:
        rules, url = self.checker.options.rules, str(seen.system)
        if seen.coding.version:
            return rules.choose(url, seen.coding.version)
        implied = self.checker.implied_versions.get(url)
        known = implied is not None and self.library.code_system(url, implied) is not None
        return rules.choose(url, implied if known else None)

    def _say_no_system(self, url: str, seen: _Seen) -> None:
        report, where = self.report, place(seen.path, "system")
        if self.library.value_set(url) is not None:
            report.error("Terminology_TX_System_ValueSet2", where, system=url)
        elif self.library.is_supplement(url) is not None:
            report.error("CODESYSTEM_CS_NO_SUPPLEMENT", where, system=url)
        else:
            say_unknown(self.library, report, url, self._version_of(seen), seen.path)


def _sum_up(checker: Checker, question: Question, seen: Sequence[_Seen], report: Report) -> None:
    """Say so when none of the codings is in the value set."""
    is_undecided = any(one.verdict is not False for one in seen)
    if is_undecided or (checker.value_set.is_made_up and report.has_errors):
        return
    canonical = checker.value_set.canonical
    if question.form is Form.CONCEPT:
        report.error("TX_GENERAL_CC_ERROR_MESSAGE", value_set=canonical)
    else:
        message_id = "None_of_the_provided_codes_are_in_the_value_set_one"
        report.error(message_id, place(str(question.form), "code"), coded=_shown(seen), value_set=canonical)


def _shown(seen: Sequence[_Seen]) -> str:
    return ", ".join(f"'{_written(one)}'" for one in seen)


def _written(seen: _Seen) -> str:
    system, coding = seen.system or "", seen.coding
    canonical = f"{system}|{coding.version}" if coding.version else system
    display = f" ('{coding.display}')" if coding.display else ""
    return f"{canonical}#{coding.code}{display}"


def _answer(question: Question, seen: Sequence[_Seen], report: Report, options: Options) -> Resource:
    member = next((one for one in seen if one.verdict), None)
    shown = member or (seen[0] if seen and question.form is not Form.CONCEPT else None)
    is_valid = member is not None and not report.has_errors
    found: list[Resource] = [{"name": "result", "valueBoolean": is_valid}]
    found.extend(_of_code(shown, options))
    found.extend(_of_status(report, shown, question))
    is_decided = all(one.verdict is False for one in seen)
    unknown = "x-unknown-system" if is_decided else "x-caused-by-unknown-system"
    if not is_valid:
        found.extend({"name": unknown, "valueCanonical": canonical} for canonical in report.unknown)
    if report.normal_form is not None:
        found.append({"name": "normalized-code", "valueCode": report.normal_form})
    if report.message:
        found.append({"name": "message", "valueString": report.message})
    if question.concept is not None:
        found.append({"name": "codeableConcept", "valueCodeableConcept": question.concept})
    if report.issues:
        found.append({"name": "issues", "resource": report.outcome()})
    return {"resourceType": "Parameters", "parameter": found}


def _of_code(shown: _Seen | None, options: Options) -> Iterator[Resource]:
    """Yield the code that the answer is about, as its code system has it."""
    if shown is None:
        return
    if shown.system:
        yield {"name": "system", "valueUri": shown.system}
    yield {"name": "code", "valueCode": shown.coding.code}
    version = shown.version or shown.coding.version
    if version:
        yield {"name": "version", "valueString": version}
    said = shown.finding.designations
    display = best(said, options.languages) or best(said, None)
    if display is not None:
        yield {"name": "display", "valueString": display.value}


def _of_status(report: Report, shown: _Seen | None, question: Question) -> Iterator[Resource]:
    """Yield what is said of a code that is no longer used, and say so among the issues."""
    if report.inactive is not None:
        found = report.inactive
        if shown is not None and found.path == shown.path:
            yield {"name": "inactive", "valueBoolean": True}
            if found.status and found.status != "inactive":
                yield {"name": "status", "valueCode": found.status}
        status = found.status if found.status in _ALSO_INACTIVE else f"{found.status} and inactive"
        where = found.path or "code"
        report.warning("INACTIVE_CONCEPT_FOUND", where, is_told=True, code=found.code, status=status)
    elif report.deprecated is not None:
        found = report.deprecated
        yield {"name": "status", "valueCode": "deprecated"}
        where = str(question.form) or "code"
        report.warning("DEPRECATED_CONCEPT_FOUND", where, is_told=True, code=found.code, status="deprecated")
