"""What every answer to a hostile request must be.

No 5xx and no 408; every refusal an OperationOutcome whose issues say in a sentence what is wrong, short whatever was
sent; nothing of this machine in it. Spec: http://hl7.org/fhir/R4/http.html#Status-Codes
"""

import json
from collections.abc import Iterator
from typing import Any

from lxml import etree

from tests.http.hostile.case import Case
from tests.http.refusals import ISSUE_TYPES
from tests.wire import Answer

TIMEOUT = 408
LONGEST_REFUSAL = 256 * 1024
"""Bytes; a resource has at most a thousand issues."""
_INNARDS = (b"root:x:0", b"Traceback", b"pymongo", b"fhirserver/", b"Errno")
_FHIR = "{http://hl7.org/fhir}"
_IN_JSON = frozenset((b"application/fhir+json", b"application/json", b"text/json"))
_SEVERE = frozenset({"error", "fatal"})


def problems_of(case: Case, answer: Answer) -> list[str]:
    """Say what is wrong with an answer."""
    found = list(_status_problems(answer.status))
    if case.method != "HEAD" and answer.status >= 400:
        found += _refusal_problems(answer)
    elif answer.body and _media_type(answer).partition(b";")[0] in _IN_JSON:
        found += _success_problems(answer)
    return found


def _media_type(answer: Answer) -> bytes:
    return (answer.headers["Content-Type"] or "").encode("latin-1", "replace")


def _status_problems(status: int) -> Iterator[str]:
    if status >= 500 or status == TIMEOUT:
        yield f"it is answered {status}"


def _refusal_problems(answer: Answer) -> Iterator[str]:
    if len(answer.body) > LONGEST_REFUSAL:
        yield f"the refusal has {len(answer.body)} bytes"
    innards = [word.decode() for word in _INNARDS if word in answer.body]
    if innards:
        yield f"the refusal holds {innards}"
    if b"turtle" in _media_type(answer):
        if not all(
            word in answer.body for word in (b"a fhir:OperationOutcome", b"fhir:OperationOutcome.issue.diagnostics")
        ):
            yield "the refusal in Turtle is no OperationOutcome with diagnostics"
        return
    try:
        outcomes = [_outcome_in_xml(answer.body)] if b"xml" in _media_type(answer) else _outcomes(answer.json)
    except (ValueError, LookupError, TypeError, etree.XMLSyntaxError) as problem:
        yield f"the refusal is no OperationOutcome: {type(problem).__name__}, {answer.body[:200]!r}"
        return
    for outcome in outcomes:
        yield from outcome_problems(outcome)


def _outcomes(body: Any) -> list[Any]:  # noqa: ANN401 - JSON
    """Return the OperationOutcome, or those of the errors of a GraphQL answer."""
    if "errors" in body and body["data"] is None:
        return [error["extensions"]["resource"] for error in body["errors"]]
    return [body]


def _outcome_in_xml(body: bytes) -> dict[str, Any]:
    root = etree.fromstring(body)
    issues = [{child.tag.removeprefix(_FHIR): child.get("value") for child in issue} for issue in root]
    return {"resourceType": root.tag.removeprefix(_FHIR), "issue": issues}


def outcome_problems(outcome: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield what is wrong with the outcome of a refusal."""
    if not isinstance(outcome, dict) or outcome.get("resourceType") != "OperationOutcome" or not outcome.get("issue"):
        yield "the refusal is no OperationOutcome with an issue"
        return
    for issue in outcome["issue"]:
        if issue.get("code") not in ISSUE_TYPES or not issue.get("diagnostics", "").endswith((".", "…")):
            yield f"an issue has no code of its own or no sentence: {str(issue)[:300]}"
            return
    if not any(issue.get("severity") in _SEVERE for issue in outcome["issue"]):
        yield "the refusal has no error in it"


def _success_problems(answer: Answer) -> Iterator[str]:
    """Yield what is wrong with an answer in JSON, and with those within it of a batch."""
    try:
        body = answer.json
    except ValueError:
        yield "the answer is no JSON"
        return
    if not isinstance(body, dict) or not body.keys() & {"resourceType", "data"}:
        if b"fhir" in _media_type(answer):
            yield "the answer is no resource"
        return
    if body.get("type") in ("batch-response", "transaction-response"):
        for entry in body.get("entry", ()):
            yield from _entry_problems(entry["response"])


def _entry_problems(response: dict[str, Any]) -> Iterator[str]:
    status = int(response["status"][:3])
    yield from _status_problems(status)
    if status >= 400:
        for problem in outcome_problems(response.get("outcome")):
            yield f"{problem} (entry, {json.dumps(response)[:200]})"
