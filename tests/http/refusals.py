"""What every refusal has in common: a 4xx OperationOutcome that names the place, repeats nothing and stores nothing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.database import Database

from tests.wire import Answer

MARK = "Zx-marker-9Q"
"""Stands where a caller's content stands; no answer may hold it."""

ISSUE_TYPES = frozenset(
    {"invalid", "structure", "required", "value", "invariant", "processing", "not-supported", "multiple-matches"}
    | {"not-found", "deleted", "too-long", "code-invalid", "too-costly", "conflict", "business-rule", "extension"}
)
"""http://hl7.org/fhir/R4/valueset-issue-type.html, as far as refusals use it."""


def fhir(resource: object) -> bytes:
    """Write a resource."""
    return json.dumps(resource).encode()


def patient(**members: object) -> bytes:
    """Write a Patient."""
    return fhir({"resourceType": "Patient", **members})


def check_refused(answer: Answer, status: int, place: str) -> None:
    """Hold an answer against the rules; ``place`` is an expression of the issue or stands in its diagnostics."""
    shown = f"{answer.status} {answer.body[:600]!r}"
    assert answer.status == status, shown
    assert answer.headers["Content-Type"] == "application/fhir+json; charset=utf-8", shown
    assert answer.headers["X-Request-Id"], shown
    outcome = answer.json
    assert outcome["resourceType"] == "OperationOutcome", shown
    for issue in outcome["issue"]:
        assert issue["severity"] == "error", shown
        assert issue["code"] in ISSUE_TYPES, shown
        assert issue["diagnostics"].endswith("."), shown
    first = outcome["issue"][0]
    assert place in first.get("expression", ()) or place in first["diagnostics"], shown
    assert MARK not in answer.body.decode() + str(answer.headers), shown
    assert len(answer.body) < 4096, "a refusal is short, whatever was sent"


def stored(database: Database[dict[str, Any]]) -> dict[str, int]:
    """Count everything that a write leaves behind."""
    names = ("resource", "history", "content.files", "content.chunks")
    return {name: database[name].count_documents({}) for name in names}


@contextmanager
def nothing_stored(database: Database[dict[str, Any]]) -> Iterator[None]:
    """Fail when anything was written meanwhile."""
    before = stored(database)
    yield
    assert stored(database) == before
