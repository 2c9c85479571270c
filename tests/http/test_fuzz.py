"""Whatever is asked, the server answers below 500, and every refusal is an OperationOutcome.

Spec: http://hl7.org/fhir/R4/http.html#Status-Codes
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.http.refusals import ISSUE_TYPES
from tests.server_process import ServerProcess
from tests.wire import FHIR_JSON, Answer, Wire

BOUNDED = settings(max_examples=150, deadline=None, derandomize=True)

WORDS = "Patient Observation Bundle Binary Parameters 1 _history _search metadata $validate $everything * .. 1/"
SEGMENTS = st.sampled_from([*WORDS.split(), "", "a" * 70, "%C3%A9", "%00", "%", "%ff", "{}"]) | st.text(
    max_size=12
).map(lambda text: quote(text, safe=""))
METHODS = st.sampled_from(["GET", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])

PARAMETERS = """
    name phonetic birthdate death-date deceased active gender identifier link organization address-city
    general-practitioner.name _has:Observation:patient:code _id _lastUpdated _tag _profile _security _source _text
    _filter _list _contained _type _count _sort _include _revinclude _elements _summary _total _cursor _since _at
    _format _pretty code date subject value-quantity code-value-quantity combo-value-quantity component-value-concept
"""
MODIFIERS = """
    :exact :contains :missing :not :not-in :in :text :above :below :of-type :identifier :Patient :iterate : :: .
    .name :Organization.name [$ne]
"""
FRAGMENTS = """
    eq ne gt lt ap sa 2020 -01 -31 T10:00 Z +01:00 | , $ \\ \\, : / - . 1 1e9 true false Patient Observation http://
    urn:uuid: # * code { } " ' é count name _id -name
"""
NAMES = st.sampled_from(PARAMETERS.split())
ENDINGS = st.sampled_from([*MODIFIERS.split(), "", "", "", "", "", "", "", ""])
PIECES = st.sampled_from([*FRAGMENTS.split(), " ", "\t", "\x7f", "\u2028", "\ufffe", "\U0001f600", "9" * 40])
VALUES = st.lists(PIECES | st.text(max_size=4), max_size=6).map("".join)
PAIRS = st.builds(lambda name, ending, value: (name + ending, value), NAMES, ENDINGS, VALUES)

ELEMENTS = """
    resourceType id meta text name family contact extension url contained _id _name valueString reference subject
    entry request method resource type fullUrl $ne a.b status code coding valueQuantity value identifier versionId
    lastUpdated div link
"""
KEYS = st.sampled_from(ELEMENTS.split())
TEXTS = "Patient Bundle batch transaction GET POST PUT 2020-01-01 final generated #a <div/>"
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10)
    | st.sampled_from(TEXTS.split())
)
VALUES_OF_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
TYPES = st.sampled_from(["Patient", "Observation", "Bundle", "Parameters", "Binary", "Group", "ValueSet"])
HEADERS = """
    Accept Accept-Encoding Content-Type Expect If-Match If-Modified-Since If-None-Exist If-None-Match Prefer
    Range X-Request-Id X-Security-Context
"""
HEADER_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)


@pytest.fixture(scope="module")
def line(server: ServerProcess) -> Iterator[Wire]:
    with Wire(server.port) as connection:
        yield connection


def check(answer: Answer, asked: str) -> None:
    """Hold an answer against what every answer has."""
    assert answer.status < 500, (asked, answer.body)
    if answer.status >= 400 and answer.body:
        outcome = answer.json
        assert outcome["resourceType"] == "OperationOutcome", (asked, outcome)
        assert all(issue["code"] in ISSUE_TYPES for issue in outcome["issue"]), (asked, outcome)


@BOUNDED
@given(METHODS, st.lists(SEGMENTS, max_size=5), st.lists(PAIRS, max_size=2))
def test_any_path(line: Wire, method: str, segments: list[str], pairs: list[tuple[str, str]]) -> None:
    asked = "/".join(segments) + ("?" + written(pairs) if pairs else "")
    check(line.call(method, asked, b"{}" if method in ("POST", "PUT", "PATCH") else None), f"{method} {asked}")


@settings(BOUNDED, max_examples=400)
@example([("birthdate", "sa0001")])
@example([("_lastUpdated", "ap9999-12-31")])
@given(st.lists(PAIRS, min_size=1, max_size=3))
def test_any_parameters(line: Wire, pairs: list[tuple[str, str]]) -> None:
    query = written(pairs)
    for path in ("Patient", "Observation", "", "_history"):
        check(line.get(f"{path}?{query}"), f"{path}?{query}")


@BOUNDED
@given(TYPES, st.dictionaries(KEYS, VALUES_OF_JSON, max_size=5))
def test_any_resource(line: Wire, resource_type: str, members: dict[str, Any]) -> None:
    body = json.dumps({**members, "resourceType": resource_type}).encode()
    check(line.call("POST", resource_type, body), body.decode())
    check(line.call("POST", "", body), body.decode())


@BOUNDED
@given(METHODS, st.lists(SEGMENTS, max_size=3), PAIRS, VALUES_OF_JSON)
def test_any_entry(line: Wire, method: str, segments: list[str], pair: tuple[str, str], resource: object) -> None:
    url = "/".join(segments) + "?" + written([pair])
    entry = {"request": {"method": method, "url": url, "ifNoneExist": written([pair])}, "resource": resource}
    for kind in ("batch", "transaction"):
        body = json.dumps({"resourceType": "Bundle", "type": kind, "entry": [entry]}).encode()
        answer = line.call("POST", "", body)
        check(answer, body.decode())
        if answer.status == 200:
            (response,) = (found["response"] for found in answer.json["entry"])
            assert int(response["status"][:3]) < 500, body


@BOUNDED
@given(st.binary(max_size=60), st.sampled_from(["Patient", "Patient/a", ""]))
def test_any_bytes(line: Wire, body: bytes, path: str) -> None:
    check(line.call("PUT" if "/" in path else "POST", path, body), repr(body))


@BOUNDED
@given(st.sampled_from(HEADERS.split()), HEADER_TEXT)
def test_any_header(line: Wire, name: str, value: str) -> None:
    headers = {**FHIR_JSON, name: value}
    check(line.call("POST", "Patient", b'{"resourceType":"Patient"}', headers), f"{name}: {value}")
    check(line.call("GET", "Patient/a", None, headers), f"{name}: {value}")


def written(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in pairs)
