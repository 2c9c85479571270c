"""Batches and transactions that are wrong as a whole or in one entry — http://hl7.org/fhir/R4/http.html#transaction"""

from typing import Any

import pytest

from tests.http.refusals import ISSUE_TYPES, MARK, check_refused, fhir, patient
from tests.wire import Wire

CREATE = {"method": "POST", "url": "Patient"}
PATIENT = {"resourceType": "Patient"}
GOOD = {"request": CREATE, "resource": PATIENT}
REFERRING = {"resourceType": "Patient", "managingOrganization": {"reference": f"Organization?name={MARK}"}}


def bundle(kind: str, *entries: object) -> bytes:
    """Write a Bundle."""
    return fhir({"resourceType": "Bundle", "type": kind, "entry": list(entries)})


def put(logical_id: str, **members: object) -> dict[str, Any]:
    """Write an entry that updates."""
    return {
        "request": {"method": "PUT", "url": f"Patient/{logical_id}"},
        "resource": {**PATIENT, "id": logical_id, **members},
    }


ELSEWHERE = {"method": "POST", "url": f"http://evil.example/{MARK}"}
DELETE = {"method": "DELETE", "url": "Patient/a"}
PATCH = {"method": "PATCH", "url": "Patient/a"}
NESTED = {"request": {"method": "POST", "url": "/"}, "resource": {"resourceType": "Bundle", "type": "batch"}}

ENVELOPES = [
    pytest.param(patient(), 400, "resourceType", id="no Bundle"),
    pytest.param(fhir({"resourceType": "Bundle"}), 400, "Bundle.type", id="no type"),
    pytest.param(bundle(MARK), 400, "Bundle.type", id="unknown type"),
    pytest.param(bundle("document", GOOD), 400, "Bundle.type", id="document"),
    pytest.param(bundle("searchset", GOOD), 400, "Bundle.type", id="searchset"),
    pytest.param(b'{"resourceType":"Bundle","type":"batch","type":"batch"}', 400, "`type`", id="duplicate key"),
    pytest.param(b'{"resourceType":"Bundle","type":"batch","entry":{}}', 400, "Bundle.entry", id="entry no array"),
    pytest.param(bundle("batch", MARK), 400, "Bundle.entry[0]", id="entry no object"),
    pytest.param(bundle("batch", None), 400, "Bundle.entry[0]", id="entry null"),
    pytest.param(bundle("batch", {"request": {"method": 1}}), 400, "Bundle.entry[0].request.method", id="method 1"),
    pytest.param(bundle("batch", *[GOOD] * 5001), 413, "5001", id="batch over the limit"),
    pytest.param(bundle("transaction", *[GOOD] * 5001), 413, "5001", id="transaction over the limit"),
    pytest.param(b'{"resourceType":"Bundle","type":"transaction"', 400, "The body", id="cut off"),
    pytest.param(b'{"resourceType":"Bundle","type":"batch","x":' + b"[" * 100_000, 400, "levels", id="depth bomb"),
]

ENTRIES = [
    pytest.param({"resource": PATIENT}, 400, "request", id="no request"),
    pytest.param({"request": CREATE}, 400, "resource", id="no resource"),
    pytest.param({**GOOD, "resource": MARK}, 400, "resource", id="resource no object"),
    pytest.param({**GOOD, "resource": [PATIENT]}, 400, "resource", id="resource in an array"),
    pytest.param({**GOOD, "request": {"url": "Patient"}}, 400, "request.method", id="no method"),
    pytest.param({**GOOD, "request": {"method": MARK, "url": "Patient"}}, 400, "request.method", id="unknown method"),
    pytest.param({**GOOD, "request": {"method": "TRACE", "url": "Patient"}}, 400, "request.method", id="TRACE"),
    pytest.param({**GOOD, "request": {"method": "POST"}}, 400, "request.url", id="no url"),
    pytest.param({**GOOD, "request": ELSEWHERE}, 400, "request.url", id="other server"),
    pytest.param({**GOOD, "request": {"method": "POST", "url": "../../auth/token"}}, 404, "", id="path traversal"),
    pytest.param({**GOOD, "request": {"method": "POST", "url": "Foo"}}, 404, "", id="unknown type"),
    pytest.param({**GOOD, "request": {"method": "POST", "url": "Observation"}}, 400, "", id="another type"),
    pytest.param(NESTED, 400, "request.url", id="nested batch"),
    pytest.param({"request": {"method": "GET", "url": "Patient?name=%zz"}}, 400, "", id="bad escape"),
    pytest.param({"request": {"method": "GET", "url": "Patient?name=\0"}}, 400, "", id="NUL in the url"),
    pytest.param({"request": {"method": "DELETE", "url": "Patient?nonsense=1"}}, 400, "", id="delete that would widen"),
    pytest.param({"request": {"method": "DELETE", "url": "Patient"}}, 412, "", id="delete of all"),
    pytest.param({**put("a"), "resource": PATIENT}, 400, "", id="update without id"),
    pytest.param({**put("a"), "resource": {**PATIENT, "id": "b"}}, 400, "", id="update with another id"),
    pytest.param({**put("a"), "fullUrl": "Patient/a"}, 400, "fullUrl", id="relative fullUrl"),
    pytest.param({**put("a"), "request": {**put("a")["request"], "ifMatch": MARK}}, 400, "", id="malformed ifMatch"),
    pytest.param({**put("a"), "request": {**put("a")["request"], "ifMatch": 'W/"7"'}}, 412, "", id="stale ifMatch"),
    pytest.param({**GOOD, "request": {**CREATE, "ifNoneExist": "name[$ne]=x"}}, 400, "", id="operator in ifNoneExist"),
    pytest.param({**GOOD, "request": {**CREATE, "ifNoneExist": "nonsense=1"}}, 400, "", id="ifNoneExist that widens"),
    pytest.param(put("a", gender=MARK), 422, "resource.gender", id="code outside its binding"),
    pytest.param(put("a", nonsense=MARK), 422, "resource", id="unknown element"),
    pytest.param({**put("a"), "request": PATCH}, 400, "resource", id="patch without Binary"),
    pytest.param({**GOOD, "request": {"method": "POST", "url": "$nonsense"}}, None, "", id="unknown operation"),
]
READS = [
    # within a transaction reads follow its commit and answer for themselves
    pytest.param({"request": {"method": "GET", "url": "Patient?name[$ne]=x"}}, 400, "", id="operator in the url"),
    pytest.param({"request": {"method": "GET", "url": f"Patient?birthdate={MARK}"}}, 400, "", id="no date in the url"),
    pytest.param({"request": {"method": "GET", "url": "Patient/not-there"}}, 404, "", id="read of nothing"),
]


@pytest.mark.parametrize(("body", "status", "place"), ENVELOPES)
def test_a_bad_bundle_is_refused_as_a_whole(wire: Wire, body: bytes, status: int, place: str) -> None:
    check_refused(wire.call("POST", "", body), status, place)


@pytest.mark.parametrize(("entry", "status", "place"), ENTRIES)
def test_a_bad_entry_fails_its_transaction_and_is_named(
    wire: Wire, entry: dict[str, Any], status: int | None, place: str
) -> None:
    answer = wire.call("POST", "", bundle("transaction", GOOD, put("b"), entry, GOOD))
    check_refused(answer, status or 400, "Bundle.entry[2]")
    assert place in str(answer.json["issue"][0].get("expression"))


@pytest.mark.parametrize(("entry", "status", "place"), [*ENTRIES, *READS])
def test_a_bad_entry_of_a_batch_has_its_own_outcome(
    wire: Wire, entry: dict[str, Any], status: int | None, place: str
) -> None:
    answer = wire.call("POST", "", bundle("batch", entry))
    assert answer.status == 200
    (response,) = (found["response"] for found in answer.json["entry"])
    issue = response["outcome"]["issue"][0]
    assert int(response["status"][:3]) == (status or 404)
    assert issue["code"] in ISSUE_TYPES
    assert "Bundle.entry[0]" in issue["expression"]
    assert place in str(issue["expression"])
    assert MARK not in answer.body.decode()


WRONG_TOGETHER = [
    pytest.param([put("a"), put("a")], 400, "Bundle.entry[1]", id="one instance updated twice"),
    pytest.param([put("a"), {"request": DELETE}], 400, "Bundle.entry[1]", id="and deleted"),
    pytest.param([GOOD, {"request": CREATE, "resource": REFERRING}], 412, "Organization", id="reference to no match"),
    pytest.param(
        [{**GOOD, "fullUrl": "urn:uuid:1"}, {**GOOD, "fullUrl": "urn:uuid:1"}], 400, "fullUrl", id="one fullUrl twice"
    ),
]


@pytest.mark.parametrize(("entries", "status", "place"), WRONG_TOGETHER)
def test_entries_that_contradict_each_other_fail_the_transaction(
    wire: Wire, entries: list[object], status: int, place: str
) -> None:
    check_refused(wire.call("POST", "", bundle("transaction", *entries)), status, place)
