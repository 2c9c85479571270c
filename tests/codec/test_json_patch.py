"""JSON Patch — https://www.rfc-editor.org/rfc/rfc6902, http://hl7.org/fhir/R4/http.html#patch"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver.codec.fhir_json import decode_literal, encode_literal
from fhirserver.codec.json_patch import MAX_OPERATIONS, apply_patch, change_resource, equal_values, parse_patch
from fhirserver.kernel.outcome import BadRequest, BadStructure, FhirError, TooLong, Unprocessable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "~", "/"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def patched(document: str, patch: str) -> str:
    return encode_literal(apply_patch(parse_patch(patch.encode()), decode_literal(document.encode()))).decode()


APPLIED = [
    pytest.param('{"a":1}', '[{"op":"add","path":"/b","value":2}]', '{"a":1,"b":2}', id="add: a new member"),
    pytest.param('{"a":1}', '[{"op":"add","path":"/a","value":2}]', '{"a":2}', id="add: an existing member"),
    pytest.param('{"a":[1,3]}', '[{"op":"add","path":"/a/1","value":2}]', '{"a":[1,2,3]}', id="add: before an index"),
    pytest.param('{"a":[1]}', '[{"op":"add","path":"/a/1","value":2}]', '{"a":[1,2]}', id="add: index equal to length"),
    pytest.param('{"a":[1]}', '[{"op":"add","path":"/a/-","value":2}]', '{"a":[1,2]}', id="add: - is after the last"),
    pytest.param("1", '[{"op":"add","path":"","value":{"a":2}}]', '{"a":2}', id="add: the whole document"),
    pytest.param('{"":1}', '[{"op":"replace","path":"/","value":2}]', '{"":2}', id="pointer: / is the empty name"),
    pytest.param('{"a":1,"b":2}', '[{"op":"remove","path":"/a"}]', '{"b":2}', id="remove: a member"),
    pytest.param('{"a":[1,2]}', '[{"op":"remove","path":"/a/0"}]', '{"a":[2]}', id="remove: elements shift left"),
    pytest.param('{"a":[1]}', '[{"op":"replace","path":"/a/0","value":null}]', '{"a":[null]}', id="replace: element"),
    pytest.param('{"a":{"b":1}}', '[{"op":"move","from":"/a/b","path":"/c"}]', '{"a":{},"c":1}', id="move: a member"),
    pytest.param(
        '{"a":[1,2,3]}', '[{"op":"move","from":"/a/0","path":"/a/2"}]', '{"a":[2,3,1]}', id="move: removed, then added"
    ),
    pytest.param('{"a":1}', '[{"op":"move","from":"/a","path":"/a"}]', '{"a":1}', id="move: onto itself"),
    pytest.param('{"a":{"b":1}}', '[{"op":"copy","from":"/a","path":"/c"}]', '{"a":{"b":1},"c":{"b":1}}', id="copy"),
    pytest.param('{"a":1.0}', '[{"op":"test","path":"/a","value":1}]', '{"a":1.0}', id="test: numbers numerically"),
    pytest.param(
        '{"a":{"x":1,"y":2}}', '[{"op":"test","path":"/a","value":{"y":2,"x":1}}]', '{"a":{"x":1,"y":2}}',
        id="test: members in any order",
    ),
    pytest.param('{"a/b":1}', '[{"op":"remove","path":"/a~1b"}]', "{}", id="pointer: ~1 is /"),
    pytest.param('{"~1":1}', '[{"op":"remove","path":"/~01"}]', "{}", id="pointer: ~01 is ~1, not /"),
    pytest.param('{"a":1.50}', '[{"op":"add","path":"/b","value":2.00}]', '{"a":1.50,"b":2.00}', id="literals stay"),
    pytest.param('{"a":1}', '[{"op":"add","path":"/b","value":1,"xyz":9}]', '{"a":1,"b":1}', id="unknown members"),
    pytest.param('{"a":1}', "[]", '{"a":1}', id="an empty patch"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "patch", "expected"), APPLIED)
def test_applied(document: str, patch: str, expected: str) -> None:
    assert patched(document, patch) == expected


FAILING = [
    pytest.param('[{"op":"add","path":"/x/y","value":1}]', id="add: the parent must exist"),
    pytest.param('[{"op":"add","path":"/list/3","value":1}]', id="add: the index must not exceed the length"),
    pytest.param('[{"op":"add","path":"/text/x","value":1}]', id="add: the parent must be an object or array"),
    pytest.param('[{"op":"remove","path":"/x"}]', id="remove: the target must exist"),
    pytest.param('[{"op":"remove","path":"/list/-"}]', id="remove: - is no element"),
    pytest.param('[{"op":"remove","path":"/list/2"}]', id="remove: beyond the last"),
    pytest.param('[{"op":"remove","path":"/list/01"}]', id="pointer: no leading zeros"),
    pytest.param('[{"op":"remove","path":"/list/-1"}]', id="pointer: no negative index"),
    pytest.param('[{"op":"remove","path":"/list/\u0663"}]', id="pointer: ASCII digits only"),
    pytest.param('[{"op":"remove","path":""}]', id="remove: not the whole document"),
    pytest.param('[{"op":"replace","path":"/x","value":1}]', id="replace: the target must exist"),
    pytest.param('[{"op":"move","from":"/x","path":"/y"}]', id="move: from must exist"),
    pytest.param('[{"op":"copy","from":"/list/9","path":"/y"}]', id="copy: from must exist"),
    pytest.param('[{"op":"test","path":"/text","value":"other"}]', id="test: another value"),
    pytest.param('[{"op":"test","path":"/one","value":true}]', id="test: 1 is not true"),
    pytest.param('[{"op":"test","path":"/one","value":"1"}]', id="test: 1 is not a string"),
    pytest.param('[{"op":"test","path":"/list","value":[2,1]}]', id="test: arrays in order"),
    pytest.param('[{"op":"test","path":"/x","value":null}]', id="test: null is not absence"),
]


@pytest.mark.parametrize("patch", FAILING)
def test_what_cannot_be_applied_is_refused_and_named(patch: str) -> None:
    document = decode_literal(b'{"list":[1,2],"text":"t","one":1}')
    first = '{"op":"test","path":"/one","value":1}'
    with pytest.raises(Unprocessable) as refused:
        apply_patch(parse_patch(f"[{first},{patch[1:]}".encode()), document)
    assert refused.value.issues[0].expression == ("[1]",)
    assert "Operation 1" in refused.value.diagnostics


MALFORMED = [
    pytest.param("{}", id="not an array"),
    pytest.param('["add"]', id="an operation is an object"),
    pytest.param('[{"path":"/a"}]', id="op is missing"),
    pytest.param('[{"op":"ADD","path":"/a","value":1}]', id="op is unknown"),
    pytest.param('[{"op":["add"],"path":"/a","value":1}]', id="op is no string"),
    pytest.param('[{"op":"add","path":"/a"}]', id="value is missing"),
    pytest.param('[{"op":"remove"}]', id="path is missing"),
    pytest.param('[{"op":"remove","path":1}]', id="path is no string"),
    pytest.param('[{"op":"remove","path":"a"}]', id="a pointer starts with /"),
    pytest.param('[{"op":"remove","path":"/a~2"}]', id="a pointer escapes with ~0 and ~1 only"),
    pytest.param('[{"op":"move","path":"/a"}]', id="from is missing"),
    pytest.param('[{"op":"move","from":"/a","path":"/a/b"}]', id="move: not into itself"),
    pytest.param('[{"op":"move","from":"","path":"/a"}]', id="move: not the whole into a part"),
    pytest.param('[{"op":"remove","path":"/a","path":"/b"}]', id="duplicate key"),
    pytest.param("[", id="not JSON"),
    pytest.param("", id="empty"),
]


@pytest.mark.parametrize("patch", MALFORMED)
def test_malformed_patches_are_refused_before_they_run(patch: str) -> None:
    with pytest.raises(BadStructure):
        parse_patch(patch.encode())


def test_the_original_stays_as_it_is() -> None:
    document = decode_literal(b'{"a":{"b":[1,{"c":2}]}}')
    before = encode_literal(document)
    patch = (
        b'[{"op":"add","path":"/a/b/1/d","value":3},{"op":"remove","path":"/a/b/0"},'
        b'{"op":"move","from":"/a","path":"/z"}]'
    )
    assert encode_literal(apply_patch(parse_patch(patch), document)) == b'{"z":{"b":[{"c":2,"d":3}]}}'
    assert encode_literal(document) == before


def test_a_copied_value_is_not_shared() -> None:
    patch = '[{"op":"copy","from":"/a","path":"/b"},{"op":"add","path":"/a/x","value":1}]'
    assert patched('{"a":{}}', patch) == '{"a":{"x":1},"b":{}}'


def test_too_many_operations_are_refused() -> None:
    operation = '{"op":"test","path":"","value":1}'
    with pytest.raises(TooLong):
        parse_patch(f"[{','.join([operation] * (MAX_OPERATIONS + 1))}]".encode())


@pytest.mark.parametrize("times", [18, 64])
def test_doubling_by_copy_is_bounded(times: int) -> None:
    doubling = [{"op": "copy", "from": "/a", "path": "/a/-"}] * times
    with pytest.raises(TooLong):
        apply_patch(parse_patch(json.dumps(doubling).encode()), {"a": [1]})


IDENTITY = {"resourceType": "Patient", "id": "1", "meta": {"versionId": "3", "lastUpdated": "2026-01-01T00:00:00Z"}}

FORBIDDEN = [
    pytest.param([{"op": "replace", "path": "/id", "value": "2"}], id="id changed"),
    pytest.param([{"op": "remove", "path": "/id"}], id="id removed"),
    pytest.param([{"op": "replace", "path": "/resourceType", "value": "Group"}], id="resourceType changed"),
    pytest.param([{"op": "replace", "path": "/meta/versionId", "value": "9"}], id="meta.versionId changed"),
    pytest.param([{"op": "add", "path": "/meta", "value": {"lastUpdated": "2020-01-01T00:00:00Z"}}], id="lastUpdated"),
    pytest.param([{"op": "move", "from": "/id", "path": "/birthDate"}], id="id moved away"),
    pytest.param([{"op": "replace", "path": "", "value": {"resourceType": "Patient"}}], id="everything replaced"),
]


@pytest.mark.parametrize("patch", FORBIDDEN)
def test_identity_is_protected(patch: list[dict[str, Any]]) -> None:
    with pytest.raises(BadRequest):
        change_resource(parse_patch(json.dumps(patch).encode()), IDENTITY)


ALLOWED = [
    pytest.param([{"op": "replace", "path": "/id", "value": "1"}], id="id set to what it is"),
    pytest.param([{"op": "remove", "path": "/meta/versionId"}], id="versionId removed: the server sets it anyway"),
    pytest.param([{"op": "add", "path": "/meta/tag", "value": [{"code": "t"}]}], id="a tag added"),
]


@pytest.mark.parametrize("patch", ALLOWED)
def test_what_leaves_the_identity_alone_passes(patch: list[dict[str, Any]]) -> None:
    assert change_resource(parse_patch(json.dumps(patch).encode()), IDENTITY)["id"] == "1"


def test_the_result_must_be_an_object() -> None:
    with pytest.raises(Unprocessable):
        change_resource(parse_patch(b'[{"op":"replace","path":"","value":[]}]'), IDENTITY)


@given(JSON, JSON)
def test_replacing_the_whole_then_testing_it_succeeds(document: Any, value: Any) -> None:  # noqa: ANN401 - any JSON
    patch = [{"op": "replace", "path": "", "value": value}, {"op": "test", "path": "", "value": value}]
    assert equal_values(apply_patch(parse_patch(json.dumps(patch).encode()), document), value)


@given(st.binary(max_size=60))
def test_no_bytes_crash_the_parser(body: bytes) -> None:
    try:
        parse_patch(body)
    except FhirError as error:
        assert 400 <= error.status < 500  # noqa: PT017 - either way is fine


def test_public_vectors(corpora: Path) -> None:
    for case in json.loads((corpora / "04-patch" / "json-patch-tests.json").read_text()):
        try:
            result = apply_patch(parse_patch(json.dumps(case["patch"]).encode()), case["doc"])
        except FhirError:
            assert "error" in case, case
        else:
            assert result == case.get("expected"), case
