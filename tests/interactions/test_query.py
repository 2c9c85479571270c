"""URLs and forms — http://hl7.org/fhir/R4/http.html#general, https://www.rfc-editor.org/rfc/rfc3986"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver.interactions.query import MAX_PARAMETERS, parse_path, parse_query, render_query, split_presentation
from fhirserver.kernel.outcome import BadRequest, TooLong

QUERIES = [
    pytest.param(b"", (), id="nothing"),
    pytest.param(b"name=no%C3%ABl", (("name", "noël"),), id="URLs are UTF-8"),
    pytest.param(b"name=a+b%2Bc", (("name", "a b+c"),), id="+ is a space, %2B a plus"),
    pytest.param(b"code=a%7Cb&code=c", (("code", "a|b"), ("code", "c")), id="repeated parameters stay in order"),
    pytest.param(b"a=1&&b=2&", (("a", "1"), ("b", "2")), id="empty parts are skipped"),
    pytest.param(b"flag", (("flag", ""),), id="a name alone has an empty value"),
    pytest.param(b"x=a=b", (("x", "a=b"),), id="the first = separates"),
    pytest.param(b"name[$ne]=x", (("name[$ne]", "x"),), id="brackets are plain characters of a name"),
]


@pytest.mark.parametrize(("raw", "expected"), QUERIES)
def test_parse_query(raw: bytes, expected: tuple[tuple[str, str], ...]) -> None:
    assert parse_query(raw) == expected


MALFORMED = [
    pytest.param(b"a=%", id="a lone %"),
    pytest.param(b"a=%4", id="one digit"),
    pytest.param(b"a=%zz", id="no hexadecimal digits"),
    pytest.param(b"a=%FF", id="not UTF-8"),
    pytest.param(b"a=%ED%A0%80", id="a surrogate"),
    pytest.param(b"a=\xff", id="raw bytes that are not UTF-8"),
    pytest.param(b"a=%00", id="NUL"),
    pytest.param(b"a%00=1", id="NUL in a name"),
    pytest.param(b"=1", id="no name"),
]


@pytest.mark.parametrize("raw", MALFORMED)
def test_malformed_queries_are_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_query(raw)


def test_too_many_parameters_are_refused() -> None:
    with pytest.raises(TooLong):
        parse_query(b"&".join([b"a=1"] * (MAX_PARAMETERS + 1)))


PATHS = [
    pytest.param(b"", (), id="the base"),
    pytest.param(b"/", (), id="the base with a slash"),
    pytest.param(b"/Patient/1", ("Patient", "1"), id="an instance"),
    pytest.param(b"/Patient/", ("Patient",), id="one trailing slash: DELETE [base]/[type]/?…"),
    pytest.param(b"/Patient//1", ("Patient", "", "1"), id="an empty segment stays visible"),
    pytest.param(b"/Patient/%31", ("Patient", "1"), id="percent-encoded"),
    pytest.param(b"/Patient/a%2Fb", ("Patient", "a/b"), id="an encoded slash separates nothing"),
    pytest.param(b"/Patient/a+b", ("Patient", "a+b"), id="+ in a path is a plus"),
]


@pytest.mark.parametrize(("raw", "expected"), PATHS)
def test_parse_path(raw: bytes, expected: tuple[str, ...]) -> None:
    assert parse_path(raw) == expected


@given(st.lists(st.tuples(st.text(min_size=1), st.text())).map(tuple))
def test_what_is_rendered_is_read_back(query: tuple[tuple[str, str], ...]) -> None:
    if any("\0" in name + value for name, value in query):
        return
    try:
        raw = render_query(query).encode()
    except UnicodeEncodeError:
        return
    assert parse_query(raw) == query


def test_presentation_is_parted_from_the_rest() -> None:
    query = (("_format", "json"), ("name", "x"), ("_pretty", "true"))
    assert split_presentation(query) == ((("name", "x"),), (("_format", "json"), ("_pretty", "true")))
