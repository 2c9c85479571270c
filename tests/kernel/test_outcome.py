"""OperationOutcomes stay small — http://hl7.org/fhir/R4/operationoutcome.html"""

import json

from fhirserver.kernel.outcome import (
    LONGEST_OUTCOME,
    BadRequest,
    Issue,
    IssueType,
    Severity,
    outcome_of,
)


def issues(count: int, severity: Severity) -> list[Issue]:
    return [Issue(IssueType.VALUE, f"`Patient.name[{n}]` must be an object.", severity) for n in range(count)]


def test_a_few_issues_are_told_in_their_order() -> None:
    told = [*issues(2, Severity.WARNING), *issues(2, Severity.ERROR)]
    assert [one["severity"] for one in outcome_of(told)["issue"]] == ["warning", "warning", "error", "error"]


def test_of_very_many_issues_the_gravest_are_told_and_that_there_are_more() -> None:
    told = outcome_of([*issues(5_000, Severity.WARNING), *issues(20, Severity.ERROR)])["issue"]
    assert LONGEST_OUTCOME / 2 < len(json.dumps(told)) < LONGEST_OUTCOME * 1.1
    assert [one["severity"] for one in told[:21]] == [*["error"] * 20, "warning"]
    last = told[-1]
    assert (last["severity"], last["code"]) == ("information", "too-costly")
    assert last["diagnostics"] == f"The resource has more problems than the {len(told) - 1} listed."


def test_one_issue_is_told_however_long() -> None:
    refusal = BadRequest("x" * (LONGEST_OUTCOME + 1))
    assert [one["code"] for one in refusal.outcome()["issue"]] == ["invalid"]
    told = outcome_of([*refusal.issues, *refusal.issues])["issue"]
    assert [one["code"] for one in told] == ["invalid", "too-costly"]
