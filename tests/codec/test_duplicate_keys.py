r"""A JSON object with a key that stands twice is refused, however the text around it is written

http://hl7.org/fhir/R4/json.html: "the JSON format for resources ... property names are unique"
"""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver.codec.fhir_json import MAX_DEPTH, parse_json
from fhirserver.kernel.outcome import BadStructure

REFUSED = [
    '{"a":1,"a":1}',
    '{"a":{"b":1,"b":2}}',
    '[{"a":1},{"a":1 , "a" :2}]',
    '{"a":1,"\\u0061":1}',
    '{"a":"\\u0022:","b":1,"b":1}',
    '{"a":"x\\"\\u003a","b":1,"b":1}',
    '{"a":{"x":"\\":"},"a":{"x":"\\":\\":"}}',
    '{"":1,"":2}',
]
ACCEPTED = [
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":1}]',
    '{"a":"\\":\\":","b":"\\u0022:"}',
    '{"a":"b\\":1,\\"b"}',
    '"\\":"',
]


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    with pytest.raises(BadStructure, match="more than once"):
        parse_json(text.encode())


def test_the_last_of_very_many_keys_is_refused_at_once() -> None:
    text = "{" + "".join(f'"k{number}":1,' for number in range(30_000)) + '"k29999":1}'
    started = time.perf_counter()
    with pytest.raises(BadStructure, match="`k29999` occurs more than once"):
        parse_json(text.encode())
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted(text: str) -> None:
    assert parse_json(text.encode()) == json.loads(text)


_TEXT = st.text(alphabet='":\\u0a{', max_size=6)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(_TEXT, inner), max_size=4).map(tuple),
    max_leaves=12,
)


def _write(value: object, *, ascii_only: bool) -> str:
    """Write JSON; a tuple of pairs is an object, which may repeat a key."""
    if isinstance(value, tuple):
        members = (f"{json.dumps(key)}:{_write(item, ascii_only=ascii_only)}" for key, item in value)
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_write(item, ascii_only=ascii_only) for item in value) + "]"
    if ascii_only and isinstance(value, str):
        return '"' + "".join(f"\\u{ord(character):04x}" for character in value) + '"'
    return json.dumps(value)


def _repeats(value: object) -> bool:
    if isinstance(value, tuple):
        return len({key for key, _ in value}) < len(value) or any(_repeats(item) for _, item in value)
    return isinstance(value, list) and any(map(_repeats, value))


@given(value=_JSON, ascii_only=st.booleans())
def test_refused_when_a_key_stands_twice_and_only_then(value: object, ascii_only: bool) -> None:
    body = _write(value, ascii_only=ascii_only).encode()
    if _repeats(value):
        with pytest.raises(BadStructure):
            parse_json(body)
    else:
        parse_json(body)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting_has_a_limit(opening: str) -> None:
    closing = "]" if opening == "[" else "}"

    def nested(levels: int) -> bytes:
        return (opening * levels + "1" + closing * levels).encode()

    parse_json(nested(MAX_DEPTH))
    for levels in (MAX_DEPTH + 2, 900, 5000):
        with pytest.raises(BadStructure, match="nested"):
            parse_json(nested(levels))
