"""The grammar of resource scopes: SMART App Launch 2.2, conformance.md §1.7 item 47."""

import pytest

from fhirserver.kernel.scopes import Context, Scope, parse_scope

KNOWN = frozenset({"Patient", "Observation", "Condition"})
PATIENT, USER, SYSTEM = Context.PATIENT, Context.USER, Context.SYSTEM

READ = [
    pytest.param("patient/Patient.read", (PATIENT, "Patient", "rs", ()), id="v1 read is .rs"),
    pytest.param("user/*.write", (USER, "*", "cud", ()), id="v1 write is .cud"),
    pytest.param("system/*.*", (SYSTEM, "*", "cruds", ()), id="v1 * is .cruds"),
    pytest.param("patient/Observation.r", (PATIENT, "Observation", "r", ()), id="v2: one letter"),
    pytest.param("patient/Observation.rs", (PATIENT, "Observation", "rs", ()), id="v2: read and search"),
    pytest.param("user/Observation.cruds", (USER, "Observation", "cruds", ()), id="v2: all letters"),
    pytest.param("user/Observation.cud", (USER, "Observation", "cud", ()), id="v2: letters left out"),
    pytest.param(
        "patient/Observation.rs?category=http://example.org/c|laboratory",
        (PATIENT, "Observation", "rs", (("category", "http://example.org/c|laboratory"),)),
        id="granular: the value is everything after =",
    ),
    pytest.param(
        "patient/Observation.rs?category=http%3A%2F%2Fexample.org%2Fc%7Claboratory&status=final",
        (PATIENT, "Observation", "rs", (("category", "http://example.org/c|laboratory"), ("status", "final"))),
        id="granular: percent-decoded, several parameters",
    ),
    pytest.param(
        "user/Condition.s?code=a%26b=c", (USER, "Condition", "s", (("code", "a&b=c"),)), id="granular: & in a value"
    ),
]

REFUSED = [
    pytest.param("patient/Observation.sr", id="v2 letters out of order"),
    pytest.param("patient/Observation.rr", id="v2 letter twice"),
    pytest.param("patient/Observation.", id="v2 without letters"),
    pytest.param("patient/Observation", id="no rights"),
    pytest.param("patient/Observation.rd ", id="a space"),
    pytest.param("patient/Observation.reads", id="neither v1 nor v2"),
    pytest.param("patient/Observation.Read", id="upper case"),
    pytest.param("Patient/Observation.rs", id="context in upper case"),
    pytest.param("group/Observation.rs", id="unknown context"),
    pytest.param("patient/observation.rs", id="type in lower case"),
    pytest.param("patient/Nothing.rs", id="unknown type"),
    pytest.param("patient/Observation.read?category=a", id="v1 has no criteria"),
    pytest.param("patient/Observation.rs?", id="a question mark alone"),
    pytest.param("patient/Observation.rs?category", id="criteria without value"),
    pytest.param("patient/Observation.rs?category=", id="criteria with an empty value"),
    pytest.param("patient/Observation.rs?=a", id="criteria without name"),
    pytest.param("patient/Observation.rs?category=a&", id="an empty criterion"),
    pytest.param("patient/Observation.rs?category=%FF", id="criteria that are not UTF-8"),
    pytest.param("patient/Observation.rs#category", id="a fragment"),
    pytest.param("launch/patient", id="a launch scope"),
    pytest.param("openid", id="OpenID Connect"),
    pytest.param("offline_access", id="offline access"),
    pytest.param("", id="nothing"),
    pytest.param("patient/Observation.rs\n", id="a line end"),
]


@pytest.mark.parametrize(("text", "expected"), READ)
def test_is_read(text: str, expected: tuple[Context, str, str, tuple[tuple[str, str], ...]]) -> None:
    assert parse_scope(text, KNOWN.__contains__) == Scope(*expected, text)


@pytest.mark.parametrize("text", REFUSED)
def test_is_refused(text: str) -> None:
    assert parse_scope(text, KNOWN.__contains__) is None


COVERS = [
    pytest.param("patient/*.rs", "Patient", "r", True, id="any type"),
    pytest.param("patient/Patient.rs", "Patient", "s", True, id="its own type"),
    pytest.param("patient/Patient.rs", "Observation", "s", False, id="not another type"),
    pytest.param("patient/Patient.rs", "Patient", "u", False, id="not another right"),
]


@pytest.mark.parametrize(("text", "resource_type", "right", "expected"), COVERS)
def test_covers(text: str, resource_type: str, right: str, expected: bool) -> None:
    scope = parse_scope(text, KNOWN.__contains__)
    assert scope is not None
    assert scope.covers(resource_type, right) is expected
