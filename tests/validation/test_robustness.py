"""Whatever JSON comes, validation answers with issues: it neither raises nor runs away.

Values are arbitrary JSON, and valid resources with one thing in them changed.
"""

import gzip
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver.codec.fhir_json import parse_json
from fhirserver.definitions.registry import Definitions
from fhirserver.kernel.outcome import Issue, Severity
from fhirserver.terminology.required import RequiredCodes
from fhirserver.validation.findings import MAX_FINDINGS
from fhirserver.validation.structure import MAX_DEPTH, StructureValidator

QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

XHTML = '<div xmlns="http://www.w3.org/1999/xhtml"><p>a</p></div>'
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "meta": {"profile": ["http://a.b/c"], "lastUpdated": "2020-01-01T00:00:00Z"},
    "text": {"status": "generated", "div": XHTML},
    "contained": [{"resourceType": "Organization", "id": "o", "name": "A"}],
    "extension": [{"url": "http://a.b/c", "extension": [{"url": "d", "valueDecimal": Decimal("1.0")}]}],
    "identifier": [{"system": "http://a.b", "value": "1", "assigner": {"reference": "#o"}}],
    "name": [{"given": ["A", None], "_given": [None, {"extension": [{"url": "http://a.b", "valueCode": "x"}]}]}],
    "gender": "male",
    "birthDate": "1970-01-01",
    "_birthDate": {"id": "b"},
    "multipleBirthInteger": 2,
    "maritalStatus": {"coding": [{"system": "http://a.b", "code": "M", "userSelected": True}]},
    "managingOrganization": {"reference": "#o", "display": "A"},
}
NAMES = st.sampled_from(
    [*PATIENT, "_id", "url", "valueString", "_valueString", "given", "_given", "div", "status", "coding", "reference"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["Patient", "Bundle", "#", "#o", "http://a.b", "male", "2020-02-30", XHTML, ""])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=5),
    max_leaves=25,
)


@QUICK
@given(members=st.dictionaries(NAMES, JSON, max_size=8))
def test_any_patient(validator: StructureValidator, members: dict[str, Any]) -> None:
    _judge(validator, {**members, "resourceType": "Patient"}, "Patient")


@QUICK
@given(resource=JSON)
def test_any_json(validator: StructureValidator, resource: object) -> None:
    assert validator.validate(resource, "Bundle") != []  # type: ignore[arg-type]


@QUICK
@given(resource=JSON)
def test_any_json_in_a_bundle(validator: StructureValidator, resource: object) -> None:
    _judge(validator, {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}, "Bundle")


@QUICK
@given(data=st.data())
def test_one_change_to_a_valid_resource(validator: StructureValidator, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(list(_paths(PATIENT))))
    _judge(validator, _changed(PATIENT, path, data.draw(JSON)), "Patient")


@pytest.fixture(scope="module")
def examples(corpora: Path) -> list[dict[str, Any]]:
    """The smallest official example of each resource type."""
    smallest: dict[str, bytes] = {}
    with gzip.open(corpora / "01-r4-examples/r4-examples.ndjson.gz") as lines:
        for line in lines:
            name = parse_json(line)["resource"]["resourceType"]
            smallest[name] = min(smallest.get(name, line), line, key=len)
    return [parse_json(line)["resource"] for line in smallest.values()]


@QUICK
@given(data=st.data())
def test_one_change_to_an_official_example(
    validator: StructureValidator, examples: list[dict[str, Any]], data: st.DataObject
) -> None:
    example = data.draw(st.sampled_from(examples))
    path = data.draw(st.sampled_from(list(_paths(example))))
    _judge(validator, _changed(example, path, data.draw(JSON)), example["resourceType"])


def test_the_unchanged_resource_is_valid(validator: StructureValidator) -> None:
    assert validator.validate(PATIENT, "Patient") == []


def _judge(validator: StructureValidator, resource: dict[str, Any], resource_type: str) -> None:
    issues = validator.validate(resource, resource_type)
    for issue in issues:
        assert isinstance(issue, Issue)
        assert issue.severity is Severity.ERROR
        assert issue.expression[0].startswith(resource_type)
        assert "{}" not in issue.diagnostics


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    if path:
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in members:
        yield from _paths(item, (*path, key))


def _changed(value: Any, path: tuple[Any, ...], new: object) -> Any:  # noqa: ANN401
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _changed(value[path[0]], path[1:], new)
    return copy


def _extensions(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"url": "x", "valueCode": "x"}
    for _ in range(depth):
        value = {"url": "http://a.b", "extension": [value]}
    return {"resourceType": "Patient", "extension": [value]}


def _identifiers(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"value": "x"}
    for _ in range(depth):
        value = {"assigner": {"identifier": value}}
    return {"resourceType": "Patient", "identifier": [value]}


def _parts(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"name": "x", "valueCode": "x"}
    for _ in range(depth):
        value = {"name": "x", "part": [value]}
    return {"resourceType": "Parameters", "parameter": [value]}


def _bundles(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"resourceType": "Patient"}
    for _ in range(depth):
        value = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": value}]}
    return value


def _items(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"linkId": "a", "type": "display", "text": "a"}
    for number in range(depth):
        value = {"linkId": str(number), "type": "group", "item": [value]}
    return {"resourceType": "Questionnaire", "status": "draft", "item": [value]}


def _shadows(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"url": "http://a.b", "valueCode": "x"}
    for _ in range(depth):
        value = {"url": "http://a.b", "_valueCode": {"extension": [value]}}
    return {"resourceType": "Patient", "extension": [value]}


def _dosages(depth: int) -> dict[str, Any]:
    """The longest way round from an extension to an extension."""
    value: dict[str, Any] = {"url": "http://a.b", "valueCode": "x"}
    for _ in range(depth):
        low = {"extension": [value]}
        value = {"url": "http://a.b", "valueDosage": {"timing": {"repeat": {"boundsRange": {"low": low}}}}}
    return {"resourceType": "Patient", "extension": [value]}


BUILDERS = [_extensions, _identifiers, _parts, _bundles, _items, _shadows, _dosages]


@pytest.mark.parametrize("build", BUILDERS)
def test_types_may_hold_themselves_to_a_bound(
    validator: StructureValidator, build: Callable[[int], dict[str, Any]]
) -> None:
    shallow, deep = build(MAX_DEPTH // 3), build(MAX_DEPTH * 3)
    assert validator.validate(shallow, shallow["resourceType"]) == []
    assert [issue.code.value for issue in validator.validate(deep, deep["resourceType"])] == ["too-long"]


def test_the_bound_is_a_parameter(definitions: Definitions) -> None:
    validator = StructureValidator(definitions, RequiredCodes(definitions), max_depth=2)
    assert validator.validate(_parts(2), "Parameters") == []
    assert [issue.expression for issue in validator.validate(_parts(4), "Parameters")] == [
        ("Parameters.parameter[0].part[0].part[0].part[0]",)
    ]


FLOODS = [
    pytest.param({"resourceType": "Patient", "name": [1] * 200_000}, id="an array of wrong items"),
    pytest.param({"resourceType": "Patient", **{f"x{n}": 1 for n in range(200_000)}}, id="unknown elements"),
    pytest.param({"resourceType": "Patient", "name": [{"given": [1] * 500}] * 500}, id="nested arrays"),
    pytest.param({"resourceType": "Patient", "name": [{"_given": [{}] * 200_000}]}, id="empty shadows"),
    pytest.param(
        {"resourceType": "Patient", "contained": [{"resourceType": "Group", "id": "a"}] * 20_000},
        id="contained resources",
    ),
    pytest.param(
        {"resourceType": "Patient", "generalPractitioner": [{"reference": "#a"}] * 100_000}, id="broken references"
    ),
    pytest.param(
        {"resourceType": "Patient", "text": {"status": "generated", "div": "<div>" * 300_000}}, id="a narrative of tags"
    ),
    pytest.param({"resourceType": "Patient", "photo": [{"data": "AA " * 1_000_000}]}, id="base64 with white space"),
    pytest.param({"resourceType": "Patient", "photo": [{"data": "A" * 4_000_001}]}, id="base64 that ends too early"),
    pytest.param({"resourceType": "Patient", "language": " x" * 500_000}, id="a code of spaces"),
    pytest.param({"resourceType": "Patient", "implicitRules": "x" * 1_000_000 + " "}, id="a long uri"),
]


@pytest.mark.parametrize("resource", FLOODS)
def test_a_flood_of_problems_is_cut_short(validator: StructureValidator, resource: dict[str, Any]) -> None:
    started = time.process_time()
    issues = validator.validate(resource, "Patient")
    assert 1 <= len(issues) <= MAX_FINDINGS + 1
    assert time.process_time() - started < 20
